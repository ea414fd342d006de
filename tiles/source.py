"""What the tiler asks of a base: Arrow tables in canonical coordinates, nothing about SQL or files.

Longitude and latitude are degrees (EPSG:4490, coincident with WGS 84 for display), heights are
metres above
the ellipsoid, matrices are 4 × 4 row-major and map mesh-local metres to ECEF (EPSG:4978).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import pyarrow as pa
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.cloud.placed import PlacedCloud
    from twin.cog import Cog
    from twin.terrain import Surface


__all__ = ["BUILDINGS", "FLAT", "FURNITURE", "MESH_INSTANCES", "PIPES", "Imagery", "TileSource"]

BUILDINGS = pa.schema(
    [
        ("eid", pa.string()),
        ("class_code", pa.string()),
        ("name", pa.string()),
        ("height_m", pa.float64()),  # above ground; null where unknown
        ("floors", pa.int32()),
        ("base_z", pa.float64()),  # ellipsoidal height of the ground; null where unknown
        ("wkb", pa.binary()),  # polygon or multipolygon, lon/lat
        ("usage", pa.string()),  # optional column: picks the palette
        ("roof_shape", pa.string()),  # optional column: as the source writes it
        ("roof_height_m", pa.float64()),  # optional column: eaves to ridge, within height_m
    ]
)
"""One row per building whose best representation is its footprint; the optional columns may be missing."""

MESH_INSTANCES = pa.schema(
    [
        ("eid", pa.string()),
        ("class_code", pa.string()),
        ("name", pa.string()),
        ("storey", pa.string()),
        ("building_eid", pa.string()),  # null: the entity stands for itself
        ("asset", pa.string()),
        ("mesh_id", pa.string()),
        ("matrix", pa.list_(pa.float64())),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("zmin", pa.float64()),
        ("zmax", pa.float64()),
        ("ifc_class", pa.string()),  # optional column: gives the discipline
    ]
)
"""One row per placed mesh; several rows may share an eid (parts) or a mesh (mapped items)."""

PIPES = pa.schema(
    [
        ("eid", pa.string()),
        ("class_code", pa.string()),
        ("name", pa.string()),
        ("diameter_mm", pa.float64()),
        (
            "wkb",
            pa.binary(),
        ),  # LineString Z or MultiLineString Z, lon/lat/ellipsoidal metres of the pipe's axis
    ]
)

FURNITURE = pa.schema(
    [
        ("eid", pa.string()),
        ("class_code", pa.string()),
        ("name", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("z", pa.float64()),  # ellipsoidal height of its foot; null where unknown
    ]
)
"""One row per thing in the street that is drawn as a shape of its class."""

FLAT = pa.schema(
    [
        ("eid", pa.string()),
        ("class_code", pa.string()),
        ("name", pa.string()),
        ("wkb", pa.binary()),
        ("attributes", pa.string()),  # JSON object
        ("height_m", pa.float64()),  # optional column
        ("floors", pa.int32()),  # optional column
    ]
)

Imagery: TypeAlias = "tuple[NDArray[np.uint8] | Cog, tuple[float, ...], str]"
"""RGBA of shape (rows, cols, 4), in memory or an asset with overviews; affine (a, b, c, d, e, f) of
pixel corners: x = a·col + b·row + c; its CRS."""


@runtime_checkable
class TileSource(Protocol):
    """A city as the tiler sees it: a method called twice gives the same answer."""

    def buildings(self) -> pa.Table:
        """Footprints to extrude (:data:`BUILDINGS`); entities that have meshes are left out."""
        ...

    def meshes(self) -> pa.Table:
        """Placed meshes (:data:`MESH_INSTANCES`), rooms (``class_code`` ``room``) included."""
        ...

    def asset(self, sha: str) -> pa.Table:
        """Shapes of one mesh asset (schema :data:`twin.schema.MESHES`)."""
        ...

    def image(self, name: str) -> bytes | None:
        """Content of a picture that meshes name; None where it is missing."""
        ...

    def pipes(self) -> pa.Table:
        """Pipes by their axis (schema :data:`PIPES`)."""
        ...

    def furniture(self) -> pa.Table:
        """Things in the street that are points (:data:`FURNITURE`); those that have meshes are left out."""
        ...

    def flat(self, collection: str) -> pa.Table:
        """Entities of a 2D collection (:data:`FLAT`); an empty table where there are none."""
        ...

    def collections(self) -> list[str]:
        """Collections that have shapes on the map, by name."""
        ...

    def version(self, collection: str) -> int:
        """Grows with every change of a collection; 0 where nothing was ever changed."""
        ...

    def clouds(self) -> Sequence[PlacedCloud]:
        """Point clouds; empty where none was loaded."""
        ...

    def terrain(self) -> Surface | None:
        """Ground surface, or None where no DEM was loaded."""
        ...

    def imagery(self) -> Sequence[Imagery]:
        """Orthophotos, each in its own CRS, the one that lies on top first; empty where there is none."""
        ...

    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the city, degrees."""
        ...


def column(table: pa.Table, name: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """One column as a single Arrow array; all null where the column is missing."""
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    chunked = table.column(name)
    return chunked.combine_chunks() if chunked.num_chunks != 1 else chunked.chunk(0)


def floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A numeric column as float64, NaN where null or where the column is missing."""
    values = column(table, name).cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)


def texts(table: pa.Table, name: str) -> NDArray[np.object_]:
    """A text column as str objects, "" where null or where the column is missing."""
    values = column(table, name).cast(pa.string()).fill_null("")
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=object)


def geometries(table: pa.Table) -> NDArray[np.object_]:
    """The ``wkb`` column as shapely geometries; None where null or not to be read."""
    wkb = column(table, "wkb").to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):  # coordinates that are no numbers are judged later
        return np.asarray(shapely.from_wkb(wkb, on_invalid="ignore"), dtype=object)
