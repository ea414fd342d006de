"""Nodes, shapes and properties → RECORDS and MESHES."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifcopenshell.util.placement
import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from loaders.ifc.properties import PropertyBook
from loaders.ifc.structure import Node, is_kind
from twin.schema import MESHES, RECORDS

__all__ = [
    "ShapeIndex", "Told", "batches_of", "node_attributes", "node_records", "outline_of",
    "outlines", "storey_levels", "tidy",
]  # fmt: skip

Matrix = NDArray[np.float64]
_BODY = (
    "IfcWall",
    "IfcSlab",
    "IfcRoof",
    "IfcColumn",
    "IfcCurtainWall",
    "IfcPlate",
    "IfcSpace",
    "IfcBuildingElementProxy",
    "IfcStair",
)
_CODE_NAMES = ("楼栋编码", "楼栋代码", "楼幢编码", "building_code", "BuildingCode", "building.code")


@dataclass(slots=True)
class ShapeIndex:
    """Where each element's instance and each mesh lies in the files of :class:`loaders.ifc.shapes.Shapes`."""

    instance: dict[int, tuple[str, Matrix]]
    mesh_at: dict[str, tuple[int, int]]
    tables: list[pa.Table]

    @classmethod
    def read(cls, files: list[Path]) -> "ShapeIndex":
        """Memory-map all files and index their rows; a shape that two files hold is taken from the first."""
        instance: dict[int, tuple[str, Matrix]] = {}
        mesh_at: dict[str, tuple[int, int]] = {}
        tables = []
        for number, path in enumerate(files):
            source = pa.memory_map(str(path))
            placed = pa.ipc.open_stream(source).read_all()
            meshes = pa.ipc.open_stream(source).read_all()
            matrices = (
                placed["matrix"].combine_chunks().flatten().to_numpy().reshape(-1, 4, 4)
                if placed.num_rows
                else []
            )
            for step, name, matrix in zip(
                placed["step"].to_pylist(), placed["mesh_id"].to_pylist(), matrices, strict=True
            ):
                instance.setdefault(step, (name, matrix))
            for row, name in enumerate(meshes["mesh_id"].to_pylist()):
                mesh_at.setdefault(name, (number, row))
            tables.append(meshes)
        return cls(instance, mesh_at, tables)

    def positions(self, mesh_id: str) -> tuple[Matrix, NDArray[np.uint32]]:
        """Local points (n, 3) and triangles (m, 3) of a mesh."""
        number, row = self.mesh_at[mesh_id]
        table = self.tables[number]
        points = (
            np.frombuffer(table["positions"][row].as_buffer(), "<f4")
            .reshape(-1, 3)
            .astype(np.float64)
        )
        return points, np.frombuffer(table["indices"][row].as_buffer(), "<u4").reshape(-1, 3)

    def meshes(self, names: list[str]) -> pa.Table:
        """Rows of MESHES for mesh ids, in their order."""
        parts = []
        for number, table in enumerate(self.tables):
            rows = [self.mesh_at[n][1] for n in names if self.mesh_at[n][0] == number]
            if rows:
                parts.append(table.take(pa.array(rows)))
        return pa.concat_tables(parts) if parts else MESHES.empty_table()


def _world_of(shapes: ShapeIndex, step: int, georef: Matrix) -> tuple[Matrix, NDArray[np.uint32]]:
    name, matrix = shapes.instance[step]
    points, triangles = shapes.positions(name)
    whole = georef @ matrix
    return points @ whole[:3, :3].T + whole[:3, 3], triangles


def outline_of(shapes: ShapeIndex, step: int, georef: Matrix) -> tuple[BaseGeometry, float]:
    """Outline of one element seen from above, and its lowest z, under a matrix from model metres."""
    points, triangles = _world_of(shapes, step, georef)
    return _projected(points, triangles), float(points[:, 2].min())


def _projected(points: Matrix, triangles: NDArray[np.uint32]) -> BaseGeometry:
    """Outline of a mesh seen from above."""
    if len(triangles) > 2000:
        return shapely.MultiPoint(points[:, :2]).convex_hull
    rings = np.concatenate([points[triangles][:, :, :2], points[triangles][:, :1, :2]], axis=1)
    faces: NDArray[np.object_] = np.atleast_1d(np.asarray(shapely.polygons(rings), dtype=object))
    faces = faces[shapely.area(faces) > 1e-18 * max(1.0, float(np.abs(points[:, :2]).max()))]
    return shapely.union_all(faces) if len(faces) else shapely.Polygon()


