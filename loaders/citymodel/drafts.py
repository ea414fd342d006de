"""City objects of a batch as a parser drafts them: what batches.py makes records of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.citymodel.shapes import Shapes

if TYPE_CHECKING:
    import shapely

__all__ = ["Draft", "Drafted", "ShapeInfo"]

Json = dict[str, Any]
FloatArray = NDArray[np.float64]


@dataclass(slots=True, frozen=True)
class ShapeInfo:
    """What is known of one shape besides its faces; shapes of which the same is known may share it.

    ``surfaces`` describes its semantic surfaces (``type`` and whatever the source says), ``textures``
    its images; ``skipped`` faces could not be used; ``kind`` is the geometry's type in the source.
    """

    lod: str
    surfaces: Sequence[Mapping[str, Any]] = ()
    textures: Sequence[Mapping[str, Any]] = ()
    skipped: int = 0
    kind: str = ""


class Draft:
    """One city object.

    ``attributes`` and ``aliases`` grow as it is read. ``shapes`` are places in the batch's shapes; ``lines`` further
    lines by LoD (where it meets the terrain); ``instances`` are (template name, LoD, 4 × 4 matrix of template metres
    to metres around the point, point in the source's coordinates); ``plain`` is (geometry, role) of points and lines.
    """

    __slots__ = (
        "aliases", "attributes", "class_code", "faults", "instances", "key", "kind", "lines", "name", "notes", "parent",
        "plain", "relation", "shapes",
    )  # fmt: skip

    def __init__(
        self,
        key: str | None,
        kind: str,
        class_code: str,
        parent: str | None = None,
        relation: str | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        self.key, self.kind, self.class_code = key, kind, class_code
        self.parent, self.relation = parent, relation
        self.name: str | None = None
        self.aliases: list[tuple[str, str]] = []
        self.attributes: Json = {}
        self.shapes: list[int] = []
        self.instances: list[tuple[str, str, FloatArray, FloatArray]] = []
        self.plain: tuple[shapely.Geometry, str] | None = None
        self.lines: list[tuple[str, shapely.Geometry]] = []
        self.faults = list(faults)
        self.notes: list[str] = []


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
