"""A LAS file as 3D Tiles 1.1 against py3dtiles on the same file: points per CPU-second, bytes, peak memory.

Run: ``python tests/bench/tiles/points.py [--points 5000000] [--py3dtiles ENV/bin/py3dtiles]``. py3dtiles
pins older NumPy and numba, so it lives in an environment of its own (``pip install py3dtiles
'laspy[lazrs]'``); without it only our side is measured. Both write positions in EPSG:4978, colours,
class and intensity. Each side runs as a process of its own, imports included; one round warms
caches, of three more the median is taken.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import laspy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from plan import timed

from loaders.points.las import open_las
from tiles.folder import Staging
from tiles.points import build_points
from twin.cloud import CloudAsset, write_cloud
from twin.cloud.placed import PlacedCloud

ROUNDS = 3


def survey(path: Path, n: int) -> None:
    """Write a survey in strips with houses, coloured and classified: LAS 1.4, point format 7."""
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales, header.offsets = [0.001] * 3, [500_000, 3_400_000, 0]
    side = float(np.sqrt(n / 20))
    with laspy.open(path, "w", header=header) as out:
        for start in range(0, n, 1_000_000):
            m = min(1_000_000, n - start)
            rng = np.random.default_rng(start)
            t = (start + np.arange(m)) / n
            record = laspy.ScaleAwarePointRecord.zeros(m, header=header)
            x, y = (t * 12 % 1) * side, (np.floor(t * 12) + rng.random(m)) / 12 * side
            roof = (np.sin(x / 9) > 0.3) & (np.sin(y / 11) > 0.2)
            record.x, record.y = 500_000 + x, 3_400_000 + y
            record.z = 20 + 4 * np.sin(x / 70) + roof * 12 + rng.normal(0, 0.02, m)
            record.intensity = rng.integers(0, 3000, m)
            record.classification = np.where(roof, 6, 2)
            record.gps_time = 3e8 + t * 600
            for k, name in enumerate(("red", "green", "blue")):
                shade = 90 + 60 * roof + 40 * np.sin(x / 5 + k) + rng.normal(0, 6, m)
                record[name] = np.clip(shade, 0, 255).astype(np.uint16) * 257
            out.write_points(record)


def child(what: str, path: Path, folder: Path) -> None:
    """One of our sides: ``load`` a file as an asset, or ``tile`` the asset that lies in the folder."""
    if what == "load":
        stream = open_las(path)
        write_cloud(folder, stream.spec, "EPSG:4547", "ellipsoid", stream.batches())
        return
    asset = CloudAsset(next(folder.glob("*.parquet")))
    out = Staging(folder / "tiles")
    build_points([PlacedCloud("cloud", "", asset)], out.write)


def sides(path: Path, peer: str | None, rest: Path) -> dict[str, list[str]]:
    """The commands; ``tile`` reads what ``load`` left."""
    me = [sys.executable, __file__, "--file", str(path), "--folder", str(rest / "ours"), "--child"]
    found = {"load": [*me, "load"], "tile": [*me, "tile"]}
    if peer is not None:
        found["py3dtiles"] = [
            peer, "convert", str(path), "--out", str(rest / "theirs"), "--overwrite", "--jobs", "1",
            "--spec-version", "1.1", "--srs_in", "4547", "--srs_out", "4978", "--pyproj-always-xy",
            "--extra-fields", "classification", "--extra-fields", "intensity",
        ]  # fmt: skip
    return found


def main() -> None:
    """Measure the sides by turns and print medians and ratios as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=5_000_000)
    parser.add_argument("--py3dtiles")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", choices=["load", "tile"])
    given = parser.parse_args()
    if given.child:
        child(given.child, given.file, given.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        rest = Path(name)
        (rest / "ours").mkdir()
        path = rest / "survey.las"
        survey(path, given.points)
        commands = sides(path, given.py3dtiles, rest)
        taken: dict[str, list[tuple[float, float]]] = {what: [] for what in commands}
        for turn in range(ROUNDS + 1):
            for what, words in commands.items():
                one = timed(words)
                if turn:
                    taken[what].append(one)
        out: dict[str, Any] = {"points": given.points}
        for what, each in taken.items():
            seconds = statistics.median(s for s, _ in each)
            out[what] = {"cpu_s": round(seconds, 2), "peak_mib": round(max(m for _, m in each))}
        for what, folder in (("tile", rest / "ours" / "tiles"), ("py3dtiles", rest / "theirs")):
            if folder.exists():
                files = [p for p in folder.rglob("*") if p.is_file()]
                size = sum(p.stat().st_size for p in files)
                out[what] |= {"files": len(files), "bytes_per_point": round(size / given.points, 2)}
        if "py3dtiles" in taken:
            peer = out["py3dtiles"]["cpu_s"]
            both = out["load"]["cpu_s"] + out["tile"]["cpu_s"]
            out["tile_times_faster"] = round(peer / out["tile"]["cpu_s"], 1)
            out["load_and_tile_times_faster"] = round(peer / both, 1)
    sys.stdout.write(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
