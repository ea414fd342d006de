"""A tiny city behind the tiler's source interface, and an independent reader of glb files."""

import functools
import itertools
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from tiles import meshopt
from twin.cloud import CloudAsset, CloudSpec, write_cloud
from twin.cloud.placed import PlacedCloud
from twin.heights import Heights
from twin.schema import MESHES
from twin.terrain import Terrain

LON, LAT = 114.08, 30.46
DEG = 1 / 111_320.0
ECEF = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)


def eid(i: int) -> str:
    return f"0190{i:04x}-0000-7000-8000-{i * 7919 % 16**12:012x}"


def box(x: float, y: float, width: float, depth: float) -> shapely.Polygon:
    """Rectangle in metres east and north of the city's corner."""
    squeeze = np.cos(np.deg2rad(LAT))
    lon, lat = LON + x * DEG / squeeze, LAT + y * DEG
    return shapely.box(lon, lat, lon + width * DEG / squeeze, lat + depth * DEG)


def footprints(n: int) -> list[shapely.Geometry]:
    """Rectangles, L shapes, courtyards and pairs, both windings, on a grid of 45 m."""
    out: list[shapely.Geometry] = []
    for i in range(n):
        x, y = 45.0 * (i % 40), 45.0 * (i // 40)
        whole = box(x, y, 24 + i % 7, 14 + i % 5)
        if i % 4 == 1:
            whole = whole.difference(box(x + 10, y + 6, 40, 40))
        elif i % 4 == 2:
            whole = whole.difference(box(x + 6, y + 4, 8, 5))
        elif i % 4 == 3:
            whole = shapely.union(box(x, y, 8, 9), box(x + 20, y, 9, 10))
        out.append(whole.reverse() if i % 3 == 0 else whole)
    return out


def cube_asset() -> pa.Table:
    """A unit cube with 24 vertices, once opaque, once of glass."""
    points, normals, index = [], [], []
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for side in (0, 1):
            quad = np.zeros((4, 3))
            quad[:, axis] = side
            quad[[1, 2], a] = 1
            quad[[2, 3], b] = 1
            normal = np.zeros(3)
            normal[axis] = 2 * side - 1
            start = len(points)
            points += list(quad if side else quad[::-1])
            normals += [normal] * 4
            index += [start + k for k in (0, 1, 2, 0, 2, 3)]
    p, n = np.array(points, "<f4").tobytes(), np.array(normals, "<f4").tobytes()
    solid = np.tile(np.array([200, 150, 100, 255], np.uint8), (24, 1)).tobytes()
    glass = np.tile(np.array([100, 180, 220, 90], np.uint8), (24, 1)).tobytes()
    rows = {
        "mesh_id": ["cube", "glass", "bare"],
        "positions": [p] * 3,
        "normals": [n] * 3,
        "colors": [solid, glass, None],
        "indices": [np.array(index, "<u4").tobytes()] * 3,
    }
    return pa.table(rows, schema=MESHES)


def enu(lon: float, lat: float, h: float) -> np.ndarray:
    """East-north-up frame from the definition, with pyproj's point."""
    lam, phi = np.deg2rad([lon, lat])
    out = np.eye(4)
    out[:3, 0] = -np.sin(lam), np.cos(lam), 0
    out[:3, 1] = -np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)
    out[:3, 2] = np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)
    out[:3, 3] = ECEF.transform(lon, lat, h)
    return out


def placed_mesh(
    i: int, x: float, y: float, z: float, size: tuple[float, float, float], **row: str
) -> dict:
    scale = np.eye(4)
    scale[:3, :3] = np.diag(size)
    scale[:3, 3] = x, y, z
    return {
        "eid": eid(i),
        "class_code": "element",
        "name": f"构件{i}",
        "storey": None,
        "building_eid": None,
        "asset": "a",
        "mesh_id": "cube",
        "matrix": (enu(LON, LAT, 12.0) @ scale).ravel().tolist(),
        "lon": LON,
        "lat": LAT,
        "zmin": 12 + z,
        "zmax": 12 + z + size[2],
    } | row


KEPT = tempfile.TemporaryDirectory(prefix="citytwin-test-clouds-")
SCANNED = CloudSpec((0.001, 0.001, 0.001), (500_000.0, 3_370_000.0, 0.0))


