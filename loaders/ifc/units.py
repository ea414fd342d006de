"""Length unit of a model."""

import ifcopenshell
import ifcopenshell.util.unit

__all__ = ["length_unit"]


def length_unit(model: ifcopenshell.file) -> float:
    """Metres in one project length unit; 1 where the file assigns none that can be understood."""
    try:
        return float(ifcopenshell.util.unit.calculate_unit_scale(model)) or 1.0
    except (RuntimeError, AttributeError, TypeError, KeyError, IndexError, ValueError):
        return 1.0
