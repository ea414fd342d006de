"""Property sets, quantities, types, materials and classifications of all objects, collected once over the relations.

A set is read in one call for all its properties, however many objects share it; this is what keeps
properties cheap beside geometry.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import ifcopenshell
import orjson

from loaders.ifc.structure import attribute_of, members_of, value_of
from loaders.ifc.units import Units

__all__ = ["PropertyBook"]

Values = dict[str, Any]
_NESTED = ("IfcComplexProperty", "IfcPhysicalComplexQuantity")
DEEPEST = 8


def _plain(value: Any, units: Units, own: float | None = None) -> Any:  # noqa: ANN401 (of get_info)
    """Value JSON can hold, in SI; ``own`` is the factor of a unit the property itself names."""
    if isinstance(value, dict):
        inner = value.get("wrappedValue")
        if isinstance(inner, float):
            factor = own if own is not None else units.of_measure(value.get("type", ""))
            return inner if factor == 1.0 else _rounded(inner * factor)
        return _plain(inner, units, own) if "wrappedValue" in value else value.get("Name")
    if isinstance(value, tuple | list):
        return [_plain(v, units, own) for v in value]
    return value


def _rounded(value: float) -> float:
    """Without the dust that a change of units leaves in the last digits."""
    return float(f"{value:.12g}")


def _property(prop: Values, units: Units, own: float | None = None, depth: int = 0) -> Any:  # noqa: ANN401
    """Value of a property or quantity as :meth:`get_info` gives it."""
    kind = prop["type"]
    if kind == "IfcPropertySingleValue":
        return _plain(prop["NominalValue"], units, own)
    if kind.startswith("IfcQuantity"):
        return _quantity(prop, units, own)
    if kind == "IfcPropertyEnumeratedValue":
        values = _plain(prop["EnumerationValues"] or (), units)
        return values[0] if len(values) == 1 else values
    if kind == "IfcPropertyListValue":
        return _plain(prop["ListValues"] or (), units, own)
    if kind == "IfcPropertyBoundedValue":
        bounds = {
            n: _plain(prop.get(f"{n}Value"), units, own)
            for n in ("UpperBound", "LowerBound", "SetPoint")
        }
        words = {"UpperBound": "upper", "LowerBound": "lower", "SetPoint": "set"}
        return {words[n]: v for n, v in bounds.items() if v is not None or n != "SetPoint"}
    if kind == "IfcPropertyTableValue":
        return {
            "defining": _plain(prop["DefiningValues"] or (), units),
            "defined": _plain(prop["DefinedValues"] or (), units),
        }
    if kind == "IfcPropertyReferenceValue":
        return _plain(prop.get("PropertyReference"), units)
    if kind in _NESTED and depth < DEEPEST:
        members = prop.get("HasProperties") or prop.get("HasQuantities") or ()
        return {m["Name"]: _property(m, units, None, depth + 1) for m in members}
    return None


def _quantity(prop: Values, units: Units, own: float | None) -> Any:  # noqa: ANN401
    value = next((v for k, v in prop.items() if k.endswith("Value")), None)
    factor = own if own is not None else units.of_quantity(prop["type"])
    return _rounded(value * factor) if isinstance(value, float) and factor != 1.0 else value


class PropertyBook:
    """Everything said about the objects of a model, by step id.

    Parameters
    ----------
    model : ifcopenshell.file
        Any schema; each property set is read once, however many objects share it.
    empty : bool, optional
        Whether to read nothing: to tell what reading costs.
    """

    def __init__(self, model: ifcopenshell.file, empty: bool = False) -> None:
        self.units = Units(model)
        self._nested = any(model.by_type(kind) for kind in _NESTED)
        self._read: dict[int, tuple[str, Values]] = {}
        self._sets: dict[int, list[Any]] = defaultdict(list)
        self._type: dict[int, int] = {}
        self._text: dict[tuple[Any, ...], bytes] = {}
        self._types: dict[int, Any] = {}
        self._of_type: dict[int, dict[str, Values]] = {}
        self._materials: dict[int, list[str]] = defaultdict(list)
        self._codes: dict[int, list[str]] = defaultdict(list)
        self._groups: dict[int, list[str]] = defaultdict(list)
        self._type_name: dict[int, Any] = {}
        if not empty:
            self._define(model)
            self._associate(model)

    def _define(self, model: ifcopenshell.file) -> None:
        """Property sets, quantities and types."""
        for rel in model.by_type("IfcRelDefinesByProperties"):
            for definition in _definitions(value_of(rel, "RelatingPropertyDefinition")):
                for target in value_of(rel, "RelatedObjects") or ():
                    self._sets[target.id()].append(definition)
        for rel in model.by_type("IfcRelDefinesByType"):
            kind = rel.RelatingType
            if kind is not None:
                self._types[kind.id()] = kind
                self._type.update(dict.fromkeys(_targets(rel), kind.id()))
        self._type_name = {step: kind.Name for step, kind in self._types.items()}

    def _associate(self, model: ifcopenshell.file) -> None:
        """Materials, classification codes and groups."""
        for rel in model.by_type("IfcRelAssociatesMaterial"):
            names = _material_names(rel.RelatingMaterial)
            for target in _targets(rel):
                self._materials[target] += names
        for rel in model.by_type("IfcRelAssociatesClassification"):
            code = _classification(rel.RelatingClassification)
            if code:
                for target in _targets(rel):
                    self._codes[target].append(code)
        for rel in model.by_type("IfcRelAssignsToGroup"):
            name = rel.RelatingGroup.Name if rel.RelatingGroup is not None else None
            if name:
                for target in _targets(rel):
                    self._groups[target].append(str(name))

    def _values(self, definition: Any) -> tuple[str, Values]:  # noqa: ANN401 (IFC entity)
        found = self._read.get(definition.id())
        if found is None:
            found = self._read[definition.id()] = self._set_values(definition)
        return found

    def _set_values(self, definition: Any) -> tuple[str, Values]:  # noqa: ANN401 (IFC entity)
        """Name and values of a set; a set that may hold itself is read property by property."""
        if self._nested:
            members = (
                attribute_of(definition, "HasProperties")
                or attribute_of(definition, "Quantities")
                or ()
            )
            read = {member_name(m): self._deep(m, 0) for m in members}
        else:
            info = definition.get_info(recursive=True)
            members = info.get("HasProperties") or info.get("Quantities") or ()
            read = {m["Name"] or m["type"]: _property(m, self.units) for m in members}
            if any(m.get("Unit") for m in members):
                read |= self._in_own_units(definition, members)
        values = {name: v for name, v in read.items() if v is not None and v != ""}
        return definition.Name or definition.is_a(), values

    def _in_own_units(self, definition: Any, infos: Sequence[Values]) -> Values:  # noqa: ANN401
        """Values of properties and quantities that name their own unit, in SI."""
        members = (
            attribute_of(definition, "HasProperties")
            or attribute_of(definition, "Quantities")
            or ()
        )
        out = {}
        for member, info in zip(members, infos, strict=True):
            own = self.units.of_unit(member.Unit) if info.get("Unit") else None
            if own is not None:
                out[member_name(member)] = _property(info, self.units, own)
        return out

    def _deep(self, prop: Any, depth: int) -> Any:  # noqa: ANN401 (IFC entity)
        """Value of a complex property, not deeper than ``DEEPEST``."""
        if prop.is_a() not in _NESTED:
            own = self.units.of_unit(attribute_of(prop, "Unit"))
            return _property(prop.get_info(recursive=True), self.units, own)
        if depth >= DEEPEST:
            return None
        members = attribute_of(prop, "HasProperties") or attribute_of(prop, "HasQuantities") or ()
        return {member_name(m): self._deep(m, depth + 1) for m in members}

    def _type_sets(self, kind: int | None) -> dict[str, Values]:
        """Sets of a type, read once for all its occurrences."""
        if kind is None:
            return {}
        if kind not in self._of_type:
            definitions = attribute_of(self._types[kind], "HasPropertySets") or ()
            sets = [self._values(d) for d in definitions]
            self._of_type[kind] = {name: values for name, values in sets if values}
        return self._of_type[kind]

    def sets_of(self, step: int) -> dict[str, Values]:
        """Property and quantity sets by name: those of the type, overridden by the object's own."""
        out, own = self._type_sets(self._type.get(step)), self._sets.get(step)
        if not own:
            return out
        out = dict(out)
        for definition in own:
            name, values = self._values(definition)
            if values:
                out[name] = {**out[name], **values} if name in out else values
        return out

    def described(self, step: int) -> Values:
        """Type, material, groups and classification of an object, and its sets under ``properties``."""
        out: Values = {}
        kind = self._type.get(step)
        if kind is not None and self._type_name[kind]:
            out["type"] = self._type_name[kind]
        materials = self._materials.get(step) or self._materials.get(kind or 0)
        if materials:
            out["material"] = "、".join(dict.fromkeys(materials))
        codes = [*self._codes.get(step, ()), *self._codes.get(kind or 0, ())]
        if codes:
            out["classification"] = list(dict.fromkeys(codes))
        if step in self._groups:
            out["groups"] = list(dict.fromkeys(self._groups[step]))
        sets = self.sets_of(step)
        if sets:
            out["properties"] = sets
        return out

    def written(self, step: int) -> bytes:
        """The same as members of a JSON object, without braces; what objects share is written once."""
        if step in self._sets:
            return orjson.dumps(self.described(step), default=str)[1:-1]
        key = (
            self._type.get(step),
            tuple(self._materials.get(step, ())),
            tuple(self._codes.get(step, ())),
            tuple(self._groups.get(step, ())),
        )
        if key not in self._text:
            self._text[key] = orjson.dumps(self.described(step), default=str)[1:-1]
        return self._text[key]


