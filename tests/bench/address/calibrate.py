"""Fit the confidence of matches on generated noise, and judge it on noise of another seed.

    python tests/bench/address/calibrate.py [GAZETTEER.parquet] [--each 300] [--write] [--tracks DIR]

Noise is that of ``tests/address/noise`` over the gazetteer's nodes, and beside it wrong characters
anywhere in a name, which no rule was written for. An answer counts as right where its node is (for
``none``: where nothing should be found). ``--write`` stores ``address/data/confidence.json``:
logistic weights of the signs (`address.confidence`), then a rising step function of the score.
``--tracks`` also judges the match track of an evaluation folder. Prints rows, share right, expected
calibration error in ten bins, and share and precision of what is at least 0.9 sure.
"""

import argparse
import json
import random
import re
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "address" / "noise"))

from examine import draw  # noqa: E402
from noise_world import Sample, World  # noqa: E402

import address.match as matching  # noqa: E402
from address.confidence import SIGNS, confidence, signs_of  # noqa: E402
from address.evaluate import nodes_from_gazetteer  # noqa: E402
from address.index import AddressIndex  # noqa: E402

REAL = ROOT.parent / "shared" / "data" / "address" / "dev" / "gazetteer.parquet"
OUT = ROOT / "address" / "data" / "confidence.json"
_HAN = re.compile(r"[\u4e00-\u9fa5]")
_WORDS = "号弄室楼层单元栋幢座门巷路街道大镇乡村区县市省附支甲乙一二三四五六七八九十零百千"
_LEAST = 400  # rows of a step
_SURE, _UNSURE = 0.985, 0.89  # 0.9 and more is left to answers that are nearly always right
_MOST = 0.998  # nobody is surer of an address


def spoiled(world: World, samples: list[Sample], seed: int, share: float = 0.25) -> list[Sample]:
    """Some samples again with one character of a name dropped, doubled, swapped or replaced."""
    rng = random.Random(f"spoiled-{seed}")
    stock = [c for name in world.named for c in name if _HAN.match(c)]
    out = []
    for sample in samples:
        names = [n for n in _names(world, sample) if n in sample.text and len(n) > 2]
        if sample.status != "exact" or not names or rng.random() > share:
            continue
        name = rng.choice(sorted(names))
        spots = [i for i, c in enumerate(name) if c not in _WORDS]
        if not spots:
            continue
        at = rng.choice(spots)
        new = rng.choice([
            name[:at] + name[at + 1 :],
            name[:at] + rng.choice(stock) + name[at + 1 :],
            name[:at] + rng.choice(stock) + name[at:],
            name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
        ])  # fmt: skip
        if new != name and new not in world.named:
            text = sample.text.replace(name, new, 1)
            out.append(Sample("spoiled", 0, text, sample.status, sample.ids, sample.missing))
    return out


def _names(world: World, sample: Sample) -> set[str]:
    number = _NUMBERS.get(id(world)) or _NUMBERS.setdefault(
        id(world), {i: n for n, i in enumerate(world.ids)}
    )
    return {
        world.name[n]
        for node in sample.ids
        for n in world.chain(number[node])
        if world.level[n] in ("street", "road", "compound", "community", "village", "poi")
    }


_NUMBERS: dict[int, dict[str, int]] = {}


def asked(index: AddressIndex, rows: list[tuple[str, str, frozenset[str]]]):
    """Signs, what is claimed and what is right of each text; shapes (n, signs), (n,), (n,)."""
    kept: dict[str, float] = {}

    def recorded(*given: object) -> dict[str, float]:
        kept.clear()
        kept.update(signs_of(*given))
        return kept

    matching.signs_of = recorded
    x, said, right = [], [], []
    for text, status, ids in rows:
        found = index.match(text)
        x.append([kept.get(name, 0.0) for name in SIGNS])
        said.append(found.confidence)
        nothing = found.node_id is None
        right.append(nothing if status == "none" else found.node_id in ids)
    matching.signs_of = signs_of
    return np.array(x), np.array(said), np.array(right)


def logistic(x: np.ndarray, y: np.ndarray, hold: float = 3.0) -> np.ndarray:
    """Weights, the constant first, by Newton steps; held at zero by `hold`."""
    full = np.column_stack([np.ones(len(x)), x])
    beta = np.zeros(full.shape[1])
    penalty = np.full(len(beta), hold)
    penalty[0] = 1e-3
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(full @ beta, -30, 30)))
        w = np.maximum(p * (1 - p), 1e-6)
        gradient = full.T @ (y - p) - penalty * beta
        step = np.linalg.solve(full.T @ (full * w[:, None]) + np.diag(penalty), gradient)
        beta += step * min(1.0, 2.0 / np.abs(step).max())
    return beta


