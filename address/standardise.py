"""Write an address in its standard form."""

from collections.abc import Sequence

from address.grammar import display_of
from address.model import RANK, Element
from address.parse import parse

__all__ = ["standardise", "write"]

_KEPT = {*RANK, "devzone"}


def write(elements: Sequence[Element]) -> str:
    """Canonical string of elements: widest first, one of each level, numbers in standard form."""
    chosen: dict[str, Element] = {}
    for element in elements:
        if element.level in _KEPT and element.level not in chosen:
            chosen[element.level] = element
    ranks = {**RANK, "devzone": RANK["county"] + 0.5}
    ordered = sorted(chosen.values(), key=lambda e: ranks[e.level])
    return "".join(display_of(e.level, e.value) for e in ordered)


def standardise(text: str) -> str:
    """Canonical string of an address; writing it again changes nothing.

    Parameters
    ----------
    text : str
        As people write it.

    Returns
    -------
    str
        Only what was written, in the order of the levels; empty where no element was found.

    Examples
    --------
    >>> standardise("临江花园五號楼二单元十二层１２０３室")
    '临江花园5号楼2单元12层1203室'
    """
    seen: list[str] = []
    written = write(parse(text))
    while written not in seen and len(seen) < 6:
        seen.append(written)
        written = write(parse(written))
    return written
