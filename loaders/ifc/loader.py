"""The IFC loader: header and structure in ``scan``; shapes, properties and placement in ``read``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from loaders.base import Batch, LayerInfo
from loaders.ifc.header import head_of, schema_of_header
from loaders.ifc.process import ask
from twin.errors import PlanError, SourceError
from twin.plan import LayerPlan

__all__ = ["IfcLoader"]

_FIELDS = {
    "placement.easting": "easting",
    "placement.northing": "northing",
    "placement.height": "height",
    "placement.rotation": "rotation_deg",
}
_STEP = (".stp", ".step", ".p21")


class IfcLoader:
    """IFC2x3, IFC4, IFC4x3 as STEP files, also zipped."""

    name = "ifc"

    def supports(self, path: Path) -> bool:
        """Whether it is an ``.ifc``, ``.ifczip`` or ``.ifcxml`` file, or a STEP file that names an IFC schema."""
        suffix = path.suffix.lower()
        if suffix in (".ifc", ".ifczip", ".ifcxml"):
            return path.is_file()
        return suffix in _STEP and (schema_of_header(head_of(path)) or "").upper().startswith("IFC")

    def scan(self, path: Path) -> list[LayerInfo]:
        """The model as one layer: number of records, georeference and its evidence.

        Raises
        ------
        SourceError
            If it is no readable STEP file.
        """
        _present(path)
        said = list(ask(path, "scan"))[-1]
        return [
            LayerInfo(
                path,
                path.stem,
                "model",
                f"IFC {said['schema']}",
                count=said["count"],
                geometry_type="mesh",
                crs=said["crs"],
                bounds=tuple(said["bounds"]) if said["bounds"] else None,
                encoding="ISO 10303-21",
                findings=tuple(said["findings"]),
                crs_confidence=said["confidence"] if said["crs"] else 0.0,
                crs_evidence=said["evidence"],
                near=tuple(said["near"]) if said["near"] else None,
            )
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Spatial structure, then elements, with shared meshes; see :mod:`loaders.base`.

        The plan may place a model that does not say where it is: ``placement`` with ``easting``,
        ``northing`` (units of ``crs``) or ``lon``, ``lat``, ``height`` (metres), ``rotation_deg``
        (counter-clockwise from grid or true east to the model's x axis) and ``scale``. One that
        nobody places is read in its own metres.

        Raises
        ------
        SourceError
            If the file cannot be parsed.
        PlanError
            If the plan's placement is no number.
        """
        _present(layer.path)
        options = {"batch_size": batch_size, "crs": plan.crs, "placement": placement_of(plan)}
        findings: tuple[str, ...] = ()
        with TemporaryDirectory(prefix="citytwin-ifc-") as name:
            folder = Path(name)
            for said in ask(layer.path, "read", folder, options):
                if "findings" in said:
                    findings = tuple(said["findings"])
                if "batch" not in said:
                    continue
                tables = dict(_tables(folder / said["batch"], said["tables"]))
                meshes = tables["meshes"] if tables["meshes"].num_rows else None
                yield Batch(tables["records"], meshes, links=tables.get("links"), findings=findings)
                findings = ()

    def outline(self, path: Path) -> tuple[BaseGeometry, float]:
        """What the model covers on the ground, for fitting it to a footprint.

        Parameters
        ----------
        path : Path

        Returns
        -------
        (polygon or multipolygon, float)
            Model metres; and the lowest z. Empty where the model has no walls, slabs or the like.

        Raises
        ------
        SourceError
            If the file cannot be parsed.
        """
        _present(path)
        with TemporaryDirectory(prefix="citytwin-ifc-") as folder:
            said = list(ask(path, "outline", Path(folder)))[-1]
        return shapely.from_wkb(said["outline"]), float(said["low"])


def _present(path: Path) -> None:
    if not path.is_file():
        raise SourceError(path, "no such file")


def placement_of(plan: LayerPlan) -> dict[str, Any]:
    """Placement a plan gives, under ``placement`` or as ``fields`` named ``placement.…``."""
    old: Mapping[str, Any] = {_FIELDS[k]: v for k, v in plan.fields.items() if k in _FIELDS}
    both = {**old, **plan.placement}
    if not isinstance(plan.placement, Mapping):
        raise PlanError(f"{plan.path}: placement is a table such as {{ lon = 114.0, lat = 30.5 }}")
    return both


def _tables(path: Path, names: list[str]) -> Iterator[tuple[str, pa.Table]]:
    with pa.memory_map(str(path)) as source:
        for name in names:
            yield name, pa.ipc.open_stream(source).read_all()
