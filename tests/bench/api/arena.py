"""What answers from arenas cost in process: CPU-milliseconds a call, one thread, and the building, opening and memory of them.

Run: ``python tests/bench/api/arena.py [buildings]`` (500,000 if not said). The base is made of seeded octagons of a square
of 450 km² with attributes; every call asks for another place. The floor of a page is copying its bytes. Medians of five
rounds; the building's figure is CPU-seconds of all threads of one build.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from geoindex_rs import rtree

sys.path.insert(0, str(Path(__file__).parents[1] / "tiles"))
from plan import NOW, piece

from twin.arena import ArenaKeeper, ArenaReader
from twin.city import City
from twin.features.asking import Ask, Rows
from twin.hilbert import hilbert_key
from twin.store import Store
from twin.store.read import Box

PIECE = 200_000
ROUNDS, CALLS = 5, 400
SIDE = 0.0038
ENTITY = (
    "INSERT INTO entity SELECT eid::UUID, 'building', 'e', 'buildings', name, height_m, (height_m / 3)::INTEGER, attributes, "
    "'existing', NULL, NULL, $now, NULL, NULL FROM incoming"
)
GEOMETRY = (
    "INSERT INTO geometry SELECT uuid(), eid::UUID, 'footprint', '1', NULL, wkb, NULL, NULL, NULL, 12, 12 + height_m, xmin, ymin, "
    "xmax, ymax, hilbert, NULL FROM incoming"
)
CHANGE = "INSERT INTO change (at_time, kind, subject_kind, subject_id, collection) VALUES ($now, $kind, $subject, $id, 'buildings')"


def fill(store: Store, n: int) -> None:
    """Write ``n`` buildings with seven attributes."""
    side = 30_000 * np.sqrt(n / 1e6)
    for first in range(0, n, PIECE):
        incoming = piece(min(PIECE, n - first), first, side)
        rng = np.random.default_rng(first)
        x = (incoming["xmin"].to_numpy() + incoming["xmax"].to_numpy()) / 2
        y = (incoming["ymin"].to_numpy() + incoming["ymax"].to_numpy()) / 2
        attributes = [
            orjson.dumps({"usage": u, "year": int(year), "area_m2": round(float(a), 1), "code": f"110105{i:08d}", "street": f"{s}街道"}).decode()
            for i, (u, year, a, s) in enumerate(zip(
                rng.choice(["住宅", "商业", "办公", "工业", "学校"], len(x)).tolist(), rng.integers(1950, 2026, len(x)),
                rng.random(len(x)) * 1e4, rng.integers(0, 40, len(x)).tolist(), strict=True), first)
        ]  # fmt: skip
        incoming = incoming.append_column("hilbert", [hilbert_key(x, y)]).append_column(
            "attributes", [attributes]
        )
        with store.transaction() as con:
            con.register("incoming", incoming)
            con.execute(ENTITY, {"now": NOW})
            con.execute(GEOMETRY)
            con.unregister("incoming")
            con.execute(
                CHANGE, {"now": NOW, "kind": "create", "subject": "dataset", "id": str(first)}
            )


class Where:
    """A condition as a compiled filter would be."""

    def __init__(
        self, key: str, names: set[str], test: Callable[[Rows], Any], box: Box | None
    ) -> None:
        self.key, self.names, self.holds, self.box = key, frozenset(names), test, box


def spent(calls: Iterator[Callable[[], object]]) -> float:
    """Median CPU-milliseconds a call over rounds."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            next(calls)()
        found.append((time.process_time() - start) / CALLS * 1e3)
    return statistics.median(found)


def told(name: str, value: float, aim: float, unit: str = "ms") -> None:
    """Print a figure beside its aim."""
    sys.stdout.write(f"{name}: {value:.4g} {unit} (aim {aim:g})\n")


def main(n: int = 500_000) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city")
        with Store.open(city) as store:
            fill(store, n)
            keeper = ArenaKeeper(store, city.arenas)
            start = time.process_time()
            keeper.start()
            keeper.wait()
            told(
                "build, a million things", (time.process_time() - start) / n * 1e6, np.inf, "CPU-s"
            )
            files(city, n)
            answers(city, n)
            writes(store, city)
            keeper.close()
        memory(city, n)


def files(city: City, n: int) -> None:
    """Sizes on disk."""
    sizes = {p.name: p.stat().st_size for p in city.arenas.rglob("*") if p.is_file()}
    beside = sum(size for name, size in sizes.items() if name != "features.json")
    told("features, a thing", sizes["features.json"] / n, np.inf, "bytes")
    told("everything beside them, a thing", beside / n, 600, "bytes")


