"""LAZ into the base against laspy + lazrs decoding the same file: points per CPU-second, ratio, peak memory.

Run: ``python tests/bench/loaders/points.py [file.laz] [--points 4000000]``. Without a file a synthetic
strip survey is written (terrain, buildings, five classes, gps time, colours). Both sides run in child
processes of their own; the best of three is taken.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import laspy
import numpy as np

from api.loading import load_layers
from loaders.discovery import scan
from loaders.propose import propose
from twin.city import City
from twin.heights import Heights
from twin.store import Store

ROUNDS = 3


def survey(path: Path, n: int) -> None:
    """Write a survey in strips: what a scanner delivers, in the order of time."""
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales, header.offsets = [0.001] * 3, [500_000, 3_400_000, 0]
    side = float(np.sqrt(n / 20))
    with laspy.open(path, "w", header=header, do_compress=True) as out:
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
            for name in ("red", "green", "blue"):
                record[name] = rng.integers(0, 256, m) * 257
            out.write_points(record)


def decode(path: Path) -> int:
    """The peer: every point decoded, nothing kept."""
    n = 0
    with laspy.open(path) as reader:
        for points in reader.chunk_iterator(1_000_000):
            n += len(points)
    return n


def load(path: Path, crs: str) -> int:
    """Into a base: asset in order of place, thing, dataset."""
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city", source_crs=crs)
        info = scan([path])[0]
        plan = propose([info]).layers[0]
        plan = replace(plan, crs=crs, crs_evidence="the benchmark says so")
        with Store.open(city) as store:
            told = load_layers(store, Heights(), [(info, plan)])[0]
            assert told.balance.loaded == 1, told
            return int(store.scalar("SELECT n_points FROM cloud_asset"))


def timed(what: str, path: Path, crs: str) -> dict[str, float]:
    """Best of some rounds in a child process."""
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        done = subprocess.run(
            [sys.executable, __file__, str(path), "--child", what, "--crs", crs],
            capture_output=True,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        if not best or found["cpu_s"] < best["cpu_s"]:
            best = found
    return best


def child(what: str, path: Path, crs: str) -> None:
    """Run one side and print what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    n = decode(path) if what == "decode" else load(path, crs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        json.dumps(
            {
                "points": n,
                "cpu_s": time.process_time() - cpu,
                "wall_s": time.perf_counter() - wall,
                "peak_mib": peak,
            }
        )
    )


def main() -> None:
    """Measure both sides and print the ratio as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--points", type=int, default=4_000_000)
    parser.add_argument("--child", choices=["decode", "load"])
    parser.add_argument("--crs", default="EPSG:4547")
    given = parser.parse_args()
    if given.child:
        child(given.child, given.file, given.crs)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "survey.laz"
        if given.file is None:
            survey(path, given.points)
        sides = {what: timed(what, path, given.crs) for what in ("decode", "load")}
    ratio = sides["decode"]["cpu_s"] / sides["load"]["cpu_s"]
    sys.stdout.write(
        json.dumps(sides | {"load_at_share_of_decode_speed": round(ratio, 3)}, indent=1)
    )


if __name__ == "__main__":
    main()