def rising(score: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float]]:
    """Starts and heights of a rising step function (pool adjacent violators), thick steps only."""
    order = np.argsort(score, kind="stable")
    score, y = score[order], y[order].astype(float)
    steps: list[list[float]] = []  # start, rows, right
    for at in range(0, len(y), _LEAST // 4):
        part = y[at : at + _LEAST // 4]
        steps.append([float(score[at]), float(len(part)), float(part.sum())])
        while len(steps) > 1 and (
            steps[-2][2] / steps[-2][1] >= steps[-1][2] / steps[-1][1] or steps[-2][1] < 50
        ):
            _, rows, good = steps.pop()
            steps[-1][1] += rows
            steps[-1][2] += good
    starts = [round(s, 4) for s, _, _ in steps]
    heights = np.array([min((good + 0.5) / (rows + 1.0), _MOST) for _, rows, good in steps])
    heights = np.maximum.accumulate(
        np.where(heights < _SURE, np.minimum(heights, _UNSURE), heights)
    )
    return starts, heights.round(4).tolist()


def judge(name: str, said: np.ndarray, right: np.ndarray) -> None:
    bins = np.minimum((said * 10).astype(int), 9)
    error = sum(
        abs(said[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in range(10) if (bins == b).any()
    )  # fmt: skip
    sure = said >= 0.9
    print(  # noqa: T201
        f"{name:28s}{len(said):7d} rows  right {100 * right.mean():6.2f} %  ECE {error:.4f}  "
        f">=0.9: share {100 * sure.mean():5.1f} %  precision {100 * right[sure].mean():7.3f} %"
    )


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("gazetteer", type=Path, nargs="?", default=REAL)
    given.add_argument("--each", type=int, default=300)
    given.add_argument("--write", action="store_true")
    given.add_argument("--tracks", type=Path)
    args = given.parse_args()
    if not args.gazetteer.exists():
        print(f"no gazetteer at {args.gazetteer}: nothing to calibrate on")  # noqa: T201
        return
    nodes = nodes_from_gazetteer(args.gazetteer)
    world, index = World(nodes), AddressIndex.from_nodes(nodes)
    drawn = {}
    for seed in (1, 2):
        plain = draw(world, seed, args.each)
        bad = spoiled(world, plain, seed)
        drawn[seed] = [
            asked(index, [(s.text, s.status, s.ids) for s in part]) for part in (plain, bad)
        ]
    x = np.concatenate([part[0] for part in drawn[1]])
    y = np.concatenate([part[2] for part in drawn[1]])
    beta = logistic(x, y)
    starts, heights = rising(x @ beta[1:] + beta[0], y)
    if args.write:
        data = {
            "made_by": "tests/bench/address/calibrate.py",
            "source": f"{len(y)} generated texts, seed 1, {100 * y.mean():.2f} % answered right",
            "constant": round(float(beta[0]), 4),
            "weights": dict(zip(SIGNS, beta[1:].round(4).tolist(), strict=True)),
            "scores": starts,
            "chances": heights,
        }
        OUT.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    def chance(signs: np.ndarray) -> np.ndarray:
        score = signs @ beta[1:] + beta[0]
        at = np.maximum(np.searchsorted(starts, score, side="right") - 1, 0)
        return np.array(heights)[at]

    for seed, (plain, bad) in drawn.items():
        both = np.concatenate([plain[0], bad[0]]), np.concatenate([plain[2], bad[2]])
        for name, (signs, right) in (("noise", (plain[0], plain[2])), ("wrong characters",
                (bad[0], bad[2])), ("both", both)):  # fmt: skip
            judge(f"seed {seed} {name}{' (fitted)' if seed == 1 else ''}", chance(signs), right)
    if args.tracks:
        track = [json.loads(line) for line in (args.tracks / "match.jsonl").open(encoding="utf-8")]
        rows = [(r["input"], r["expect_status"], frozenset(r["expect_ids"] or [r["expect_deepest"]]))
                for r in track]  # fmt: skip
        signs, _, right = asked(index, rows)
        judge("match track", chance(signs), right)
    assert confidence({}) <= _MOST


if __name__ == "__main__":
    main()
