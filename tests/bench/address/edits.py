"""One edit of a city's addresses: processor time of the engine, of the base, and of the whole.

``python tests/bench/address/edits.py [ADDRESSES] [EDITS]`` loads so many addresses of the made-up
town (`town.py`) into a new city and edits it as ``twin address`` and ``POST /address/edits`` do:
in the base, with code and event, and in the index of every process. Medians and 99th percentiles
of CPU milliseconds, all threads counted. The floor is what the base needs for one row: a
transaction of one INSERT, durable when it ends.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import town

from api import pipeline
from api.address_book import AddressBook
from api.address_edits import Edits
from twin.city import City
from twin.store import Store

_HEADINGS = {
    "key": "编号", "province": "省", "city": "市", "county": "县区", "street": "街道",
    "road": "道路", "number": "门牌号", "compound": "小区", "building": "楼栋", "unit": "单元",
    "floor": "楼层", "room": "户室", "lon": "经度", "lat": "纬度",
}  # fmt: skip


def main() -> None:
    """Load, edit, say what each kind of edit took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        city = loaded(Path(folder), count)
        say("loaded", addresses=count, cpu_s=round(time.process_time() - begun, 1))
        with Store.open(city) as store:
            book = AddressBook.of(store)
            edit(store, book, times)
        begun = time.process_time()
        with Store.open(city) as store:
            AddressBook.of(store)
            opened = time.process_time() - begun
            base = city.base_path.stat().st_size
            say("opened again", cpu_ms=round(1000 * opened, 1), base_mb=round(base / 1e6, 1))


def loaded(folder: Path, count: int) -> City:
    """A city with so many addresses."""
    file = folder / "标准地址.csv"
    table = pa.Table.from_batches(town.batches(count))
    pa.csv.write_csv(table.select(list(_HEADINGS)).rename_columns(list(_HEADINGS.values())), file)
    plan = file.with_suffix(".toml")
    plan.write_text(
        f'[[layer]]\npath = "{file.name}"\nkind = "addresses"\ncrs = "EPSG:4490"\n',
        encoding="utf-8",
    )
    city = City.init(folder / "city", admin_code="429871")
    pipeline.load(city, [], plan)
    return city


def edit(store: Store, book: AddressBook, times: int) -> None:
    """Insert, rename and retire so many nodes each."""
    rng = random.Random(3)
    index = book.index
    of = {
        level: [index.id_of(r) for r in range(index.built) if index.level_of(r) == level]
        for level in ("road", "building", "room")
    }
    change = Edits(store, book, "bench", None)
    _floor(store)
    engine: list[float] = []
    took: dict[str, list[float]] = {}
    with _measured(engine):
        for n in range(times):
            road, building = rng.choice(of["road"]), rng.choice(of["building"])
            made = _timed(
                took,
                "insert a door",
                lambda road=road, n=n: change.add(
                    road, "number", f"{7000 + n}号", (114.1, 30.4, None)
                ),
            )
            _timed(
                took, "insert a room",
                lambda at=building, n=n: change.add(at, "room", f"{8000 + n}室", None),
            )  # fmt: skip
            _timed(
                took, "rename a door",
                lambda at=made["node_id"], n=n: change.rename(at, f"{7000 + n}号甲"),
            )  # fmt: skip
            room = of["room"].pop()
            _timed(took, "retire a room", lambda at=room: change.retire(at, []))
            if n % 6 == 0:
                _timed(
                    took,
                    "rename a road with all below it",
                    lambda at=road, n=n: change.rename(at, f"新{n}里路"),
                )
    for name, spent in took.items():
        say(name, median_ms=percentile(spent, 50), p99_ms=percentile(spent, 99), edits=len(spent))
    say("of which the index", median_ms=percentile(engine, 50), p99_ms=percentile(engine, 99))
    _floor(store)


@contextmanager
def _measured(engine: list[float]) -> Iterator[None]:
    """Note what every change of the index takes, plan and base excluded."""
    import address.index as module

    whole = module.apply

    def timed(tree: object, told: dict[str, object]) -> str:
        begun = time.process_time()
        done = whole(tree, told)
        engine.append(time.process_time() - begun)
        return done

    module.apply = timed
    try:
        yield
    finally:
        module.apply = whole


def _floor(store: Store) -> None:
    spent = []
    with store.cursor() as con:
        con.execute("CREATE OR REPLACE TABLE bench_floor (n BIGINT)")
    for n in range(50):
        begun = time.process_time()
        with store.transaction() as con:
            con.execute("INSERT INTO bench_floor VALUES ($n)", {"n": n})
        spent.append(time.process_time() - begun)
    with store.cursor() as con:
        con.execute("DROP TABLE bench_floor")
    say("floor: one row in one transaction", median_ms=percentile(spent, 50))


def _timed(took: dict[str, list[float]], name: str, do: Callable[[], dict]) -> dict:
    begun = time.process_time()
    made = do()
    took.setdefault(name, []).append(time.process_time() - begun)
    return made


def percentile(times: list[float], share: int) -> float:
    """Milliseconds."""
    if share == 50:
        return round(1000 * statistics.median(times), 2)
    ordered = sorted(times)
    return round(1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 2)


def say(what: str, **told: object) -> None:
    """One line."""
    sys.stdout.write(what + ": " + ", ".join(f"{k} {v}" for k, v in told.items()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
