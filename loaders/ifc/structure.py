"""Spatial structure of a model: which products become records, of which class, under which parent."""

from dataclasses import dataclass, field
from typing import Any

import ifcopenshell
import ifcopenshell.util.placement
import numpy as np

__all__ = ["Node", "build_nodes", "has_surface", "is_kind", "placement_bounds"]

_SKIPPED = (
    "IfcFeatureElementSubtraction",
    "IfcVirtualElement",
    "IfcPort",
    "IfcAnnotation",
    "IfcGrid",
    "IfcStructuralItem",
    "IfcStructuralActivity",
    "IfcReferent",
    "IfcPositioningElement",
    "IfcLinearPositioningElement",
)
"""Products that are no things in the city: voids, virtual boundaries, ports, drawings, axes, calculation models."""
_CLASSES = (
    ("IfcBuilding", "building"),
    ("IfcBuildingStorey", "storey"),
    ("IfcSpace", "room"),
    ("IfcZone", "unit"),
    ("IfcSpatialZone", "unit"),
    ("IfcBridge", "bridge"),
    ("IfcSite", "other"),
    ("IfcRoad", "road"),
    ("IfcSpatialElement", "other"),
    ("IfcSpatialStructureElement", "other"),
)
_FIRST = (
    "IfcSite",
    "IfcFacility",
    "IfcBuilding",
    "IfcBuildingStorey",
    "IfcZone",
    "IfcSpatialZone",
    "IfcSpace",
)


_FLAT = frozenset(
    {
        "point",
        "pointcloud",
        "curve",
        "curve2d",
        "curve3d",
        "segment",
        "geometriccurveset",
        "annotation2d",
        "boundingbox",
        "text",
    }
)
"""Representation types without a surface."""


@dataclass(slots=True)
class Node:
    """One record to be: the entity, its key and its place in the structure."""

    entity: Any
    step: int
    ifc_class: str
    class_code: str
    key: str
    guid: str | None
    parent: int | None = None
    relation: str | None = None
    storey: int | None = None
    building: int | None = None
    unit: int | None = None
    spatial: bool = False
    repeated: bool = False
    notes: list[str] = field(default_factory=list)


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None


def _class_of(entity: Any) -> str:  # noqa: ANN401 (IFC entity)
    for ifc, code in _CLASSES:
        if entity.is_a(ifc):
            return code
    return "element"


def _products(model: ifcopenshell.file) -> tuple[list[Any], dict[str, int]]:
    """Things in the order of the records (spatial structure first, then by step id), and what was left out."""
    left_out: dict[str, int] = {}
    spatial, elements = [], []
    for product in model.by_type("IfcProduct"):
        if any(is_kind(product, skipped) for skipped in _SKIPPED):
            name = str(product.is_a())  # type: ignore[no-untyped-call]  # its stub lacks a return type
            left_out[name] = left_out.get(name, 0) + 1
        elif _rank(product) < len(_FIRST):
            spatial.append(product)
        else:
            elements.append(product)
    spatial += model.by_type("IfcZone")
    spatial.sort(key=lambda e: (_rank(e), e.id()))
    elements.sort(key=lambda e: e.id())
    return spatial + elements, left_out


def is_kind(entity: Any, name: str) -> bool:  # noqa: ANN401 (IFC entity)
    """Whether an entity is of a class; False where the schema has no such class."""
    try:
        return bool(entity.is_a(name))
    except RuntimeError:
        return False


def _rank(entity: Any) -> int:  # noqa: ANN401 (IFC entity)
    for rank, name in enumerate(_FIRST):
        if is_kind(entity, name):
            return rank
    return len(_FIRST) - 3 if is_kind(entity, "IfcSpatialStructureElement") else len(_FIRST)


def _keys(nodes: list[Node]) -> int:
    """Unique keys: the GlobalId, with #2, #3 … for repeated ones; returns how many were repeated."""
    seen: dict[str, int] = {}
    repeated = 0
    for node in nodes:
        base = node.guid or f"{node.ifc_class}/{_text(node.entity.Name) or 'unnamed'}"
        seen[base] = seen.get(base, 0) + 1
        node.repeated = seen[base] > 1
        node.key = base if not node.repeated else f"{base}#{seen[base]}"
        repeated += node.repeated
    return repeated


