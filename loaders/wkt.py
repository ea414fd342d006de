"""What a system's text says about heights; the plane is judged by :mod:`twin.crs`."""

import re
from dataclasses import dataclass

__all__ = ["Vertical", "unit_of", "vertical_of"]

_UNITS = (
    (r"us survey f|us[_ ]?f(oo|ee)?t|ftus", 1200 / 3937),
    (r"f(oo|ee)t|\bft\b|international foot", 0.3048),
    (r"millimet|\bmm\b", 0.001),
    (r"centimet|\bcm\b", 0.01),
    (r"decimet|\bdm\b", 0.1),
    (r"met(er|re)|\bm\b|米", 1.0),
)


@dataclass(frozen=True, slots=True)
class Vertical:
    """A declared vertical system.

    ``reference`` is ``ellipsoid`` or ``1985``, which stands for any height above the geoid;
    ``metres`` is the length of its unit, None where it names none.
    """

    name: str
    reference: str
    metres: float | None = None


def unit_of(text: str) -> float | None:
    """Metres of a unit by its name, None where it is no known length.

    Examples
    --------
    >>> unit_of("US survey foot"), unit_of("ft"), unit_of("metre"), unit_of("")
    (0.3048006096012192, 0.3048, 1.0, None)
    """
    low = text.strip().lower()
    return next((size for words, size in _UNITS if re.search(words, low)), None)


def vertical_of(crs: str | None) -> Vertical | None:
    """The vertical part of a compound system or a 3D geographic one, None where only the plane is declared.

    Parameters
    ----------
    crs : str or None
        WKT 1 or 2, or ``EPSG:n``.

    Examples
    --------
    >>> vertical_of('COMPD_CS["x",GEOGCS["y"],VERT_CS["NAVD88 height (ftUS)",UNIT["US survey foot",0.3048006]]]')
    Vertical(name='NAVD88 height (ftUS)', reference='1985', metres=0.3048006)
    >>> vertical_of("EPSG:4979").reference
    'ellipsoid'
    """
    text = crs or ""
    if re.fullmatch(r"EPSG:4979|EPSG:4978", text):
        return Vertical("ellipsoidal height", "ellipsoid", 1.0)
    found = re.search(r'(?:VERT_CS|VERTCRS|VERTICALCRS|VERTCS)\s*\[\s*"([^"]*)"', text, re.I)
    if found is None:
        if re.search(r"CS\s*\[\s*ellipsoidal\s*,\s*3", text, re.I):
            return Vertical("ellipsoidal height", "ellipsoid", 1.0)
        return None
    name, rest = found[1], text[found.end() :]
    unit = re.search(r'UNIT\s*\[\s*"([^"]*)"\s*,\s*([0-9.eE+-]+)', rest, re.I)
    metres = float(unit[2]) if unit else unit_of(name)
    ellipsoidal = re.search(r"ellipsoid|VERT_DATUM\s*\[[^\]]*,\s*2002", f"{name} {rest}", re.I)
    return Vertical(name, "ellipsoid" if ellipsoidal else "1985", metres)
