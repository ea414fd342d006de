"""Small cities laid out in metres: things go into a real base, in degrees."""

import base64
import dataclasses
import uuid
import zlib
from datetime import datetime

import numpy as np
import orjson
import pytest
import shapely

from twin.analysis import SceneBook, Study, run
from twin.city import City
from twin.crs.local import LocalFrame
from twin.store import Store
from twin.terrain import Terrain

FRAME = LocalFrame(114.0, 30.5, 10.0)
SINCE = datetime(2026, 1, 1)
DATASET = "018f0000-0000-7000-8000-00000000d000"


def eid(number):
    return str(uuid.UUID(f"018f0000-0000-7000-8000-{number:012x}"))


def degrees(shape):
    def moved(xyz):
        lon, lat = FRAME.inverse(xyz[:, 0], xyz[:, 1])
        return np.column_stack([lon, lat, *xyz[:, 2:].T])

    return shapely.transform(shape, moved, include_z=bool(shapely.has_z(shape)))


class Town:
    """A base that is filled by hand, and asked."""

    def __init__(self, path):
        self.store = Store.open(City.init(path, name="测试城", admin_code="429871"))
        self.terrain = None
        self.book = SceneBook(self.store)
        self.count = 0

    def put(
        self, collection, shape, *, ground=None, height=None, code=None, until=None, **attributes
    ):
        """A thing at a shape in metres; its id."""
        self.count += 1
        name, role = (
            eid(self.count),
            {"Polygon": "footprint", "LineString": "centreline", "Point": "point"}[shape.geom_type],
        )
        placed = degrees(shape)
        z = (None, None)
        if shapely.has_z(shape):
            heights = shapely.get_coordinates(shape, include_z=True)[:, 2]
            z = (float(heights.min()), float(heights.max()))
        with self.store.transaction() as con:
            con.execute(
                "INSERT INTO entity VALUES (?, ?, 'x', ?, ?, ?, NULL, ?, 'active', ?, ?, ?, NULL, ?)",
                [name, code or collection.rstrip("s"), collection, f"{collection} {self.count}", height,
                 orjson.dumps(attributes).decode(), SINCE, until, SINCE, DATASET],
            )  # fmt: skip
            con.execute(
                "INSERT INTO geometry VALUES (uuid(), ?, ?, '1', NULL, ?, NULL, NULL, NULL, ?, ?, ?, ?, ?, ?, 0, ?)",
                [
                    name,
                    role,
                    shapely.to_wkb(placed, output_dimension=3, flavor="iso"),
                    *z,
                    *placed.bounds,
                    DATASET,
                ],
            )
            if ground is not None:
                con.execute(
                    "INSERT INTO anchor (subject_kind, subject_id, akind, ground_z, method, at_time) VALUES ('entity', ?, 'entity', ?, 'terrain', ?)",
                    [name, ground, SINCE],
                )
            self._log(con, "create", name, collection)
        return name

    def take_away(self, name):
        with self.store.transaction() as con:
            con.execute(
                "UPDATE entity SET valid_to = ? WHERE eid = ?", [datetime(2026, 2, 1), name]
            )
            self._log(con, "end", name, None)

    def _log(self, con, kind, name, collection):
        con.execute(
            "INSERT INTO change (at_time, kind, subject_kind, subject_id, collection) VALUES (?, ?, 'entity', ?, ?)",
            [SINCE, kind, name, collection],
        )

    @property
    def scene(self):
        scene = self.book.now()
        return scene if self.terrain is None else dataclasses.replace(scene, terrain=self.terrain)

    def level(self, height):
        """Ground of one height all around."""
        self.terrain = Terrain(
            np.full((3, 3), height, np.float32), (0.1, 0, 113.85, 0, -0.1, 30.65)
        )

    def ask(self, name, **inputs):
        return run(name, inputs, Study(self.scene, self.store))

    @staticmethod
    def cells(answer):
        """Cells of a viewshed from south to north."""
        raster = answer["raster"]
        data = zlib.decompress(base64.b64decode(raster["data"]))
        return np.frombuffer(data, np.uint8).reshape(raster["shape"])[::-1]

    @staticmethod
    def at(x, y, *z):
        """Degrees of metres."""
        lon, lat = FRAME.inverse(x, y)
        return [float(lon), float(lat), *map(float, z)]


@pytest.fixture
def town(tmp_path):
    found = Town(tmp_path / "city")
    yield found
    found.store.close()
