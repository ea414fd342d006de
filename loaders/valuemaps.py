"""What the plan says about values: replaced by its tables, converted out of the unit they are in."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loaders.columns import Faults, to_number, to_text
from loaders.fieldnames import CANONICAL_UNIT
from twin.errors import PlanError
from twin.plan import LayerPlan
from twin.units import conversion, convert, named_unit, si_unit

__all__ = ["in_unit", "replaced", "wanted_unit", "with_values"]


def replaced(column: pa.Array | pa.ChunkedArray, table: Mapping[str, str]) -> pa.Array:
    """Texts replaced where the table has them (upper and lower case alike); others stay.

    Examples
    --------
    >>> replaced(pa.array(["closed", "Open", None]), {"Closed": "结案"}).to_pylist()
    ['结案', 'Open', None]
    """
    text = to_text(column)
    lowered = {k.strip().lower(): v for k, v in table.items()}
    index = pc.index_in(pc.utf8_lower(text), value_set=pa.array(list(lowered), pa.string()))
    return pc.coalesce(pa.array(list(lowered.values()), pa.string()).take(index), text)


def with_values(
    columns: Mapping[str, pa.Array], plan: LayerPlan, fields: Mapping[str, str]
) -> dict[str, pa.Array]:
    """Source columns with the plan's value tables applied, by source name or by canonical name.

    Parameters
    ----------
    columns : mapping of source name → column
    plan : LayerPlan
        Its ``values``.
    fields : mapping of source name → canonical name
    """
    out = dict(columns)
    if not plan.values:
        return out
    roles = {plan.key_field: "key", plan.name_field: "name", plan.class_field: "class_code"}
    for name in out:
        for asked in (name, fields.get(name), roles.get(name)):
            if asked is not None and asked in plan.values:
                out[name] = replaced(out[name], plan.values[asked])
                break
    return out


def wanted_unit(canonical: str, given: str) -> str | None:
    """Unit a column is wanted in: that of the canonical attribute, else SI; None where nothing is to be done."""
    given, asked = conversion(given)
    unit = named_unit(given)
    if unit is None:
        return None
    wanted = CANONICAL_UNIT.get(canonical) or asked or si_unit(given)
    same = named_unit(wanted)
    return None if same is None or same.code == unit.code else wanted


def in_unit(
    column: pa.Array | pa.ChunkedArray, given: str, canonical: str, faults: Faults, label: str
) -> pa.Array:
    """A column of figures in unit ``given`` in the unit of the canonical attribute.

    Returns
    -------
    pyarrow.Array of float64
        Null where nothing is written.

    Raises
    ------
    PlanError
        If the two units measure different things.
    """
    wanted = wanted_unit(canonical, given)
    given = conversion(given)[0]
    number = to_number(column, faults, label, (given,))
    if wanted is None:
        return number
    values = np.asarray(number.to_numpy(zero_copy_only=False), dtype=np.float64)
    try:
        turned = convert(values, given, wanted)
    except ValueError as err:
        raise PlanError(f"the plan's unit of {label!r} does not fit {canonical}: {err}") from err
    return pa.array(turned, mask=np.isnan(values))
