"""Units of measure: every spelling under one UCUM code, and figures from one unit to another.

The table is data (``twin/codes/units.csv``). What it does not know is kept as it was written.
"""

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Unit",
    "conversion",
    "convert",
    "factor",
    "named_unit",
    "shown",
    "si_unit",
    "ucum",
    "unit_in_name",
]

FloatArray = NDArray[np.float64]
LONGEST_NAME = 500
"""Characters of a column's name; in a longer one no unit is looked for (the time to do so grows with their square)."""
_BRACKETED = re.compile(r"[(（\[【]\s*([^()（）\[\]【】]{1,24}(?:\([A-Za-z]\))?)\s*[)）\]】]\s*$")
_SUFFIX = re.compile(r"^(?P<name>.*[^\W\d_].*?)[_\s](?P<unit>[^\s_]{1,12})$")
_AFTER_UNDERSCORE = frozenset(
    (
        "m",
        "mm",
        "cm",
        "km",
        "ft",
        "in",
        "mi",
        "m2",
        "km2",
        "ha",
        "ft2",
        "m3",
        "kpa",
        "mpa",
        "hpa",
        "pa",
        "degc",
        "degf",
        "mph",
        "kmh",
        "kph",
        "ppm",
        "ppb",
        "pct",
        "lux",
        "db",
        "hz",
        "kw",
        "kwh",
        "mgl",
        "ugm3",
        "ntu",
    )
)
"""Units that may stand after an underscore or blank at the end of a column's name without being a word."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: its UCUM code, what it measures, and SI value = figure · ``factor`` + ``offset``."""

    code: str
    quantity: str
    factor: float
    offset: float


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).strip().replace("μ", "µ"))


@cache
def _tables() -> tuple[dict[str, Unit], dict[str, Unit]]:
    """Units by exact spelling, and by spelling in lower case."""
    text = files("twin.codes").joinpath("units.csv").read_text(encoding="utf-8")
    exact: dict[str, Unit] = {}
    folded: dict[str, Unit] = {}
    for row in csv.DictReader(
        (line for line in text.splitlines() if not line.startswith("#")), quoting=csv.QUOTE_NONE
    ):
        unit = Unit(row["ucum"], row["quantity"], float(row["factor"]), float(row["offset"]))
        for spelling in [row["ucum"], *row["spellings"].split("|")]:
            exact.setdefault(_plain(spelling), unit)
            folded.setdefault(_plain(spelling).lower(), unit)
    return exact, folded


def named_unit(text: str | None) -> Unit | None:
    """The unit a text names, whatever its spelling; None where the table has none.

    Examples
    --------
    >>> named_unit("微克/立方米").code, named_unit("deg C").code, named_unit("MPa").factor
    ('ug/m3', 'Cel', 1000000.0)
    >>> named_unit("furlong") is None
    True
    """
    if not text:
        return None
    exact, folded = _tables()
    plain = _plain(text)
    return exact.get(plain) or folded.get(plain.lower())


def ucum(text: str | None) -> str | None:
    """UCUM code of a unit text; the text itself where the table has none, None where there is none.

    Examples
    --------
    >>> ucum("µg/m³"), ucum("℃"), ucum("furlong"), ucum(" ")
    ('ug/m3', 'Cel', 'furlong', None)
    """
    if text is None or not text.strip():
        return None
    unit = named_unit(text)
    return unit.code if unit is not None else text.strip()


_SHOWN = {
    "Cel": "℃", "[degF]": "℉", "deg": "°", "Ohm": "Ω", "[ft_i]": "ft", "[ft_us]": "ft", "[in_i]": "in", "[yd_i]": "yd",
    "[ppm]": "ppm", "[ppb]": "ppb", "[pH]": "pH",
}  # fmt: skip
_COUNTED = {"person": ("人", "persons"), "人": ("人", "persons"), "times": ("次", "times")}
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def shown(code: str | None, lang: str = "zh") -> str:
    """A UCUM code as people write it; a text that is no code comes out as it is.

    Examples
    --------
    >>> shown("{person}/m2"), shown("{person}/m2", "en"), shown("ug/m3"), shown("Cel"), shown(None)
    ('人/m²', 'persons/m²', 'µg/m³', '℃', '')
    """
    return "/".join(
        "·".join(_shown_part(part, lang) for part in term.split("."))
        for term in (code or "").split("/")
    )


