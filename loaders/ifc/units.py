"""Units of a model: what one project unit is in SI."""

from typing import Any

import ifcopenshell
import ifcopenshell.util.unit

__all__ = ["SiUnits", "length_unit"]

PREFIXES = {
    "EXA": 1e18, "PETA": 1e15, "TERA": 1e12, "GIGA": 1e9, "MEGA": 1e6, "KILO": 1e3, "HECTO": 1e2, "DECA": 1e1,
    "DECI": 1e-1, "CENTI": 1e-2, "MILLI": 1e-3, "MICRO": 1e-6, "NANO": 1e-9, "PICO": 1e-12, "FEMTO": 1e-15, "ATTO": 1e-18,
}  # fmt: skip
POWERS = {"LENGTHUNIT": 1, "AREAUNIT": 2, "VOLUMEUNIT": 3}
MEASURES = {
    "IfcLengthMeasure": "LENGTHUNIT",
    "IfcPositiveLengthMeasure": "LENGTHUNIT",
    "IfcNonNegativeLengthMeasure": "LENGTHUNIT",
    "IfcAreaMeasure": "AREAUNIT",
    "IfcVolumeMeasure": "VOLUMEUNIT",
}
QUANTITIES = {
    "IfcQuantityLength": "LENGTHUNIT",
    "IfcQuantityArea": "AREAUNIT",
    "IfcQuantityVolume": "VOLUMEUNIT",
}


def length_unit(model: ifcopenshell.file) -> float:
    """Metres in one project length unit; 1 where the file assigns none that can be understood."""
    try:
        return float(ifcopenshell.util.unit.calculate_unit_scale(model)) or 1.0
    except (RuntimeError, AttributeError, TypeError, KeyError, IndexError, ValueError):
        return 1.0


class SiUnits:
    """Lengths, areas and volumes of a model in m, m² and m³.

    Each kind has its own unit in the project (IfcUnitAssignment), which need not be the power of
    the length unit: a model in millimetres usually states areas in m². A kind without a unit is
    taken in powers of the length unit, as IFC derives it.

    Parameters
    ----------
    model : ifcopenshell.file
        Any schema.
    """

    def __init__(self, model: ifcopenshell.file) -> None:
        metre = length_unit(model)
        self._factor = {kind: metre**power for kind, power in POWERS.items()}
        for assignment in model.by_type("IfcUnitAssignment"):
            for unit in assignment.Units or ():
                kind = getattr(unit, "UnitType", None)
                if kind in ("AREAUNIT", "VOLUMEUNIT") and (factor := si_factor(unit)):
                    self._factor[kind] = factor

    def scaled(self, value: Any, kind: str | None, own: Any = None) -> Any:  # noqa: ANN401 (IFC)
        """A number in SI; anything else, and kinds that have no SI length in them, as given.

        Parameters
        ----------
        value : object
            A number in the unit of the property, else of the project.
        kind : str or None
            ``LENGTHUNIT``, ``AREAUNIT``, ``VOLUMEUNIT``.
        own : ifcopenshell.entity_instance, optional
            The unit the property itself names.
        """
        if kind not in POWERS or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        factor = (si_factor(own) if own is not None else None) or self._factor[kind]
        # 12 digits: 2760 × 0.001 is 2.76 and not 2.7600000000000002
        return value if factor == 1.0 else float(f"{value * factor:.12g}")


def si_factor(unit: Any, depth: int = 0) -> float | None:  # noqa: ANN401 (IFC entity)
    """SI units in one unit; None where it cannot be understood."""
    try:
        if unit.is_a("IfcSIUnit"):
            return float(PREFIXES.get(unit.Prefix, 1.0) ** POWERS.get(unit.UnitType, 1))
        if unit.is_a("IfcConversionBasedUnit") and depth < 4:
            measure = unit.ConversionFactor
            of = si_factor(measure.UnitComponent, depth + 1)
            return float(measure.ValueComponent.wrappedValue) * of if of else None
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return None
