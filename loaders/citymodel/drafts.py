"""City objects of a batch as a parser drafts them: what batches.py makes records of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from loaders.citymodel.shapes import Shapes

__all__ = ["Draft", "Drafted", "ShapeInfo"]

Json = dict[str, Any]
FloatArray = NDArray[np.float64]


@dataclass(slots=True)
class ShapeInfo:
    """What is known of one shape besides its faces.

    ``surfaces`` describes its semantic surfaces (``type`` and whatever the source says), ``textures``
    its images; ``skipped`` faces could not be used; ``kind`` is the geometry's type in the source.
    """

    lod: str
    surfaces: Sequence[Mapping[str, Any]] = ()
    textures: Sequence[Mapping[str, Any]] = ()
    skipped: int = 0
    kind: str = ""


@dataclass(slots=True, eq=False)
class Draft:
    """One city object.

    ``shapes`` are places in the batch's shapes; ``lines`` further lines by LoD (where it meets the
    terrain); ``instances`` are (template name, LoD, 4 × 4 matrix
    of template metres to metres around the point, point in the source's coordinates); ``plain`` is
    (geometry, role) of points and lines.
    """

    key: str | None
    kind: str
    class_code: str
    name: str | None = None
    parent: str | None = None
    relation: str | None = None
    aliases: list[tuple[str, str]] = field(default_factory=list)
    attributes: Json = field(default_factory=dict)
    shapes: list[int] = field(default_factory=list)
    instances: list[tuple[str, str, FloatArray, FloatArray]] = field(default_factory=list)
    plain: tuple[shapely.Geometry, str] | None = None
    lines: list[tuple[str, shapely.Geometry]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Drafted:
    """A batch as drafted: objects, their shapes and images; ``first_row`` of its records.

    ``templates`` gives the origin of the mesh of each template known so far, ``template_meshes`` the
    meshes of those that are new in this batch (see :func:`template_meshes`).
    """

    drafts: list[Draft]
    shapes: Shapes
    infos: list[ShapeInfo]
    geographic: bool
    first_row: int = 0
    images: pa.Table | None = None
    templates: dict[str, FloatArray] = field(default_factory=dict)
    template_meshes: pa.Table | None = None
    findings: tuple[str, ...] = ()
