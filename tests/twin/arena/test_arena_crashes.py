"""Arenas after a kill at any moment, after damage, and in the eyes of other processes."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import shapely
from arena_town import plain, thing, write

from twin.arena import ArenaKeeper, ArenaReader
from twin.arena.delta import DeltaReader
from twin.city import City
from twin.errors import NotFoundError
from twin.features.asking import Ask
from twin.features.stored import StoredReader
from twin.store import Store

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PAIR = ("甲", "乙")
WRITER = """
import sys; sys.path[:0] = [{here!r}]
from pathlib import Path
from arena_town import thing, write
from twin.arena import ArenaKeeper
from twin.city import City
from twin.store import Store
import shapely, twin.arena.keeper as keeper
keeper.LEAST_MERGED = 6   # another segment every few transactions, so that kills fall into buildings too
city = City.open(Path(sys.argv[1]))
with Store.open(city) as store:
    kept = ArenaKeeper(store, city.arenas); kept.start()
    print("ready", flush=True)
    for i in range(int(sys.argv[2]), 10**9):
        write(store, [thing(shapely.Point(114 + j / 1024, 30), eid=eid, name=f"{{i}}") for j, eid in enumerate(sys.argv[3:])])
        print(i, flush=True)
"""
READER = """
import sys, json
from pathlib import Path
from twin.arena import ArenaReader
from twin.errors import NotReadyError
from twin.features.asking import Ask
reader = ArenaReader(Path(sys.argv[1]))
for line in sys.stdin:
    try:
        page = reader.page(Ask("buildings", limit=100))
        names = [json.loads(bytes(f))["properties"]["name"] for f in page.features]
        print(json.dumps([page.version, page.matched, names]), flush=True)
    except NotReadyError:
        print("null", flush=True)