def _shown_part(part: str, lang: str) -> str:
    if part in _SHOWN:
        return _SHOWN[part]
    counted = re.fullmatch(r"\{(.+)\}", part)
    if counted:
        zh, en = _COUNTED.get(counted[1], (counted[1], counted[1]))
        return zh if lang == "zh" else en
    raised = re.fullmatch(r"([A-Za-z]+)(-?\d+)", part)
    name, power = (raised[1], raised[2]) if raised else (part, "")
    if re.fullmatch(r"u[a-zA-Z]{1,3}", name):
        name = "µ" + name[1:]
    return name + power.translate(_RAISED)


@cache
def si_unit(code: str) -> str | None:
    """UCUM code of the unit of the same quantity with factor 1 and no offset (``[ft_i]`` → ``m``)."""
    unit = named_unit(code)
    if unit is None:
        return None
    same = (u for u in _tables()[0].values() if u.quantity == unit.quantity)
    return next((u.code for u in same if u.factor == 1.0 and u.offset == 0.0), None)


def factor(given: str, wanted: str) -> float:
    """By what a figure in unit ``given`` is multiplied to be in ``wanted`` (differences, lengths, areas).

    Raises
    ------
    ValueError
        If a unit is unknown, or the two measure different things.
    """
    a, b = named_unit(given), named_unit(wanted)
    for text, unit in ((given, a), (wanted, b)):
        if unit is None:
            raise ValueError(f"{text!r} is no unit of the table twin/codes/units.csv")
    if a is None or b is None or a.quantity != b.quantity:
        what = (a.quantity if a else "?", b.quantity if b else "?")
        raise ValueError(f"{given!r} measures {what[0]}, {wanted!r} measures {what[1]}")
    return a.factor / b.factor


def convert(values: NDArray[Any], given: str, wanted: str) -> FloatArray:
    """Figures of one unit in another.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        In ``given``; NaN where unknown.
    given, wanted : str
        Units in any spelling of the table.

    Returns
    -------
    ndarray of float64, shape (n,)
        In ``wanted``; NaN where unknown.

    Raises
    ------
    ValueError
        If a unit is unknown, or the two measure different things.

    Examples
    --------
    >>> convert(np.array([100.0, 32.0]), "ft", "m").round(2).tolist()
    [30.48, 9.75]
    >>> convert(np.array([212.0]), "°F", "℃").round(6).tolist()
    [100.0]
    """
    by = factor(given, wanted)
    a, b = named_unit(given), named_unit(wanted)
    shift = (a.offset - b.offset) / b.factor if a is not None and b is not None else 0.0
    return np.asarray(values, dtype=np.float64) * by + shift


def conversion(text: str) -> tuple[str, str | None]:
    """The unit figures are in, and the one they are wanted in where the text asks for one.

    Examples
    --------
    >>> conversion("ft"), conversion("degF -> Cel")
    (('ft', None), ('degF', 'Cel'))
    """
    given, arrow, wanted = text.partition("->")
    return given.strip(), wanted.strip() if arrow else None


def unit_in_name(name: str) -> tuple[str, str | None]:
    """A column's name parted into what it measures and the unit it names.

    Returns
    -------
    (str, str or None)
        The name without the unit, and the unit as written; None where the name carries no unit.

    Examples
    --------
    >>> unit_in_name("温度(℃)"), unit_in_name("PM2.5 [µg/m³]"), unit_in_name("height_ft")
    (('温度', '℃'), ('PM2.5', 'µg/m³'), ('height', 'ft'))
    >>> unit_in_name("名称（中文）"), unit_in_name("噪声 dB(A)")
    (('名称（中文）', None), ('噪声', 'dB(A)'))
    """
    text = name.strip()
    if len(text) > LONGEST_NAME:
        return text, None
    head, _, tail = text.rpartition(" ")
    if head and "(" in tail and named_unit(tail) is not None:
        return head, tail
    if (found := _BRACKETED.search(text)) and named_unit(found[1]) is not None:
        return text[: found.start()].strip(" _-") or text, found[1].strip()
    if "/" in text and text.count("/") == 1:
        head, tail = text.split("/")
        if head and named_unit(tail) is not None:
            return head, tail
    if (found := _SUFFIX.match(text)) and found["unit"].lower() in _AFTER_UNDERSCORE:
        return found["name"], found["unit"]
    return text, None
