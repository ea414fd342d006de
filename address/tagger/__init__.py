"""Spans of an address in the labels of two public data sets, by learned weights.

`address.parse` reads by grammar and names what can be explained; this reads by example and names
what people who labelled thousands of addresses would have named, with a probability. It knows no
gazetteer and answers no match. ``tokens`` cuts, ``names`` finds divisions and towns, ``features``
hashes, ``decode`` sums and chooses, ``model`` holds the weights.
"""

from dataclasses import dataclass
from typing import Literal

from address.normalise import MAX_CHARACTERS

__all__ = ["CONVENTIONS", "Convention", "Span", "tag"]

Convention = Literal["ncap", "swei"]

CONVENTIONS: tuple[Convention, ...] = ("ncap", "swei")
"""``ncap``: Neural Chinese Address Parsing (NAACL 2019), careless delivery addresses;
``swei``: address-matching v2, addresses that begin with their province."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text and what it is.

    Parameters
    ----------
    label : str
        ``country`` ``province`` ``city`` ``county`` ``devzone`` ``town`` ``community`` ``village``
        ``group`` ``road`` ``sub_road`` ``road_no`` ``sub_road_no`` ``poi`` ``sub_poi`` ``building``
        ``unit`` ``floor`` ``room`` ``tenant`` ``relation`` ``intersection`` ``distance`` or
        ``facility``.
    start, end : int
        Half-open span in characters of the text that was given.
    text : str
        What stands there.
    probability : float
        That exactly this span has this label, 0 to 1.
    """

    label: str
    start: int
    end: int
    text: str
    probability: float


def tag(text: str, convention: Convention = "ncap", floor: float = 0.4) -> list[Span]:
    """Spans of an address in public labels.

    Parameters
    ----------
    text : str
        As people write it; only its first `address.normalise.MAX_CHARACTERS` characters are read.
    convention : {"ncap", "swei"}
        Whose way of labelling: the two differ in what 号 after a building is, in repeated names
        (``ncap`` leaves one of them out) and in how places are divided.
    floor : float, optional
        Least probability of a span, 0 to 1: half the F-measure that is expected gives the best
        F-measure. Below 0.2 names fall into pieces.

    Returns
    -------
    list of Span
        In the order of the text, without overlap. What is in no span is noise, or too uncertain.

    Raises
    ------
    ValueError
        Unknown convention, or a floor outside 0 to 1.

    Examples
    --------
    >>> [(s.label, s.text) for s in tag("杭州市余杭区文一西路969号阿里巴巴西溪园区6号楼")][2:4]
    [('road', '文一西路'), ('road_no', '969号')]
    """
    from address.tagger.model import read_model  # numba: only for those who tag

    if convention not in CONVENTIONS:
        raise ValueError(f"convention is {convention!r}; expected one of {', '.join(CONVENTIONS)}")
    if not 0 <= floor <= 1:
        raise ValueError(f"floor is {floor}; expected a probability, 0 to 1")
    text = text[:MAX_CHARACTERS]
    return [
        Span(label, start, end, text[start:end], probability)
        for label, start, end, probability in read_model(convention).spans(text, floor)
    ]
