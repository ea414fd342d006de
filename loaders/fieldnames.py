"""What a source's column is called here: one table of names, Chinese and English (``twin/codes/field_names.csv``)."""

import csv
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from twin.units import unit_in_name

__all__ = ["CANONICAL_UNIT", "NUMERIC", "canonical_fields", "canonical_name", "folded"]

NUMERIC: Mapping[str, tuple[str, ...]] = {
    "height_m": ("m", "米", "M"),
    "floors": ("层", "F", "f"),
    "floors_below": ("层", "F", "f"),
    "year_built": ("年",),
    "diameter_mm": ("mm", "毫米", "MM"),
    "depth_m": ("m", "米"),
    "width_m": ("m", "米"),
    "elevation_m": ("m", "米"),
    "area_m2": ("m2", "㎡", "m²", "平方米"),
}
"""Canonical attributes that are numbers, with the unit spellings that may follow the figure."""

CANONICAL_UNIT: Mapping[str, str] = {
    "height_m": "m",
    "diameter_mm": "mm",
    "depth_m": "m",
    "width_m": "m",
    "elevation_m": "m",
    "area_m2": "m2",
}
"""Unit (UCUM) in which the base keeps a canonical attribute."""


def folded(name: str) -> str:
    """A column name for comparing: lower case, without blanks, underscores, hyphens, units in brackets.

    Examples
    --------
    >>> folded("建筑高度（m）"), folded("Num_Floors")
    ('建筑高度', 'numfloors')
    """
    return re.sub(r"[\s_\-./]|[（(\[【].*?[）)\]】]", "", name).lower()


@cache
def _table() -> dict[str, dict[str, str]]:
    text = files("twin.codes").joinpath("field_names.csv").read_text(encoding="utf-8")
    kinds: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        for kind in row["kind"].split("|"):
            kinds.setdefault(kind, {})[folded(row["source"])] = row["canonical"]
    return kinds


def canonical_fields(names: Iterable[str], kind: str) -> dict[str, str]:
    """Source column → canonical name for the columns the table knows.

    Parameters
    ----------
    names : iterable of str
        Column names as the source writes them, in order; of two with one meaning the first is
        taken.
    kind : str
        A layer kind of :data:`loaders.base.Kind`.

    Returns
    -------
    dict of str → str
        Only the columns that are known.
    """
    known = _table().get("*", {}) | _table().get(kind, {})
    out: dict[str, str] = {}
    for name in names:
        canonical = next((known[w] for w in _words(name) if w in known), None)
        if canonical is not None and canonical not in out.values():
            out[name] = canonical
    return out


def _words(name: str) -> tuple[str, ...]:
    """What a column may be called in the table: its name, the name without its unit, the lower of two joined headers."""
    bare = unit_in_name(name)[0]
    lower = name.rpartition("/")[2]
    return folded(name), folded(bare), folded(lower) if "/" in name and lower != name else ""


def canonical_name(name: str, kind: str) -> str:
    """Canonical name behind a name that is one already or that the table knows; else the name itself.

    Examples
    --------
    >>> canonical_name("height", "features"), canonical_name("roof_colour", "features")
    ('height_m', 'roof_colour')
    """
    known = _table().get("*", {}) | _table().get(kind, {})
    return name if name in known.values() else known.get(folded(name), name)