def scan(n: int = 20_000, seed: int = 3) -> dict[str, np.ndarray]:
    """A street of 200 m with a house: ground and roof, coloured, as a LAS file holds it."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(7600, 7800, n), rng.uniform(500, 560, n)
    roof = (x > 7650) & (x < 7690) & (y > 520)
    z = 20 + x / 100 + np.where(roof, 9, 0) + rng.normal(0, 0.02, n)
    out = {c: np.rint(v * 1000).astype(np.int32) for c, v in zip("xyz", (x, y, z), strict=True)}
    out["intensity"] = (np.arange(n) % 65_536).astype(np.uint16)
    out["classification"] = np.where(roof, 6, 2).astype(np.uint8)
    for k, name in enumerate(("red", "green", "blue")):
        out[name] = rng.integers(0, 255, n).astype(np.uint16) * 257 // (k + 1)
    return out


def stored_cloud(
    columns: dict[str, np.ndarray],
    folder: Path,
    spec: CloudSpec = SCANNED,
    crs: str = "EPSG:4547",
    **more: object,
) -> PlacedCloud:
    """Columns as an asset of the base."""
    name, _ = write_cloud(folder, spec, crs, "1985", [columns])
    return PlacedCloud(eid(4000), "扫描", CloudAsset(folder / name), Heights(-12.5), **more)


@functools.cache
def city_cloud() -> PlacedCloud:
    return stored_cloud(scan(), Path(KEPT.name))


@dataclass
class City:
    """A TileSource in memory."""

    n: int = 120
    height: dict[int, float] = field(default_factory=dict)

    def buildings(self) -> pa.Table:
        n = self.n
        height = [self.height.get(i, 6.0 + i % 30) for i in range(n)]
        columns = {
            "eid": [eid(i) for i in range(n)],
            "class_code": ["building"] * n,
            "name": [f"{i}号楼" for i in range(n)],
            "height_m": pa.array(
                [None if i == 5 else h for i, h in enumerate(height)], pa.float64()
            ),
            "floors": pa.array(
                [None if i == 5 else int(h / 3) for i, h in enumerate(height)], pa.int32()
            ),
            "base_z": [12.0] * n,
            "wkb": shapely.to_wkb(np.array(footprints(n))),
            "usage": [("住宅", "办公", "工业", "")[i % 4] for i in range(n)],
        }
        return pa.table(columns)

    def meshes(self) -> pa.Table:
        rows = []
        for storey in range(3):
            z, part_of = storey * 3.0, {"building_eid": "tower", "storey": f"{storey + 1}层"}
            k = 1000 + storey * 10
            rows += [
                placed_mesh(k, 0, 0, z, (20, 0.3, 3), **part_of),
                placed_mesh(k + 1, 0, 10, z, (20, 0.3, 3), **part_of),
                placed_mesh(k + 2, 5, 0, z + 1, (1.2, 0.4, 1.4), mesh_id="glass", **part_of),
                placed_mesh(
                    k + 3, 1, 1, z, (8, 8, 2.8), class_code="room", mesh_id="bare", **part_of
                ),
            ]
        rows.append(placed_mesh(1100, 200, 200, 0, (-10, 10, 6), class_code="building"))
        return pa.Table.from_pylist(rows)

    def asset(self, sha: str) -> pa.Table:
        assert sha == "a"
        return cube_asset()

    def image(self, name: str) -> bytes | None:
        return {}.get(name)

    def pipes(self) -> pa.Table:
        lines = [
            shapely.LineString(
                [(LON, LAT, 9), (LON + 0.001, LAT, 9), (LON + 0.001, LAT + 0.001, 8.5)]
            ),
            shapely.LineString([(LON, LAT, 10), (LON, LAT + 0.002, 10.5)]),
        ]
        return pa.table(
            {
                "eid": [eid(2000), eid(2001)],
                "class_code": ["pipe_gas", "pipe_water"],
                "name": ["", None],
                "diameter_mm": pa.array([1000.0, None], pa.float64()),
                "wkb": shapely.to_wkb(np.array(lines), output_dimension=3),
            }
        )

    def furniture(self) -> pa.Table:
        n = 40
        columns = {
            "eid": [eid(5000 + i) for i in range(n)],
            "class_code": [("04002", "01037", "01002", "02008")[i % 4] for i in range(n)],
            "name": ["" for _ in range(n)],
            "lon": [LON + 0.0002 * (i % 8) for i in range(n)],
            "lat": [LAT + 0.0002 * (i // 8) for i in range(n)],
            "z": pa.array([None if i == 0 else 12.0 + i / 10 for i in range(n)], pa.float64()),
        }
        return pa.table(columns)

    def flat(self, collection: str) -> pa.Table:
        if collection == "components":
            geometry: list[shapely.Geometry] = [
                shapely.Point(LON + 0.0001 * i, LAT + 0.00007 * i) for i in range(200)
            ]
        elif collection == "grids":
            geometry = [box(150 * (i % 4), 150 * (i // 4), 150, 150) for i in range(16)]
            geometry[3] = geometry[3].difference(box(460, 10, 50, 50))
        else:
            geometry = []
        n = len(geometry)
        columns = {
            "eid": [eid(3000 + i) for i in range(n)],
            "class_code": [collection] * n,
            "name": [f"{collection}{i}" for i in range(n)],
            "wkb": pa.array(shapely.to_wkb(np.array(geometry, dtype=object)).tolist(), pa.binary()),
            "attributes": [
                json.dumps({"code": f"{i:017d}", "floors": i, "odd": [1]}) for i in range(n)
            ],
        }
        return pa.table(columns)

    def collections(self) -> list[str]:
        return ["components", "grids"]

    def version(self, collection: str) -> int:
        return len(collection)

    def clouds(self) -> list[PlacedCloud]:
        return [city_cloud()]

    def terrain(self) -> Terrain | None:
        y, x = np.mgrid[0:200, 0:240]
        z = (
            12
            + 5 * np.sin(x / 25) * np.cos(y / 30)
            + 40 * np.exp(-(((x - 150) / 30) ** 2) - ((y - 60) / 25) ** 2)
        )
        return Terrain(z.astype(np.float32), (1e-4, 0.0, LON - 0.002, 0.0, -1e-4, LAT + 0.018))

    def imagery(self) -> list[tuple[np.ndarray, tuple[float, ...], str]]:
        east, north, _ = 507_500.0, 3_371_500.0, 0
        data = np.zeros((600, 700, 4), np.uint8)
        data[..., 3] = 255
        data[:300, :350] = (220, 30, 30, 255)
        data[:300, 350:] = (30, 200, 30, 255)
        data[300:, :350] = (30, 30, 220, 255)
        data[300:, 350:] = (230, 220, 40, 255)
        return [(data, (1.0, 0.0, east, 0.0, -1.0, north), "EPSG:4547")]

    def bounds(self) -> tuple[float, float, float, float]:
        return LON - 0.002, LAT - 0.002, LON + 0.022, LAT + 0.018


@dataclass
class Glb:
    """What an independent reader sees in a glb."""

    document: dict
    positions: np.ndarray
    normals: np.ndarray
    colors: np.ndarray
    ids: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    properties: dict

    @property
    def z_up(self) -> np.ndarray:
        p = self.positions.astype(float)
        return np.column_stack([p[:, 0], -p[:, 2], p[:, 1]])


def unpacked(view: dict, binary: bytes) -> bytes:
    """The bytes of a buffer view, compressed or not."""
    packed = view.get("extensions", {}).get("EXT_meshopt_compression")
    place = packed or view
    data = binary[place["byteOffset"] : place["byteOffset"] + place["byteLength"]]
    if packed is None:
        return data
    count, stride = packed["count"], packed["byteStride"]
    if packed["mode"] == "TRIANGLES":
        return meshopt.decode_triangles(data, count).astype(f"<u{stride}").tobytes()
    if packed["mode"] == "INDICES":
        return meshopt.decode_sequence(data, count).astype(f"<u{stride}").tobytes()
    rows = meshopt.decode_attributes(data, count, stride)
    if packed.get("filter") == "EXPONENTIAL":
        return meshopt.from_exponential(rows.view("<u4")).tobytes()
    return rows.tobytes()


def read_glb(path: Path) -> Glb:
    """Parse with struct, json and the decoders of the codecs; primitives are joined."""
    blob = path.read_bytes()
    size = struct.unpack_from("<I", blob, 12)[0]
    document = json.loads(blob[20 : 20 + size])
    binary = blob[28 + size :]

    def view(i: int) -> bytes:
        return unpacked(document["bufferViews"][i], binary)

    def accessor(i: int) -> np.ndarray:
        a = document["accessors"][i]
        v = document["bufferViews"][a["bufferView"]]
        dtype = np.dtype(
            {5120: "i1", 5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[a["componentType"]]
        )
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[a["type"]]
        stride = v.get("byteStride", dtype.itemsize * width)
        raw = view(a["bufferView"])
        rows = [np.frombuffer(raw, dtype, width, k * stride) for k in range(a["count"])]
        return np.array(rows)

    parts: list[list[np.ndarray]] = [[] for _ in range(6)]
    seen = 0
    for p in document["meshes"][0]["primitives"]:
        position = accessor(p["attributes"]["POSITION"])
        index = accessor(p["indices"]).reshape(-1, 3).astype(int)
        found = [
            position,
            accessor(p["attributes"]["NORMAL"]) / 127,
            accessor(p["attributes"]["COLOR_0"]),
            accessor(p["attributes"]["_FEATURE_ID_0"]).ravel().astype(int),
            index + seen,
            np.full(len(index), p["material"]),
        ]
        for store, values in zip(parts, found, strict=True):
            store.append(values)
        seen += len(position)
    meta = document["extensions"]["EXT_structural_metadata"]
    schema = meta["schema"]["classes"]["feature"]["properties"]
    table = meta["propertyTables"][0]
    properties = {}
    for name, entry in table["properties"].items():
        raw = view(entry["values"])
        if schema[name]["type"] == "STRING":
            ends = np.frombuffer(view(entry["stringOffsets"]), "<u4")
            properties[name] = [raw[a:b].decode() for a, b in itertools.pairwise(ends)]
        else:
            kind = {"FLOAT32": "<f4", "INT16": "<i2"}[schema[name]["componentType"]]
            properties[name] = np.frombuffer(raw, kind, table["count"])
    return Glb(document, *(np.concatenate(p) for p in parts), properties)


def world(folder: Path) -> dict[str, np.ndarray]:
    """ECEF vertices of every feature of a tileset by eid, along the transforms."""
    out: dict[str, list[np.ndarray]] = {}

    def visit(tile: dict, parent: np.ndarray) -> None:
        matrix = parent @ np.array(tile.get("transform", np.eye(4).ravel())).reshape(4, 4).T
        if tile.get("content", {}).get("uri", "").endswith(".glb"):
            glb = read_glb(folder / tile["content"]["uri"])
            points = glb.z_up @ matrix[:3, :3].T + matrix[:3, 3]
            for i, name in enumerate(glb.properties["eid"]):
                out.setdefault(name, []).append(points[glb.ids == i])
        for child in tile.get("children", []):
            visit(child, matrix)

    visit(json.loads((folder / "tileset.json").read_text())["root"], np.eye(4))
    return {k: np.concatenate(v) for k, v in out.items()}


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits at which a few hundred buildings make a deep tree."""
    monkeypatch.setattr("tiles.membership.LEAF_FEATURES", 12)
    monkeypatch.setattr("tiles.membership.DISTRICT_FEATURES", 60)