def build_nodes(model: ifcopenshell.file) -> tuple[list[Node], list[str]]:
    """Records of a model with parents, storeys, buildings and units, and findings.

    Parameters
    ----------
    model : ifcopenshell.file
        Any schema.

    Returns
    -------
    (list of Node, list of str)
        Site, facilities, buildings, storeys, zones and spaces first, then elements by step id.
        ``parent``, ``storey``,
        ``building`` and ``unit`` are step ids of other nodes.
    """
    products, left_out = _products(model)
    nodes = []
    for entity in products:
        name = entity.is_a()
        nodes.append(
            Node(
                entity,
                entity.id(),
                name,
                _class_of(entity),
                "",
                _text(entity.GlobalId),
                spatial=_rank(entity) < len(_FIRST),
            )
        )
    findings = []
    if left_out:
        shown = ", ".join(f"{n} {c}" for c, n in sorted(left_out.items()))
        findings.append(f"left out as no things of their own: {shown}")
    repeated = _keys(nodes)
    if repeated:
        findings.append(
            f"{repeated} GlobalIds are empty or occur more than once; their keys got a number (#2 …)"
        )
    by_step = {node.step: node for node in nodes}
    _zone_classes(nodes)
    _link(model, by_step)
    _climb(nodes, by_step)
    return nodes, findings


def _zone_classes(nodes: list[Node]) -> None:
    """Zones that do not call themselves a unit (fire, thermal … zones) are no 单元."""
    for node in nodes:
        if node.class_code == "unit":
            words = " ".join(
                str(getattr(node.entity, a, None) or "")
                for a in ("Name", "LongName", "ObjectType", "Description")
            ).lower()
            if not any(
                w in words
                for w in ("单元", "unit", "apartment", "flat", "dwelling", "户", "wohnung")
            ):
                node.class_code = "other"


def _link(model: ifcopenshell.file, by_step: dict[int, Node]) -> None:
    """Parents by aggregation, containment and filling; units by assignment to zones."""
    for rel in model.by_type("IfcRelAggregates") + model.by_type("IfcRelNests"):
        _adopt(by_step, rel.RelatingObject, rel.RelatedObjects, "part_of")
    for rel in model.by_type("IfcRelContainedInSpatialStructure"):
        _adopt(by_step, rel.RelatingStructure, rel.RelatedElements, "located_in")
    for rel in model.by_type("IfcRelFillsElement"):
        opening = rel.RelatingOpeningElement
        voids = getattr(opening, "VoidsElements", None) if opening is not None else None
        if voids:
            _adopt(
                by_step, voids[0].RelatingBuildingElement, [rel.RelatedBuildingElement], "part_of"
            )
    for rel in model.by_type("IfcRelAssignsToGroup"):
        group = rel.RelatingGroup
        zone = by_step.get(group.id()) if group is not None else None
        if zone is not None and zone.class_code == "unit":
            for member in rel.RelatedObjects or ():
                node = by_step.get(member.id())
                if node is not None:
                    node.unit = zone.step


def _adopt(by_step: dict[int, Node], parent: Any, children: Any, relation: str) -> None:  # noqa: ANN401
    if parent is None or parent.id() not in by_step:
        return
    for child in children or ():
        node = by_step.get(child.id())
        if node is not None and node.parent is None and node.step != parent.id():
            node.parent, node.relation = parent.id(), relation


def _climb(nodes: list[Node], by_step: dict[int, Node]) -> None:
    """Storey and building of each node by walking up; a unit belongs to the building of its rooms."""
    for node in nodes:
        at, steps = node, 0
        while at.parent is not None and steps < 64:
            at, steps = by_step[at.parent], steps + 1
            if at.class_code == "storey" and node.storey is None:
                node.storey = at.step
            if at.class_code in ("building", "bridge") and node.building is None:
                node.building = at.step
            if at.unit is not None and node.unit is None:
                node.unit = at.unit
        if steps >= 64:
            node.parent = node.relation = None
            node.notes.append("its parents form a circle; none was kept")
    for node in nodes:
        if node.unit is not None and node.building is not None:
            zone = by_step[node.unit]
            if zone.building is None:
                zone.building = zone.parent = node.building
                zone.relation = "part_of"


def has_surface(entity: Any) -> bool:  # noqa: ANN401 (IFC entity)
    """Whether an object has a representation that is more than points, curves and boxes."""
    shape: Any = getattr(entity, "Representation", None)
    if shape is None or not hasattr(shape, "is_a"):
        return False
    kinds = {(r.RepresentationType or "").lower() for r in shape.Representations or ()}
    return bool(kinds - _FLAT)


def placement_bounds(nodes: list[Node], unit: float) -> tuple[float, float, float, float] | None:
    """(xmin, ymin, xmax, ymax) of up to 2,000 placements, model metres; None without any."""
    step = max(1, len(nodes) // 2000)
    origins = []
    for node in nodes[::step]:
        placement = getattr(node.entity, "ObjectPlacement", None)
        if hasattr(placement, "is_a") and is_kind(placement, "IfcLocalPlacement"):
            origins.append(ifcopenshell.util.placement.get_local_placement(placement)[:2, 3])
    if not origins:
        return None
    points = np.array(origins) * unit
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