def answers(city: City, n: int) -> None:
    """Questions."""
    reader = ArenaReader(city.arenas)
    rng = np.random.default_rng(1)
    reach = 0.3 * np.sqrt(n / 1e6)

    def boxes() -> Iterator[Box]:
        while True:
            x, y = 114 + rng.random() * reach * 0.9, 30 + rng.random() * reach * 0.8
            yield Box(x, y, x + SIDE, y + SIDE)

    def asked(asks: Iterator[Ask]) -> Iterator[Callable[[], object]]:
        for ask in asks:
            yield lambda ask=ask: reader.page(ask).features.joined()  # type: ignore[misc,attr-defined] # bound now

    places = list(zip(range(8000), boxes(), strict=False))
    queue = iter([box for _, box in places])
    warm = Ask("buildings", next(queue), limit=1000)
    reader.page(warm).features.joined()  # type: ignore[attr-defined] # pieces
    hits = statistics.mean(reader.page(Ask("buildings", next(queue))).matched for _ in range(50))
    sys.stdout.write(f"a box holds {hits:.0f} things\n")
    made = ROUNDS * CALLS
    told("bbox", spent(asked(Ask("buildings", next(queue), limit=1000) for _ in range(made))), 0.12)
    used = Where(
        "usage='住宅' AND year > 1990", {"usage", "year"},
        lambda rows: (rows.column("usage")[0] == "住宅") & (rows.column("year")[0] > 1990), None,
    )  # fmt: skip
    told(
        "bbox and attributes",
        spent(asked(Ask("buildings", next(queue), used, limit=1000) for _ in range(made))),
        0.15,
    )

    def within(box: Box) -> Where:
        circle = shapely.Point(box.west + SIDE / 2, box.south + SIDE / 2).buffer(
            SIDE / 2, quad_segs=8
        )
        shapely.prepare(circle)
        return Where(
            circle.wkt,
            {"geometry"},
            lambda rows: shapely.intersects(circle, rows.shapes()),
            Box(*circle.bounds),
        )

    wheres = iter([within(next(queue)) for _ in range(made)])
    told(
        "polygon",
        spent(asked(Ask("buildings", where=next(wheres), limit=1000) for _ in range(made))),
        0.4,
    )
    starts = iter(rng.integers(0, n - 1000, made).tolist())
    told(
        "page of 1,000",
        spent(asked(Ask("buildings", limit=1000, start=next(starts)) for _ in range(made))),
        0.1,
    )
    eids = [
        orjson.loads(bytes(f))["id"]
        for f in reader.page(Ask("buildings", limit=made, start=n // 2)).features
    ]
    told("item", spent(iter([lambda eid=eid: reader.one("buildings", eid) for eid in eids])), 0.03)  # type: ignore[misc] # bound now
    peer(reader, boxes())


def peer(reader: ArenaReader, boxes: Iterator[Box]) -> None:
    """Our tree beside that of geoindex-rs, on the same boxes."""
    segment = reader.view("buildings").segment
    builder = rtree.RTreeBuilder(segment.n)
    builder.add(np.ascontiguousarray(segment.boxes))
    tree = builder.finish()
    asked = [
        (b.west, b.south, b.east, b.north)
        for _, b in zip(range(ROUNDS * CALLS), boxes, strict=False)
    ]
    windows = [np.array([*b, -np.inf, np.inf]) for b in asked]
    ours = spent(iter([lambda w=w: segment.search(w, True) for w in windows]))  # type: ignore[misc] # bound now
    theirs = spent(iter([lambda b=b: np.sort(np.asarray(rtree.search(tree, *b))) for b in asked]))  # type: ignore[misc] # bound now
    sys.stdout.write(
        f"tree alone: ours {ours:.4f} ms, with heights and certain shapes; geoindex-rs, boxes only, in order {theirs:.4f} ms\n"
    )


def writes(store: Store, city: City) -> None:
    """What following a transaction adds to it."""
    reader = ArenaReader(city.arenas)
    eid = orjson.loads(bytes(reader.page(Ask("buildings", limit=1)).features[0]))["id"]
    follow, store.committed[:] = list(store.committed), []
    costs: dict[str, list[float]] = {"without": [], "with": []}
    seen = []
    for i in range(20):
        store.committed[:] = follow if i % 2 else []
        start, wall = time.process_time(), time.perf_counter()
        with store.transaction() as con:
            con.execute(
                "UPDATE entity SET name = $n WHERE eid = $e::UUID", {"n": f"新{i}", "e": eid}
            )
            con.execute(
                CHANGE,
                {"now": datetime(2026, 2, 1), "kind": "change", "subject": "entity", "id": eid},
            )
        if i % 2:
            assert f"新{i}".encode() in bytes(reader.one("buildings", eid) or b"")
            seen.append((time.perf_counter() - wall) * 1e3)
        costs["with" if i % 2 else "without"].append((time.process_time() - start) * 1e3)
    store.committed[:] = follow
    added = statistics.median(costs["with"]) - statistics.median(costs["without"])
    sys.stdout.write(
        f"a transaction of one thing: {statistics.median(costs['without']):.1f} CPU-ms, followed {added:+.1f}; seen after {statistics.median(seen):.0f} ms from its begin\n"
    )


def memory(city: City, n: int) -> None:
    """Opening, and memory, of processes of their own that read everything once."""
    code = (
        "import sys, time; from pathlib import Path; from twin.arena import ArenaReader; from twin.features.asking import Ask\n"
        "start = time.process_time(); reader = ArenaReader(Path(sys.argv[1])); reader.page(Ask('buildings')); print(time.process_time() - start)\n"
        f"for i in range(0, {n}, 1000): bytes(reader.page(Ask('buildings', limit=1000, start=i)).features.joined())\n"
        "sys.stdout.flush(); sys.stdin.readline()\n"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(city.arenas)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    opened = [float(worker.stdout.readline()) for worker in workers if worker.stdout]
    time.sleep(3 + n / 1e6)
    for worker, seconds in zip(workers, opened, strict=True):
        rollup = Path(f"/proc/{worker.pid}/smaps_rollup").read_text(encoding="ascii")
        found = {
            line.split(":")[0]: int(line.split()[1]) / 1024
            for line in rollup.splitlines()[1:]
            if "kB" in line
        }
        sys.stdout.write(
            f"a worker: opened in {seconds * 1e3:.0f} CPU-ms; PSS {found['Pss']:.0f} MiB, of its own {found['Pss_Anon']:.0f} MiB\n"
        )
        worker.communicate("\n")
    sys.stdout.write(
        f"peak of this process, which built: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB\n"
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(*(int(a) for a in sys.argv[1:2]))