@pytest.fixture
def city() -> City:
    return City()


@pytest.fixture(scope="session")
def make_city() -> type[City]:
    return City


@pytest.fixture(scope="session")
def glb() -> Callable[[Path], Glb]:
    return read_glb


@pytest.fixture(scope="session")
def vertices() -> Callable[[Path], dict[str, np.ndarray]]:
    return world


@pytest.fixture(scope="session")
def frame() -> Callable[[float, float, float], np.ndarray]:
    return enu


@pytest.fixture(scope="session")
def to_ecef() -> pyproj.Transformer:
    return ECEF


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every layer of the tiny city."""
    import tiles

    out = tmp_path_factory.mktemp("city") / "tiles"
    tiles.build(City(), out)
    return out


_READ = """
import json, sys, pyarrow as pa, pyogrio
path, layer = sys.argv[1:]
meta, table = pyogrio.read_arrow(path, layer=layer)
names = [str(name) for name, _ in pyogrio.list_layers(path)]
about = json.dumps({"crs": meta["crs"], "layers": names})
table = table.replace_schema_metadata({"about": about})
with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
    stream.write_table(table)
"""


@pytest.fixture(scope="session")
def gdal() -> Callable[[str, str], tuple[dict[str, Any], pa.Table]]:
    """GDAL as others have it: in its own process, for our loaders take drivers away from theirs.

    Takes what GDAL opens and a layer; gives ``crs`` and ``layers``, and the rows.
    """

    def read(source: str, layer: str) -> tuple[dict[str, Any], pa.Table]:
        done = subprocess.run(
            [sys.executable, "-c", _READ, source, layer], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        table = pa.ipc.open_stream(done.stdout).read_all()
        return json.loads(table.schema.metadata[b"about"]), table

    return read
