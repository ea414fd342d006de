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

from loaders.ifc.alignments import Axis
from loaders.ifc.properties import PropertyBook
from loaders.ifc.structure import AXIS, Node, attribute_of, is_kind
from loaders.meshing import matrix_column
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
MOST_TRIANGLES = 20_000
"""A finer mesh is seen from above as its convex hull."""
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
            parts = [part.values for part in placed["matrix"].chunks]
            matrices = np.concatenate([np.zeros(0), *parts]).reshape(-1, 4, 4)
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
        """Rows of MESHES for mesh ids, by file and row: slices, nothing is copied."""
        rows = np.array(sorted(self.mesh_at[name] for name in names)).reshape(-1, 2)
        breaks = np.flatnonzero((np.diff(rows, axis=0) != (0, 1)).any(axis=1)) + 1
        runs = np.split(rows, breaks) if len(rows) else []
        parts = [self.tables[run[0, 0]].slice(run[0, 1], len(run)) for run in runs]
        return pa.concat_tables(parts) if parts else MESHES.empty_table()


def outline_of(shapes: ShapeIndex, step: int) -> tuple[BaseGeometry, float]:
    """Outline of one element seen from above, and its lowest z, model metres."""
    outline, low, x, y = _Outlines(shapes).of(step)
    return _shifted(outline, x, y), low


def _projected(points: Matrix, triangles: NDArray[np.uint32]) -> BaseGeometry:
    """Outline of a mesh seen from above: only triangles that look up are needed of a closed one."""
    if len(triangles) > MOST_TRIANGLES:
        return shapely.MultiPoint(points[:, :2]).convex_hull
    corner = points[triangles][:, :, :2]
    ahead, back = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    area = (ahead[:, 0] * back[:, 1] - ahead[:, 1] * back[:, 0]) / 2
    tiny = 1e-6
    up, down = area > tiny, area < -tiny
    chosen = up if area[up].sum() >= 0.999 * -area[down].sum() else up | down
    if not chosen.any():
        return shapely.Polygon()
    rings = np.concatenate([corner[chosen], corner[chosen][:, :1]], axis=1)
    faces = np.asarray(shapely.polygons(rings), dtype=object)
    return faces[0] if len(faces) == 1 else shapely.union_all(faces, grid_size=1e-4)


class _Outlines:
    """Outlines in model metres; one shape in one attitude is projected once, however often it stands there."""

    def __init__(self, shapes: ShapeIndex) -> None:
        self._shapes = shapes
        self._known: dict[tuple[str, bytes], tuple[BaseGeometry, float]] = {}

    def of(self, step: int) -> tuple[BaseGeometry, float, float, float]:
        """Outline of an element about its own origin, its lowest z, and where the origin stands."""
        name, matrix = self._shapes.instance[step]
        exact = (name, matrix[:3, :3].tobytes())
        if exact not in self._known:
            key = (name, np.round(matrix[:3, :3], 9).tobytes())
            if key not in self._known:
                points, triangles = self._shapes.positions(name)
                turned = points @ matrix[:3, :3].T
                self._known[key] = (_projected(turned, triangles), float(turned[:, 2].min()))
            self._known[exact] = self._known[key]
        outline, low = self._known[exact]
        x, y, z = matrix[:3, 3].tolist()
        return outline, low + z, x, y


