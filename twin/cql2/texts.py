"""Texts: one form for each, whatever its case or accents, and patterns with ``%`` and ``_``."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np

from twin.cql2.reading import refusal

__all__ = ["MAX_PATTERN", "accenti", "casei", "each", "matching", "normal"]

MAX_PATTERN: Final = 1_000
"""Characters of a pattern."""
_KEPT = "\u3099\u309a"  # Japanese voicing marks, which tell words apart


def normal(text: str) -> str:
    """Canonical composition (NFC), the form texts are compared in."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@lru_cache(maxsize=4096)
def casei(text: str) -> str:
    """Full case folding of Unicode.

    Examples
    --------
    >>> casei("Straße") == casei("STRASSE")
    True
    """
    folded = text.casefold()
    return folded if text.isascii() else unicodedata.normalize("NFC", folded)


@lru_cache(maxsize=4096)
def accenti(text: str) -> str:
    """Without its non-spacing marks, the Japanese voicing marks kept.

    Examples
    --------
    >>> accenti("Chișinău"), accenti("はじめ")
    ('Chisinau', 'はじめ')
    """
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    kept = "".join(c for c in apart if c in _KEPT or unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", kept)


def each(change: Callable[[str], Any], values: Any, known: Any, otype: type = object) -> Any:  # noqa: ANN401
    """Apply to every known text; anything where it is not known. Equal texts are worked on once."""
    values, known = np.asarray(values), np.broadcast_to(known, np.shape(values))
    out: Any = np.zeros(values.shape, dtype=otype)
    some = values[known]
    once = {v: change(v) for v in set(some.tolist())}
    out[known] = np.fromiter((once[v] for v in some.tolist()), dtype=otype, count=len(some))
    return out


def matching(pattern: str) -> Callable[[str], bool]:
    """A test of texts for a LIKE pattern: ``%`` any characters, ``_`` one, a backslash takes the next as it is.

    Its time is at most length of text times length of pattern: parts between wildcards are never tried again.

    Examples
    --------
    >>> match = matching("B_r%")
    >>> match("Bern"), match("Br")
    (True, False)
    """
    if len(pattern) > MAX_PATTERN:
        raise refusal(
            f"filter: a pattern of {len(pattern):,} characters; at most {MAX_PATTERN:,} are read"
        )
    parts, simple = _parts(pattern)
    if simple:
        texts = ["".join(c or "" for c in p) for p in parts]
        if len(texts) == 1:
            return texts[0].__eq__
        if len(texts) == 2:
            head, tail = texts
            return lambda v: (
                len(v) >= len(head) + len(tail) and v.startswith(head) and v.endswith(tail)
            )
        if len(texts) == 3 and not texts[0] and not texts[2]:
            return lambda v, inner=texts[1]: inner in v  # type: ignore[misc]
    found = ["".join("." if c is None else re.escape(c) for c in p) for p in parts]
    if len(found) == 1:
        source = found[0]
    else:
        source = found[0] + "".join(f"(?>.*?{p})" for p in found[1:-1]) + f".*{found[-1]}"
        if found[-1]:
            source = found[0] + "".join(f"(?>.*?{p})" for p in found[1:-1])
            return _ending(
                re.compile(source, re.DOTALL), re.compile(found[-1], re.DOTALL), len(parts[-1])
            )
    test = re.compile(source, re.DOTALL).fullmatch
    return lambda v: test(v) is not None


def _ending(head: re.Pattern[str], tail: re.Pattern[str], length: int) -> Callable[[str], bool]:
    """Tests a head from the front and a tail of a fixed length at the end."""

    def test(text: str) -> bool:
        found = head.match(text)
        return found is not None and len(text) - found.end() >= length and (
            tail.fullmatch(text, len(text) - length) is not None
        )  # fmt: skip

    return test


def _parts(pattern: str) -> tuple[list[list[str | None]], bool]:
    """Characters between ``%``, None for ``_``; and whether there is no ``_``."""
    parts: list[list[str | None]] = [[]]
    simple, escaped = True, False
    for c in pattern:
        if escaped:
            parts[-1].append(c)
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == "%":
            parts.append([])
        else:
            simple = simple and c != "_"
            parts[-1].append(None if c == "_" else c)
    if escaped:
        parts[-1].append("\\")
    inner = [p for p in parts[1:-1] if p]
    return [parts[0], *inner, *([parts[-1]] if len(parts) > 1 else [])] if len(parts) < 3 or inner else [
        parts[0], parts[-1]], simple  # fmt: skip
