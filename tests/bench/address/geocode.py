"""Geocoding examined on a gazetteer of real doors: every k-th door is taken out and asked for.

    python tests/bench/address/geocode.py [GAZETTEER.parquet] [--folds 10]

GAZETTEER as in ``numbering.py`` beside this. Each fold builds an index without a tenth of the doors
of the roads (and all below them), then asks for them by county, road and number. Prints per
method: cases, median and 90 % of the miss, share within 300 m, street right, how often `error_m`
covers the truth, median `error_m`, CPU time.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from address.distance import METRES_PER_DEGREE
from address.evaluate import nodes_from_gazetteer
from address.index import AddressIndex
from address.model import RANK
from address.roads import doors_of

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "address" / "dev" / "gazetteer.parquet"
COLUMNS = "miss error right seconds doors near repeated method"


def examined(index: AddressIndex) -> list[int]:
    """Placed doors of roads, in order of road and number."""
    out = []
    for road in np.flatnonzero(index.levels_array == RANK["road"]).tolist():
        known = doors_of(index, road)
        if known is not None:
            out += known.rows[known.parts == road].tolist()
    return out


def asked(index: AddressIndex, row: int) -> tuple[str, str, int]:
    """Text, street and road of a door."""
    names = {index.level_of(r): index.core_of_row(r) for r in reversed(list(index.above(row)))}
    core = names["number"]
    number = core if core[-1:] in "弄巷" else f"{core}号"
    road = index.parent[row]
    return f"{names.get('county', '')}{names['road']}{number}", names.get("street", ""), road


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("gazetteer", type=Path, nargs="?", default=REAL)
    given.add_argument("--folds", type=int, default=10)
    args = given.parse_args()
    if not args.gazetteer.exists():
        print(f"no gazetteer at {args.gazetteer}: nothing to examine")  # noqa: T201
        return
    nodes = nodes_from_gazetteer(args.gazetteer)
    whole = AddressIndex.from_nodes(nodes)
    doors = examined(whole)
    table = []
    for fold in range(args.folds):
        table += examine(whole, nodes, doors[fold :: args.folds])
    report(table)


def examine(whole: AddressIndex, nodes: pa.Table, out: list[int]) -> list[tuple]:
    """Ask an index without some doors for them."""
    gone = {whole.id_of(r) for r in out}
    ids, parents = nodes["node_id"].to_pylist(), nodes["parent_id"].to_pylist()
    up = dict(zip(ids, parents, strict=True))
    below: dict[str, bool] = {}

    def kept(node: str | None) -> bool:
        if node is None:
            return True
        if node not in below:
            below[node] = node not in gone and kept(up.get(node))
        return below[node]

    index = AddressIndex.from_nodes(nodes.filter(pa.array([kept(i) for i in ids])))
    rows = []
    for row in out:
        text, town, road = asked(whole, row)
        begun = time.process_time()
        found = index.geocode(text)
        seconds = time.process_time() - begun
        if found.status != "partial" or found.location is None or found.node_id is None:
            continue  # a door of the same number (弄 beside 号) is still there
        at = index.row_of(found.node_id)
        names = {index.level_of(r): index.core_of_row(r) for r in index.above(at if at else 0)}
        truth = whole.place.at(row) or (0.0, 0.0)
        known = doors_of(whole, road)
        here = np.flatnonzero(known.rows == row)[0]
        others = np.arange(len(known.rows)) != here
        near = np.inf
        if others.any():
            number = known.doors.numbers
            nearest = np.flatnonzero(others)[np.abs(number - number[here])[others].argmin()]
            near = np.hypot(*(known.doors.places[nearest] - known.doors.places[here]))
        rows.append((metres(found.location.lon, found.location.lat, *truth),
                     found.location.error_m, names.get("street") == town, seconds,
                     len(known.rows), near, bool(known.doors.repeated()[here]),
                     found.location.method))  # fmt: skip
    return rows


def metres(lon: float, lat: float, lon2: float, lat2: float) -> float:
    x = (lon - lon2) * np.cos(np.deg2rad((lat + lat2) / 2))
    return float(np.hypot(x, lat - lat2) * METRES_PER_DEGREE)


def report(table: list[tuple]) -> None:
    columns = pa.table(dict(zip(COLUMNS.split(), map(list, zip(*table, strict=True)), strict=True)))
    plain = pc.and_(pc.greater_equal(columns["doors"], 6), pc.invert(columns["repeated"]))
    among = pc.equal(columns["method"], "interpolated")
    kinds = {
        "6+ doors, places that agree": pc.and_(
            pc.and_(plain, among), pc.less_equal(columns["near"], 1000.0)
        ),
        "6+ doors, all": pc.and_(among, pc.greater_equal(columns["doors"], 6)),
        "2-5 doors, all": pc.and_(among, pc.less(columns["doors"], 6)),
        "no other door: the road's street": pc.invert(among),
    }
    print(f"{'':33s}{'cases':>6s}{'median':>8s}{'p90':>8s}{'<=300':>7s}{'street':>8s}"  # noqa: T201
          f"{'covered':>9s}{'error_m':>9s}{'p50 ms':>8s}")  # fmt: skip
    for name, mask in kinds.items():
        some = columns.filter(mask)
        if not len(some):
            continue
        miss, error = some["miss"].to_numpy(), some["error"].to_numpy()
        print(f"{name:33s}{len(some):6d}{np.median(miss):8.1f}{np.quantile(miss, 0.9):8.1f}"  # noqa: T201
              f"{100 * np.mean(miss <= 300):7.1f}{100 * pc.mean(some['right']).as_py():8.1f}"
              f"{100 * np.mean(miss <= error):9.1f}{np.median(error):9.1f}"
              f"{1000 * np.median(some['seconds'].to_numpy()):8.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
