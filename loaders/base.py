"""What a loader is: the contract every format module keeps.

Rules, checked by one battery over all loaders (``tests/loaders/test_contract.py``):

1. ``supports`` looks at the name and at most the first 4 KiB; it never raises.
2. ``scan`` reads headers, not data, and never raises for bad *data*: what it sees is in
``findings``.
3. ``read`` yields batches of at most ``batch_size`` rows in the **source's own CRS**, one row out
per
   record in: a record that makes no sense keeps its ``row`` and says why in ``fault``.
4. Nothing is repaired, reprojected or written here.
5. What cannot be read at all raises :class:`twin.errors.SourceError` with what to do.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, Self, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.plan import LayerPlan

Kind = Literal[
    "features",
    "model",
    "raster",
    "addresses",
    "streams",
    "observations",
    "cases",
    "points",
    "tileset",
]


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer of one source, as seen without reading its records.

    ``suggestion`` is the plan a loader proposes where it has seen more than names (the first rows of a table).
    ``crs`` is what the source *declares* (WKT, ``EPSG:n``) or None; whether that is believable is
    decided by :mod:`twin.crs`. ``crs_stated`` is False where it is not the source's own word but
    the default of its format (GeoJSON without ``crs``, KML). ``bounds`` are (xmin, ymin, xmax, ymax) in the source's units.

    Inside an archive ``path`` is the unpacked file, ``origin`` the name people know
    (``delivery.zip/roads/road.shp``), and ``keep`` holds the unpacked folder as long as the layer is held.
    ``crs_confidence`` bounds what the declaration is worth where the source itself is unsure of its
    place (a model placed by latitude and longitude), ``crs_evidence`` says why; ``near`` is
    (longitude, latitude) of where it roughly lies.
    """

    path: Path
    name: str
    kind: Kind
    format: str
    count: int | None = None
    geometry_type: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    crs: str | None = None
    bounds: tuple[float, float, float, float] | None = None
    encoding: str | None = None
    findings: tuple[str, ...] = ()
    crs_stated: bool = True
    crs_confidence: float = 1.0
    crs_evidence: str = ""
    near: tuple[float, float] | None = None
    suggestion: LayerPlan | None = None
    origin: str = ""
    keep: object = field(default=None, repr=False, compare=False)

    @property
    def shown(self) -> str:
        """The source as people know it."""
        return self.origin or str(self.path)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one layer in columns (see :mod:`twin.schema`), with the meshes they point at.

    ``findings`` are what reading this batch brought to light beyond single records (measures
    dropped, a reader's warnings). ``images`` (:data:`twin.schema.IMAGES`) are the textures that
    meshes of this batch or a later one name.
    """

    records: pa.Table
    meshes: pa.Table | None = None
    representations: pa.Table | None = None
    links: pa.Table | None = None
    findings: tuple[str, ...] = ()
    images: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class RasterLayer:
    """An open raster in the source's CRS, read in windows; close it when done (it is a context manager).

    ``window(row0, row1, col0, col1)`` gives float32 (rows, cols) for a DEM (NaN where unknown, metres
    in the vertical reference of the plan) or uint8 (rows, cols, 4) RGBA for imagery (alpha 0 where
    unknown); ``transform`` is the affine (a, b, c, d, e, f) of pixel corners: x = a·col + b·row + c,
    y = d·col + e·row + f. ``findings`` are complete when all of it was read.
    """

    kind: Literal["dem", "imagery"]
    shape: tuple[int, int]
    transform: tuple[float, float, float, float, float, float]
    crs: str | None
    window: Callable[[int, int, int, int], NDArray[np.generic]]
    findings: list[str]
    close: Callable[[], None]

    @property
    def data(self) -> NDArray[np.generic]:
        """All of it as one array: for small rasters."""
        return self.window(0, self.shape[0], 0, self.shape[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@runtime_checkable
class Loader(Protocol):
    """One format."""

    name: str

    def supports(self, path: Path) -> bool:
        """Whether this loader takes ``path``; constant time, never raises."""
        ...

    def scan(self, path: Path) -> list[LayerInfo]:
        """Layers of ``path`` in file order; raises SourceError where the file cannot be opened."""
        ...

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Records of ``layer`` mapped by ``plan``; see the rules of this module."""
        ...
