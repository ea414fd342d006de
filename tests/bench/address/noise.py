"""Accuracy under noise: thousands of misspelt, shortened, turned and mixed addresses by kind.

    python tests/bench/address/noise.py [--gazetteer FILE.parquet] [--each N] [--seed S] [--show K]

Without a gazetteer a made-up city in real counties is used. Right means status and node; a place that
does not exist must not be answered. CPU time of one thread.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "address" / "noise"))

import examine
from noise_city import city_nodes
from noise_world import World

from address.evaluate import nodes_from_gazetteer
from address.index import AddressIndex


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--gazetteer", type=Path)
    asked.add_argument("--each", type=int, default=100, help="samples of each operator")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--show", type=int, default=0, help="wrong answers to show of each operator")
    given = asked.parse_args()
    nodes = nodes_from_gazetteer(given.gazetteer) if given.gazetteer else city_nodes(14, 6, 12)
    full = dict(zip(nodes["node_id"].to_pylist(), nodes["full"].to_pylist(), strict=True))
    samples = examine.draw(World(nodes), given.seed, given.each)
    index = AddressIndex.from_nodes(nodes)
    begun = time.process_time()
    marks = examine.examine(index.match, samples)
    spent = time.process_time() - begun
    rows, right = sum(m.rows for m in marks.values()), sum(m.right for m in marks.values())
    say(
        f"{len(nodes)} nodes, {rows} rows, {len(marks)} operators: {100 * right / rows:.2f} % right, "
        f"{100 * examine.invented(marks):.2f} % of absent places answered, {1e6 * spent / rows:.0f} us a row"
    )
    for name, mark in sorted(
        marks.items(), key=lambda pair: (pair[1].right / pair[1].rows, pair[0])
    ):
        say(f"{100 * mark.right / mark.rows:6.1f} %  {mark.rows:5d}  kind {mark.number:2d}  {name}")
        for sample, found in (mark.wrong or [])[: given.show]:
            wanted = [full[i] for i in sorted(sample.ids)[:2]]
            say(
                f"      {sample.text} | want {sample.status} {wanted} | got {found.status} {found.full}"
            )


if __name__ == "__main__":
    main()
