"""City objects of CityGML members → drafts: parts and rooms as objects of their own, boundary surfaces as semantics."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from loaders.citygml.geometry import FaceStore, Part, parts_of
from loaders.citygml.numbers import parse_lists
from loaders.citygml.properties import CodeLists, address_of, generic, nested, typed
from loaders.citygml.reading import GML, XLINK_HREF, Element, Member, gml_id, local, split
from loaders.citymodel.attributes import AttributeMapper
from loaders.citymodel.classes import class_of
from loaders.citymodel.drafts import Draft

__all__ = ["FeatureReader", "ShapeDraft", "Template"]

Json = dict[str, Any]
FloatArray = NDArray[np.float64]
MAX_DEPTH = 32
"""City objects nested deeper than this are left out, with a note."""
_BOUNDARIES = frozenset(
    {"boundedBy", "boundary", "opening", "fillingSurface", "trafficArea", "auxiliaryTrafficArea"}
)
_SURFACES = frozenset({
    "Door", "Window", "TrafficArea", "AuxiliaryTrafficArea", "Hole", "Marking", "DoorSurface",
    "WindowSurface", "ClosureSurface",
})  # fmt: skip
_OBJECTS = frozenset({
    "Building", "BuildingPart", "BuildingInstallation", "IntBuildingInstallation", "BuildingFurniture", "Room",
    "BuildingRoom", "BuildingUnit", "Storey", "BuildingConstructiveElement", "Bridge", "BridgePart",
    "BridgeInstallation", "IntBridgeInstallation", "BridgeConstructionElement", "BridgeConstructiveElement",
    "BridgeFurniture", "BridgeRoom", "Tunnel", "TunnelPart", "TunnelInstallation", "IntTunnelInstallation",
    "TunnelConstructiveElement", "TunnelFurniture", "HollowSpace", "Road", "Railway", "Track", "Square", "Waterway",
    "Section", "Intersection", "TrafficSpace", "AuxiliaryTrafficSpace", "ClearanceSpace", "TransportationComplex",
    "PlantCover", "SolitaryVegetationObject", "WaterBody", "LandUse", "CityFurniture", "GenericCityObject",
    "GenericLogicalSpace", "GenericOccupiedSpace", "GenericUnoccupiedSpace", "GenericThematicSurface",
    "CityObjectGroup", "ReliefFeature", "TINRelief", "MassPointRelief", "BreaklineRelief", "RasterRelief",
    "OtherConstruction",
})  # fmt: skip
_NAMES = {
    "class": "class",
    "creationDate": "creation_date",
    "terminationDate": "termination_date",
    "validFrom": "valid_from",
    "validTo": "valid_to",
    "description": "description",
}
_LENGTHS = {"ft": 0.3048, "[ft_i]": 0.3048, "9002": 0.3048, "cm": 0.01, "mm": 0.001}
"""Metres in units of length other than the metre."""
_IGNORED = frozenset({"relativeToTerrain", "relativeToWater"})


@dataclass(slots=True, eq=False)
class ShapeDraft:
    """Faces of one object at one LoD, with the semantic surface of each; references wait for their target."""

    owner: Draft
    lod: str
    kind: str
    faces: list[int] = field(default_factory=list)
    flipped: list[bool] = field(default_factory=list)
    surface: list[int] = field(default_factory=list)
    surfaces: list[Json] = field(default_factory=list)
    refs: list[tuple[str, bool]] = field(default_factory=list)
    skipped: int = 0
    _places: dict[int, int] = field(default_factory=dict)

    def place_of(self, described: Json) -> int:
        """Place of a thematic surface among those of the shape, told apart by what it is, not by what it says."""
        place = self._places.setdefault(id(described), len(self.surfaces))
        if place == len(self.surfaces):
            self.surfaces.append(described)
        return place

    def take(self, part: Part, surface: int) -> None:
        """Add the faces of a geometry."""
        if part.end - part.first == 1 and not (part.flipped or part.refs):
            self.faces.append(part.first)
            self.flipped.append(False)
            self.surface.append(surface)
            return
        faces = range(part.first, part.end)
        self.faces += faces
        self.flipped += [i in part.flipped for i in faces] if part.flipped else [False] * len(faces)
        self.surface += [surface] * len(faces)
        self.refs += part.refs


@dataclass(slots=True)
class Template:
    """A shape that implicit geometries place: its faces lie in a store of its own."""

    name: str
    lod: str
    part: Part


@dataclass(slots=True)
class FeatureReader:
    """Drafts of members, collected until the batch is taken.

    Parameters
    ----------
    mapper : AttributeMapper
    codes : CodeLists
    swap, offset
        How coordinates of points and lines are read (see :class:`loaders.citygml.srs.Reference`).
    dimension : int
        Of coordinates where none is said; 0 where nothing says it.
    """

    mapper: AttributeMapper
    codes: CodeLists
    swap: bool
    offset: tuple[float, float, float]
    dimension: int
    store: FaceStore = field(default_factory=FaceStore)
    drafts: list[Draft] = field(default_factory=list)
    shapes: list[ShapeDraft] = field(default_factory=list)
    template_store: FaceStore = field(default_factory=FaceStore)
    templates: list[Template] = field(default_factory=list)
    known_templates: dict[str, str] = field(default_factory=dict)
    row: int = 0
    _member: Member | None = None

    def read(self, member: Member) -> None:
        """Draft the objects of one member; a member without an object becomes one record with its fault."""
        self._member = member
        first = len(self.shapes)
        found = False
        for element in member.element:
            if local(element):
                found = True
                self._object(element, None, 0)
        if not found:
            href = member.element.get(XLINK_HREF)
            if href is not None:
                fault = (
                    f"the member is only a link ({href}); links outside the file are not followed"
                )
            else:
                fault = "the member holds no city object"
            self.drafts.append(Draft(None, "", "other", faults=[fault]))
            self.row += 1
        self._resolve(self.shapes[first:])
        self._member = None

    def _object(self, element: Element, parent: Draft | None, depth: int) -> None:
        """One city object and those below it."""
        kind = local(element)
        name = gml_id(element)
        draft = Draft(name, kind, class_of(kind, self.mapper.plan.class_code))
        draft.attributes["citygml_type"] = kind
        if name is not None:
            draft.aliases.append(("gml.id", name))
        elif parent is not None or any(True for _ in element):
            draft.key = f"{kind}@{self.row}"
        if parent is not None:
            draft.parent, draft.relation = parent.key, "part_of"
        self.drafts.append(draft)
        self.row += 1
        own: list[ShapeDraft] = []
        below: list[Element] = []
        raw: Json = {}
        self._children(element, draft, own, raw, below)
        self._finish(draft, raw)
        self.shapes += own
        for child in below:
            if depth + 1 > MAX_DEPTH:
                draft.notes.append(f"objects nested deeper than {MAX_DEPTH} were left out")
                break
            self._object(child, draft, depth + 1)

    def _children(
        self, element: Element, draft: Draft, own: list[ShapeDraft], raw: Json, below: list[Element]
    ) -> None:
        for child in element:
            space, name = split(child)
            if name[:3] == "lod" and name[3:4].isdigit():
                self._geometry(child, draft, own, name[3], name, -1, None)
            elif name in ("tin", "extent") and len(child):
                lod = element.findtext("{*}lod") or "1"
                if name == "tin":
                    self._geometry(child, draft, own, lod.strip(), name, -1, None)
            elif name in _BOUNDARIES and space not in GML:
                self._boundary(child, draft, own, below, None)
            elif space in GML:
                self._gml(child, name, draft, raw)
            elif name:
                self._property(child, name, draft, raw, below)

    def _gml(self, child: Element, name: str, draft: Draft, raw: Json) -> None:
        """Name, description and identifier; the envelope says nothing that the shape does not."""
        text = (child.text or "").strip()
        if name == "name" and text:
            space = child.get("codeSpace")
            meaning = self.codes.text_of(space, text) if space else None
            if meaning is not None:
                raw.setdefault("name_code", text)
            if "name" in raw:
                raw.setdefault("further_names", []).append(meaning or text)
            else:
                raw["name"] = meaning or text
        elif name == "identifier" and text:
            draft.aliases.append(("gml.identifier", text))
        elif name == "description" and text:
            raw["description"] = text
        elif name not in ("boundedBy", "location", "metaDataProperty"):
            value = nested(child, self.codes)
            if value:
                raw[name] = value

    def _property(
        self, child: Element, name: str, draft: Draft, raw: Json, below: list[Element]
    ) -> None:
        if name == "externalReference":
            _external(child, draft, raw)
            return
        if name in ("address", "xalAddress"):
            self._address(child, raw)
            return
        if name in ("appearance", "appearanceMember") or name in _IGNORED:
            return
        if generic(child, raw):
            return
        objects = [o for o in child if _is_object(o, name)]
        if objects:
            below += objects
            return
        href = child.get(XLINK_HREF)
        if href is not None and not len(child):
            raw.setdefault(f"{name}_ref", []).append(href.removeprefix("#"))
            return
        self._value(child, name, raw)

    def _value(self, child: Element, name: str, raw: Json) -> None:
        """A plain or nested attribute: codes as text, lengths in metres, years as numbers."""
        value = nested(child, self.codes)
        if value is None or value == {}:
            return
        space = child.get("codeSpace")
        if space and isinstance(value, str):
            meaning = self.codes.text_of(space, value)
            if meaning is not None:
                _append(raw, f"{name}_code", value)
                value = meaning
        elif isinstance(value, str) and name in ("yearOfConstruction", "yearOfDemolition"):
            value = typed(value[:4], "int")
        uom = (child.get("uom") or "").rpartition(":")[2].lstrip("#")
        if uom and uom not in ("m", "9001"):
            factor = _LENGTHS.get(uom)
            if factor is not None and isinstance(value, int | float):
                raw[f"{name}_{uom}"], value = value, round(value * factor, 6)
            else:
                raw.setdefault(f"{name}_uom", uom)
        _append(raw, _NAMES.get(name, name), value)

    def _address(self, child: Element, raw: Json) -> None:
        found = address_of(child)
        if found is not None:
            _, points = parts_of(child, self.swap, self.offset)
            if points:
                found["location"] = points[0][0].round(9).tolist()
            raw.setdefault("addresses", []).append(found)
        elif child.get(XLINK_HREF):
            raw.setdefault("address_ref", []).append(child.get(XLINK_HREF))

    def _finish(self, draft: Draft, raw: Json) -> None:
        """Attributes under canonical names."""
        usage = raw.get("usage")
        if usage is not None and "function" in raw:
            raw["class_function"] = raw.pop("function")
        if raw.get("addresses"):
            raw["address"] = raw["addresses"][0]["full"]
        if "measuredHeight" not in raw:
            found = raw.get("height")
            for one in found if isinstance(found, list) else [found]:
                said = one if isinstance(one, dict) else {}
                if isinstance(said.get("value"), int | float) and "value_uom" not in said:
                    raw["measuredHeight"] = said["value"]
                    break
        built = raw.get("dateOfConstruction")
        if isinstance(built, str) and built[:4].isdigit() and "yearOfConstruction" not in raw:
            raw["yearOfConstruction"] = int(built[:4])
        for name in ("storeysAboveGround", "storeysBelowGround"):
            value = raw.get(name)
            if isinstance(value, float) and value.is_integer():
                raw[name] = int(value)
        code = _deep(raw, "buildingID")
        if code is not None and "buildingID" not in raw:
            draft.aliases.append(("building.code", code))
        self.mapper.apply(draft, raw)

    def _geometry(
        self,
        holder: Element,
        draft: Draft,
        own: list[ShapeDraft],
        lod: str,
        name: str,
        surface: int,
        described: Json | None,
    ) -> None:
        """A geometry property: faces, a placed template, or lines and points."""
        assert self._member is not None  # noqa: S101 (read() sets it)
        if name.endswith(("ImplicitRepresentation", "ImplicitGeometry")):
            self._implicit(holder, draft, lod)
            return
        kind = "" if described is not None else name
        part = self.store.take(holder, self._member.triangles, self.dimension)
        if part.end > part.first or part.refs:
            for shape in own:
                if shape.lod == lod and shape.kind == kind:
                    break
            else:
                shape = ShapeDraft(draft, lod, kind)
                own.append(shape)
            shape.take(part, surface if described is None else shape.place_of(described))
            return
        lines, points = parts_of(holder, self.swap, self.offset)
        if "TerrainIntersection" in name:
            draft.lines += [(lod, shapely.MultiLineString(lines))] if lines else []
        elif draft.plain is None and lines:
            draft.plain = (shapely.MultiLineString(lines), "centreline")
        elif draft.plain is None and points:
            at = np.concatenate(points)
            draft.plain = (
                shapely.Point(at[0]) if len(at) == 1 else shapely.MultiPoint(at),
                "point",
            )
        elif not lines and not points:
            draft.notes.append(f"{name} holds no geometry that can be read")

    def _boundary(
        self,
        holder: Element,
        draft: Draft,
        own: list[ShapeDraft],
        below: list[Element],
        above: Json | None,
    ) -> None:
        """Thematic surfaces of an object, with their openings; what is an object of its own stays one."""
        for element in holder:
            kind = local(element)
            if not kind:
                continue
            if kind not in _SURFACES and not kind.endswith("Surface"):
                below.append(element)
                continue
            self._surface(element, kind, draft, own, below, above)

    def _surface(
        self,
        element: Element,
        kind: str,
        draft: Draft,
        own: list[ShapeDraft],
        below: list[Element],
        above: Json | None,
    ) -> None:
        """One thematic surface: its faces, its openings, what is said of it."""
        described: Json = {"type": kind}
        name = gml_id(element)
        if name is not None:
            described["id"] = name
        if above is not None and "id" in above:
            described["in"] = above["id"]
        for child in element:
            said = local(child)
            if said[:3] == "lod" and said[3:4].isdigit():
                self._geometry(child, draft, own, said[3], said, -1, described)
            elif said in ("opening", "fillingSurface"):
                self._boundary(child, draft, own, below, described)
            elif said and said != "boundedBy" and not generic(child, described):
                objects = [o for o in child if _is_object(o, said)]
                below += objects
                value = None if objects else nested(child, self.codes)
                if value:
                    _append(described, said, value)

    def _implicit(self, holder: Element, draft: Draft, lod: str) -> None:
        """A template placed by a matrix and a reference point."""
        for implicit in holder.iter("{*}ImplicitGeometry"):
            text = implicit.findtext("{*}transformationMatrix") or ""
            numbers, _ = parse_lists([text])
            matrix = numbers.reshape(4, 4) if len(numbers) == 16 else np.eye(4)
            at = next(iter(implicit.iterfind("{*}referencePoint")), None)
            points = parts_of(at, self.swap, self.offset)[1] if at is not None else []
            name = self._template(implicit, lod)
            if name is None:
                library = implicit.findtext("{*}libraryObject")
                if library:
                    draft.attributes.setdefault("library_object", library.strip())
                    draft.notes.append(
                        f"its shape is a file of its own ({library.strip()}), which is not read"
                    )
                else:
                    draft.notes.append("an implicit geometry has no shape that is known")
                if points and draft.plain is None:
                    draft.plain = (shapely.Point(points[0][0]), "point")
            elif not points or not np.isfinite(matrix).all():
                draft.notes.append("an implicit geometry has no reference point or no matrix")
            else:
                draft.instances.append((name, lod, matrix, points[0][0]))

    def _template(self, implicit: Element, lod: str) -> str | None:
        """Name of the template of an implicit geometry; a new one is taken into its store."""
        for child in implicit:
            if local(child) not in ("relativeGMLGeometry", "relativeGeometry"):
                continue
            href = child.get(XLINK_HREF)
            if href is not None:
                return self.known_templates.get(href.removeprefix("#"))
            assert self._member is not None  # noqa: S101 (read() sets it)
            part = self.template_store.take(child, self._member.triangles, 3)
            if part.end == part.first:
                return None
            name = f"template/{self.row}/{len(self.templates)}"
            self.templates.append(Template(name, lod, part))
            for element in child.iter():
                known = gml_id(element)
                if known is not None:
                    self.known_templates[known] = name
            return name
        return None

    def _resolve(self, shapes: list[ShapeDraft]) -> None:
        """Faces that a shape only names, from wherever in the member they stand."""
        waiting = [s for s in shapes if s.refs]
        if not waiting:
            return
        surface_of = {
            f: s.surfaces[k]
            for s in shapes
            for f, k in zip(s.faces, s.surface, strict=True)
            if k >= 0
        }
        targets: dict[str, Element] = {}
        for shape in waiting:
            known = {
                f for s in shapes if s.owner is shape.owner and s.lod == shape.lod for f in s.faces
            }
            missing = 0
            for name, turned in shape.refs:
                faces = self._named(name, targets)
                missing += not faces
                for one in faces:
                    if one not in known:
                        self._borrow(shape, one, turned, surface_of.get(one))
            if missing:
                shape.owner.notes.append(
                    f"{missing} linked surfaces of LoD {shape.lod} are not in the same object"
                )
            elif not shape.faces:  # a solid of surfaces that stand here already
                self.shapes.remove(shape)

    def _named(self, name: str, targets: dict[str, Element]) -> Sequence[int]:
        """Faces of a polygon or a geometry of many, known or found in the member."""
        assert self._member is not None  # noqa: S101 (read() sets it)
        face = self.store.face_ids.get(name)
        if face is not None:
            return (face,)
        if not targets:
            targets |= {i: e for e in self._member.element.iter() if (i := gml_id(e)) is not None}
        element = targets.get(name)
        if element is None:
            return ()
        part = self.store.take(element, self._member.triangles, self.dimension)
        named = [self.store.face_ids[i] for i, _ in part.refs if i in self.store.face_ids]
        return [*range(part.first, part.end), *named]

    def _borrow(self, shape: ShapeDraft, face: int, turned: bool, described: Json | None) -> None:
        shape.faces.append(face)
        shape.flipped.append(turned)
        shape.surface.append(-1 if described is None else shape.place_of(described))


def _is_object(element: Element, role: str) -> bool:
    """Whether an element below a property is a city object of its own."""
    name = local(element)
    if name in _OBJECTS:
        return True
    if not name[:1].isupper() or gml_id(element) is None:
        return False
    if role in ("groupMember", "parent", "reliefComponent") or role.startswith("consistsOf"):
        return True
    return any(local(c)[:3] == "lod" and local(c)[3:4].isdigit() for c in element)


def _append(raw: Json, name: str, value: Any) -> None:  # noqa: ANN401 (JSON)
    if name not in raw:
        raw[name] = value
    elif isinstance(raw[name], list):
        raw[name].append(value)
    else:
        raw[name] = [raw[name], value]


def _external(child: Element, draft: Draft, raw: Json) -> None:
    """A reference to the same thing elsewhere: an alias, and kept as it is."""
    system = child.findtext(".//{*}informationSystem")
    value = child.findtext(".//{*}externalObject/{*}name") or child.findtext(
        ".//{*}externalObject/{*}uri"
    )
    value = value or child.findtext(".//{*}targetResource")
    if value and value.strip():
        scheme = f"external:{(system or '').strip()}" if system else "external"
        draft.aliases.append((scheme, value.strip()))
        said = {"system": (system or "").strip(), "value": value.strip()}
        raw.setdefault("external_references", []).append({k: v for k, v in said.items() if v})


def _deep(values: Mapping[str, Any], name: str) -> str | None:
    """First text under a name anywhere in nested attributes."""
    return next(_found(values, name), None)


def _found(values: Any, name: str) -> Iterator[str]:  # noqa: ANN401 (JSON)
    if isinstance(values, dict):
        for key, value in values.items():
            if key == name and isinstance(value, str):
                yield value
            elif isinstance(value, dict | list):
                yield from _found(value, name)
    elif isinstance(values, list):
        for value in values:
            yield from _found(value, name)
