"""Coordinate reference systems: the only place where coordinates are transformed.

``names``
    one spelling for every system, from EPSG codes, WKT, Chinese names;
``fuzzy``
    systems by loosely written names;
``offsets``
    GCJ-02, BD-09 and BD-09 Mercator, exact both ways;
``transforms``
    source ↔ longitude/latitude (EPSG:4490, taken as coincident with WGS 84), always x before y;
``ecef``
    geocentric points, local frames, where meshes stand;
``verdict``
    which system a source is really in.
"""

from twin.crs.ecef import (
    ecef_to_geographic,
    enu_matrix,
    geographic_to_ecef,
    local_to_ecef_matrices,
)
from twin.crs.fuzzy import resembling
from twin.crs.names import BD09, BD09MC, GCJ02, canonical, hint
from twin.crs.transforms import (
    Grid,
    accuracy,
    area_of_use,
    define_local,
    from_geographic,
    is_geographic,
    to_geographic,
    transform_wkb,
    unit_metres,
)
from twin.crs.verdict import CrsVerdict, judge

__all__ = [
    "BD09", "BD09MC", "GCJ02", "CrsVerdict", "Grid", "accuracy", "area_of_use", "canonical",
    "define_local", "ecef_to_geographic", "enu_matrix", "from_geographic", "geographic_to_ecef",
    "hint", "is_geographic", "judge", "local_to_ecef_matrices", "resembling", "to_geographic",
    "transform_wkb", "unit_metres",
]  # fmt: skip
