"""CQL2: parse and compile, and filters over a million rows: ``python tests/bench/api/filters.py``.

CPU milliseconds, medians of seven. Floors in the same run: the ``cql2`` package's parse alone, and the same condition
written by hand in NumPy.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import shapely

from twin.cql2 import parse
from twin.features.asking import Field, Kind

N = 1_000_000
KINDS = {
    "floors": Kind.WHOLE,
    "height": Kind.NUMBER,
    "usage": Kind.TEXT,
    "name": Kind.TEXT,
    "built": Kind.DATE,
    "geometry": Kind.SHAPE,
}
FIELDS = {n: Field(n, k) for n, k in KINDS.items()}


class Arrays:
    """Rows over arrays in memory."""

    def __init__(
        self,
        n: int,
        east: tuple[float, float] = (116.2, 116.6),
        north: tuple[float, float] = (39.8, 40.1),
    ) -> None:
        rng = np.random.default_rng(20260926)
        self.n = n
        usages = np.array(["住宅", "办公", "商业", "工业", "school"], dtype=object)
        names = np.array([f"building {i}" for i in range(5000)], dtype=object)
        self._columns = {
            "floors": rng.integers(1, 40, n), "height": rng.uniform(3, 120, n), "usage": usages[rng.integers(0, 5, n)], "name": names[rng.integers(0, 5000, n)],
            "built": np.datetime64("1950-01-01") + rng.integers(0, 27_000, n),
        }  # fmt: skip
        self._known = rng.random(n) > 0.05
        lon, lat = rng.uniform(*east, n), rng.uniform(*north, n)
        self._shapes = shapely.box(lon, lat, lon + 2e-4, lat + 2e-4)
        self._low = rng.uniform(20, 60, n)

    def column(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return self._columns[name], self._known

    def shapes(self) -> np.ndarray:
        return self._shapes

    def heights(self) -> tuple[np.ndarray, np.ndarray]:
        return self._low, self._low + self._columns["height"]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def cpu(work: Callable[[], object], times: int = 1) -> float:
    spent = []
    for _ in range(7):
        begun = time.process_time()
        for _ in range(times):
            work()
        spent.append((time.process_time() - begun) / times * 1e3)
    return statistics.median(spent)


BOX = "BBOX(116.3,39.9,116.4,40.0)"
RING = ",".join(
    f"{116.4 + 0.05 * np.cos(a):.6f} {39.95 + 0.04 * np.sin(a):.6f}"
    for a in np.r_[np.linspace(0, 2 * np.pi, 100)[:-1], 0]
)
FILTERS = (
    "floors > 5", "floors > 5 AND usage = '住宅'", "floors BETWEEN 3 AND 8 AND usage IN ('住宅','办公') AND built < DATE('2000-01-01')", "name LIKE 'building 12%'",
    "CASEI(name) = CASEI('Building 77')", f"floors > 30 AND S_INTERSECTS(geometry, {BOX})", f"S_INTERSECTS(geometry, POLYGON(({RING})))",
    "S3D_DWITHIN(geometry, LINESTRING Z(116.40 39.95 30, 116.41 39.95 32), 30)",
)  # fmt: skip
_BENT = ",".join(f"{116.4 + i / 1900:.6f} 39.95 {30 + i / 2}" for i in range(20))
PIPES = tuple(
    f"S3D_DWITHIN(geometry, LINESTRING Z({line}), 30)"
    for line in ("116.40 39.95 30, 116.41 39.95 30", "116.40 39.95 30, 116.41 39.95 32", _BENT)
)


def main() -> None:
    import cql2  # the floor

    say("parse and compile, CPU ms (beside: the package's parse of the same text)")
    for text in FILTERS:
        ours, floor = (
            cpu(lambda text=text: parse(text, "cql2-text", FIELDS), 200),
            cpu(lambda text=text: cql2.parse_text(text), 200),
        )
        say(f"{ours:8.3f}  {floor:7.3f}  {text[:80]}")
    rows = Arrays(N)
    say(f"over {N:,} rows, CPU ms")
    for text in FILTERS:
        found = parse(text, "cql2-text", FIELDS)
        say(
            f"{cpu(lambda found=found: found.holds(rows)):9.1f}  {int(found.holds(rows).sum()):8,} found  {text[:80]}"
        )
    along = Arrays(400, (116.40, 116.41), (39.9498, 39.9502))
    for text in PIPES:
        found = parse(text, "cql2-text", FIELDS)
        say(
            f"{cpu(lambda found=found: found.holds(along)):9.2f}  {int(found.holds(along).sum()):8,} of 400 along it  {text[:80]}"
        )
    floors, known = rows.column("floors")
    say(f"{cpu(lambda: (floors > 5) & known):9.1f}  floors > 5 by hand in NumPy")


if __name__ == "__main__":
    main()
