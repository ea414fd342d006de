"""Writing IFC byte for byte the same every time: spatial tree, types, products, properties.

GlobalIds are UUIDv5 of the model's title and the object's key; the header and the owner history
bear a fixed date. All lengths come in as metres and are written in the model's unit.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ifcopenshell
import ifcopenshell.guid
import numpy as np

from sample_data.district import CRS, Site
from sample_data.ifc_shapes import Entity, Point, ShapeWriter

__all__ = ["Kind", "ModelWriter"]

STAMP = "2026-07-01T08:00:00"
STAMP_SECONDS = 1_782_864_000
"""The same moment (UTC) in seconds since 1970, as IfcOwnerHistory wants it."""
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:citytwin:sample-data")
Value = str | int | float | bool | tuple[str, str | int | float | bool]
"""A property: plain, or (IFC measure, value) where the measure is not the obvious one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type object with a shape that occurrences share.

    ``occurrence`` is the IFC class of the occurrences, ``shape`` the IfcRepresentationMap and
    ``entity`` the IfcTypeProduct.
    """

    occurrence: str
    shape: Entity
    entity: Entity
    predefined: str | None


_CONTAINERS = {"IfcSite", "IfcBuilding", "IfcBuildingStorey", "IfcBridge", "IfcBridgePart"}


def _class(entity: Entity) -> str:
    """IFC class of an entity."""
    return str(entity.is_a())  # type: ignore[no-untyped-call]  # its stub lacks a return type


class ModelWriter:
    """One IFC file under construction.

    Parameters
    ----------
    title : str
        Name of the project; also the seed of every GlobalId.
    schema : str
        "IFC4" or "IFC4X3" (ADD2).
    millimetres : bool
        Length unit of the model: millimetres, or metres.
    site : Site
        Where the model's origin and x axis lie (EPSG:4547).
    ground : float
        1985 height of the model's z = 0, metres.
    """

    def __init__(
        self,
        title: str,
        schema: Literal["IFC4", "IFC4X3"],
        *,
        millimetres: bool,
        site: Site,
        ground: float,
    ) -> None:
        self.title = title
        self.file = ifcopenshell.file(schema=schema)
        self.shapes = ShapeWriter(self.file, 1000.0 if millimetres else 1.0)
        self._materials: dict[str, Entity] = {}
        self._contained: dict[int, list[Entity]] = {}
        self._members: dict[int, list[Entity]] = {}
        self._typed: dict[int, list[Entity]] = {}
        self._made_of: dict[str, list[Entity]] = {}
        self._roots: dict[int, Entity] = {}
        self.history = self._owner_history()
        self._unmoved = self.file.create_entity(
            "IfcCartesianTransformationOperator3D", LocalOrigin=self.shapes.origin
        )
        self._context(site, ground, millimetres)

    # -- identity ---------------------------------------------------------------------------------

    def guid(self, key: str) -> str:
        """Stable IFC GlobalId of a key within this model."""
        name = uuid.uuid5(NAMESPACE, f"{self.title}/{key}")
        return str(ifcopenshell.guid.compress(name.hex))

    def root(self, kind: str, key: str, **attributes: object) -> Entity:
        """Entity IfcRoot: GlobalId from ``key``, the shared owner history, attributes as given."""
        return self.file.create_entity(
            kind, GlobalId=self.guid(f"{kind}/{key}"), OwnerHistory=self.history, **attributes
        )

    def _owner_history(self) -> Entity:
        create = self.file.create_entity
        person = create("IfcPerson", FamilyName="citytwin")
        office = create("IfcOrganization", Name="citytwin")
        user = create("IfcPersonAndOrganization", person, office)
        program = create("IfcApplication", office, "1", "citytwin sample data", "citytwin-sample")
        return create(
            "IfcOwnerHistory", user, program, None, "NOCHANGE", None, None, None, STAMP_SECONDS
        )

    # -- project, units, georeference --------------------------------------------------------------

    def _context(self, site: Site, ground: float, millimetres: bool) -> None:
        create = self.file.create_entity
        metre = create("IfcSIUnit", UnitType="LENGTHUNIT", Prefix=None, Name="METRE")
        length = (
            create("IfcSIUnit", UnitType="LENGTHUNIT", Prefix="MILLI", Name="METRE")
            if millimetres
            else metre
        )
        units = [
            length,
            create("IfcSIUnit", UnitType="AREAUNIT", Name="SQUARE_METRE"),
            create("IfcSIUnit", UnitType="VOLUMEUNIT", Name="CUBIC_METRE"),
            create("IfcSIUnit", UnitType="PLANEANGLEUNIT", Name="RADIAN"),
        ]
        angle = np.deg2rad(site.rotation)
        east, north = float(np.cos(angle)), float(np.sin(angle))
        context = create(
            "IfcGeometricRepresentationContext",
            None,
            "Model",
            3,
            1e-5,
            self.shapes.axes(),
            self.shapes.direction(north, east),  # grid north as seen from the model's axes
        )
        self.body = create(
            "IfcGeometricRepresentationSubContext",
            ContextIdentifier="Body",
            ContextType="Model",
            ParentContext=context,
            TargetView="MODEL_VIEW",
        )
        self.project = self.root(
            "IfcProject",
            "project",
            Name=self.title,
            RepresentationContexts=[context],
            UnitsInContext=create("IfcUnitAssignment", units),
        )
        crs = create(
            "IfcProjectedCRS",
            Name=CRS,
            Description="CGCS2000 / 3-degree Gauss-Kruger CM 114E",
            GeodeticDatum="CGCS2000",
            VerticalDatum="1985国家高程基准",
            MapProjection="Gauss-Kruger",
            MapZone="CM 114E",
            MapUnit=metre,
        )
        create(
            "IfcMapConversion",
            context,
            crs,
            site.easting,
            site.northing,
            ground,
            east,
            north,
            1.0 / self.shapes.units_per_metre,
        )

    # -- spatial structure -------------------------------------------------------------------------

    def spatial(
        self,
        kind: str,
        key: str,
        parent: Entity,
        *,
        at: Point = (0.0, 0.0, 0.0),
        **attributes: object,
    ) -> Entity:
        """A spatial element at ``at`` (metres, relative to its parent), part of the parent."""
        element = self.root(
            kind, key, ObjectPlacement=self.placement(parent, self.shapes.axes(at)), **attributes
        )
        self.aggregate(parent, element)
        return element

    def storeyed_building(
        self, site: str, name: str, levels: Sequence[float]
    ) -> tuple[Entity, list[Entity]]:
        """A site with one building, and its storeys from the ground up at ``levels`` (metres above the site)."""
        plot = self.spatial("IfcSite", "site", self.project, Name=site, CompositionType="ELEMENT")
        building = self.spatial(
            "IfcBuilding", "building", plot, Name=name, CompositionType="ELEMENT"
        )
        storeys = [
            self.spatial(
                "IfcBuildingStorey",
                f"storey/{floor}",
                building,
                at=(0.0, 0.0, level),
                Name=f"{floor}层",
                CompositionType="ELEMENT",
                Elevation=self.shapes.length(level),
            )
            for floor, level in enumerate(levels, 1)
        ]
        return building, storeys

    def placement(self, parent: Entity | None, axes: Entity) -> Entity:
        """IfcLocalPlacement under the placement of ``parent`` (none for the project)."""
        relative = None if parent is None else getattr(parent, "ObjectPlacement", None)
        return self.file.create_entity("IfcLocalPlacement", relative, axes)

    def aggregate(self, whole: Entity, part: Entity) -> None:
        """Note that ``part`` decomposes ``whole``."""
        self._members.setdefault(self._remember(whole), []).append(part)

    def _remember(self, entity: Entity) -> int:
        number = int(entity.id())
        self._roots[number] = entity
        return number

    def zone(self, key: str, name: str, spaces: Sequence[Entity], **attributes: object) -> Entity:
        """An IfcZone that groups ``spaces``."""
        zone = self.root("IfcZone", key, Name=name, **attributes)
        self.root("IfcRelAssignsToGroup", key, RelatedObjects=list(spaces), RelatingGroup=zone)
        return zone

    # -- types and products ------------------------------------------------------------------------

    def kind(
        self,
        occurrence: str,
        name: str,
        items: Sequence[Entity],
        *,
        predefined: str | None = None,
        material: str | None = None,
        properties: Mapping[str, Mapping[str, Value]] | None = None,
        **attributes: object,
    ) -> Kind:
        """A type object named ``name`` whose shape (styled items, metres) occurrences map."""
        representation = self._representation(items)
        shape = self.file.create_entity("IfcRepresentationMap", self.shapes.axes(), representation)
        sets = [
            self._property_set(f"{name}/{title}", title, values)
            for title, values in (properties or {}).items()
        ]
        entity = self.root(
            f"{occurrence}Type",
            f"type/{name}",
            Name=name,
            HasPropertySets=sets or None,
            RepresentationMaps=[shape],
            PredefinedType=predefined or "NOTDEFINED",
            **attributes,
        )
        if material:
            self._made_of.setdefault(material, []).append(entity)
        return Kind(occurrence, shape, entity, predefined)

    def _representation(self, items: Sequence[Entity]) -> Entity:
        kinds = {_class(item) for item in items}
        form = "SweptSolid" if kinds == {"IfcExtrudedAreaSolid"} else "Tessellation"
        if len(kinds) > 1:
            form = "SolidModel" if "IfcPolygonalFaceSet" not in kinds else "Body"
        return self.file.create_entity(
            "IfcShapeRepresentation", self.body, "Body", form, list(items)
        )

    def place(
        self,
        kind: Kind,
        key: str,
        parent: Entity,
        at: Point = (0.0, 0.0, 0.0),
        *,
        turn: float = 0.0,
        axes: Entity | None = None,
        name: str | None = None,
        **attributes: object,
    ) -> Entity:
        """An occurrence of ``kind`` in ``parent``.

        Parameters
        ----------
        kind : Kind
            Shared shape and type.
        key : str
            Unique in the model; seeds the GlobalId.
        parent : entity
            Spatial element that contains it, or an element that it is part of.
        at : tuple of float
            Metres, relative to the parent.
        turn : float
            Degrees counter-clockwise about the vertical.
        axes : entity, optional
            IfcAxis2Placement3D instead of ``at`` and ``turn``.
        name : str, optional
            Name of the occurrence; the type's by default.
        """
        item = self.file.create_entity("IfcMappedItem", kind.shape, self._unmoved)
        representation = self.file.create_entity(
            "IfcShapeRepresentation", self.body, "Body", "MappedRepresentation", [item]
        )
        if kind.predefined is not None:
            attributes.setdefault("PredefinedType", kind.predefined)
        product = self.root(
            kind.occurrence,
            key,
            Name=name or kind.entity.Name,
            ObjectPlacement=self.placement(parent, axes or self.shapes.turned(at, turn)),
            Representation=self.file.create_entity(
                "IfcProductDefinitionShape", None, None, [representation]
            ),
            **attributes,
        )
        self._typed.setdefault(self._remember(kind.entity), []).append(product)
        self._belongs(parent, product)
        return product

    def single(
        self,
        occurrence: str,
        key: str,
        parent: Entity | None,
        items: Sequence[Entity],
        *,
        at: Point = (0.0, 0.0, 0.0),
        material: str | None = None,
        **attributes: object,
    ) -> Entity:
        """A product with a shape of its own; without a parent it belongs nowhere (openings)."""
        shape = self.file.create_entity(
            "IfcProductDefinitionShape", None, None, [self._representation(items)]
        )
        placed = attributes.pop("ObjectPlacement", None) or self.placement(
            parent, self.shapes.axes(at)
        )
        product = self.root(
            occurrence, key, ObjectPlacement=placed, Representation=shape, **attributes
        )
        if material:
            self._made_of.setdefault(material, []).append(product)
        if parent is not None:
            self._belongs(parent, product)
        return product

    def assembly(self, occurrence: str, key: str, parent: Entity, **attributes: object) -> Entity:
        """A product without a shape of its own, made of the parts that name it as their parent."""
        product = self.root(
            occurrence,
            key,
            ObjectPlacement=self.placement(parent, self.shapes.axes()),
            **attributes,
        )
        self._belongs(parent, product)
        return product

    def _belongs(self, parent: Entity, product: Entity) -> None:
        if _class(product) == "IfcSpace" or _class(parent) not in _CONTAINERS:
            self.aggregate(parent, product)
        else:
            self._contained.setdefault(self._remember(parent), []).append(product)

    def opening(
        self, key: str, wall: Entity, items: Sequence[Entity], at: Point, filling: Entity
    ) -> None:
        """A real void in ``wall`` (metres, in the wall's axes) that ``filling`` closes."""
        hole = self.single(
            "IfcOpeningElement",
            key,
            None,
            items,
            Name="洞口",
            PredefinedType="OPENING",
            ObjectPlacement=self.placement(wall, self.shapes.axes(at)),
        )
        self.root(
            "IfcRelVoidsElement", key, RelatingBuildingElement=wall, RelatedOpeningElement=hole
        )
        self.root(
            "IfcRelFillsElement",
            key,
            RelatingOpeningElement=hole,
            RelatedBuildingElement=filling,
        )

    # -- properties --------------------------------------------------------------------------------

    def _property_set(self, key: str, name: str, values: Mapping[str, Value]) -> Entity:
        properties = [
            self.file.create_entity(
                "IfcPropertySingleValue", Name=title, NominalValue=self._value(value)
            )
            for title, value in values.items()
        ]
        return self.root("IfcPropertySet", key, Name=name, HasProperties=properties)

    def _value(self, value: Value) -> Entity:
        if isinstance(value, tuple):
            return self.file.create_entity(value[0], value[1])
        measure = {bool: "IfcBoolean", int: "IfcInteger", float: "IfcReal", str: "IfcLabel"}
        return self.file.create_entity(measure[type(value)], value)

    def properties(
        self, key: str, objects: Sequence[Entity], name: str, values: Mapping[str, Value]
    ) -> None:
        """One property set shared by ``objects``."""
        self.root(
            "IfcRelDefinesByProperties",
            key,
            RelatedObjects=list(objects),
            RelatingPropertyDefinition=self._property_set(key, name, values),
        )

    def quantities(
        self,
        key: str,
        objects: Sequence[Entity],
        name: str,
        values: Mapping[str, tuple[str, float]],
    ) -> None:
        """One quantity set; values are ("Length" | "Area" | "Volume" | "Count", metres, m² …)."""
        entries = []
        for title, (measure, value) in values.items():
            number = self.shapes.length(value) if measure == "Length" else value
            entries.append(
                self.file.create_entity(f"IfcQuantity{measure}", title, None, None, number)
            )
        quantity = self.root("IfcElementQuantity", key, Name=name, Quantities=entries)
        self.root(
            "IfcRelDefinesByProperties",
            f"{key}/quantities",
            RelatedObjects=list(objects),
            RelatingPropertyDefinition=quantity,
        )

    # -- the end -----------------------------------------------------------------------------------

    def write(self, path: Path) -> None:
        """Write the relations noted so far, the header, and the file."""
        for number, parts in self._members.items():
            whole = self._roots[number]
            self.root(
                "IfcRelAggregates", f"of/{number}", RelatingObject=whole, RelatedObjects=parts
            )
        for number, parts in self._contained.items():
            self.root(
                "IfcRelContainedInSpatialStructure",
                f"in/{number}",
                RelatedElements=parts,
                RelatingStructure=self._roots[number],
            )
        for number, occurrences in self._typed.items():
            self.root(
                "IfcRelDefinesByType",
                f"by/{number}",
                RelatedObjects=occurrences,
                RelatingType=self._roots[number],
            )
        for name, objects in self._made_of.items():
            self.root(
                "IfcRelAssociatesMaterial",
                f"material/{name}",
                RelatedObjects=objects,
                RelatingMaterial=self.file.create_entity("IfcMaterial", name),
            )
        self._header()
        self.file.write(str(path))

    def _header(self) -> None:
        header = self.file.header
        header.file_description.description = ("ViewDefinition [DesignTransferView]",)
        header.file_name.name = f"{self.title}.ifc"
        header.file_name.time_stamp = STAMP
        header.file_name.author = ("citytwin",)
        header.file_name.organization = ("citytwin",)
        header.file_name.preprocessor_version = "citytwin sample data"
        header.file_name.originating_system = "citytwin sample data"
        header.file_name.authorization = "none"
