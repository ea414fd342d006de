"""Attributes that hold a value of the wrong type: found by the schema and left out, one by one.

The parser takes any value anywhere: a number for a reference, a wall for a material. Looking for
such values costs as much as parsing, so it is done only after reading stumbled over one.
"""

from collections import Counter
from typing import Any

import ifcopenshell
import ifcopenshell.ifcopenshell_wrapper as wrapper

__all__ = ["without_wrong_types"]

SHOWN = 8
"""Findings that are told in full; the rest is counted."""
_SIMPLE: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "binary": (str,),
    "real": (float, int),
    "number": (float, int),
    "integer": (int,),
    "boolean": (bool,),
    "logical": (bool, str),
}
_WORDS = {
    "string": "a text",
    "binary": "binary digits",
    "real": "a number",
    "number": "a number",
    "integer": "a whole number",
    "boolean": ".T. or .F.",
    "logical": ".T., .F. or .U.",
}


def without_wrong_types(model: ifcopenshell.file) -> list[str]:
    """Leave out all attribute values that are not of the type the schema wants.

    Parameters
    ----------
    model : ifcopenshell.file
        Changed: a wrong value becomes ``$``; of a list the sound members are kept.

    Returns
    -------
    list of str
        Findings: which statement held what, and what was expected there.
    """
    schema = wrapper.schema_by_name(str(model.schema_identifier))
    attributes: dict[str, Any] = {}
    told: list[str] = []
    rest: Counter[str] = Counter()
    for step in model.entity_names():
        entity: Any = model.by_id(step)
        name = entity.is_a()
        if name not in attributes:
            declared: Any = schema.declaration_by_name(name)
            attributes[name] = declared.as_entity().all_attributes()
        for place, attribute in enumerate(attributes[name]):
            value, kind = _value(entity, place), attribute.type_of_attribute()
            if value is None or _fits(kind, value):
                continue
            given = _shown(value)
            entity[place] = _kept(kind, value)
            if len(told) < SHOWN:
                told.append(
                    f"{name} #{step}: {attribute.name()} is {given} where {_expected(kind)} is "
                    "expected; it was left out"
                )
            else:
                rest[f"{name}.{attribute.name()}"] += 1
    if rest:
        names = ", ".join(f"{n} {where}" for where, n in rest.most_common(SHOWN))
        told.append(f"{rest.total()} more values of a wrong type were left out: {names}")
    return told


def _value(entity: Any, place: int) -> Any:  # noqa: ANN401 (IFC entity)
    try:
        return entity.get_argument(place)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None


def _fits(kind: Any, value: Any) -> bool:  # noqa: ANN401 (parameter type)
    """Whether a value is of the type of an attribute or of a list's members."""
    if kind.as_named_type():
        return _is_a(kind.as_named_type().declared_type(), value)
    if kind.as_aggregation_type():
        inner = kind.as_aggregation_type().type_of_element()
        return isinstance(value, tuple | list) and all(_fits(inner, v) for v in value)
    wanted = kind.as_simple_type().declared_type()
    if isinstance(value, bool) and wanted not in ("boolean", "logical"):
        return False
    return isinstance(value, _SIMPLE.get(wanted, (object,)))


def _is_a(kind: Any, value: Any, *, inside: bool = False) -> bool:  # noqa: ANN401 (declaration)
    """Whether a value is of a declared type; ``inside`` a select the value names its type itself."""
    if kind.as_select_type():
        return any(_is_a(one, value, inside=True) for one in kind.as_select_type().select_list())
    if kind.as_entity():
        return hasattr(value, "is_a") and bool(value.is_a(kind.name()))
    if inside:
        return hasattr(value, "is_a") and value.is_a() == kind.name()
    if kind.as_enumeration_type():
        return isinstance(value, str) and value in kind.as_enumeration_type().enumeration_items()
    return _fits(kind.as_type_declaration().declared_type(), value)


def _kept(kind: Any, value: Any) -> Any:  # noqa: ANN401 (declarations)
    """The sound members of a list; None for anything else."""
    if kind.as_named_type():
        declared = kind.as_named_type().declared_type().as_type_declaration()
        return _kept(declared.declared_type(), value) if declared else None
    if not kind.as_aggregation_type() or not isinstance(value, tuple | list):
        return None
    inner = kind.as_aggregation_type().type_of_element()
    return [one for one in value if _fits(inner, one)] or None


def _expected(kind: Any) -> str:  # noqa: ANN401 (declarations)
    """A declared type in words."""
    if kind.as_named_type():
        return str(kind.as_named_type().declared_type().name())
    if kind.as_aggregation_type():
        return f"a list of {_expected(kind.as_aggregation_type().type_of_element())}"
    simple = kind.as_simple_type()
    return _WORDS.get(simple.declared_type(), "another value") if simple else str(kind)


def _shown(value: Any) -> str:  # noqa: ANN401 (any attribute)
    if hasattr(value, "is_a"):
        return f"{value.is_a()} #{value.id()}" if value.id() else str(value)
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
