"""Coordinate reference systems: the only place where coordinates are transformed.

``names``
    one spelling for every system, from EPSG codes, WKT, Chinese names;
``fuzzy``
    systems by loosely written names;
``axes``
    systems as registries define them: order of axes, shapes and boxes in them;
``offsets``
    GCJ-02, BD-09 and BD-09 Mercator, exact both ways;
``transforms``
    source ↔ longitude/latitude (EPSG:4490, taken as coincident with WGS 84), always x before y;
``ecef``
    geocentric points, local frames, where meshes stand;
``local``
    metres around a place: the plane distances of a city are measured in, compiled;
``boxes``
    boxes of many placed meshes, compiled, so imported only where they are needed;
``distinct``
    points in the same place, compiled as well;
``placement``
    where numbers would lie under a system;
``clues`` ``candidates`` ``verdict``
    which system a source is really in, by its declaration, its names and its numbers;
``overlay`` ``confirm``
    the same by ground that is already trusted;
``vertical``
    what a source's heights stand on.
"""

from twin.crs.axes import (
    projjson,
    ring_in_degrees,
    shapes_from_geographic,
    with_official_axes,
    with_x_first,
    zone_at,
)
from twin.crs.candidates import Candidate
from twin.crs.clues import Clue, clues_of, named_as_degrees
from twin.crs.confirm import Trusted, TrustedShapes, confirm
from twin.crs.ecef import (
    ecef_to_geographic,
    enu_matrix,
    geographic_to_ecef,
    local_to_ecef_matrices,
)
from twin.crs.fuzzy import resembling
from twin.crs.names import BD09, BD09MC, GCJ02, GCJ02MC, canonical, hint
from twin.crs.transforms import (
    Grid,
    accuracy,
    area_of_use,
    define_local,
    from_geographic,
    is_geocentric,
    is_geographic,
    to_geographic,
    transform_shapes,
    transform_wkb,
    unit_metres,
)
from twin.crs.verdict import CrsVerdict, Evidence, judge
from twin.crs.vertical import HeightVerdict, judge_heights

__all__ = [
    "BD09", "BD09MC", "GCJ02", "GCJ02MC", "Candidate", "Clue", "CrsVerdict", "Evidence", "Grid",
    "HeightVerdict", "Trusted", "TrustedShapes", "accuracy", "area_of_use", "canonical",
    "clues_of", "confirm", "define_local", "ecef_to_geographic", "enu_matrix", "from_geographic",
    "geographic_to_ecef", "hint", "is_geocentric", "is_geographic", "judge", "judge_heights",
    "local_to_ecef_matrices", "named_as_degrees", "projjson", "resembling", "ring_in_degrees",
    "shapes_from_geographic", "to_geographic", "transform_shapes",
    "transform_wkb", "unit_metres", "with_official_axes", "with_x_first", "zone_at",
]  # fmt: skip
