"""Which attributes the things of a collection have, and of which types."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from twin.features.asking import Field, Kind
from twin.features.values import MOST_VALUES, RESERVED, TYPED, as_text, fields_of, type_of

__all__ = ["FieldTally"]

TEXTS: Final = tuple(name for name, kind in TYPED.items() if kind is Kind.TEXT)


class FieldTally:
    """Counts the fields of things batch by batch; memory for 50 values of each field.

    Examples
    --------
    >>> tally = FieldTally()
    >>> tally.attributes([{"floor": 1, "use": "住宅"}, {"floor": 2.5}])
    >>> [(f.name, f.kind.value, f.values) for f in tally.fields().values() if f.name in ("floor", "use")]
    [('floor', 'number', ()), ('use', 'string', ('住宅',))]
    """

    def __init__(self) -> None:
        self._types: dict[str, int] = {}
        self._values: dict[str, set[str] | None] = {name: set() for name in TEXTS}

    def attributes(self, things: Sequence[Mapping[str, Any]]) -> None:
        """Count the attributes of some things."""
        for own in things:
            for name, value in own.items():
                if name in RESERVED:
                    continue
                self._types[name] = self._types.get(name, 0) | type_of(value)
                self._add(name, value)

    def typed(self, things: pa.Table | pa.RecordBatch) -> None:
        """Count the texts of the typed fields."""
        for name in TEXTS:
            if self._values[name] is not None:
                for value in pc.unique(things[name]).to_pylist():
                    self._add(name, value)

    def fields(self) -> dict[str, Field]:
        """The fields counted so far."""
        return fields_of(self._types, self._values)

    def _add(self, name: str, value: Any) -> None:  # noqa: ANN401 -- any JSON
        held = self._values.setdefault(name, set())
        if held is None or value is None:
            return
        held.add(as_text(value))
        if len(held) > MOST_VALUES:
            self._values[name] = None