def _shifted(outline: BaseGeometry, x: float, y: float) -> BaseGeometry:
    moved = shapely.get_coordinates(outline) + np.array([x, y])
    return shapely.set_coordinates(shapely.from_wkb(shapely.to_wkb(outline)), moved)


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
        what its walls, slabs, roofs, columns and plates cover from above; parts that stand exactly
        above each other count once.
    """
    flat = _Outlines(shapes)
    out: dict[int, tuple[BaseGeometry, float]] = {}
    parts: dict[int, dict[tuple[int, float, float], BaseGeometry]] = {}
    lowest: dict[int, float] = {}
    bridges = {n.step for n in nodes if n.class_code == "bridge"}
    body_of: dict[str, bool] = {}
    for node in nodes:
        if node.step not in shapes.instance:
            continue
        if node.ifc_class not in body_of:
            body_of[node.ifc_class] = any(is_kind(node.entity, c) for c in _BODY)
        whole = node.building is not None and (body_of[node.ifc_class] or node.building in bridges)
        if node.class_code != "room" and not whole:
            continue
        outline, low, x, y = flat.of(node.step)
        if node.class_code == "room":
            out[node.step] = (tidy(_shifted(outline, x, y), 0.001), low)
        if whole and node.building is not None:
            there = parts.setdefault(node.building, {})
            place = (id(outline), round(x, 3), round(y, 3))
            if place not in there:
                there[place] = _shifted(outline, x, y)
            lowest[node.building] = min(lowest.get(node.building, np.inf), low)
    for step, polygons in parts.items():
        united = shapely.union_all(list(polygons.values()), grid_size=1e-3)
        out[step] = (tidy(united, 0.05), lowest[step])
    return {step: _georeferenced(g, z, georef) for step, (g, z) in out.items() if not g.is_empty}


def _georeferenced(outline: BaseGeometry, z: float, georef: Matrix) -> tuple[BaseGeometry, float]:
    """Model metres → source CRS, for the outline and its height."""
    xy = shapely.get_coordinates(outline)
    there = np.column_stack([xy, np.full(len(xy), z)]) @ georef[:3, :3].T + georef[:3, 3]
    return shapely.set_coordinates(outline, there[:, :2]), float(there[:, 2].mean())


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
            elevation = attribute_of(node.entity, "Elevation")
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
    name, long_name = node.name, node.value("LongName")
    if node.class_code != "room":
        return {"long_name": long_name} if long_name else {}
    out = {"number": name}
    if long_name:
        out["usage"] = long_name
    words = " ".join(
        str(t) for t in (name, long_name, node.value("ObjectType"), node.value("Description")) if t
    )
    if found := _UNIT_NAMED.search(words):
        out["unit"] = f"{found[1]}单元"
    return out


def node_attributes(
    node: Node, by_step: dict[int, Node], book: PropertyBook, levels: dict[int, tuple[int, float]]
) -> tuple[str | None, bytes]:
    """Code of a building, and all that is said of an object as JSON, canonical names first; lengths in metres."""
    out = _named(node)
    storey = by_step.get(node.storey) if node.storey is not None else None
    if storey is None and node.class_code == "storey":
        storey = node
    if storey is not None:
        out["storey"] = storey.name or storey.value("LongName")
        out["storey_number"], out["elevation_m"] = levels[storey.step]
    if node.unit is not None:
        zone = by_step[node.unit]
        out["unit"], out["unit_key"] = zone.name, zone.key
    if node.building is not None:
        out["building_key"] = by_step[node.building].key
    out["ifc_class"] = node.ifc_class
    for attribute, target in _PLAIN:
        value = node.value(attribute)
        if value not in (None, "", "NOTDEFINED"):
            out[target] = str(value)
    out |= book.described(node.step)
    code = _building_code(out) if node.class_code in ("building", "bridge") else None
    if code:
        out = {"building_code": code} | out
    return code, orjson.dumps({k: v for k, v in out.items() if v is not None}, default=str)


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
    """What is known of a model's shapes, for its records: see :mod:`loaders.ifc.shapes`; codes of buildings, axes."""

    index: ShapeIndex
    outline: dict[int, tuple[BaseGeometry, float]]
    failed: dict[int, str]
    step: dict[int, str]
    code: dict[int, str]
    axis: dict[int, Axis]


