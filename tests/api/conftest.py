"""A small real city, served by a real server on a free loopback port."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import orjson
import pytest
import shapely
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.ogc.lane import BEGINNINGS
from api.standing.wire import bounded
from twin.city import City
from twin.settings import ServerSettings
from twin.store import Store

DATASET = "018f0000-0000-7000-8000-00000000d000"
SINCE = datetime(2026, 1, 1)
BUILDINGS = 40


def eid(kind: int, number: int) -> str:
    """Readable ids: 018f0000-…-<kind><number>."""
    return str(uuid.UUID(f"018f0000-0000-7000-8000-{kind:04x}{number:08x}"))


TOWER, COURTYARD, OLD, ROOM, GRID, PIPE, MERGED, LOST = (
    eid(0xA, 0),
    eid(0xA, 1),
    eid(0xF, 1),
    eid(0xC, 301),
    eid(0xD, 1),
    eid(0xE, 1),
    eid(0xF, 2),
    eid(0xF, 3),
)
CASE = eid(0xCA, 1)


def building_shape(number: int) -> shapely.Polygon:
    """Squares of 0.0004° on a raster of 0.001° from 114.0, 30.4, ten a row; 1 is a triangle."""
    west, south = 114.0 + 0.001 * (number % 10), 30.4 + 0.001 * (number // 10)
    if number == 1:
        return shapely.Polygon([(west, south), (west + 4e-4, south), (west, south + 4e-4)])
    return shapely.box(west, south, west + 4e-4, south + 4e-4)


def _put(
    con,
    eid_,
    collection,
    code,
    name,
    shape,
    role,
    *,
    attributes=None,
    height=None,
    floors=None,
    z=(None, None),
    until=None,
):
    edition = "GB/T 47678.5-2026" if collection == "components" else "citytwin-2026"
    con.execute(
        "INSERT INTO entity VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, NULL, ?)",
        [
            eid_,
            code,
            edition,
            collection,
            name,
            height,
            floors,
            orjson.dumps(attributes or {}).decode(),
            SINCE,
            until,
            SINCE,
            DATASET,
        ],
    )
    if shape is None:
        return
    box = shape.bounds
    wkb = None if role == "mesh" else shapely.to_wkb(shape, output_dimension=3, flavor="iso")
    con.execute(
        "INSERT INTO geometry VALUES "
        "(uuid(), ?, ?, '1', 'CIM2', ?, NULL, NULL, NULL, ?, ?, ?, ?, ?, ?, 0, ?)",
        [eid_, role, wkb, z[0], z[1], *box, DATASET],
    )


def _things(con) -> None:
    for number in range(BUILDINGS):
        name = "临江花园5号楼" if number == 0 else f"住宅{number}号楼"
        usage = "住宅" if number % 2 else "商业"
        _put(
            con,
            eid(0xA, number),
            "buildings",
            "building",
            name,
            building_shape(number),
            "footprint",
            height=3.0 * (number + 1),
            floors=number + 1,
            attributes={"usage": usage, "year_built": 2000 + number, 'a/b"c': "x"},
            z=(10.0, 13.0 + 3 * number) if number < 39 else (None, None),
        )
    for number in range(300):
        place = shapely.Point(114.0 + 1e-4 * (number % 100), 30.4 + 1e-3 * (number // 100))
        _put(
            con,
            eid(0xB, number),
            "components",
            "01001",
            None,
            place,
            "point",
            attributes={"code": f"42987101001{number:06d}"},
        )
    _put(
        con,
        GRID,
        "grids",
        "grid_unit",
        "网格001",
        shapely.box(113.9, 30.3, 114.1, 30.5),
        "area",
        attributes={"code": "429871001001001"},
    )
    pipe = shapely.LineString([(114.0, 30.4005, 8.0), (114.01, 30.4005, 7.0)])
    _put(
        con,
        PIPE,
        "pipes",
        "pipe_gas",
        "燃气主干管",
        pipe,
        "centreline",
        attributes={"diameter_mm": 300},
        z=(6.85, 8.15),
    )
    room = shapely.box(114.0001, 30.4001, 114.0002, 30.4002)
    _put(
        con,
        ROOM,
        "rooms",
        "room",
        "301室",
        room,
        "mesh",
        attributes={"number": "301"},
        z=(16.0, 19.0),
    )
    _put(
        con,
        OLD,
        "buildings",
        "building",
        "旧仓库",
        shapely.box(114.02, 30.4, 114.021, 30.401),
        "footprint",
        until=datetime(2026, 5, 1),
    )


def _past(con) -> None:
    """The tower was called otherwise; two ids went into others; the warehouse was pulled down."""
    con.execute(
        "INSERT INTO entity_history SELECT * REPLACE ('5号地块在建楼' AS name, 1 AS floors, "
        "TIMESTAMP '2025-01-01' AS valid_from, TIMESTAMP '2026-01-01' AS valid_to, "
        "TIMESTAMP '2025-01-01' AS known_from, TIMESTAMP '2026-01-01' AS known_to) "
        "FROM entity WHERE eid = ?",
        [TOWER],
    )
    con.execute("INSERT INTO lineage VALUES (?, ?, 'merged_into', 1.0, ?)", [MERGED, TOWER, SINCE])
    con.execute(
        "INSERT INTO lineage VALUES (?, ?, 'replaced_by', 1.0, ?)",
        [OLD, COURTYARD, datetime(2026, 5, 1)],
    )


def _ties(con) -> None:
    for scheme, value, of in (
        ("source:建筑物", "B-0001", TOWER),
        ("ifc.guid", "2O2Fr$t4X7Zf8NOew3FNr2", ROOM),
        ("building.code", "LJ-0005", TOWER),
        ("grid.code", "429871001001001", GRID),
        ("gbt47678.component", "42987101001000007", eid(0xB, 7)),
    ):
        con.execute(
            "INSERT INTO alias VALUES (?, ?, ?, ?, NULL, ?)", [scheme, value, of, SINCE, DATASET]
        )
    con.execute(
        "INSERT INTO relation VALUES (?, ?, 'part_of', NULL, ?, NULL, ?)",
        [ROOM, TOWER, SINCE, DATASET],
    )
    for kind, subject, of, place in (
        ("entity", TOWER, TOWER, (114.0002, 30.4002, 10.0)),
        ("entity", ROOM, ROOM, (114.00015, 30.40015, 16.0)),
        ("entity", eid(0xA, 39), None, (114.0092, 30.4032, 10.0)),
        ("datastream", "1", TOWER, (114.0002, 30.4002, 12.0)),
        ("case", CASE, TOWER, (114.0002, 30.4002, 10.0)),
    ):
        con.execute(
            "INSERT INTO anchor VALUES (?, ?, 'entity', ?, NULL, ?, '001', ?, ?, ?, 10.0, "
            "'geometry', 1.0, '{\"rule\":\"inside\"}', NULL, ?)",
            [kind, subject, of, GRID, *place, SINCE],
        )
    con.execute(
        "INSERT INTO fusion VALUES (?, ?, 'ifc-1', ?, 0.93, 'overlap', 'merge', '{\"iou\": 0.91}')",
        [SINCE, DATASET, TOWER],
    )
    con.execute(
        "INSERT INTO conflict VALUES (?, ?, 'floors', '1', '18', ?)", [SINCE, TOWER, DATASET]
    )


def _live(con) -> None:
    thing = eid(0x7, 1)
    con.execute(
        "INSERT INTO thing VALUES (?, 'T-1', '5号楼燃气探测器', '燃气', NULL, ?, NULL)",
        [thing, DATASET],
    )
    con.execute(
        "INSERT INTO datastream VALUES (1, ?, 'GAS-0001', '甲烷浓度', '%', '燃气', "
        "NULL, 1.0, NULL, 2.0, 60, 'building.code', 'LJ-0005', "
        "114.0002, 30.4002, 12.0, 'ellipsoid', NULL, ?, NULL)",
        [thing, DATASET],
    )
    con.execute("INSERT INTO latest VALUES (1, ?, 0.4, 'normal')", [datetime(2026, 6, 1, 8)])
    con.execute(
        "INSERT INTO case_file VALUES (?, 'AJ20260601001', '管理事项', '02103', "
        "'GB/T 47678.5-2026', '暴露垃圾', '楼下', '临江花园5号楼', 114.0002, 30.4002, "
        "'立案', ?, NULL, '市民', '城管', NULL, NULL, ?, NULL, NULL, NULL)",
        [CASE, datetime(2026, 6, 1), DATASET],
    )


ADDRESSES = (
    ("p", None, "province", "湖北省", None),
    ("c", "p", "city", "云梦泽市", None),
    ("d", "c", "county", "临江示范区", None),
    ("s", "d", "street", "滨江街道", None),
    ("r", "s", "road", "临江大道", None),
    ("n", "r", "number", "35号", None),
    ("k", "n", "compound", "临江花园", None),
    ("b", "k", "building", "5号楼", TOWER),
    ("u", "b", "unit", "2单元", None),
    ("f", "u", "floor", "3层", None),
    ("o", "f", "room", "301室", ROOM),
)


def _addresses(con) -> None:
    full = ""
    for node, parent, level, name, of in ADDRESSES:
        full += name
        z = 16.0 if level == "room" else 10.0
        con.execute(
            'INSERT INTO address_node (node_id, parent_id, level, name, "full", lon, lat, z, eid, status, dataset_id) '
            "VALUES (?, ?, ?, ?, ?, 114.00015, 30.40015, ?, ?, 'active', ?)",
            [
                node.rjust(16, "0"),
                parent and parent.rjust(16, "0"),
                level,
                name,
                full,
                z,
                of,
                DATASET,
            ],
        )


def _tiles(folder: Path) -> None:
    (folder / "buildings").mkdir()
    (folder / "buildings" / "tileset.json").write_bytes(
        b'{"asset":{"version":"1.1"},"geometricError":1}'
    )
    (folder / "buildings" / "0.glb").write_bytes(b"glTF" + bytes(range(256)) * 8)
    (folder / "buildings" / "plan.exe").write_bytes(b"MZ")
    (folder / "terrain" / "0" / "0").mkdir(parents=True)
    (folder / "terrain" / "layer.json").write_bytes(b'{"format":"quantized-mesh-1.0"}')
    (folder / "terrain" / "0" / "0" / "0.terrain").write_bytes(b"\0" * 100)
    (folder / "imagery" / "1" / "1").mkdir(parents=True)
    (folder / "imagery" / "tilejson.json").write_bytes(
        b'{"minzoom":1,"maxzoom":18,"bounds":[114,30,115,31]}'
    )
    (folder / "imagery" / "1" / "1" / "0.webp").write_bytes(b"RIFF0000WEBP")
    (folder / "mvt" / "grids" / "3" / "6").mkdir(parents=True)
    (folder / "mvt" / "grids" / "tilejson.json").write_bytes(b"{}")
    (folder / "mvt" / "grids" / "3" / "6" / "3.mvt").write_bytes(b"\x1a\x02mv")
    (folder / "manifest.json").write_bytes(b"{}")
    (folder.parent / "secret.json").write_bytes(b'"do not serve"')
    (folder / "link.json").symlink_to(folder.parent / "secret.json")


def build_city(path: Path) -> City:
    """40 buildings, 300 components, a grid cell, a pipe, a room, a stream, a case, an address."""
    city = City.init(
        path, name="测试城", admin_code="429871", source_crs="EPSG:4547", undulation=-12.8
    )
    with Store.open(city) as store, store.transaction() as con:
        con.execute(
            "INSERT INTO dataset (dataset_id, source_key, format, kind, licence, crs_used, crs_why, "
            "loaded_at) VALUES "
            "(?, '建筑物.shp', 'ESRI Shapefile', 'features', 'CC0', 'EPSG:4547', 'declared', ?)",
            [DATASET, SINCE],
        )
        for fill in (_things, _past, _ties, _live, _addresses):
            fill(con)
        con.execute(
            "INSERT INTO change (at_time, kind, subject_kind) VALUES (?, 'load', 'dataset')",
            [SINCE],
        )
    _tiles(city.tiles)
    return city


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application on a free port; gives its address."""
    listener = socket.socket(
        socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # the protocol named: asyncio sets NODELAY
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
            http=bounded(
                60.0,
                getattr(app.state, "short", None),
                BEGINNINGS,
                getattr(app.state, "later", None),
            ),
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    for _ in range(3000):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.02)
    assert server.started, "the server did not start"
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture(scope="session")
def serve() -> Callable:
    """``with serve(app) as root``: a real server for the length of the block."""
    return serving


