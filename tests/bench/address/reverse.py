"""Reverse geocoding against brute force, and its time per question.

    python tests/bench/address/reverse.py [GAZETTEER.parquet] [--questions 5000]

Points lie up to 300 m around doors. Every answer is compared with the least of all distances;
prints share equal, and CPU time of a question (p50, p99) after the tree of doors is built.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from address.distance import distance_m
from address.doors import usable
from address.evaluate import nodes_from_gazetteer
from address.index import AddressIndex

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "address" / "dev" / "gazetteer.parquet"


def examine(index: AddressIndex, questions: int) -> None:
    begun = time.process_time()
    index.reverse(0.0, 0.0)
    built = time.process_time() - begun
    arena = index.arena
    arrays = {name: arena[name] for name in ("lon", "lat", "level", "flags", "parent")}
    rows = np.arange(index.built)
    rows = rows[usable(arrays, rows)]
    lon, lat = index.place.lon[rows], index.place.lat[rows]
    rng = np.random.default_rng(5)
    pick = rng.integers(0, len(rows), questions)
    points = np.stack([lon[pick], lat[pick]], 1) + rng.normal(0, 0.0012, (questions, 2))
    times, right = [], 0
    for x, y in points.tolist():
        begun = time.perf_counter()
        found = index.reverse(x, y)
        times.append(time.perf_counter() - begun)
        away = distance_m(lon, lat, x, y)
        nearest = rows[np.flatnonzero(away <= away.min() + 1e-6)]
        ids = {index.id_of(int(r)) for r in nearest} if away.min() <= 1000 else {None}
        told = {found.node_id, *(a.node_id for a in found.alternatives)}
        right += told == ids or (len(ids) > 10 and told <= ids)
    p50, p99 = np.quantile(np.array(times) * 1e3, [0.5, 0.99])
    print(  # noqa: T201
        f"{len(rows)} places, ready in {built:.2f} s: equal to brute force "
        f"{100 * right / questions:.2f} %, p50 {p50:.3f} ms, p99 {p99:.3f} ms"
    )


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("gazetteer", type=Path, nargs="?", default=REAL)
    given.add_argument("--questions", type=int, default=5000)
    args = given.parse_args()
    if not args.gazetteer.exists():
        print(f"no gazetteer at {args.gazetteer}: nothing to examine")  # noqa: T201
        return
    examine(AddressIndex.from_nodes(nodes_from_gazetteer(args.gazetteer)), args.questions)


if __name__ == "__main__":
    main()