def node_records(
    by_step: dict[int, Node],
    start: int,
    part: list[Node],
    attributes: list[bytes],
    told: Told,
    georef: Matrix,
) -> tuple[pa.Table, list[str]]:
    """Records of some nodes, and the mesh ids they point at; rooms and buildings carry their outline as geometry.

    Parameters
    ----------
    by_step : dict of step id → Node
        All nodes (for parents); ``part`` of them, which begin at record ``start``, become rows.
    attributes : list of bytes, length of ``part``
        See :func:`node_attributes`.
    told : Told
    georef : ndarray, shape (4, 4)
        Model metres → source CRS.
    """
    placed = [told.index.instance.get(node.step) for node in part]
    outlined = [_lifted(told, node.step) for node in part]
    mesh_ids = [None if one is None else one[0] for one in placed]
    columns = {
        "row": range(start, start + len(part)),
        "key": [node.key for node in part],
        "name": [_label(node) for node in part],
        "class_code": [node.class_code for node in part],
        "parent_key": [None if n.parent is None else by_step[n.parent].key for n in part],
        "relation": [node.relation for node in part],
        "aliases": [_aliases(node, told.code.get(node.step)) for node in part],
        "attributes": [
            _noted(node, said, told) for node, said in zip(part, attributes, strict=True)
        ],
        "geometry": outlined,
        "role": [
            _role(node, mesh_id is not None, outline is not None)
            for node, mesh_id, outline in zip(part, mesh_ids, outlined, strict=True)
        ],
        "lod": [
            "3" if mesh_id is not None else None if outline is None else "0"
            for mesh_id, outline in zip(mesh_ids, outlined, strict=True)
        ],
        "mesh_id": mesh_ids,
        "matrix": _matrices(placed, georef),
        "fault": pa.nulls(len(part), pa.string()),
    }
    return pa.table(columns, schema=RECORDS), [m for m in dict.fromkeys(mesh_ids) if m is not None]


def _label(node: Node) -> str | None:
    """Name of an object; damaged files hold numbers and references in its place."""
    name = node.name or node.value("LongName")
    return name if name is None or isinstance(name, str) else str(name)


def _role(node: Node, meshed: bool, outlined: bool) -> str:
    if meshed:
        return "solid" if node.class_code == "room" else "mesh"
    if node.ifc_class == AXIS:
        return "centreline" if outlined else "none"
    return "footprint" if outlined else "none"


def _matrices(placed: list[tuple[str, Matrix] | None], georef: Matrix) -> pa.Array:
    """Matrix of each instance to the source CRS, null for records without a mesh."""
    there = np.array([one is not None for one in placed], dtype=bool)
    stack = np.array([one[1] for one in placed if one is not None]).reshape(-1, 4, 4)
    return matrix_column(georef @ stack, there)


def _aliases(node: Node, code: str | None) -> list[dict[str, str]] | None:
    aliases = [] if node.repeated or not node.guid else [{"scheme": "ifc.guid", "value": node.guid}]
    if code:
        aliases.append({"scheme": "building.code", "value": code})
    return aliases or None


def _noted(node: Node, said: bytes, told: Told) -> bytes:
    """Attributes with what became of the object's shape, and the measures of an axis."""
    axis = told.axis.get(node.step)
    if not (node.notes or node.step in told.failed or node.step in told.step or axis):
        return said
    notes = {
        "length_m": axis and round(axis.length, 3),
        "radius_min_m": axis and axis.radius and round(axis.radius, 3),
        "shape_missing": told.failed.get(node.step),
        "shape_from": told.step.get(node.step),
        "notes": node.notes or None,
    }
    more = {name: value for name, value in notes.items() if value is not None}
    return orjson.dumps(orjson.loads(said) | more)


def _lifted(told: Told, step: int) -> bytes | None:
    """Outline as WKB with its lowest z; an axis as it runs."""
    if step in told.axis:
        line: bytes = shapely.to_wkb(told.axis[step].line, flavor="iso")
        return line
    if step not in told.outline:
        return None
    polygon, z = told.outline[step]
    wkb: bytes = shapely.to_wkb(shapely.force_3d(polygon, z), output_dimension=3, flavor="iso")
    return wkb


def batches_of(nodes: list[Node], size: int) -> Iterator[tuple[int, list[Node]]]:
    """Nodes in order, at most ``size`` at a time, with the number of the first."""
    for start in range(0, len(nodes), size):
        yield start, nodes[start : start + size]