@pytest.fixture(scope="session")
def make_city() -> Callable:
    """``make_city(path)``: a small city of its own."""
    return build_city


@pytest.fixture(scope="session")
def city(tmp_path_factory) -> City:
    return build_city(tmp_path_factory.mktemp("api") / "city")


@pytest.fixture(scope="session")
def address(city) -> Iterator[str]:
    with serving(create_app(ServerSettings(city=city.path))) as root:
        yield root


@pytest.fixture(scope="session")
def client(address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=180) as session:
        yield session


@pytest.fixture(scope="session")
def ids() -> SimpleNamespace:
    """Ids of the things tests ask for."""
    return SimpleNamespace(
        tower=TOWER,
        courtyard=COURTYARD,
        old=OLD,
        room=ROOM,
        grid=GRID,
        pipe=PIPE,
        merged=MERGED,
        lost=LOST,
        case=CASE,
        building=lambda n: eid(0xA, n),
        component=lambda n: eid(0xB, n),
        shape=building_shape,
    )


@pytest.fixture
def get(client) -> Callable:
    """GET that must succeed, as JSON."""

    def read(path: str, **params):
        found = client.get(path, params=params or None)  # {} would drop the query of path
        assert found.status_code == 200, found.text
        return found.json()

    return read


@pytest.fixture(scope="session")
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
