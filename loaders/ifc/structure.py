"""Spatial structure of a model: which products become records, of which class, under which parent."""

import re
from dataclasses import dataclass, field
from typing import Any

import ifcopenshell

__all__ = [
    "AXIS",
    "FLAT",
    "Link",
    "Node",
    "attribute_of",
    "build_nodes",
    "has_surface",
    "is_kind",
    "links_of",
    "members_of",
    "value_of",
]

_fields: dict[str, dict[str, int]] = {}


def value_of(entity: Any, name: str) -> Any:  # noqa: ANN401 (IFC entity)
    """Attribute of an entity, None where its class has none of that name.

    By position, looked up once per class: several times cheaper than by name.
    """
    place = places_of(entity).get(name)
    return None if place is None else entity.get_argument(place)


def places_of(entity: Any) -> dict[str, int]:  # noqa: ANN401 (IFC entity)
    """Position of each attribute of an entity's class."""
    kind = entity.is_a(True)
    known = _fields.get(kind)
    if known is None:
        names = entity.get_attribute_names()
        known = _fields[kind] = {n: k for k, n in enumerate(names)}
    return known


def attribute_of(entity: Any, name: str) -> Any:  # noqa: ANN401 (IFC entity)
    """Attribute or inverse of an entity, None where its class has none of that name.

    ``getattr`` with a default loads the rules of the whole schema before it gives up: 4 MB.
    """
    category = getattr(entity, "get_attribute_category", None)
    return getattr(entity, name) if category and category(name) in (1, 2) else None


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
    "IfcAlignmentSegment",
)
"""Products that are no things in the city: voids, virtual boundaries, ports, drawings, grids, calculation models."""
AXIS = "IfcAlignment"
"""The axis of a road or railway: a thing, unlike what else only positions others."""
_CLASSES = (
    ("IfcBuilding", "building"),
    ("IfcBuildingStorey", "storey"),
    ("IfcSpace", "room"),
    ("IfcZone", "unit"),
    ("IfcSpatialZone", "unit"),
    ("IfcBridge", "bridge"),
    ("IfcSite", "other"),
    ("IfcRoad", "road"),
    ("IfcGroup", "other"),
    ("IfcSpatialElement", "other"),
    ("IfcSpatialStructureElement", "other"),
)
_FIRST = (
    "IfcSite",
    "IfcFacility",
    "IfcBuilding",
    "IfcBuildingStorey",
    "IfcGroup",
    "IfcSpatialZone",
    "IfcSpace",
)


FLAT = frozenset(
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
        "vertex",
        "edge",
        "path",
    }
)
"""Representation types without a surface."""


@dataclass(slots=True)
class Node:
    """One record to be: the entity, its key and its place in the structure.

    ``places`` are the positions of the attributes of its class, one table for all of them.
    """

    entity: Any
    step: int
    ifc_class: str
    class_code: str
    key: str
    guid: str | None
    name: Any
    places: dict[str, int]
    parent: int | None = None
    relation: str | None = None
    storey: int | None = None
    building: int | None = None
    unit: int | None = None
    spatial: bool = False
    repeated: bool = False
    notes: list[str] = field(default_factory=list)

    def value(self, name: str) -> Any:  # noqa: ANN401 (of an IFC entity)
        """Attribute of the entity, None where its class has none of that name."""
        place = self.places.get(name)
        return None if place is None else self.entity.get_argument(place)


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None


_LOGICAL = (
    "IfcInventory",
    "IfcStructuralAnalysisModel",
    "IfcStructuralLoadGroup",
    "IfcStructuralResultGroup",
)
"""Groups that hold no things of a city."""


