"""What one edit costs until its tiles, subtree, pages and tags are new: CPU milliseconds of ``tiles.build`` in a running process.

Run: ``python tests/bench/tiles/edit.py [buildings] [edits] [profile]``. The base is that of ``plan.py``; the layer is built once, then
buildings change one after another (a change of the record and a line in the log, as a load writes them) and the tiles
are brought up to date after each. DuckDB uses one thread, so that nothing is hidden in another.
"""

import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from plan import fill

import tiles
from twin.city import City
from twin.store import Store
from twin.store.scene import Scene


def rise(store: Store, eid: str) -> None:
    """One storey more."""
    with store.transaction() as con:
        con.execute("UPDATE entity SET height_m = height_m + 3 WHERE eid = $e::UUID", {"e": eid})
        log(con, eid)


def tower(store: Store, eid: str) -> None:
    """A tower instead: another class of height, which all massing above shows."""
    with store.transaction() as con:
        con.execute("UPDATE entity SET height_m = 130 WHERE eid = $e::UUID", {"e": eid})
        log(con, eid)


def move(store: Store, eid: str) -> None:
    """Take the footprint of a building and give it anew, at the end of the table."""
    with store.transaction() as con:
        con.execute(
            "CREATE TEMP TABLE taken AS SELECT * FROM geometry WHERE eid = $e::UUID", {"e": eid}
        )
        con.execute("DELETE FROM geometry WHERE eid = $e::UUID", {"e": eid})
        con.execute("INSERT INTO geometry SELECT * FROM taken")
        con.execute("DROP TABLE taken")
        log(con, eid)


def log(con: object, eid: str) -> None:
    """A line in the log of changes."""
    con.execute(  # type: ignore[attr-defined] # a connection of DuckDB
        "INSERT INTO change (kind, subject_kind, subject_id, collection) VALUES ('change', 'entity', $e, 'buildings')",
        {"e": eid},
    )


def main(n: int = 200_000, edits: int = 20, profile: str = "") -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city")
        with Store.open(city) as store:
            fill(store, n)
            with store.cursor() as cursor:
                cursor.execute("SET threads = 1")
            measure(store, Path(folder) / "tiles", n, edits, profile)


def measure(store: Store, out: Path, n: int, edits: int, profile: str) -> None:
    """Measure one base."""
    tiles.build(Scene(store), out, ["buildings"])
    rng = np.random.default_rng(5)
    eids = store.table("SELECT eid::VARCHAR AS eid FROM entity")["eid"].to_pylist()
    watch = cProfile.Profile(time.process_time)
    for label, change in (
        ("a storey more", rise),
        ("a tower instead", tower),
        ("footprint given anew", move),
    ):
        spent, written = [], []
        for i, k in enumerate(rng.integers(0, n, edits + 2).tolist()):
            change(store, eids[k])
            before = {p: p.stat().st_ino for p in (out / "buildings").rglob("*.*")} if i < 4 else {}
            if profile and i >= 2:
                watch.enable()
            start = time.process_time()
            tiles.build(Scene(store), out, ["buildings"])
            spent.append(time.process_time() - start)
            watch.disable()
            if before:
                after = {
                    p: p.stat().st_ino for p in (out / "buildings").rglob("*.*") if p.is_file()
                }
                written.append(
                    len(
                        [
                            p
                            for p in after
                            if before.get(p) != after[p] and ".records" not in p.parts
                        ]
                    )
                )
        found = np.array(spent[2:]) * 1e3
        sys.stdout.write(
            f"{label}: median {np.median(found):.1f} ms, p95 {np.percentile(found, 95):.1f} ms, least {found.min():.1f} ms; "
            f"files renewed {written}\n"
        )
    if profile:
        pstats.Stats(watch).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]), *sys.argv[3:4])