"""


def started(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code.replace("{here!r}", repr(str(HERE))).replace("{{", "{").replace("}}", "}"), *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def city(tmp_path: Path) -> City:
    made = City.init(tmp_path / "city")
    with Store.open(made) as store:
        write(store, [thing(shapely.Point(114 + i / 1024, 30), name=f"0{i}") for i in range(30)])
    return made


@contextlib.contextmanager
def kept(city: City):
    with Store.open(city) as store:
        keeper = ArenaKeeper(store, city.arenas)
        keeper.start()
        try:
            assert keeper.wait(30)
            yield store, keeper, ArenaReader(city.arenas)
        finally:
            keeper.close()


def agree(store: Store, reader: ArenaReader) -> list[dict]:
    """The features of all buildings, after seeing that the base has the same."""
    ask = Ask("buildings", limit=1000)
    found = plain(reader.page(ask))
    assert found == plain(StoredReader(store).page(ask))
    return [json.loads(feature) for feature in found[2]]


def test_a_killed_writer_leaves_arenas_that_are_right_or_made_again(city):
    """Two things always change together: no reader ever sees one without the other, before or after a kill."""
    eids = [thing()["eid"] for _ in PAIR]
    rng, said = random.Random(5), 0
    with kept(city):
        pass
    reader = started(READER, city.arenas)
    for _ in range(3):
        writer = started(WRITER, city.path, said + 1, *eids)
        assert writer.stdout.readline() == "ready\n"
        for _ in range(rng.randint(3, 8)):
            last = writer.stdout.readline()
            reader.stdin.write("\n")
            reader.stdin.flush()
            seen = json.loads(reader.stdout.readline())
            if seen is not None:
                names = [name for name in seen[2] if not name.startswith("0")]
                assert len(names) in (0, 2)
                assert len(set(names)) <= 1
        time.sleep(rng.random() / 20)
        writer.send_signal(signal.SIGKILL)
        lines = writer.stdout.read().split()
        writer.communicate()
        said = int(lines[-1]) if lines else int(last)
        with kept(city) as (store, _, own):
            features = {f["id"]: f["properties"]["name"] for f in agree(store, own)}
            assert [features.get(eid) for eid in eids] in ([str(said)] * 2, [str(said + 1)] * 2)
            said = int(features[eids[0]])
            assert not [p for p in city.arenas.rglob(".*") if p.is_dir()]
    assert said >= 9
    reader.stdin.close()
    reader.stdout.close()
    reader.wait()


def test_another_process_sees_a_write_with_its_next_question(city):
    with kept(city) as (store, keeper, _):
        reader = started(READER, city.arenas)
        for i in range(8):
            eid = thing()["eid"]
            write(store, [thing(shapely.Point(114, 30.1), eid=eid, name=f"新{i}")])
            if i == 5:
                keeper.rebuild()
                assert keeper.wait(30)
            reader.stdin.write("\n")
            reader.stdin.flush()
            version, matched, names = json.loads(reader.stdout.readline())
            assert matched == 31 + i
            assert f"新{i}" in names
            assert version == StoredReader(store).version("buildings")
        reader.communicate()


def test_a_record_counts_when_it_is_whole_and_a_torn_one_is_written_again(city, tmp_path):
    with kept(city) as (store, _, reader):
        before = plain(reader.page(Ask("buildings", limit=100)))
        delta = next(city.arenas.rglob("*.delta"))
        write(store, [thing(shapely.Point(114, 30), name="新")])
        after = agree(store, reader)
        data = delta.read_bytes()
    copy = tmp_path / "torn.delta"
    for size in range(0, len(data), 97):
        copy.write_bytes(data[:size])
        assert DeltaReader(copy).news() == []
    copy.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert DeltaReader(copy).news() == []
    copy.write_bytes(data)
    assert len(DeltaReader(copy).news()) == 1
    delta.write_bytes(data[: len(data) // 2])
    assert plain(ArenaReader(city.arenas).page(Ask("buildings", limit=100))) == before
    with kept(city) as (store, _, reader):
        assert agree(store, reader) == after


@pytest.mark.parametrize(
    "name", ["meta.json", "tables.bin", "features.json", "shapes.wkb", "current"]
)
def test_damaged_files_are_made_again(city, name):
    with kept(city) as (store, _, reader):
        before = agree(store, reader)
    path = next(city.arenas.rglob(name))
    path.write_bytes(path.read_bytes()[:-1])
    with kept(city) as (store, _, reader):
        assert agree(store, reader) == before


def test_a_changed_byte_is_found_beside_and_the_segment_made_again(city):
    with kept(city) as (store, _, reader):
        before = agree(store, reader)
    path = next(city.arenas.rglob("features.json"))
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    with kept(city) as (store, _, _):
        assert agree(store, ArenaReader(city.arenas)) == before


def test_another_base_in_the_folder_is_noticed(city, tmp_path):
    with kept(city):
        pass
    saved = tmp_path / "saved.duckdb"
    shutil.copy(city.base_path, saved)
    with kept(city) as (store, _, reader):
        write(store, [thing(shapely.Point(114, 30), name="后来")])
        assert len(agree(store, reader)) == 31
    shutil.copy(saved, city.base_path)
    with kept(city) as (store, _, reader):
        assert len(agree(store, reader)) == 30


def test_a_collection_that_is_new_or_leaves_is_followed(city):
    with kept(city) as (store, keeper, reader):
        rooms = [thing(shapely.Point(114, 30), collection="rooms", name="1") for _ in range(3)]
        write(store, rooms)
        assert keeper.wait(30)
        assert reader.page(Ask("rooms")).matched == 3
        write(store, [], [("rooms", row["eid"]) for row in rooms])
        assert reader.page(Ask("rooms")).matched == 0
        with pytest.raises(NotFoundError, match="No collection"):
            StoredReader(store).version("bridges")


def test_an_old_version_is_given_until_it_is_let_go(city):
    with kept(city) as (store, keeper, reader):
        version = reader.version("buildings")
        old = plain(reader.page(Ask("buildings", limit=100)))
        for i in range(40):
            write(store, [thing(shapely.Point(114, 30), name=f"{i}")])
        keeper.rebuild()
        assert keeper.wait(30)
        reader.version("buildings")
        assert plain(reader.page(Ask("buildings", limit=100, version=version))) == old
        with pytest.raises(NotFoundError, match="start again"):
            ArenaReader(city.arenas).page(Ask("buildings", version=version))
