"""Coordinate operations as a model writes them: IfcMapConversion, IfcRigidOperation, property sets."""

import math
import re
from dataclasses import dataclass
from typing import Any

import ifcopenshell

from loaders.ifc.crsnames import NamedCrs, crs_of_texts, texts_of
from loaders.ifc.structure import attribute_of, is_kind

__all__ = ["Conversion", "number", "read_conversions"]

_PREFIX = {None: 1.0, "MILLI": 1e-3, "CENTI": 1e-2, "DECI": 0.1, "KILO": 1e3, "MICRO": 1e-6}


@dataclass(frozen=True, slots=True)
class Conversion:
    """Raw numbers of one operation, however the file writes them.

    ``written`` is what the file calls the system, ``crs`` what it was recognised as; ``map_unit``
    is metres in one unit of ``east``, ``north`` and ``height`` where the file says so; ``factors``
    are those of IfcMapConversionScaled.
    """

    method: str
    written: str
    crs: NamedCrs | None
    map_unit: float | None
    east: float
    north: float
    height: float
    abscissa: float | None = None
    ordinate: float | None = None
    scale: float | None = None
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)


def number(value: object) -> float | None:
    """Finite number of a value or of text such as ``508210,5 m``; None where there is none."""
    if hasattr(value, "wrappedValue"):
        value = value.wrappedValue
    if isinstance(value, str):
        found = re.fullmatch(r"\s*([-+]?[\d\s']*[.,]?\d+(?:[eE][-+]?\d+)?)\s*[a-zA-Z°]*\s*", value)
        value = re.sub(r"[\s']", "", found[1]).replace(",", ".") if found else None
    try:
        out = float(value)  # type: ignore[arg-type]  # text or number; anything else is caught
    except (TypeError, ValueError):
        return None
    return out if math.isfinite(out) else None


def read_conversions(model: ifcopenshell.file) -> list[Conversion]:
    """All coordinate operations of a model, those of IFC4 before property sets of IFC2x3."""
    out: list[Conversion] = []
    if model.schema != "IFC2X3":
        for operation in model.by_type("IfcCoordinateOperation"):
            found = _of_entity(operation)
            if found is not None:
                out.append(found)
    sets = _of_sets(model)
    return [*out, sets] if sets is not None else out


def _metres(unit: Any) -> float | None:  # noqa: ANN401 (IFC entity, untyped)
    """Metres in a unit; None where it is none of length."""
    if unit is None:
        return None
    if is_kind(unit, "IfcSIUnit"):
        return _PREFIX.get(unit.Prefix, 1.0) if unit.Name == "METRE" else None
    if is_kind(unit, "IfcConversionBasedUnit"):
        measure = unit.ConversionFactor
        value = number(measure.ValueComponent) if measure else None
        inner = _metres(measure.UnitComponent) if measure else None
        return None if value is None else value * (inner or 1.0)
    return None


def _of_entity(operation: Any) -> Conversion | None:  # noqa: ANN401 (IFC entity)
    target = operation.TargetCRS
    texts, whole = texts_of(target)
    written = next((t for t in texts if t), None) or "nothing"
    named, unit = crs_of_texts(texts, whole), _metres(attribute_of(target, "MapUnit"))
    if is_kind(operation, "IfcRigidOperation"):
        east, north = number(operation.FirstCoordinate), number(operation.SecondCoordinate)
        if east is None or north is None:
            return None
        angle = is_kind(operation.FirstCoordinate, "IfcPlaneAngleMeasure")
        height = number(operation.Height) or 0.0
        method = "rigid_operation_angle" if angle else "rigid_operation"
        return Conversion(method, written, named, unit, east, north, height, scale=1.0)
    if not is_kind(operation, "IfcMapConversion"):
        return None
    factors = tuple(number(attribute_of(operation, f"Factor{a}")) or 1.0 for a in "XYZ")
    return Conversion(
        "map_conversion",
        written,
        named,
        unit,
        number(operation.Eastings) or 0.0,
        number(operation.Northings) or 0.0,
        number(operation.OrthogonalHeight) or 0.0,
        number(operation.XAxisAbscissa),
        number(operation.XAxisOrdinate),
        number(operation.Scale),
        (factors[0], factors[1], factors[2]),
    )


def _of_sets(model: ifcopenshell.file) -> Conversion | None:
    """``ePSet_MapConversion`` and ``ePSet_ProjectedCRS`` of IFC2x3, in any spelling and on any object."""
    values: dict[str, Any] = {}
    for pset in model.by_type("IfcPropertySet"):
        folded = re.sub(r"[^a-z]", "", (pset.Name or "").lower())
        kind = folded.endswith(("mapconversion", "projectedcrs", "georeferencing", "georeference"))
        for prop in (pset.HasProperties or ()) if kind else ():
            nominal = attribute_of(prop, "NominalValue")
            if nominal is not None:
                name = re.sub(r"[^a-z]", "", (prop.Name or "").lower())
                name = f"crs{name}" if folded.endswith("crs") else name
                values.setdefault(name, nominal.wrappedValue)
    east = number(values.get("eastings", values.get("easting")))
    north = number(values.get("northings", values.get("northing")))
    if east is None or north is None:
        return None
    names = ("crsname", "targetcrs", "name", "crsdescription", "crsmapzone", "crs", "epsg")
    texts = [str(values[n]) for n in names if values.get(n)]
    if values.get("epsg"):
        texts.append(f"EPSG:{values['epsg']}")
    whole = " ".join(
        str(values[n])
        for n in ("crsgeodeticdatum", "crsmapprojection", "crsmapzone")
        if values.get(n)
    )
    unit = re.sub(r"[^a-z]", "", str(values.get("crsmapunit") or "").lower())
    return Conversion(
        "epset",
        texts[0] if texts else "nothing",
        crs_of_texts([*texts], whole or None),
        {"metre": 1.0, "meter": 1.0, "m": 1.0, "millimetre": 1e-3, "mm": 1e-3, "foot": 0.3048}.get(
            unit
        ),
        east,
        north,
        number(values.get("orthogonalheight", values.get("height"))) or 0.0,
        number(values.get("xaxisabscissa")),
        number(values.get("xaxisordinate")),
        number(values.get("scale")),
    )
