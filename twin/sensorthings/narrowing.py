"""What SensorThings tells who sees a part of the streams: those, and what hangs on them."""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.sensorthings.model import entity
from twin.sensorthings.shapes import shapes_of
from twin.store import statement

__all__ = ["Part", "narrow"]


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the streams.

    Parameters
    ----------
    streams : ndarray of int64, shape (n,)
        Their ids.
    area : shapely.Geometry, optional
        Where locations and features must lie to be told (degrees, EPSG:4490); None: everywhere.
    """

    streams: NDArray[np.int64]
    area: shapely.Geometry | None = None


def narrow(con: duckdb.DuckDBPyConnection, part: Part) -> None:
    """Let a cursor see a part of the entities alone, under the names that all have.

    A Thing is seen with one of its Datastreams, a Location with one of its Things, if it lies in the area: so no place
    outside is told, nor a past one. MultiDatastreams have no place of their own and are not seen.
    """
    placed = {"kind": [], "id": []}  # type: dict[str, list[object]]
    for kind, name in (("location", "Locations"), ("feature", "FeaturesOfInterest")):
        for given in _inside(con, name, part.area):
            placed["kind"].append(kind)
            placed["id"].append(given)
    types = pa.schema([("kind", pa.string()), ("id", pa.int64())])
    con.register("sta_placed", pa.table(placed, schema=types))
    con.register("sta_shown", pa.table({"id": pa.array(part.streams, pa.int64())}))
    row = con.execute("SELECT current_database(), current_schema()").fetchone()
    assert row is not None  # noqa: S101 -- there always is one
    base = ".".join(f'"{name}"' for name in row)
    con.execute(statement("narrow", "twin.sensorthings").replace("{base}", base))


def _inside(con: duckdb.DuckDBPyConnection, name: str, area: shapely.Geometry | None) -> list[int]:
    of = entity(name)
    if area is None:
        return [row[0] for row in con.execute(f"SELECT id FROM {of.relation}").fetchall()]  # noqa: S608 -- a name of the model
    ids, shapes = shapes_of(con, of)
    shapely.prepare(area)
    found: list[int] = ids[np.asarray(shapely.intersects(area, shapes), bool)].tolist()
    return found