def outlines(
    nodes: list[Node], shapes: ShapeIndex, georef: Matrix
) -> dict[int, tuple[BaseGeometry, float]]:
    """Footprint of each building and bridge, and outline of each space, in the source CRS.

    Parameters
    ----------
    nodes : list of Node
        Of the whole model.
    shapes : ShapeIndex
        Its shapes.
    georef : ndarray, shape (4, 4)
        Model metres → source CRS.

    Returns
    -------
    dict of step id → (polygon or multipolygon, lowest z)
        Spaces and buildings without a shape are left out. A building's footprint is the union of
        what its walls, slabs,
        roofs, columns and plates cover from above.
    """
    out: dict[int, tuple[BaseGeometry, float]] = {}
    parts: dict[int, list[BaseGeometry]] = {}
    lowest: dict[int, float] = {}
    metre = float(np.hypot(georef[0, 0], georef[1, 0]))
    for node in nodes:
        if node.step not in shapes.instance:
            continue
        body = any(is_kind(node.entity, c) for c in _BODY)
        whole = node.building is not None and (body or node.class_code == "element")
        if node.class_code != "room" and not (whole and (body or _is_bridge(nodes, node))):
            continue
        points, triangles = _world_of(shapes, node.step, georef)
        outline = _projected(points, triangles)
        if node.class_code == "room":
            out[node.step] = (tidy(outline, 0.001 * metre), float(points[:, 2].min()))
        if whole and node.building is not None:
            parts.setdefault(node.building, []).append(outline)
            lowest[node.building] = min(
                lowest.get(node.building, np.inf), float(points[:, 2].min())
            )
    for step, polygons in parts.items():
        out[step] = (tidy(shapely.union_all(polygons), 0.05 * metre), lowest[step])
    return {step: (g, z) for step, (g, z) in out.items() if not g.is_empty}


def _is_bridge(nodes: list[Node], node: Node) -> bool:
    return any(n.step == node.building and n.class_code == "bridge" for n in nodes[:50])


def tidy(outline: BaseGeometry, gap: float) -> BaseGeometry:
    """Hairline gaps closed, slivers gone, only polygons left."""
    closed = shapely.buffer(
        shapely.buffer(outline, gap, join_style="mitre"), -gap, join_style="mitre"
    )
    plain = shapely.simplify(closed, gap * 0.2)
    parts = [p for p in shapely.get_parts(plain) if p.geom_type == "Polygon" and p.area > 0]
    if not parts:
        return shapely.Polygon()
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def storey_levels(nodes: list[Node], unit: float) -> dict[int, tuple[int, float]]:
    """Number and elevation (metres) of each storey within its building, by elevation, not by name.

    The highest storey that starts no more than half a metre above zero is 1 (ground floor), the
    next one 2; below it -1, -2.
    """
    heights: dict[int | None, list[tuple[float, int]]] = {}
    for node in nodes:
        if node.class_code == "storey":
            elevation = getattr(node.entity, "Elevation", None)
            metres = float(elevation) * unit if elevation is not None else _placed_z(node, unit)
            heights.setdefault(node.building, []).append((metres, node.step))
    out = {}
    for storeys in heights.values():
        storeys.sort()
        ground = max((k for k, (z, _) in enumerate(storeys) if z <= 0.5), default=0)
        for k, (z, step) in enumerate(storeys):
            out[step] = (k - ground + 1 if k >= ground else k - ground, round(z, 6))
    return out


def _placed_z(node: Node, unit: float) -> float:
    try:
        matrix = ifcopenshell.util.placement.get_local_placement(node.entity.ObjectPlacement)
    except (RuntimeError, AttributeError, TypeError, ValueError, RecursionError):
        return 0.0
    return float(matrix[2, 3]) * unit


_UNIT_NAMED = re.compile(r"(\d+|[A-Za-z一二三四五六七八九十]+)\s*单元")


def _named(node: Node) -> dict[str, Any]:
    """What the names of an object say: a room's number, use and unit; another's long name."""
    entity = node.entity
    name, long_name = entity.Name, getattr(entity, "LongName", None)
    if node.class_code != "room":
        return {"long_name": long_name} if long_name else {}
    out = {"number": name}
    if long_name:
        out["usage"] = long_name
    words = " ".join(str(t) for t in (name, long_name, entity.ObjectType, entity.Description) if t)
    if found := _UNIT_NAMED.search(words):
        out["unit"] = f"{found[1]}单元"
    return out


