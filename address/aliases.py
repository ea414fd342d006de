"""Other names a node of the tree goes by."""

import re
from collections.abc import Callable
from functools import cache

from address.lexicon import divisions, former_divisions, short_admin
from address.normalise import fold, number_of

__all__ = ["former_names", "name_variants"]

_STREET = re.compile(r"(?:街道办事处|街道|镇|乡)$")
_COMMUNITY = re.compile(r"(?:社区居委会|居民委员会|居委会|村民委员会|村委会|社区|村)$")
_COMPOUND = re.compile(r"(?:小区|住宅区|家属院|生活区)$")


def name_variants(level: str, core: str) -> tuple[str, ...]:
    """Folded name of a node and its usual short or long forms.

    Examples
    --------
    >>> name_variants("street", "江北街道")
    ('江北街道', '江北街道办事处', '江北街办', '江北')
    """
    name = fold(core).replace(",", "")
    if len(name) < 2:
        return ()
    if level in ("province", "city", "county"):
        return (name, *short_admin(name))
    forms = _FORMS.get(level)
    out = (name, *forms(name)) if forms is not None else (name,)
    if level in ("road", "compound", "community", "village", "poi"):
        out = (*out, *(_other_numeral(form) for form in out))
    return tuple(dict.fromkeys(out))


_HAN_NUMERAL = re.compile(r"(?<=[\u4e00-\u9fa5])[一二三四五六七八九十]{1,3}(?=[村路街里区弄坊期])")
_DIGITS = re.compile(r"\d{1,2}(?=[村路街里区弄坊期])")


def _other_numeral(name: str) -> str:
    """The name with 经七路 for 经7路 and the other way round."""
    if _DIGITS.search(name):
        return _DIGITS.sub(lambda found: _han(int(found[0])), name)
    return _HAN_NUMERAL.sub(lambda found: str(number_of(found[0])), name)


def _han(number: int) -> str:
    tens, ones = divmod(number, 10)
    digits = "〇一二三四五六七八九"
    head = ("" if tens < 2 else digits[tens]) + "十" if tens else ""
    return head + (digits[ones] if ones or not tens else "")


def _street_forms(name: str) -> list[str]:
    stem = _STREET.sub("", name)
    forms = [stem + "街道办事处", stem + "街办"] if name.endswith("街道") else []
    return [*forms, stem] if len(stem) >= 2 else forms


def _community_forms(name: str) -> list[str]:
    stem = _COMMUNITY.sub("", name)
    if name.endswith("村"):
        return [name + "村委会", stem + "村委会", stem + "村民委员会", name + "村民委员会"]
    return [name + "居委会", stem + "居委会"] if name.endswith("社区") else []


def _compound_forms(name: str) -> list[str]:
    stem = _COMPOUND.sub("", name)
    return [stem] if len(stem) >= 3 and stem[-1] not in "弄号0123456789" else []


_FORMS: dict[str, Callable[[str], list[str]]] = {
    "street": _street_forms,
    "community": _community_forms,
    "compound": _compound_forms,
    "poi": _compound_forms,
}


@cache
def _former_by_current() -> dict[str, tuple[str, ...]]:
    table = divisions()
    out: dict[str, list[str]] = {}
    for name, _, codes in former_divisions():
        for code in codes:
            if code in table:
                out.setdefault(table[code].name, []).append(fold(name))
    return {name: tuple(olds) for name, olds in out.items()}


def former_names(name: str) -> tuple[str, ...]:
    """Names since 1980 of the land a division holds today.

    Examples
    --------
    >>> "闸北区" in former_names("静安区")
    True
    """
    return _former_by_current().get(name, ())
