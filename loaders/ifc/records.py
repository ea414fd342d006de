"""Nodes, shapes and properties → RECORDS and MESHES."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ifcopenshell.util.placement
import orjson
import pyarrow as pa
import shapely
from shapely.geometry.base import BaseGeometry

from loaders.ifc.alignments import Axis
from loaders.ifc.properties import PropertyBook
from loaders.ifc.shapeindex import Matrix, ShapeIndex
from loaders.ifc.structure import AXIS, Node, attribute_of
from loaders.meshing import matrix_column
from twin.schema import RECORDS

__all__ = [
    "Describer", "Told", "batches_of", "node_records", "storey_levels",
]  # fmt: skip

_CODE_NAMES = ("楼栋编码", "楼栋代码", "楼幢编码", "building_code", "BuildingCode", "building.code")


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


class Describer:
    """All that is said of an object as JSON, canonical names first; lengths in metres.

    What many objects share (their storey, their type with its property sets) is written once and
    put together as text.

    Parameters
    ----------
    by_step : dict of step id → Node
        All nodes.
    book : PropertyBook
    levels : dict of step id → (int, float)
        See :func:`storey_levels`.
    """

    def __init__(
        self, by_step: dict[int, Node], book: PropertyBook, levels: dict[int, tuple[int, float]]
    ) -> None:
        self._by_step, self._book, self._levels = by_step, book, levels
        self._storeys: dict[int | None, bytes] = {None: b""}
        self._homes: dict[tuple[int | None, int | None], bytes] = {}
        self._plain: dict[str, list[tuple[int, str]]] = {}

    def __call__(self, node: Node) -> tuple[str | None, bytes]:
        """Code of a building, and the attributes as one line of JSON."""
        if node.class_code in ("building", "bridge"):
            said = {**_named(node), **self._home(node), "ifc_class": node.ifc_class}
            said |= self._own(node) | self._book.described(node.step)
            code = _building_code(said)
            return code, _json({"building_code": code, **said} if code else said)
        named = _named(node)
        if node.unit is not None:
            named.pop("unit", None)
        storey = node.step if node.class_code == "storey" else node.storey
        if storey not in self._storeys:
            self._storeys[storey] = _inner(self._storey(storey))
        home = (node.unit, node.building)
        if home not in self._homes:
            self._homes[home] = _inner(self._home(node))
        parts = (
            _inner(named) if named else b"",
            self._storeys[storey],
            self._homes[home],
            self._written(node),
            self._book.written(node.step),
        )
        return None, b"{" + b",".join([part for part in parts if part]) + b"}"

    def _storey(self, step: int | None) -> dict[str, Any]:
        storey = self._by_step[step or 0]
        number, elevation = self._levels[storey.step]
        name = storey.name or storey.value("LongName")
        return {"storey": name, "storey_number": number, "elevation_m": elevation}

    def _home(self, node: Node) -> dict[str, Any]:
        """Unit and building of an object."""
        out: dict[str, Any] = {}
        if node.unit is not None:
            zone = self._by_step[node.unit]
            out |= {"unit": zone.name, "unit_key": zone.key}
        if node.building is not None:
            out["building_key"] = self._by_step[node.building].key
        return out

    def _own(self, node: Node) -> dict[str, Any]:
        """Attributes of the entity that keep their meaning under another name."""
        known = self._plain.get(node.ifc_class)
        if known is None:
            places = node.places
            known = [(places[name], target) for name, target in _PLAIN if name in places]
            self._plain[node.ifc_class] = known
        get = node.entity.get_argument
        out: dict[str, Any] = {}
        for place, target in known:
            value = get(place)
            if value is not None and value not in ("", "NOTDEFINED"):
                out[target] = str(value)
        return out

    def _written(self, node: Node) -> bytes:
        """Class and own attributes."""
        return orjson.dumps({"ifc_class": node.ifc_class, **self._own(node)})[1:-1]


def _json(said: dict[str, Any]) -> bytes:
    return orjson.dumps({k: v for k, v in said.items() if v is not None}, default=str)


def _inner(said: dict[str, Any]) -> bytes:
    return _json(said)[1:-1]


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
        See :class:`Describer`.
    told : Told
    georef : ndarray, shape (4, 4)
        Model metres → source CRS.
    """
    rows = told.index.rows([node.step for node in part])
    outlined = _lifted(told, part)
    mesh_ids = [None if row < 0 else told.index.names[row] for row in rows.tolist()]
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
        "matrix": matrix_column(georef @ told.index.matrices[rows[rows >= 0]], rows >= 0),
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


def _lifted(told: Told, part: list[Node]) -> list[bytes | None]:
    """Outlines as WKB with their lowest z; an axis as it runs."""
    out: list[bytes | None] = [None] * len(part)
    outlined = [k for k, node in enumerate(part) if node.step in told.outline]
    if outlined:
        found = [told.outline[part[k].step] for k in outlined]
        lifted = shapely.force_3d([shape for shape, _ in found], [z for _, z in found])
        for k, wkb in zip(
            outlined, shapely.to_wkb(lifted, output_dimension=3, flavor="iso"), strict=True
        ):
            out[k] = wkb
    if told.axis:
        for k, node in enumerate(part):
            if node.step in told.axis:
                out[k] = shapely.to_wkb(told.axis[node.step].line, flavor="iso")
    return out


def batches_of(nodes: list[Node], size: int) -> Iterator[tuple[int, list[Node]]]:
    """Nodes in order, at most ``size`` at a time, with the number of the first."""
    for start in range(0, len(nodes), size):
        yield start, nodes[start : start + size]
