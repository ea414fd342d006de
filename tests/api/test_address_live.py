"""The address index beside the base: shared by processes, edited live, brought up to the base after any crash."""

import csv
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime, timedelta

import httpx
import orjson
import pytest
from typer.testing import CliRunner

from address import AddressIndex
from api import pipeline
from api.address_book import FILE_NAME, AddressBook, open_book
from api.address_edits import Edits
from api.address_remote import announced
from api.address_tree import index_at, number_addresses
from api.app import create_app
from api.cli import app as commands
from api.shared_lock import SharedLock
from twin.city import City
from twin.errors import ConflictError, InvalidRequestError
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.read import address_nodes
from twin.verify import verify

TOP = ("湖北省", "云梦泽市", "临江示范区", "江北街道")
TOKENS = {"viewer": "look-1", "operator": "act-3"}


def table(path, roads=("甲子路", "乙丑路"), doors=range(1, 13)):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("编号", "省", "市", "县区", "街道", "道路", "门牌号", "经度", "纬度"))
        for at, road in enumerate(roads):
            for n in doors:
                writer.writerow(
                    (f"{road}{n}", *TOP, road, f"{n}号", 114.1 + at / 100, 30.4 + n / 1e4)
                )
    plan = path.with_suffix(".toml")
    plan.write_text(
        f'[[layer]]\npath = "{path.name}"\nkind = "addresses"\ncrs = "EPSG:4490"\n',
        encoding="utf-8",
    )
    return plan


@pytest.fixture
def city(tmp_path):
    made = City.init(tmp_path / "city", admin_code="429871")
    pipeline.load(made, [], table(tmp_path / "标准地址.csv"))
    return made


def tree_of(index):
    """What an index says of every node: whole string, parent, code, place to a millimetre."""
    out = {}
    waiting = list(index.children(-1))
    while waiting:
        row = waiting.pop()
        waiting += index.children(row)
        node = index.id_of(row)
        place = index.locate(node)
        parent = int(index.parent[row])
        out[node] = (
            index.full_of(row),
            index.id_of(parent) if parent >= 0 else None,
            index.text_of("code", row),
            place and (round(place.lon, 8), round(place.lat, 8)),
        )
    return out


def same(book, store):
    """The index, and one made anew from the base."""
    return tree_of(book.index), tree_of(AddressIndex.from_nodes(address_nodes(store)))


def edits(store, at=None):
    return Edits(store, AddressBook.of(store), "tester", at)


def test_loading_leaves_an_index_that_the_next_process_maps(city):
    path = city.path / FILE_NAME
    made = path.stat()
    book = open_book(city)
    assert book.index.arena.path == path
    assert book.index.match("甲子路5号").status == "exact"
    assert path.stat() == made


def test_an_index_that_is_gone_damaged_or_of_another_load_is_made_anew(city, tmp_path):
    path = city.path / FILE_NAME
    told = []
    for spoil in (
        path.unlink,
        lambda: path.write_bytes(b"nothing"),
        lambda: path.write_bytes(path.read_bytes()[:500]),
    ):
        spoil()
        assert (
            open_book(city, lambda *step: told.append(step)).index.match("甲子路5号").status
            == "exact"
        )
    assert [step[1:] for step in told[:2]] == [(0, told[0][2]), (told[0][2], told[0][2])]
    assert len(told) == 6

    open_already = open_book(city)
    pipeline.load(city, [], table(tmp_path / "标准地址.csv", doors=range(1, 15)))
    assert open_already.index.match("甲子路14号").status == "exact"  # moved over to the new file


OTHER = """
    import sys, time
    from pathlib import Path
    from api.address_book import open_book
    from twin.city import City
    book = open_book(City.open(Path(sys.argv[1])))
    print("open", flush=True)
    for line in sys.stdin:
        found = book.history.geocode(line.strip())
        print(found.status, found.full, found.node_id, found.location and found.location.lon, flush=True)
"""


