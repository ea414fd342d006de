"""Attributes of city objects under their canonical names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from loaders.citymodel.drafts import Draft
from loaders.fieldnames import NUMERIC, canonical_fields
from twin.plan import LayerPlan

__all__ = ["AttributeMapper"]

_OWN = {
    "measuredHeight": "height_m",
    "storeysAboveGround": "floors",
    "storeysBelowGround": "floors_below",
    "yearOfConstruction": "year_built",
    "function": "usage",
}
_CODES = ("building_code", "楼栋编码", "楼栋代码", "building.code", "buildingID")
_UNKNOWN = {"height_m": (-9999,), "floors": (9999, -9999), "floors_below": (9999, -9999)}
"""Numbers that the standard product specifications write where nothing is known."""


@dataclass(frozen=True, slots=True)
class _Names:
    """What becomes of objects with the same attribute names: those renamed or looked at, the others, codes of buildings.

    ``straight`` picks all values in the order of ``targets``, for objects that say them all; null where the names need a
    look each. ``numbers`` are places of values that have to be numbers, and the target of each.
    """

    renamed: list[tuple[str, str]]
    kept: tuple[str, ...]
    codes: tuple[str, ...]
    straight: Callable[[Mapping[str, Any]], tuple[Any, ...]] | None
    targets: tuple[str, ...]
    numbers: list[tuple[int, str]]


class AttributeMapper:
    """Names of one layer's attributes.

    Parameters
    ----------
    plan : LayerPlan
        Its ``fields`` are the mapping where there are any; else the table of field names is.
    """

    def __init__(self, plan: LayerPlan) -> None:
        self.plan = plan
        self._known: dict[tuple[str, ...], _Names] = {}

    def apply(self, draft: Draft, raw: Mapping[str, Any]) -> None:
        """Give a draft its attributes, name and building code; numbers come first, nulls are left out.

        Parameters
        ----------
        draft : Draft
            Attributes it has already are kept.
        raw : mapping of str → value
            As the source has them. What should be a number and is none keeps its own name.
        """
        key = tuple(raw)
        names = self._known.get(key)
        if names is None:
            if len(self._known) > 10_000:
                self._known.clear()
            names = self._known[key] = self._names(key)
        out = draft.attributes
        if names.straight is None or not _taken(out, names, names.straight(raw)):
            _looked_at(draft, names, raw)
        if names.codes:
            code = next((raw[c] for c in names.codes if raw[c]), None)
            if code is not None:
                draft.aliases.append(("building.code", str(code)))

    def _names(self, names: Sequence[str]) -> "_Names":
        renamed = self._renamed(names)
        gone = {source for source, _ in renamed}
        kept = tuple(n for n in names if n not in gone)
        order = (*(source for source, _ in renamed), *kept)
        targets = (*(target for _, target in renamed), *kept)
        plain = len(targets) > 1 and len(set(targets)) == len(targets) and "name" not in targets
        return _Names(
            renamed,
            kept,
            tuple(c for c in _CODES if c in names),
            itemgetter(*order) if plain else None,
            targets,
            [(i, target) for i, (_, target) in enumerate(renamed) if target in NUMERIC],
        )

    def _renamed(self, names: Sequence[str]) -> list[tuple[str, str]]:
        """Attributes that get another name, or are looked at: name, numbers; numbers first."""
        own = {
            _OWN[n] for n in names if n in _OWN
        }  # a measure beside the one of the standard keeps its name
        others = canonical_fields([n for n in names if n not in _OWN], "features")
        known = {name: target for name, target in others.items() if target not in own}
        fields = self.plan.fields or {**known, **_OWN}
        pairs = [(n, fields.get(n, n)) for n in names]
        wanted = [
            (n, t) for n, t in pairs if t != "key" and (t != n or t == "name" or t in NUMERIC)
        ]
        return sorted(wanted, key=lambda pair: pair[1] not in NUMERIC)


def _taken(out: dict[str, Any], names: _Names, values: tuple[Any, ...]) -> bool:
    """Take the values as they are; False, and nothing done, where one of them needs a look."""
    if None in values or not out.keys().isdisjoint(names.targets):
        return False
    if not all(_means(target, values[i]) for i, target in names.numbers):
        return False
    out.update(zip(names.targets, values, strict=True))
    return True


def _looked_at(draft: Draft, names: _Names, raw: Mapping[str, Any]) -> None:
    """Take the values one by one: nulls are left out, what should be a number and is none keeps its own name."""
    name, out = raw.get("name"), draft.attributes
    for source, target in names.renamed:
        value = raw[source]
        if target == "name":
            name = name or value
        elif value is not None:
            told = target not in out and _means(target, value)
            out.setdefault(target if told else source, value)  # a second one keeps its own name
    rest = raw if not names.renamed else {source: raw[source] for source in names.kept}
    if None in rest.values() or not out.keys().isdisjoint(rest):
        rest = {k: v for k, v in rest.items() if v is not None and k not in out}
    out.update(rest)
    if name is not None:
        draft.name = str(name)


def _means(target: str, value: Any) -> bool:  # noqa: ANN401 (JSON)
    """Whether a value can stand under a canonical name: a number where one is wanted, and a known one."""
    if target not in NUMERIC:
        return True
    return isinstance(value, int | float) and value not in _UNKNOWN.get(target, ())
