"""Systems by loosely written names: the whole register searched by words."""

import re
from functools import lru_cache

from pyproj.database import query_crs_info
from pyproj.enums import PJType

from twin.crs import names

__all__ = ["resembling"]

_KINDS = [PJType.PROJECTED_CRS, PJType.GEOGRAPHIC_2D_CRS, PJType.COMPOUND_CRS]
_SAME = {"kruger": "kruger", "krueger": "kruger", "gk": "gauss", "deg": "degree", "wgs84": "wgs 84",
         "nad83": "nad83", "gda2020": "gda2020"}  # fmt: skip
_FILLER = frozenset(
    {"the", "coordinate", "system", "crs", "grid", "projection", "zone", "epsg", "datum"}
)


def _words(text: str) -> frozenset[str]:
    folded = text.lower().replace("ü", "ue").replace("é", "e")
    folded = re.sub(r"\b(wgs|etrs|nad|gda|ed)[ _-](\d{2,4})\b", r"\1\2", folded)
    found = re.findall(r"[a-z]+\d*[a-z]?|\d+[a-z]?", folded)
    return frozenset(_SAME.get(w, w) for w in found) - _FILLER


@lru_cache(maxsize=1)
def _register() -> tuple[tuple[str, frozenset[str]], ...]:
    infos = query_crs_info(auth_name="EPSG", pj_types=_KINDS)
    return tuple((f"EPSG:{i.code}", _words(i.name)) for i in infos if not i.deprecated)


@lru_cache(maxsize=256)
def resembling(text: str) -> tuple[str, ...]:
    """Systems whose registered name holds all words of a text and the fewest others, at most ten.

    Parameters
    ----------
    text : str
        A name as people write it: ``UTM zone 32N ETRS89``, ``MGA zone 56 GDA94``.

    Returns
    -------
    tuple of str
        Canonical names; one means the text is unambiguous. Empty where the text has too few words
        to mean one system.

    Examples
    --------
    >>> resembling("UTM zone 32N, ETRS89"), resembling("Amersfoort RD New")
    (('EPSG:25832',), ('EPSG:28992',))
    >>> resembling("local site grid"), resembling("武汉2000")
    ((), ())
    """
    wanted = _words(text)
    if sum(len(w) for w in wanted) < 5 or len(wanted) < 2:
        return ()
    found = [(len(words - wanted), code) for code, words in _register() if wanted <= words]
    found.sort(key=lambda f: (f[0], len(f[1]), f[1]))
    if not found:
        return ()
    nearest = [names.canonical(code) for extra, code in found if extra == found[0][0]]
    return tuple(dict.fromkeys(nearest))[:10]