def node_attributes(
    node: Node, by_step: dict[int, Node], book: PropertyBook, levels: dict[int, tuple[int, float]]
) -> dict[str, Any]:
    """All that is said of an object, canonical names first; lengths in metres."""
    entity = node.entity
    out = _named(node)
    storey = by_step.get(node.storey) if node.storey is not None else None
    if storey is None and node.class_code == "storey":
        storey = node
    if storey is not None:
        out["storey"] = storey.entity.Name or getattr(storey.entity, "LongName", None)
        out["storey_number"], out["elevation_m"] = levels[storey.step]
    if node.unit is not None:
        zone = by_step[node.unit]
        out["unit"], out["unit_key"] = zone.entity.Name, zone.key
    if node.building is not None:
        out["building_key"] = by_step[node.building].key
    out["ifc_class"] = node.ifc_class
    for attribute, target in _PLAIN:
        value = getattr(entity, attribute, None)
        if value not in (None, "", "NOTDEFINED"):
            out[target] = str(value)
    return {k: v for k, v in (out | book.described(entity)).items() if v is not None}


_PLAIN = (
    ("ObjectType", "object_type"),
    ("Description", "description"),
    ("Tag", "tag"),
    ("PredefinedType", "predefined_type"),
)


def _building_code(attributes: dict[str, Any]) -> str | None:
    for values in attributes.get("properties", {}).values():
        for name in _CODE_NAMES:
            if values.get(name):
                return str(values[name])
    return None


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a model's shapes, for its records: see :mod:`loaders.ifc.shapes`."""

    index: ShapeIndex
    outline: dict[int, tuple[BaseGeometry, float]]
    failed: dict[int, str]
    step: dict[int, str]


def node_records(
    by_step: dict[int, Node],
    start: int,
    part: list[Node],
    attributes: list[dict[str, Any]],
    told: Told,
    georef: Matrix,
) -> tuple[pa.Table, list[str]]:
    """Records of some nodes, and the mesh ids they point at; rooms and buildings carry their outline as geometry.

    Parameters
    ----------
    by_step : dict of step id → Node
        All nodes (for parents); ``part`` of them, which begin at record ``start``, become rows.
    attributes : list of dict, length of ``part``
        See :func:`node_attributes`.
    told : Told
    georef : ndarray, shape (4, 4)
        Model metres → source CRS.
    """
    columns: dict[str, list[Any]] = {name: [] for name in RECORDS.names}
    used: dict[str, None] = {}
    for number, (node, said) in enumerate(zip(part, attributes, strict=True), start):
        row = _row(node, by_step, said, told)
        row["row"] = number
        if node.step in told.index.instance:
            mesh_id, matrix = told.index.instance[node.step]
            used[mesh_id] = None
            row["role"] = "solid" if node.class_code == "room" else "mesh"
            row |= {"lod": "3", "mesh_id": mesh_id, "matrix": (georef @ matrix).ravel()}
        for name, column in columns.items():
            column.append(row.get(name))
    return pa.table(columns, schema=RECORDS), list(used)


def _row(
    node: Node, by_step: dict[int, Node], attributes: dict[str, Any], told: Told
) -> dict[str, Any]:
    """One record without its mesh."""
    aliases = [] if node.repeated or not node.guid else [{"scheme": "ifc.guid", "value": node.guid}]
    code = _building_code(attributes) if node.class_code in ("building", "bridge") else None
    if code:
        aliases.append({"scheme": "building.code", "value": code})
        attributes = {"building_code": code} | attributes
    if node.step in told.failed:
        attributes["shape_missing"] = told.failed[node.step]
    if node.step in told.step:
        attributes["shape_from"] = told.step[node.step]
    if node.notes:
        attributes["notes"] = node.notes
    row = {
        "key": node.key,
        "name": node.entity.Name or getattr(node.entity, "LongName", None),
        "class_code": node.class_code,
        "parent_key": by_step[node.parent].key if node.parent is not None else None,
        "relation": node.relation,
        "aliases": aliases or None,
        "attributes": orjson.dumps(attributes, default=str).decode(),
        "role": "none",
    }
    polygon = _lifted(told.outline, node.step)
    if polygon is not None:
        row |= {"role": "footprint", "lod": "0", "geometry": polygon}
    return row


def _lifted(outline: dict[int, tuple[BaseGeometry, float]], step: int) -> bytes | None:
    """Outline as WKB with its lowest z."""
    if step not in outline:
        return None
    polygon, z = outline[step]
    wkb: bytes = shapely.to_wkb(shapely.force_3d(polygon, z), output_dimension=3, flavor="iso")
    return wkb


def batches_of(nodes: list[Node], size: int) -> Iterator[tuple[int, list[Node]]]:
    """Nodes in order, at most ``size`` at a time, with the number of the first."""
    for start in range(0, len(nodes), size):
        yield start, nodes[start : start + size]