@dataclass(frozen=True, slots=True)
class Link:
    """A relation beside the tree: member_of a group, serves a building, flows_to the next element."""

    source: str
    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a class of IFC is here: looked up once per class, not per object."""

    name: str
    skipped: bool
    drawn: bool
    rank: int
    code: str
    places: dict[str, int]


def _kind_of(entity: Any, memo: dict[str, _Kind]) -> _Kind:  # noqa: ANN401 (IFC entity)
    name = entity.is_a()
    if name not in memo:
        code = next((c for ifc, c in _CLASSES if is_kind(entity, ifc)), "element")
        skipped = any(is_kind(entity, one) for one in (*_SKIPPED, *_LOGICAL)) and name != AXIS
        drawn = is_kind(entity, "IfcStructuralItem")  # faces of a calculation model are seen
        code = "other" if drawn or name == AXIS else code
        memo[name] = _Kind(name, skipped, drawn, _rank(entity), code, places_of(entity))
    return memo[name]


def _products(model: ifcopenshell.file) -> tuple[list[tuple[int, Any, _Kind]], dict[str, int]]:
    """Things by step id in the order of the records (spatial structure first, then by step id), and what was left out."""
    memo: dict[str, _Kind] = {}
    left_out: dict[str, int] = {}
    spatial, elements = [], []
    for product in [*model.by_type("IfcProduct"), *model.by_type("IfcGroup")]:
        kind = _kind_of(product, memo)
        if kind.skipped and not (kind.drawn and has_surface(product)):
            name = kind.name
            left_out[name] = left_out.get(name, 0) + 1
        elif kind.rank < len(_FIRST):
            spatial.append((product.id(), product, kind))
        else:
            elements.append((product.id(), product, kind))
    spatial.sort(key=lambda e: (e[2].rank, e[0]))
    elements.sort(key=lambda e: e[0])
    return spatial + elements, left_out


def is_kind(entity: Any, name: str) -> bool:  # noqa: ANN401 (IFC entity)
    """Whether an entity is of a class; False where the schema has no such class, or a number or text stands for it."""
    try:
        return bool(entity.is_a(name))
    except (RuntimeError, AttributeError):
        return False


def _step(entity: Any) -> int:  # noqa: ANN401 (IFC entity)
    """Step id of what a relation names; 0, which nothing has, where a damaged file names nothing, a number or a text."""
    return int(entity.id()) if hasattr(entity, "id") else 0


_MEMBERS = re.compile(
    r"#\d+=\w+\((?:'[^']*'|\$),(?:#\d+|\$)(?:,(?:'(?:[^']|'')*+'|\$)){2}"
    r"(?:,(?:#\d+|\$))?,\(((?:#\d+,)*+#\d+)\)[,)]"
)


def members_of(rel: Any) -> list[int] | None:  # noqa: ANN401 (IFC entity)
    """Step ids of the many objects that a relation names, in order; None where it is written in an unusual way.

    Out of its text: an object for each of them costs two or three times as much.
    """
    found = _MEMBERS.match(rel.to_string())
    return [int(step) for step in found[1].replace("#", "").split(",")] if found else None


def _members(rel: Any, name: str) -> list[int]:  # noqa: ANN401 (IFC entity)
    """The same for any relation, 0 for what is no object."""
    told = members_of(rel)
    return [_step(one) for one in getattr(rel, name) or ()] if told is None else told


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
        base = node.guid or f"{node.ifc_class}/{_text(node.name) or 'unnamed'}"
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
    nodes = [
        Node(
            entity,
            step,
            kind.name,
            kind.code,
            "",
            _text(entity.get_argument(kind.places["GlobalId"])),
            entity.get_argument(kind.places["Name"]),
            kind.places,
            spatial=kind.rank < len(_FIRST),
        )
        for step, entity, kind in products
    ]
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
    _home_groups(model, by_step)
    return nodes, findings


def _zone_classes(nodes: list[Node]) -> None:
    """Zones that do not call themselves a unit (fire, thermal … zones) are no 单元."""
    for node in nodes:
        if node.class_code == "unit":
            words = " ".join(
                str(attribute_of(node.entity, a) or "")
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
        _adopt(by_step, _step(rel.RelatingObject), _members(rel, "RelatedObjects"), "part_of")
    for rel in model.by_type("IfcRelContainedInSpatialStructure"):
        inside = _members(rel, "RelatedElements")
        _adopt(by_step, _step(rel.RelatingStructure), inside, "located_in")
    for rel in model.by_type("IfcRelFillsElement"):
        opening = rel.RelatingOpeningElement
        voids = attribute_of(opening, "VoidsElements") if opening is not None else None
        if voids:
            filled, filling = voids[0].RelatingBuildingElement, rel.RelatedBuildingElement
            _adopt(by_step, _step(filled), [_step(filling)], "part_of")
    for rel in model.by_type("IfcRelAssignsToGroup"):
        zone = by_step.get(_step(rel.RelatingGroup))
        if zone is not None and zone.class_code == "unit":
            for member in _members(rel, "RelatedObjects"):
                node = by_step.get(member)
                if node is not None:
                    node.unit = zone.step


def links_of(model: ifcopenshell.file, nodes: list[Node]) -> list[Link]:
    """Relations beside the tree, each once: groups and systems, served buildings, connected ports."""
    key = {node.step: node.key for node in nodes}
    out: dict[Link, None] = {}

    def add(source: int, kind: str, target: int) -> None:
        a, b = key.get(source), key.get(target)
        if a is not None and b is not None and a != b:
            out[Link(a, kind, b)] = None

    for rel in model.by_type("IfcRelAssignsToGroup"):
        group = _step(rel.RelatingGroup)
        for member in _members(rel, "RelatedObjects"):
            add(member, "member_of", group)
    for rel in model.by_type("IfcRelServicesBuildings"):
        system = _step(rel.RelatingSystem)
        for building in _members(rel, "RelatedBuildings"):
            add(system, "serves", building)
    owner = _port_owners(model)
    for rel in model.by_type("IfcRelConnectsPorts"):
        a, b = rel.RelatingPort, rel.RelatedPort
        if a is not None and b is not None:
            back = "SINK" in str(attribute_of(a, "FlowDirection")).upper()
            first, second = (b, a) if back else (a, b)
            add(_step(owner.get(_step(first))), "flows_to", _step(owner.get(_step(second))))
    return list(out)


def _port_owners(model: ifcopenshell.file) -> dict[int, Any]:
    """Element of each port, by step id of the port."""
    out = {}
    for rel in model.by_type("IfcRelConnectsPortToElement"):
        if rel.RelatingPort is not None:
            out[_step(rel.RelatingPort)] = rel.RelatedElement
    for rel in model.by_type("IfcRelNests"):
        for child in rel.RelatedObjects or ():
            if is_kind(child, "IfcPort"):
                out[child.id()] = rel.RelatingObject
    return out


def _adopt(by_step: dict[int, Node], parent: int, children: list[int], relation: str) -> None:
    above = by_step.get(parent)
    if above is None:
        return
    for child in children:
        node = by_step.get(child)
        if node is not None and node.parent is None and node is not above:
            node.parent, node.relation = above.step, relation


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
            _house(by_step[node.unit], node.building)


def _house(zone: Node, building: int) -> None:
    """Put a zone or group that has no parent into a building."""
    if zone.building is None and zone.parent is None and zone.step != building:
        zone.building = zone.parent = building
        zone.relation = "part_of"


def _home_groups(model: ifcopenshell.file, by_step: dict[int, Node]) -> None:
    """A group whose members all stand in one building belongs to it."""
    for rel in model.by_type("IfcRelAssignsToGroup"):
        group = by_step.get(_step(rel.RelatingGroup))
        if group is None or group.parent is not None:
            continue
        members = [by_step.get(member) for member in _members(rel, "RelatedObjects")]
        homes = {m.building for m in members if m is not None}
        home = homes.pop() if len(homes) == 1 else None
        if home is not None:
            _house(group, home)


def has_surface(entity: Any) -> bool:  # noqa: ANN401 (IFC entity)
    """Whether an object has a representation that is more than points, curves and boxes."""
    shape: Any = value_of(entity, "Representation")
    if shape is None or not hasattr(shape, "is_a"):
        return False
    for representation in value_of(shape, "Representations") or ():
        if (value_of(representation, "RepresentationType") or "").lower() not in FLAT:
            return True
    return False
