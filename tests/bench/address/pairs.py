"""Pairs of addresses made from noise, and how `address.compare` labels them.

    python tests/bench/address/pairs.py [GAZETTEER.parquet] [--rows 900]

Two noisy texts of one node are the same place; of nodes in one compound, of a node and what holds
it, or of two doors' parts of one number, one holds or touches the other; of neighbours on one road
or of nodes far apart, they are none. Prints F1 of each label and the commonest confusions.
"""

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "address" / "noise"))

from examine import draw  # noqa: E402
from noise_world import World  # noqa: E402

from address.compare import compare  # noqa: E402
from address.evaluate import nodes_from_gazetteer  # noqa: E402

REAL = ROOT.parent / "shared" / "data" / "address" / "dev" / "gazetteer.parquet"
LABELS = ("exact", "partial", "none")


def pairs(world: World, seed: int, rows: int) -> list[tuple[str, str, str]]:
    """Two texts and their label; as many of each label."""
    rng = random.Random(seed)
    number = {i: n for n, i in enumerate(world.ids)}
    plain = [s for s in draw(world, seed, 40) if s.status == "exact" and len(s.ids) == 1]
    rng.shuffle(plain)
    out: list[tuple[str, str, str]] = []
    for sample in plain:
        node = number[next(iter(sample.ids))]
        chain = world.chain(node)
        door = next((n for n in chain if world.level[n] == "number"), -1)
        if door < 0:
            continue
        label = LABELS[len(out) % 3]
        other = _other(world, rng, node, door, label)
        if other is None:
            continue
        draft = world.draft(other)
        if rng.random() < 0.5:
            draft.drop("province", "city")
        if rng.random() < 0.4:
            draft.drop("street")
        out.append((sample.text, draft.text(), label))
        if len(out) == rows:
            break
    return out


def _other(world: World, rng: random.Random, node: int, door: int, label: str) -> int | None:
    """Node that stands to a node as the label says."""
    if label == "exact":
        return node
    if label == "partial":
        near = [n for n in world.below(door) if n != node]
        return rng.choice(near) if near else None
    beside = [n for n in world.children[world.parent[door]]
              if n != door and world.level[n] == "number"]  # fmt: skip
    if not beside or rng.random() < 0.3:
        other = world.pick(rng, ("room", "building", "number"))
    else:
        other = rng.choice(world.below(rng.choice(beside)))
    return None if door in world.chain(other) else other


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("gazetteer", type=Path, nargs="?", default=REAL)
    given.add_argument("--rows", type=int, default=900)
    given.add_argument("--show", type=int, default=0)
    args = given.parse_args()
    if not args.gazetteer.exists():
        print(f"no gazetteer at {args.gazetteer}: nothing to compare")  # noqa: T201
        return
    made = pairs(World(nodes_from_gazetteer(args.gazetteer)), 7, args.rows)
    met = Counter((label, compare(a, b).label) for a, b, label in made)
    scores = []
    for label in LABELS:
        said = sum(n for (_, s), n in met.items() if s == label)
        true = sum(n for (t, _), n in met.items() if t == label)
        scores.append(2 * met[label, label] / max(1, said + true))
        print(f"{label:8s} F1 {100 * scores[-1]:5.1f}")  # noqa: T201
    print(f"macro F1 {100 * sum(scores) / 3:.1f}; " + ", ".join(  # noqa: T201
        f"{t} taken for {s}: {n}" for (t, s), n in met.most_common() if t != s))  # fmt: skip
    for a, b, label in made:
        found = compare(a, b)
        if args.show and found.label != label:
            args.show -= 1
            print(label, found.label, a, "|", b, found.agree, found.differ)  # noqa: T201


if __name__ == "__main__":
    main()
