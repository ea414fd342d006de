"""The IFC loader: header and structure in ``scan``; shapes, properties and placement in ``read``."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from loaders.base import Batch, LayerInfo
from loaders.gdalio import head_of, refuse_dangerous
from loaders.ifc.geometry import compute_shapes
from loaders.ifc.georeference import Georeference, find_georeference, placement_matrix
from loaders.ifc.opening import open_model, schema_of_header
from loaders.ifc.properties import PropertyBook
from loaders.ifc.records import ShapeIndex, batches_of, node_records, outlines
from loaders.ifc.structure import build_nodes, has_surface, placement_bounds
from loaders.ifc.units import length_unit
from twin.errors import PlanError
from twin.plan import LayerPlan

__all__ = ["IfcLoader"]

_PLACEMENT = ("placement.easting", "placement.northing", "placement.height", "placement.rotation")


class IfcLoader:
    """IFC2x3, IFC4, IFC4x3 as STEP files."""

    name = "ifc"

    def supports(self, path: Path) -> bool:
        """Whether it is an ``.ifc`` file, or a STEP file that names an IFC schema."""
        if path.suffix.lower() == ".ifc":
            return path.is_file()
        if path.suffix.lower() not in (".stp", ".step", ".p21"):
            return False
        return (schema_of_header(head_of(path)) or "").upper().startswith("IFC")

    def scan(self, path: Path) -> list[LayerInfo]:
        """The model as one layer: number of records, georeference and its evidence.

        Raises
        ------
        SourceError
            If it is no readable STEP file.
        """
        refuse_dangerous(path)
        model, findings = open_model(path)
        unit = length_unit(model)
        nodes, more = build_nodes(model)
        box = placement_bounds(nodes, unit)
        georef = find_georeference(model, box)
        findings += [*more, f"placed by {georef.method}: {georef.evidence}", *georef.findings]
        return [
            LayerInfo(
                path,
                path.stem,
                "model",
                f"IFC {model.schema_identifier}",
                count=len(nodes),
                geometry_type="mesh",
                crs=georef.crs,
                bounds=_moved(box, georef),
                encoding="ISO 10303-21",
                findings=tuple(findings),
            )
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Spatial structure, then elements, with shared meshes; see :mod:`loaders.base`.

        The plan may place a model that does not say where it is: ``fields`` with
        ``placement.easting``,
        ``placement.northing`` (units of ``crs``), ``placement.height`` (metres) and
        ``placement.rotation`` (degrees
        counter-clockwise from grid east to the model's x axis).

        Raises
        ------
        SourceError
            If the file cannot be parsed.
        PlanError
            If the plan's placement is no number.
        """
        refuse_dangerous(layer.path)
        model, findings = open_model(layer.path)
        unit = length_unit(model)
        nodes, _ = build_nodes(model)
        georef = _planned(plan) or find_georeference(model, placement_bounds(nodes, unit))
        book = PropertyBook(model)
        with_shape = [n.step for n in nodes if has_surface(n.entity)]
        with TemporaryDirectory(prefix="citytwin-ifc-") as folder:
            shapes = compute_shapes(layer.path, with_shape, Path(folder))
            index = ShapeIndex.read(shapes.files)
            outline = outlines(nodes, index, georef.matrix)
            findings += shapes.findings
            if shapes.failed:
                findings.append(
                    f"{len(shapes.failed)} of {len(with_shape)} elements with a representation have no surface"
                )
            sent: set[str] = set()
            for start, part in batches_of(nodes, min(batch_size, 4096)):
                records, used = node_records(
                    nodes, start, part, book, index, georef.matrix, unit, outline, shapes.failed
                )
                fresh = [m for m in used if m not in sent]
                sent.update(fresh)
                meshes = index.meshes(fresh) if fresh else None
                yield Batch(records, meshes, findings=tuple(findings))
                findings = []


def _planned(plan: LayerPlan) -> Georeference | None:
    """Placement the plan gives, if it does."""
    given = {name: plan.fields[name] for name in _PLACEMENT if name in plan.fields}
    if not given:
        return None
    try:
        numbers = {name: float(value) for name, value in given.items()}
        matrix = placement_matrix(
            numbers["placement.easting"],
            numbers["placement.northing"],
            numbers.get("placement.height", 0.0),
            numbers.get("placement.rotation", 0.0),
        )
    except (KeyError, ValueError) as err:
        raise PlanError(
            f"{plan.path}: the placement needs placement.easting and placement.northing as numbers; given {given}"
        ) from err
    return Georeference(plan.crs, matrix, "plan", "given in the plan", (), 1.0)


def _moved(
    box: tuple[float, float, float, float] | None, georef: Georeference
) -> tuple[float, float, float, float] | None:
    """Bounds of the placements in the source CRS."""
    if box is None:
        return None
    corners = np.array([[x, y, 0.0, 1.0] for x in (box[0], box[2]) for y in (box[1], box[3])])
    moved = (corners @ georef.matrix.T)[:, :2]
    low, high = moved.min(axis=0), moved.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
