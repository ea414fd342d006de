"""Many readers at once, while somebody writes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import shapely

from api.app import create_app
from twin.settings import ServerSettings
from twin.store import Store

READERS, ROUNDS = 8, 25


@pytest.fixture
def running(tmp_path, make_city, serve):
    city = make_city(tmp_path / "city")
    app = create_app(ServerSettings(city=city.path))
    with serve(app) as root:
        yield root, app.state.city_state.store


def test_eight_readers_each_get_their_own_answer(running, ids, rng):
    root, _ = running
    boxes = [
        (float(west), float(south), float(west) + 0.003, float(south) + 0.0012)
        for west, south in zip(
            113.999 + 0.01 * rng.random(ROUNDS), 30.3995 + 0.004 * rng.random(ROUNDS), strict=True
        )
    ]
    expected = [
        {ids.building(n) for n in range(40) if ids.shape(n).intersects(shapely.box(*box))}
        for box in boxes
    ]

    def read(reader: int) -> None:
        with httpx.Client(base_url=root, timeout=30) as client:
            for step in range(ROUNDS):
                turn = (step + 3 * reader) % ROUNDS
                found = client.get(
                    "/collections/buildings/items",
                    params={"bbox": ",".join(map(repr, boxes[turn])), "limit": 100},
                )
                assert found.status_code == 200, found.text
                assert {feature["id"] for feature in found.json()["features"]} == expected[turn]

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(read, range(READERS)))


def test_readers_never_see_half_a_change(running, ids):
    """Two things are renamed in one transaction, over and over; a page shows both or none."""
    root, store = running
    pair = (ids.building(2), ids.building(3))
    stop = threading.Event()

    def write() -> int:
        count = 0
        while not stop.is_set():
            count += 1
            with Store.transaction(store) as con:
                for eid in pair:
                    con.execute("UPDATE entity SET name = ? WHERE eid = ?", [f"版本{count}", eid])
                    con.execute(
                        "INSERT INTO change (at_time, kind, subject_kind, subject_id, collection) "
                        "VALUES (now()::TIMESTAMP, 'change', 'entity', ?, 'buildings')",
                        [eid],
                    )
        return count

    def read(_: int) -> set[tuple[str, ...]]:
        seen = set()
        with httpx.Client(base_url=root, timeout=30) as client:
            for _ in range(ROUNDS):
                page = client.get("/collections/buildings/items?limit=2&offset=2").json()
                seen.add(tuple(feature["properties"]["name"] for feature in page["features"]))
        return seen

    with ThreadPoolExecutor(READERS + 1) as pool:
        writing = pool.submit(write)
        seen = set().union(*pool.map(read, range(READERS)))
        stop.set()
        assert writing.result() > 3
    changed = {pair for pair in seen if pair[0].startswith("版本")}
    assert len(changed) > 1
    assert all(first == second for first, second in changed)
