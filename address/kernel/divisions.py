"""Which division a name means where it stands: compiled steps of `address.segment`."""

import numpy as np
import numpy.typing as npt
from numba import njit

from address.kernel import sheet as w
from address.kernel.patterns import TEXT

__all__ = ["admin_at", "begins_in", "division_at", "goes_on", "in_name", "letter_province"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@njit(cache=True, inline="always")
def _begins_with(code: int, digits: int, stem: int, stem_digits: int) -> bool:
    """A code begins with the stem of another."""
    if stem_digits > digits:
        return False
    for _ in range(digits - stem_digits):
        code //= 10
    return code == stem


@njit(cache=True)
def holds_any(t: I32, name: int, stem: int, stem_digits: int) -> bool:
    """One of a name's divisions has a code that begins so."""
    for d in range(w.first_division(t, name), w.first_division(t, name + 1)):
        if _begins_with(w.told(t, d, 0), w.told(t, d, 1), stem, stem_digits):
            return True
    return False


@njit(cache=True)
def _fits_scope(t: I32, s: I32, name: int, known: int) -> bool:
    for d in range(w.first_division(t, name), w.first_division(t, name + 1)):
        code, digits = w.told(t, d, 0), w.told(t, d, 1)
        stem, stem_digits = w.told(t, d, 2), w.told(t, d, 3)
        for k in range(known):
            o = s[w.SCOPE + k]
            if _begins_with(code, digits, w.told(t, o, 2), w.told(t, o, 3)):
                return True
            if _begins_with(w.told(t, o, 0), w.told(t, o, 1), stem, stem_digits):
                return True
    return False


@njit(cache=True)
def goes_on(t: I32, e: I64, s: I32, first: int, last: int, end: int, size: int) -> bool:
    """A division, or a town, of those of rows `first` to `last` follows."""
    n = w.named(t, e, s, 0, end, size, 2)
    for k in range(n):
        for o in range(
            w.first_division(t, w.number_of_name(s, 2, k)),
            w.first_division(t, w.number_of_name(s, 2, k) + 1),
        ):
            if w.told(t, o, 4) != 2:
                continue
            for d in range(first, last):
                if w.told(t, d, 4) != 2 and _begins_with(
                    w.told(t, o, 0), w.told(t, o, 1), w.told(t, d, 2), w.told(t, d, 3)
                ):
                    return True
    n = w.named(t, e, s, 1, end, size, 2)
    for k in range(n):
        for r in range(
            t[t[w.T_TOWN_FIRST] + w.number_of_name(s, 2, k)],
            t[t[w.T_TOWN_FIRST] + w.number_of_name(s, 2, k) + 1],
        ):
            for d in range(first, last):
                if w.told(t, d, 5) and w.told(t, d, 0) == t[t[w.T_TOWN_COUNTY] + r]:
                    return True
    return False


@njit(cache=True)
def _splits_better(t: I32, e: I64, s: I32, name: int, end: int, size: int) -> bool:
    """青岛市南区 is 青岛 and its 市南区."""
    n = w.named(t, e, s, 0, end, size, 4)
    for k in range(n):
        for o in range(
            w.first_division(t, w.number_of_name(s, 4, k)),
            w.first_division(t, w.number_of_name(s, 4, k) + 1),
        ):
            for d in range(w.first_division(t, name), w.first_division(t, name + 1)):
                if _same_city(t, o, d):
                    return False
    n = w.named(t, e, s, 0, end - 1, size, 4)
    for k in range(n):
        for o in range(
            w.first_division(t, w.number_of_name(s, 4, k)),
            w.first_division(t, w.number_of_name(s, 4, k) + 1),
        ):
            for d in range(w.first_division(t, name), w.first_division(t, name + 1)):
                if _same_city(t, o, d) and (
                    w.told(t, o, 6) or goes_on(t, e, s, o, o + 1, w.end_of_name(s, 4, k), size)
                ):
                    return True
    return False


@njit(cache=True, inline="always")
def _same_city(t: I32, a: int, b: int) -> bool:
    """First four digits are the same."""
    return w.told(t, a, 7) == w.told(t, b, 7)


@njit(cache=True)
def admin_at(t: I32, e: I64, s: I32, at: int, size: int, seen: bool, known: int) -> tuple[int, int]:
    """Number and end of the division's name at a place, as `address.segment` finds it; -1: none."""
    if s[w.BEGINS + at] == 0:
        return np.int64(-1), np.int64(-1)
    n = w.named(t, e, s, 0, at, size, 0)
    for k in range(n - 1, -1, -1):
        name, end = w.number_of_name(s, 0, k), w.end_of_name(s, 0, k)
        flags = w.flags_of(t, name)
        if flags & w.F_STREET:
            if known and _fits_scope(t, s, name, known) and w.match(t, s, w.P_TRAP, end, size) < 0:
                return name, end
            continue
        full = flags & w.F_FULL != 0
        blocked = not full and (
            w.match(t, s, w.P_TRAP, end, size) >= 0 or w.match(t, s, w.P_TOWN, end, size) >= 0
        )
        if not blocked and full and end - at == 2 and end < size:
            blocked = s[TEXT + end] == w.STREET or s[TEXT + end] == w.WAY
        if not blocked and w.match(t, s, w.P_ROAD, end, size) >= 0:
            blocked = s[w.BEGINS + end] == 0
        if not blocked and not full and not known and not seen and flags & w.F_COUNTY:
            blocked = w.match(t, s, w.P_GOES_ON, end, size) >= 0
        if flags & w.F_EVERYWHERE and not (known and _fits_scope(t, s, name, known)):
            blocked = blocked or at > 0
        if blocked and not goes_on(
            t, e, s, w.first_division(t, name), w.first_division(t, name + 1), end, size
        ):
            continue
        if not full and seen and end - at == 2 and w.match(t, s, w.P_FOLLOWS, end, size) < 0:
            continue
        if not full and known and not _fits_scope(t, s, name, known):
            continue
        if t[t[w.T_SHORTER] + name] >= 0 and _splits_better(t, e, s, name, end, size):
            return np.int64(t[t[w.T_SHORTER] + name]), end - 1
        return name, end
    return np.int64(-1), np.int64(-1)


@njit(cache=True)
def in_name(
    t: I32, e: I64, s: I32, name: int, end: int, size: int, known: int, admin: bool, fresh: bool
) -> bool:
    """A short name with no division before it that only begins an estate or a firm."""
    flags = w.flags_of(t, name)
    if known or admin or (fresh and not flags & w.F_COMMON):
        return False
    if flags & (w.F_LAST | w.F_EXACT) or end >= size or not w.is_in(t, s, w.S_ALNUM, end):
        return False
    return not goes_on(t, e, s, w.first_division(t, name), w.first_division(t, name + 1), end, size)


@njit(cache=True, inline="always")
def division_at(t: I32, e: I64, s: I32, at: int, size: int, known: int) -> bool:
    """A division written in full begins at a place."""
    if s[w.ENDS + at] == 0:
        return False
    name, end = admin_at(t, e, s, at, size, True, known)
    return name >= 0 and end == s[w.ENDS + at]


@njit(cache=True)
def begins_in(t: I32, e: I64, s: I32, code: int, at: int, size: int) -> bool:
    """A division of a city (four digits) begins at a place."""
    for k in range(w.named(t, e, s, 0, at, size, 8)):
        if holds_any(t, w.number_of_name(s, 8, k), code, 4):
            return True
    return False


@njit(cache=True)
def letter_province(t: I32, e: I64, s: I32, size: int) -> bool:
    """京朝阳…: the letter counts when a division of that province follows."""
    code = np.int64(t[t[w.T_LETTERS] + 4 * s[TEXT + 0] + 0])
    first = w.named(t, e, s, 0, 0, size, 10)
    closed = first > 0 and w.is_in(t, s, w.S_LETTER_BEFORE, w.end_of_name(s, 10, first - 1) - 1)
    city = np.int64(t[t[w.T_LETTERS] + 4 * s[TEXT + 1] + 2])
    if city // 10000 == code and not first and begins_in(t, e, s, city // 100, 2, size):
        return True
    for k in range(w.named(t, e, s, 0, 1, size, 10)):
        if first and (
            w.end_of_name(s, 10, k) < 4
            or not w.is_in(t, s, w.S_LETTER_NAME, w.end_of_name(s, 10, k) - 1)
            or closed
        ):
            continue
        if holds_any(t, w.number_of_name(s, 10, k), code, 2):
            return True
    return False
