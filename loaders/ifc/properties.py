"""Property sets, quantities, types, materials and classifications of all objects, collected once over the relations."""

from collections import defaultdict
from typing import Any

import ifcopenshell

from loaders.ifc.units import MEASURES, QUANTITIES, SiUnits

__all__ = ["PropertyBook"]

Values = dict[str, Any]


def _plain(value: Any) -> Any:  # noqa: ANN401 (IFC value, untyped)
    """Value JSON can hold."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "wrappedValue"):
        return _plain(value.wrappedValue)
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return str(value)


def _measure(value: Any, units: SiUnits, own: Any = None) -> Any:  # noqa: ANN401 (IFC value)
    """A value, lengths, areas and volumes in SI."""
    if isinstance(value, tuple | list):
        return [_measure(each, units, own) for each in value]
    kind = MEASURES.get(value.is_a()) if hasattr(value, "wrappedValue") else None
    return units.scaled(_plain(value), kind, own)


def _property(prop: Any, units: SiUnits) -> Any:  # noqa: ANN401 (IFC entity)
    kind = prop.is_a()
    own = getattr(prop, "Unit", None)
    if kind == "IfcPropertySingleValue":
        return _measure(prop.NominalValue, units, own)
    if kind == "IfcPropertyEnumeratedValue":
        values = _measure(prop.EnumerationValues or (), units)
        return values[0] if len(values) == 1 else values
    if kind == "IfcPropertyListValue":
        return _measure(prop.ListValues or (), units, own)
    if kind == "IfcPropertyBoundedValue":
        return {
            "upper": _measure(prop.UpperBoundValue, units, own),
            "lower": _measure(prop.LowerBoundValue, units, own),
        }
    if kind == "IfcPropertyTableValue":
        return {
            "defining": _measure(prop.DefiningValues or (), units, prop.DefiningUnit),
            "defined": _measure(prop.DefinedValues or (), units, prop.DefinedUnit),
        }
    if kind == "IfcComplexProperty":
        return {p.Name: _property(p, units) for p in prop.HasProperties or ()}
    if kind == "IfcPhysicalComplexQuantity":
        return {q.Name: _property(q, units) for q in prop.HasQuantities or ()}
    if kind.startswith("IfcQuantity"):
        return units.scaled(_plain(prop[3]), QUANTITIES.get(kind), own)
    return None


def _set_values(definition: Any, units: SiUnits) -> tuple[str, Values]:  # noqa: ANN401 (IFC entity)
    members = (
        getattr(definition, "HasProperties", None) or getattr(definition, "Quantities", None) or ()
    )
    values = {m.Name: v for m in members if (v := _property(m, units)) is not None and v != ""}
    return definition.Name or definition.is_a(), values


class PropertyBook:
    """Everything said about the objects of a model, by step id.

    Parameters
    ----------
    model : ifcopenshell.file
        Any schema; each property set is read once, however many objects share it. Lengths, areas
        and volumes come in m, m² and m³, whatever the model's units.
    """

    def __init__(self, model: ifcopenshell.file) -> None:
        self._units = SiUnits(model)
        self._read: dict[int, tuple[str, Values]] = {}
        self._sets: dict[int, list[Any]] = defaultdict(list)
        self._type: dict[int, Any] = {}
        self._materials: dict[int, list[str]] = defaultdict(list)
        self._codes: dict[int, list[str]] = defaultdict(list)
        for rel in model.by_type("IfcRelDefinesByProperties"):
            for definition in _definitions(rel.RelatingPropertyDefinition):
                for target in rel.RelatedObjects or ():
                    self._sets[target.id()].append(definition)
        for rel in model.by_type("IfcRelDefinesByType"):
            for target in rel.RelatedObjects or ():
                self._type[target.id()] = rel.RelatingType
        self._associate(model)

    def _associate(self, model: ifcopenshell.file) -> None:
        """Materials and classification codes."""
        for rel in model.by_type("IfcRelAssociatesMaterial"):
            names = _material_names(rel.RelatingMaterial)
            for target in rel.RelatedObjects or ():
                self._materials[target.id()] += names
        for rel in model.by_type("IfcRelAssociatesClassification"):
            reference = rel.RelatingClassification
            code = getattr(reference, "Identification", None) or getattr(
                reference, "ItemReference", None
            )
            if code:
                for target in rel.RelatedObjects or ():
                    self._codes[target.id()].append(str(code))

    def _values(self, definition: Any) -> tuple[str, Values]:  # noqa: ANN401 (IFC entity)
        found = self._read.get(definition.id())
        if found is None:
            found = self._read[definition.id()] = _set_values(definition, self._units)
        return found

    def sets_of(self, entity: Any) -> dict[str, Values]:  # noqa: ANN401 (IFC entity)
        """Property and quantity sets by name: those of the type, overridden by the object's own."""
        out: dict[str, Values] = {}
        kind = self._type.get(entity.id())
        for definition in (
            (getattr(kind, "HasPropertySets", None) or ()) if kind is not None else ()
        ):
            name, values = self._values(definition)
            out[name] = dict(values)
        for definition in self._sets.get(entity.id(), ()):
            name, values = self._values(definition)
            out[name] = {**out.get(name, {}), **values}
        return {name: values for name, values in out.items() if values}

    def described(self, entity: Any) -> Values:  # noqa: ANN401 (IFC entity)
        """Type, material and classification of an object, and its sets under ``properties``."""
        out: Values = {}
        kind = self._type.get(entity.id())
        if kind is not None and kind.Name:
            out["type"] = kind.Name
        materials = self._materials.get(entity.id()) or (
            self._materials.get(kind.id()) if kind is not None else None
        )
        if materials:
            out["material"] = "、".join(dict.fromkeys(materials))
        if self._codes.get(entity.id()):
            out["classification"] = self._codes[entity.id()]
        sets = self.sets_of(entity)
        if sets:
            out["properties"] = sets
        return out


def _definitions(given: Any) -> list[Any]:  # noqa: ANN401 (IFC entity or set of entities)
    """Property sets a relation names: one, or an unnamed set of several (IFC4)."""
    if given is None:
        return []
    return [given] if given.id() else list(given.wrappedValue)


def _material_names(material: Any, depth: int = 0) -> list[str]:  # noqa: ANN401 (IFC entity)
    """Names of the materials in a material, list, layer, profile or constituent set."""
    if material is None or depth > 4:
        return []
    kind = material.is_a()
    if kind == "IfcMaterial":
        return [material.Name] if material.Name else []
    for attribute in ("ForLayerSet", "ForProfileSet", "Material"):
        if getattr(material, attribute, None) is not None:
            return _material_names(getattr(material, attribute), depth + 1)
    for attribute in ("Materials", "MaterialLayers", "MaterialProfiles", "MaterialConstituents"):
        parts = getattr(material, attribute, None)
        if parts:
            return [name for part in parts for name in _material_names(part, depth + 1)]
    return []