def _targets(rel: Any) -> list[int]:  # noqa: ANN401 (IFC entity)
    """Step ids of the objects that a relation says something of."""
    told = members_of(rel)
    return [one.id() for one in rel.RelatedObjects or ()] if told is None else told


def member_name(member: Any) -> str:  # noqa: ANN401 (IFC entity)
    """Name of a property or quantity; its class where it has none."""
    return str(member.Name or member.is_a())


def _definitions(given: Any) -> list[Any]:  # noqa: ANN401 (IFC entity or set of entities)
    """Property sets a relation names: one, or an unnamed set of several (IFC4)."""
    if given is None:
        return []
    return [given] if given.id() else list(given.wrappedValue)


def _classification(reference: Any) -> str | None:  # noqa: ANN401 (IFC entity)
    """``System: code name`` as far as the file says."""
    if reference is None:
        return None
    code = attribute_of(reference, "Identification") or attribute_of(reference, "ItemReference")
    name = attribute_of(reference, "Name")
    source = attribute_of(reference, "ReferencedSource")
    system = attribute_of(source, "Name") if source is not None else None
    text = " ".join(str(t) for t in dict.fromkeys((code, None if system == name else name)) if t)
    if not text:
        return str(name) if name else None
    return f"{system}: {text}" if system else text


def _material_names(material: Any, depth: int = 0) -> list[str]:  # noqa: ANN401 (IFC entity)
    """Names of the materials in a material, list, layer, profile or constituent set."""
    if material is None or depth > 4:
        return []
    kind = material.is_a()
    if kind == "IfcMaterial":
        return [material.Name] if material.Name else []
    for attribute in ("ForLayerSet", "ForProfileSet", "Material"):
        if attribute_of(material, attribute) is not None:
            return _material_names(getattr(material, attribute), depth + 1)
    for attribute in ("Materials", "MaterialLayers", "MaterialProfiles", "MaterialConstituents"):
        parts = attribute_of(material, attribute)
        if parts:
            return [name for part in parts for name in _material_names(part, depth + 1)]
    return []