@pytest.fixture
def other(city):
    """Another process that has the index open: ``other(text)`` is its answer."""
    code = textwrap.dedent(OTHER)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(city.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "open\n"

        def ask(text):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            return process.stdout.readline().split()

        yield ask
        process.stdin.close()


def test_another_process_sees_each_edit_with_its_next_question(city, other):
    assert other("甲子路13号")[0] == "partial"
    with Store.open(city) as store:
        change = edits(store)
        change.add("江北街道甲子路", "number", "13号", (114.2, 30.5, None))
        assert other("甲子路13号")[0] == "exact"
        assert other("甲子路13号")[3] == "114.2"
        change.rename("江北街道甲子路", "丙寅路")
        assert other("丙寅路13号")[0] == "exact"
        assert other("甲子路13号")[1].endswith("丙寅路13号")  # by its former name
        change.retire("丙寅路1号", ["丙寅路3号"])
        assert other("丙寅路1号")[1].endswith("丙寅路3号")
        change.split("乙丑路", ["丁卯路", "戊辰路"], ["1-6=丁卯路", "*=戊辰路"])
        assert [other(f"{road}号")[0] for road in ("丁卯路6", "丁卯路7", "戊辰路7")] == [
            "exact",
            "partial",
            "exact",
        ]
        assert other("乙丑路7号")[1].endswith("戊辰路7号")
        change.merge("丁卯路", "戊辰路")
        assert other("戊辰路6号")[0] == "exact"
        assert all(a == b for a, b in [same(change.book, store)])
        assert [law.law for law in verify(store) if law.broken] == []


@pytest.mark.parametrize("seed", range(4))
def test_after_any_edits_the_index_is_that_of_the_base_at_every_time(city, seed):
    chance = random.Random(seed)
    with Store.open(city) as store:
        snapshots = []
        change = edits(store)
        start = datetime(2027, 1, 1)
        for step in range(14):
            change = Edits(store, change.book, "tester", start + timedelta(days=step))
            nodes = [
                n for n in address_nodes(store).to_pylist() if n["level"] in ("road", "number")
            ]
            roads = [n for n in nodes if n["level"] == "road"]
            one, two = chance.choice(nodes), chance.choice(roads)
            event = chance.choice(("add", "rename", "retire", "merge", "split"))
            try:
                if event == "add":
                    change.add(two["node_id"], "number", f"{100 + step}号", None)
                elif event == "rename":
                    change.rename(two["node_id"], f"新{'一二三四五六七八九十'[step % 10]}里路")
                elif event == "retire" and len(nodes) > 8:
                    change.retire(one["node_id"], [])
                elif event == "merge":
                    change.merge(two["node_id"], chance.choice(roads)["node_id"])
                elif event == "split":
                    change.split(
                        two["node_id"],
                        [f"东{step}路", f"西{step}路"],
                        [f"单=东{step}路", f"*=西{step}路"],
                    )
            except (ConflictError, InvalidRequestError):
                pass
            mine, fresh = same(change.book, store)
            assert mine == fresh
            snapshots.append(
                (start + timedelta(days=step, hours=1), {k: v[:2] for k, v in fresh.items()})
            )
        again = AddressBook.of(store)
        assert tree_of(again.index) == fresh
        number_addresses(store)  # codes given edit by edit are those given to the whole tree
        assert tree_of(AddressIndex.from_nodes(address_nodes(store))) == fresh
        again = AddressBook.of(store)
        assert again.index.arena.path == city.path / FILE_NAME
        for moment, then in snapshots:
            index = index_at(store, moment) or again.index
            assert {k: v[:2] for k, v in tree_of(index).items()} == then


EDITOR = """
    import itertools, sys
    from pathlib import Path
    from api.address_book import AddressBook
    from api.address_edits import Edits
    from twin.city import City
    from twin.store import Store
    with Store.open(City.open(Path(sys.argv[1]))) as store:
        change = Edits(store, AddressBook.of(store), "killed", None)
        print("open", flush=True)
        for n in itertools.count(int(sys.argv[2])):
            made = change.add("江北街道甲子路", "number", f"{n}号", (114.1, 30.4, None))
            change.rename(made["node_id"], f"{n}号甲")
            if n % 3 == 0:
                change.retire(made["node_id"], [])
            print(n, made["node_id"], flush=True)
"""


def test_a_process_killed_at_any_moment_leaves_an_index_that_comes_up_to_the_base(city):
    chance = random.Random(5)
    for turn in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(EDITOR), str(city.path), str(1000 * (turn + 1))],
            stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        assert process.stdout.readline() == "open\n"
        told = [process.stdout.readline().split()]
        time.sleep(chance.uniform(0.0, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        told += [line.split() for line in process.stdout if line.endswith("\n")]
        process.wait()
        process.stdout.close()
        shared = AddressBook.shared(city.path / FILE_NAME)
        with Store.open(city) as store:
            known = store.scalar("SELECT max(seq) FROM address_event")
            assert shared.seq <= known
            book = AddressBook.of(store)
            mine, fresh = same(book, store)
            assert mine == fresh
            assert book.seq == known
            for n, node in told:  # what was acknowledged is there, or retired as asked
                assert (node in mine) == (int(n) % 3 != 0)
            assert [law.law for law in verify(store) if law.broken] == []


def test_what_the_base_has_and_the_log_has_not_is_made_up_for(city, monkeypatch):
    with Store.open(city) as store:
        change = edits(store)
        with monkeypatch.context() as dying:
            dying.setattr(
                AddressBook, "follow", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
            )
            with pytest.raises(KeyboardInterrupt):
                change.rename("江北街道甲子路", "丙寅路")
        assert change.book.index.match("甲子路5号").status == "exact"
    made = (city.path / FILE_NAME).stat().st_ino
    book = open_book(city)  # reads the base only, and mends the log for all
    assert book.index.match("丙寅路5号").status == "exact"
    assert (
        AddressBook.shared(city.path / FILE_NAME)
        .history.match("甲子路5号")
        .full.endswith("丙寅路5号")
    )
    assert (city.path / FILE_NAME).stat().st_ino == made


@pytest.fixture
def served(city, serve):
    settings = ServerSettings(city=city.path, tokens=TOKENS)
    with serve(create_app(settings)) as root, httpx.Client(base_url=root, timeout=20) as session:
        session.headers["Authorization"] = "Bearer act-3"
        yield session


def test_edits_over_http_are_live_for_the_server_and_for_others(served, city, other):
    def edit(**told):
        return served.post("/address/edits", json={"actor": "地名办", **told})

    made = edit(
        event="insert", parent="江北街道甲子路", level="number", name="13号", lon=114.2, lat=30.5
    )
    assert made.status_code == 201, made.text
    assert served.get("/geocode", params={"q": "甲子路13号"}).json()["lon"] == 114.2
    assert other("甲子路13号")[2] == made.json()["node_id"]
    renamed = edit(event="rename", node="江北街道甲子路", name="丙寅路", at="2027-01-01")
    assert (renamed.json()["before"].endswith("甲子路"), renamed.json()["touched"]) == (True, 14)
    assert (
        served.get("/suggest", params={"q": "丙寅"})
        .json()["suggestions"][0]["full"]
        .endswith("丙寅路")
    )
    then = served.get(
        "/geocode", params={"q": "甲子路5号", "valid_at": "2026-12-31T00:00:00Z"}
    ).json()
    assert (then["status"], then["full"].endswith("甲子路5号"), then["faults"]) == (
        "exact",
        True,
        [],
    )
    split = edit(event="split", node="乙丑路", into=["丁卯路", "戊辰路"], shares=["单=丁卯路"])
    assert split.status_code == 409
    assert "no share" in split.json()["detail"]
    split = edit(
        event="split", node="乙丑路", into=["丁卯路", "戊辰路"], shares=["单=丁卯路", "双=戊辰路"]
    )
    assert (split.status_code, len(split.json()["moved"])) == (201, 12)
    assert served.get("/geocode", params={"q": "乙丑路7号"}).json()["full"].endswith("丁卯路7号")
    merged = edit(event="merge", node="丁卯路", into=["戊辰路"])
    assert merged.json()["full"].endswith("戊辰路")
    old = served.get(f"/address/nodes/{split.json()['node_id']}").json()
    assert old["node"]["status"] == "retired"
    assert [event["event"] for event in old["events"]][-1] == "split"
    assert {"split", "merge", "rename", "insert"} <= {
        event["event"] for event in served.get("/address/edits").json()["events"]
    }


@pytest.mark.parametrize(
    ("told", "status", "word"),
    [
        ({"event": "rename", "node": "甲子路"}, 422, "name"),
        ({"event": "rename", "node": "火星路", "name": "月球路"}, 404, "火星路"),
        ({"event": "insert", "parent": "甲子路", "level": "number", "name": "5号"}, 409, "already"),
        ({"event": "insert", "parent": "甲子路", "level": "street", "name": "某街道"}, 409, "below"),
        ({"event": "insert", "parent": "甲子路", "level": "number", "name": "99号", "lon": 400, "lat": 1}, 422, "lon"),
        ({"event": "merge", "node": "甲子路", "into": ["甲子路"]}, 409, "itself"),
        ({"event": "split", "node": "甲子路", "into": ["丁卯路", "戊辰路"], "shares": ["77号=丁卯路"]}, 400, "77号"),
        ({"event": "explode", "node": "甲子路"}, 422, "event"),
        ({"event": "rename", "node": "甲子路", "name": "丙寅路", "at": "yesterday"}, 400, "at"),
    ],
)  # fmt: skip
def test_edits_that_cannot_be_are_refused_in_words_and_change_nothing(served, told, status, word):
    before = served.get("/address/edits").json()
    found = served.post("/address/edits", json={"actor": "地名办", **told})
    assert found.status_code == status, found.text
    assert word in found.text
    assert served.get("/address/edits").json() == before
    assert served.get("/geocode", params={"q": "甲子路5号"}).json()["status"] == "exact"


def test_only_operators_edit(served):
    told = {"event": "rename", "node": "甲子路", "name": "丙寅路", "actor": "x"}
    for token, status in (("look-1", 403), ("nobody", 401)):
        found = served.post(
            "/address/edits", json=told, headers={"Authorization": f"Bearer {token}"}
        )
        assert found.status_code == status


def test_commands_reach_a_city_that_a_server_holds(served, city, monkeypatch):
    run = CliRunner().invoke
    here = ["--city", str(city.path)]
    monkeypatch.setenv("TWIN_TOKEN", "act-3")
    address = served.base_url
    script = textwrap.dedent(
        """
        import sys
        from api.cli import main
        sys.argv[0] = "twin"
        main()
        """
    )

    def command(*words, **env):
        return subprocess.run(
            [sys.executable, "-c", script, *words, *here], capture_output=True, text=True, encoding="utf-8", check=False,
            env={**os.environ, **env},
        )  # fmt: skip

    alone = command("address", "rename", "甲子路", "丙寅路")
    assert (alone.returncode, "is held by" in alone.stderr) == (
        2,
        True,
    )  # nobody said where the server is
    with announced(city.path, address.host, address.port):
        refused = command("address", "rename", "甲子路", "丙寅路", TWIN_TOKEN="look-1")  # noqa: S106 -- a made-up one
        assert (refused.returncode, "TWIN_TOKEN" in refused.stderr) == (2, True)
        done = command("address", "rename", "甲子路", "丙寅路", "--json")
        assert orjson.loads(done.stdout)["full"].endswith("丙寅路")
        parts = command("address", "split", "乙丑路", "--into", "丁卯路", "--into", "戊辰路", "--share", "1-6=丁卯路",
                        "--share", "*=戊辰路")  # fmt: skip
        assert parts.returncode == 0, parts.stderr
        found = command("geocode", "戊辰路7号", "--json")  # the base is held; the index is not
        assert orjson.loads(found.stdout)["status"] == "exact"
    assert not (city.path / "server.json").exists()
    assert run(commands, ["address", "parse", "丙寅路5号"]).exit_code == 0


HELD = """
    import sys
    from typer.testing import CliRunner
    from api.cli import app
    city, code = sys.argv[1:]
    for words in (("resolve", code), ("resolve", "no such code"), ("check",)):
        said = CliRunner().invoke(app, ["address", *words, "--city", city, "--json"])
        print(said.stdout.strip() or repr(said.exception or said.output), flush=True)
    try:
        from api.addresses import open_geocoder
        from datetime import datetime
        from pathlib import Path
        open_geocoder(Path(city), valid_at=datetime(2026, 1, 1))
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_codes_faults_and_times_of_a_city_that_a_server_holds(served, city, monkeypatch):
    door = served.get("/geocode", params={"q": "甲子路5号"}).json()
    served.post(
        "/address/edits",
        json={"event": "rename", "node": door["node_id"], "name": "5号甲", "actor": "x"},
    )
    monkeypatch.setenv("TWIN_TOKEN", "act-3")
    script = [sys.executable, "-c", textwrap.dedent(HELD), str(city.path), door["code"]]
    with announced(city.path, served.base_url.host, served.base_url.port):
        said = subprocess.run(
            script, capture_output=True, text=True, encoding="utf-8", check=True
        ).stdout
    before, _, rest = said.partition("no such code")
    found = orjson.loads(before[: before.rindex("}") + 1])
    assert (found["node"]["node_id"], found["node"]["name"]) == (door["node_id"], "5号甲")
    assert [event["event"] for event in found["events"]] == ["rename"]
    assert door["code"] in {code["code"] for code in found["codes"]}
    report = orjson.loads(rest[rest.index("{") : rest.rindex("}") + 1])
    assert report["levels"]["number"] == 24
    assert "CityInUseError" in rest
    assert "valid_at" in rest


def test_questions_go_on_while_edits_come(served):
    wrong, stop = [], threading.Event()

    def ask():
        with httpx.Client(base_url=served.base_url, headers=served.headers, timeout=20) as session:
            while not stop.is_set():
                found = session.get("/geocode", params={"q": "乙丑路7号"}).json()
                if found["status"] != "exact":
                    wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(13, 33):
        told = {
            "event": "insert",
            "parent": "江北街道甲子路",
            "level": "number",
            "name": f"{n}号",
            "actor": "x",
        }
        assert served.post("/address/edits", json=told).status_code == 201
        assert served.get("/geocode", params={"q": f"甲子路{n}号"}).json()["status"] == "exact"
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_writer_waits_for_readers_and_those_who_come_later_for_it():
    lock, said = SharedLock(), []
    inside, go = threading.Barrier(3), threading.Event()

    def read(name):
        with lock.reading():
            inside.wait(10)
            go.wait(10)
            said.append(name)

    def write():
        with lock.writing():
            said.append("writer")

    readers = [threading.Thread(target=read, args=(n,)) for n in "ab"]
    for thread in readers:
        thread.start()
    inside.wait(10)
    writer = threading.Thread(target=write)
    writer.start()
    while not lock._writers:
        time.sleep(0.001)
    late = threading.Thread(target=lambda: [lock.reading().__enter__(), said.append("late")])
    late.start()
    go.set()
    for thread in (*readers, writer, late):
        thread.join(10)
    assert (sorted(said[:2]), said[2:]) == (["a", "b"], ["writer", "late"])
