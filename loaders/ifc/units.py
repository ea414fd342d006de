"""Units of a model: what its numbers must be multiplied with to be SI (angles: degrees)."""

import math
from typing import Any

import ifcopenshell
import ifcopenshell.util.unit

from loaders.ifc.structure import attribute_of

__all__ = ["Units", "angle_unit", "length_unit"]

_QUANTITY = {
    "IfcQuantityLength": "LENGTHUNIT",
    "IfcQuantityArea": "AREAUNIT",
    "IfcQuantityVolume": "VOLUMEUNIT",
    "IfcQuantityWeight": "MASSUNIT",
    "IfcQuantityTime": "TIMEUNIT",
}
_MEASURE = {
    "IfcLengthMeasure": "LENGTHUNIT",
    "IfcPositiveLengthMeasure": "LENGTHUNIT",
    "IfcNonNegativeLengthMeasure": "LENGTHUNIT",
    "IfcAreaMeasure": "AREAUNIT",
    "IfcVolumeMeasure": "VOLUMEUNIT",
    "IfcMassMeasure": "MASSUNIT",
    "IfcTimeMeasure": "TIMEUNIT",
    "IfcPlaneAngleMeasure": "PLANEANGLEUNIT",
    "IfcPositivePlaneAngleMeasure": "PLANEANGLEUNIT",
    "IfcPowerMeasure": "POWERUNIT",
    "IfcPressureMeasure": "PRESSUREUNIT",
    "IfcForceMeasure": "FORCEUNIT",
    "IfcEnergyMeasure": "ENERGYUNIT",
    "IfcFrequencyMeasure": "FREQUENCYUNIT",
    "IfcElectricVoltageMeasure": "ELECTRICVOLTAGEUNIT",
    "IfcElectricCurrentMeasure": "ELECTRICCURRENTUNIT",
    "IfcVolumetricFlowRateMeasure": "VOLUMETRICFLOWRATEUNIT",
    "IfcMassDensityMeasure": "MASSDENSITYUNIT",
    "IfcLinearVelocityMeasure": "LINEARVELOCITYUNIT",
    "IfcThermalTransmittanceMeasure": "THERMALTRANSMITTANCEUNIT",
}
_FOLLOWS = {"AREAUNIT": 2, "VOLUMEUNIT": 3}
"""Power of the length unit that stands in where the file assigns no unit of its own."""


def length_unit(model: ifcopenshell.file) -> float:
    """Metres in one project length unit; 1 where the file assigns none that can be understood."""
    scale = _scale(model, "LENGTHUNIT")
    return scale if scale is not None and 1e-9 < scale < 1e6 else 1.0


def angle_unit(model: ifcopenshell.file) -> float:
    """Radians in one unit of plane angles; 1 where the file assigns none that can be understood."""
    scale = _scale(model, "PLANEANGLEUNIT")
    return scale if scale is not None and math.isfinite(scale) else 1.0


def _scale(model: ifcopenshell.file, kind: str) -> float | None:
    """SI units in one unit of a kind that the project assigns.

    Not by ``calculate_unit_scale``: for a unit without a type, such as money, it loads the rules of the
    whole schema (100 ms, 15 MB).
    """
    try:
        assigned = model.by_type("IfcProject")[0].UnitsInContext
        scale = 1.0
        for unit in assigned.Units if assigned is not None else ():
            if attribute_of(unit, "UnitType") == kind:
                scale *= float(ifcopenshell.util.unit.get_unit_scale(unit))
    except (RuntimeError, AttributeError, TypeError, KeyError, IndexError, ValueError):
        return None
    return scale or None


class Units:
    """Factors from the numbers of a model's properties to SI.

    Parameters
    ----------
    model : ifcopenshell.file

    Examples
    --------
    >>> import ifcopenshell
    >>> Units(ifcopenshell.file()).of_quantity("IfcQuantityLength")
    1.0
    """

    def __init__(self, model: ifcopenshell.file) -> None:
        assigned = {
            unit.UnitType
            for assignment in model.by_type("IfcUnitAssignment")
            for unit in assignment.Units or ()
            if attribute_of(unit, "UnitType")
        }
        length = length_unit(model)
        self._factor: dict[str, float] = {}
        for kind in set(_MEASURE.values()):
            scale = _scale(model, kind) if kind in assigned else None
            if scale is None or not math.isfinite(scale):
                scale = length ** _FOLLOWS[kind] if kind in _FOLLOWS else 1.0
            self._factor[kind] = scale
        self._factor["LENGTHUNIT"] = length
        angle = self._factor["PLANEANGLEUNIT"] if "PLANEANGLEUNIT" in assigned else 1.0
        self._factor["PLANEANGLEUNIT"] = math.degrees(angle)
        if abs(self._factor["PLANEANGLEUNIT"] - 1.0) < 1e-6:
            self._factor["PLANEANGLEUNIT"] = 1.0
        for kind in {"MASSUNIT", "MASSDENSITYUNIT"} & assigned:
            self._factor[kind] /= 1000.0  # SI's base of mass is the kilogram, IFC's the gram
        self._memo = {m: self._factor[k] for m, k in _MEASURE.items()}
        self._quantity = {q: self._factor[k] for q, k in _QUANTITY.items()}

    @property
    def changed(self) -> list[str]:
        """Kinds of unit whose numbers are converted, for a finding."""
        return sorted(k[:-4].lower() for k, f in self._factor.items() if f != 1.0)

    def of_measure(self, measure: str) -> float:
        """Factor for a value of a measure type; 1 for text, counts, ratios and temperatures."""
        return self._memo.get(measure, 1.0)

    def of_quantity(self, quantity: str) -> float:
        """Factor for a value of a quantity class."""
        return self._quantity.get(quantity, 1.0)

    def of_unit(self, unit: Any) -> float | None:  # noqa: ANN401 (IFC entity)
        """Factor of a unit that a property carries itself; None where it cannot be understood."""
        if unit is None:
            return None
        try:
            return float(ifcopenshell.util.unit.get_unit_scale(unit))
        except (RuntimeError, AttributeError, TypeError, KeyError, IndexError, ValueError):
            return None
