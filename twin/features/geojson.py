"""Things as encoded GeoJSON features: what a page of items is made of."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.store.shapes import rounded

__all__ = ["PLAIN", "encoded", "properties"]

PLAIN: Final = ("class_code", "name", "height_m", "floors", "lifecycle")
"""Typed fields that a feature shows, in this order, before its attributes."""
TIMES: Final = ("valid_from", "valid_to")


def properties(thing: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of one thing: typed fields, then its attributes under their own names, then its times.

    Examples
    --------
    >>> properties({"class_code": "building", "name": None}, {"usage": "住宅", "name": "x"})
    {'class_code': 'building', 'name': None, 'usage': '住宅'}
    """
    typed = {name: thing[name] for name in PLAIN if name in thing}
    times = {name: f"{thing[name].isoformat()}Z" for name in TIMES if thing.get(name) is not None}
    if not typed.keys() & attributes.keys():
        return {**typed, **attributes, **times}
    return typed | {name: value for name, value in attributes.items() if name not in typed} | times


def encoded(
    things: pa.Table | pa.RecordBatch,
    shapes: NDArray[np.object_],
    attributes: list[dict[str, Any]],
) -> list[bytes]:
    """Features of things as JSON bytes.

    Parameters
    ----------
    things : pa.Table or pa.RecordBatch
        Columns eid, valid_from, valid_to and those of :data:`PLAIN`.
    shapes : ndarray of object, shape (n,)
        Degrees (EPSG:4490) and metres above the ellipsoid, as :func:`twin.store.shapes.shown` gives them.
    attributes : list of dict, length n

    Returns
    -------
    list of bytes, length n
        CRS84, or CRS84h where the shape has heights; coordinates to 11 mm, heights to 1 mm.
    """
    texts = shapely.to_geojson(rounded(shapes))
    texts[shapely.is_missing(shapes)] = "null"
    rows = things.select(["eid", *PLAIN, *TIMES]).to_pylist()
    dumps = orjson.dumps
    return [
        b'{"type":"Feature","id":"%b","geometry":%b,"properties":%b}'
        % (row["eid"].encode(), text.encode(), dumps(properties(row, own)))
        for row, text, own in zip(rows, texts.tolist(), attributes, strict=True)
    ]
