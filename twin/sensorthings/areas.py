"""The observed area of Datastreams: the box of the features their observations are of, kept as observations come (18-088, 8.2.4).

What a stream observes now is where its thing stands (its default feature), which costs nothing per reading;
``sta_extent`` has the boxes of what it observed before, and of features that observations name themselves. A feature
that is changed later does not change them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import orjson
import shapely

__all__ = ["observed_areas", "widen", "within"]

_PARTS = """
SELECT d.id, d.observed_area::VARCHAR AS given, f.geometry::VARCHAR AS now, e.west, e.south, e.east, e.north
FROM sta_datastream d LEFT JOIN sta_feature f ON f.id = d.feature LEFT JOIN sta_extent e ON e.datastream = d.id
WHERE d.id IN (SELECT unnest($ids))"""
_WIDEN = """
INSERT INTO sta_extent VALUES ($stream, $west, $south, $east, $north) ON CONFLICT (datastream) DO UPDATE SET
west = least(west, excluded.west), south = least(south, excluded.south),
east = greatest(east, excluded.east), north = greatest(north, excluded.north)"""


def widen(con: duckdb.DuckDBPyConnection, stream: int, feature: int | None) -> None:
    """The observed area of a Datastream holds a feature from now on."""
    row = con.execute(
        "SELECT geometry::VARCHAR FROM sta_feature WHERE id = $f AND geometry IS NOT NULL",
        {"f": feature},
    ).fetchone()
    if row is None:
        return
    west, south, east, north = shapely.bounds(shapely.from_geojson(row[0])).tolist()
    box = {"west": west, "south": south, "east": east, "north": north}
    con.execute(_WIDEN, {"stream": stream, **box})


def observed_areas(
    con: duckdb.DuckDBPyConnection, ids: Sequence[int], observed: Collection[int]
) -> dict[int, Any]:
    """Observed area of Datastreams, as GeoJSON in degrees: a Point or the Polygon of a box.

    What the client gave stays where it holds everything; otherwise the box holds both.

    Parameters
    ----------
    ids : sequence of int
        Datastreams.
    observed : collection of int
        Those that have an observation.

    Returns
    -------
    dict of int to JSON
        Of those that have one.
    """
    found = con.execute(_PARTS, {"ids": list(ids)}).to_arrow_table()
    given, now = (_bounds(found[name].to_pylist()) for name in ("given", "now"))
    now[~np.isin(found["id"].to_numpy(), np.fromiter(observed, np.int64))] = np.nan
    kept = np.column_stack(
        [found[name].to_numpy(zero_copy_only=False) for name in ("west", "south", "east", "north")]
    ).astype(float)
    seen = _union(now, kept)
    both = _union(given, seen)
    covered = (np.isnan(seen) | (both == given)).all(axis=1)
    out: dict[int, Any] = {}
    for stream, text, box, own in zip(
        found["id"].to_pylist(), found["given"].to_pylist(), both.tolist(), covered.tolist(), strict=True
    ):  # fmt: skip
        if own and text is not None:
            out[stream] = orjson.Fragment(text)
        elif box[0] == box[0]:
            out[stream] = _geojson(*box)
    return out


def within(areas: Mapping[int, Any], area: shapely.Geometry) -> dict[int, Any]:
    """Observed areas that lie in an area: one that reaches farther tells of places outside."""
    shapes = shapely.from_geojson(
        [orjson.dumps(one) for one in areas.values()], on_invalid="ignore"
    )
    inside = shapely.covers(area, shapes).tolist() if len(areas) else []
    return {key: one for (key, one), seen in zip(areas.items(), inside, strict=True) if seen}


def _bounds(texts: Sequence[str | None]) -> Any:  # noqa: ANN401 -- shapely has no types
    """West, south, east, north of GeoJSON texts, NaN where there is none; shape (n, 4)."""
    return shapely.bounds(shapely.from_geojson(np.array(texts, object), on_invalid="ignore")).reshape(-1, 4)  # fmt: skip


def _union(a: Any, b: Any) -> Any:  # noqa: ANN401 -- arrays
    low, high = np.fmin(a[:, :2], b[:, :2]), np.fmax(a[:, 2:], b[:, 2:])
    return np.hstack([low, high])


def _geojson(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    if (west, south) == (east, north):
        return {"type": "Point", "coordinates": [west, south]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
