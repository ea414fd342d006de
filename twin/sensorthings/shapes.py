"""Spatial functions of ``$filter``: computed by shapely over the shapes of a whole entity set, in degrees.

The base has no spatial SQL; locations and features are few against observations. What a function gives for
each of them is bound to the statement as a column.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import duckdb
import numpy as np
import shapely
from numpy.typing import NDArray

from twin.errors import InvalidRequestError
from twin.sensorthings.model import Entity

__all__ = ["MEASURES", "RELATIONS", "Shapes", "literal_shape", "matching", "shapes_of"]

RELATIONS: Final[Mapping[str, Callable[..., Any]]] = {
    **{
        f"st_{name}": getattr(shapely, name)
        for name in ("equals", "disjoint", "touches", "within", "overlaps", "crosses", "intersects", "contains")
    },
    "geo.intersects": shapely.intersects,
}  # fmt: skip
"""Functions of two shapes that are true or false."""

MEASURES: Final = ("geo.distance", "geo.length")
"""Functions of shapes that give a number: degrees."""

Shapes = Callable[[Entity], tuple[NDArray[np.int64], NDArray[np.object_]]]
"""Ids and shapes of an entity set."""


def shapes_of(con: duckdb.DuckDBPyConnection, of: Entity) -> tuple[NDArray[np.int64], NDArray[np.object_]]:  # fmt: skip
    """Ids and shapes (degrees, flat) of the locations or features of a base."""
    sql = f"SELECT id, geometry::VARCHAR AS geometry FROM {of.relation} WHERE geometry IS NOT NULL"  # noqa: S608 -- a name of the model
    found = con.execute(sql).to_arrow_table()
    texts = found["geometry"].to_numpy(zero_copy_only=False)
    shapes = shapely.force_2d(shapely.from_geojson(texts)) if len(texts) else np.array([], object)
    return found["id"].to_numpy(), np.asarray(shapes, object)


def literal_shape(text: str) -> Any:  # noqa: ANN401 -- shapely has no types
    """A shape from WKT, with or without ``SRID=4326;``.

    Raises
    ------
    InvalidRequestError
        If it is none.
    """
    bare = text.partition(";")[2] if text.upper().startswith("SRID=") else text
    try:
        shape = shapely.from_wkt(bare)
    except shapely.errors.GEOSException:
        shape = None
    if shape is None or shape.is_empty:
        raise InvalidRequestError(
            f"$filter: {text[:60]!r} is no geometry as WKT, longitude first.", "$filter"
        )
    return shapely.force_2d(shape)


def matching(pattern: str) -> Callable[[Any, Any], Any]:
    """Whether two shapes are related as a pattern of DE-9IM says.

    Raises
    ------
    InvalidRequestError
        If it is no pattern of nine.
    """
    if len(pattern) != 9 or set(pattern.upper()) - set("TF*012"):
        raise InvalidRequestError(
            f"$filter: {pattern[:20]!r} is no pattern of DE-9IM, such as 'T*T***T**'.", "$filter"
        )
    return lambda a, b: shapely.relate_pattern(a, b, pattern.upper())
