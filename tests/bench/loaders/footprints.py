"""Footprints into the base, beside the floor: ``pyogrio.read_arrow`` and a plain DuckDB insert of the same file.

Both run in fresh processes, alternating, and count their processor time and their peak memory. Ours
validates, transforms to EPSG:4490, hashes, tells known from new, orders along the Hilbert curve and writes
entity, geometry, alias, source record and change log.

Run: ``python tests/bench/loaders/footprints.py [COUNT …]`` (default 200,000; the numbers of the documents are
of 1,000,000 and 4,000,000).
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import shapely

ROUNDS = 3
PART = 100_000


def make(path: Path, count: int) -> None:
    """A GeoPackage of ``count`` footprints in EPSG:4547: rectangles, every eighth an L, five attributes."""
    side = int(np.ceil(np.sqrt(count)))
    for start in range(0, count, PART):
        at = np.arange(start, min(count, start + PART))
        x, y = 500_000 + (at % side) * 24.0, 3_300_000 + (at // side) * 24.0
        w, d = 8 + (at * 7 % 90) / 10, 9 + (at * 13 % 80) / 10
        ring = np.stack(
            [[x, y], [x + w, y], [x + w, y + d], [x + w / 2, y + d], [x, y + d]], axis=0
        )
        ring[3, 1][at % 8 == 0] -= d[at % 8 == 0] / 2
        shapes = shapely.polygons(np.moveaxis(ring, 2, 0))
        table = pa.table(
            {
                "编号": [f"JZ{i:08d}" for i in at],
                "名称": [f"{i % 997}号楼" for i in at],
                "建筑高度": 3.0 * (1 + at % 33),
                "层数": (1 + at % 33).astype(np.int32),
                "用途": np.array(["住宅", "办公", "商业", "工业"], dtype=object)[at % 4],
                "geometry": shapely.to_wkb(shapes),
            }
        )
        pyogrio.write_arrow(
            table, path, layer="建筑物", driver="GPKG", geometry_name="geometry", geometry_type="Polygon",
            crs="EPSG:4547", append=start > 0,
        )  # fmt: skip


def ours(source: Path, folder: Path) -> None:
    """Load through the product's own way, without anchoring."""
    from api.loading import load_layers
    from api.planning import planned_layers
    from twin.city import City
    from twin.heights import Heights
    from twin.store import Store

    city = City.init(folder / "city", source_crs="EPSG:4547")
    with Store.open(city) as store:
        for result in load_layers(store, Heights(0.0), planned_layers([source], None)):
            assert result.status == "loaded", result.reason


def floor(source: Path, folder: Path) -> None:
    """What reading the file and inserting its rows costs by itself."""
    import duckdb

    _, table = pyogrio.read_arrow(source)
    with duckdb.connect(str(folder / "floor.duckdb")) as con:
        con.register("rows", table)
        con.execute("CREATE TABLE building AS FROM rows")


def _measured(kind: str, source: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, __file__, "--child", kind, str(source), folder],
            check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3],
        )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def _child(kind: str, source: Path, folder: Path) -> None:
    started = time.process_time()
    {"ours": ours, "floor": floor}[kind](source, folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"cpu": time.process_time() - started, "peak": peak}) + "\n")


def main() -> None:
    """Print rows per CPU-second, the ratio to the floor and peak memory for each count."""
    for count in [int(a) for a in sys.argv[1:]] or [200_000]:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "建筑物.gpkg"
            make(source, count)
            runs = [
                (_measured("floor", source), _measured("ours", source))
                for _ in range(ROUNDS if count <= 1_000_000 else 1)
            ]
        base, own = (statistics.median(r[i]["cpu"] for r in runs) for i in (0, 1))
        ratio = statistics.median(r[0]["cpu"] / r[1]["cpu"] for r in runs)
        peak = max(r[1]["peak"] for r in runs)
        sys.stdout.write(
            f"{count:>9,} footprints: {own:6.1f} CPU-s ours ({count / own:,.0f}/s), {base:6.1f} CPU-s floor, "
            f"{ratio:.2f} of the floor's speed, peak {peak:,.0f} MiB\n"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
