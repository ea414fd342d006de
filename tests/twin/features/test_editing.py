"""Single edits: durable when answered, whole or not there, laws kept; a killed writer loses nothing that was said to be done."""

import itertools
import os
import signal
import subprocess
import sys

import pytest
import shapely

from twin.city import City
from twin.errors import InvalidRequestError, NotFoundError
from twin.features.editing import Draft, editing
from twin.heights import Heights
from twin.store import Store
from twin.verify import verify

WRITER = """
import sys
from pathlib import Path
import shapely
from twin.city import City
from twin.features.editing import Draft, editing
from twin.heights import Heights
from twin.store import Store

with Store.open(City.open(Path(sys.argv[1]))) as store:
    for n in range(100_000):
        west = 114 + n % 50 / 1000
        made = Draft("building", f"v0", {"height_m": 3.0 + n}, shapely.box(west, 30, west + 4e-4, 30.0004))
        with editing(store, Heights()) as edit:
            eid = edit.create("buildings", made)
        print("made", eid, flush=True)
        moved = Draft("building", "v1", {"height_m": 4.0 + n}, shapely.box(west, 31, west + 4e-4, 31.0004))
        with editing(store, Heights()) as edit:
            edit.replace("buildings", eid, moved)
        print("changed", eid, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    with Store.open(City.init(tmp_path / "city", name="测试城")) as opened:
        yield opened


def house(**more) -> Draft:
    given = {
        "name": "一号楼",
        "attributes": {"height_m": 9.0, "usage": "住宅"},
        "shape": shapely.box(114, 30, 114.001, 30.001),
    }
    return Draft("building", **(given | more))


def rows(store: Store, sql: str) -> list[dict]:
    return store.table(sql).to_pylist()


def test_each_edit_keeps_the_laws_and_is_booked(store):
    with editing(store, Heights()) as edit:
        eid = edit.create("buildings", house(), "mine")
    with editing(store, Heights()) as edit:
        assert edit.replace(
            "buildings", eid, house(name="二号楼", shape=shapely.box(114.1, 30, 114.101, 30.001))
        )
    with editing(store, Heights()) as edit:
        assert not edit.replace(
            "buildings", eid, house(name="二号楼", shape=shapely.box(114.1, 30, 114.101, 30.001))
        )
    with editing(store, Heights()) as edit:
        edit.end("buildings", eid)
    assert not [law for law in verify(store) if law.broken]
    assert [
        row["name"] for row in rows(store, "SELECT name FROM entity_history ORDER BY known_to")
    ] == ["一号楼", "二号楼"]
    changes = rows(
        store,
        "SELECT kind, round(xmin, 3) AS west, round(xmax, 3) AS east FROM change ORDER BY seq",
    )
    assert [c["kind"] for c in changes] == ["create", "change", "end"]
    assert (changes[1]["west"], changes[1]["east"]) == (
        114.0,
        114.101,
    )  # where it was, and where it is
    assert rows(store, "SELECT n_in, n_loaded, n_changed FROM dataset") == [
        {"n_in": 3, "n_loaded": 3, "n_changed": 2}
    ]
    with editing(store, Heights()) as edit, pytest.raises(NotFoundError):
        edit.end("buildings", eid)


def _both(store: Store, eid: str, wrong: Draft) -> None:
    with editing(store, Heights()) as edit:
        edit.replace("buildings", eid, house(name="三号楼"))
        edit.replace("buildings", eid, wrong)


def test_an_edit_that_fails_leaves_nothing(store):
    with editing(store, Heights()) as edit:
        eid = edit.create("buildings", house())
    before = (
        rows(store, "SELECT * FROM entity"),
        rows(store, "SELECT * FROM geometry"),
        rows(store, "SELECT * FROM change"),
    )
    bow = shapely.Polygon([(0, 0), (0, 0), (0, 0)])
    for wrong in (house(shape=bow), Draft("pipe_gas"), house(attributes={"floors": "many"})):
        with pytest.raises(InvalidRequestError):
            _both(store, eid, wrong)
    after = (
        rows(store, "SELECT * FROM entity"),
        rows(store, "SELECT * FROM geometry"),
        rows(store, "SELECT * FROM change"),
    )
    assert after == before


def test_a_killed_writer_loses_nothing_it_said_was_done(tmp_path):
    city = City.init(tmp_path / "city", name="测试城")
    said: list[list[str]] = []
    for round_ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(city.path)], stdout=subprocess.PIPE, text=True
        ) as process:
            said += [line.split() for line in itertools.islice(process.stdout, 15 + 8 * round_)]
            os.kill(process.pid, signal.SIGKILL)
            said += [line.split() for line in process.stdout if line.endswith("\n")]
    with Store.open(city) as store:
        names = {
            row["eid"]: row["name"]
            for row in rows(store, "SELECT eid::VARCHAR AS eid, name FROM entity")
        }
        shapes = {
            row["eid"]: (row["ymin"], row["n"])
            for row in rows(
                store,
                "SELECT eid::VARCHAR AS eid, min(ymin) AS ymin, count(*) AS n FROM geometry GROUP BY eid",
            )
        }
        for what, eid in said:
            assert eid in names, what
            if what == "changed":
                assert names[eid] == "v1"
        for (
            eid,
            name,
        ) in names.items():  # state and shape are of one edit, whether it was answered or not
            assert shapes[eid] == ({"v0": 30.0, "v1": 31.0}[name], 1)
        assert not [law for law in verify(store) if law.broken]
