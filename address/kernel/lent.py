"""The arrays of an index, lent to compiled code by their addresses.

Each array handed over from Python costs half a microsecond, forty of them more than reading a plain
text; and inside, every call counts the holders of every array that has an owner, atomically, which
takes a third of the time of a text. So whoever calls keeps the arrays, writes their addresses into
one (`lend`), and compiled code makes arrays of them that nobody owns.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from address.kernel.near import Near
from address.kernel.work import Calls, Nodes, Tables, Words

__all__ = ["Spelling", "calls_at", "lend", "near_at", "nodes_at", "spelling_at", "tables_at", "words_at"]  # fmt: skip

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]


class Spelling(NamedTuple):
    """Names as written: number of each node's, where each begins, UTF-8 bytes."""

    written: U32
    start: U32
    text: U8


_FORM = {
    Tables: "u4 u1 u1 u2",
    Nodes: "i4 i4 u1 u4 u1 u8 u4 u4 u4 i4 u1",
    Words: "u4 u8 u1 u4 u4 u8",
    Calls: "u8 u4 i4 u8 u1",
    Near: "u8 u4 u4 u1 u4 i4 u2 u4 u4 u8",
    Spelling: "u4 u4 u1",
}
"""Types of the fields, in the order in which they are lent; the functions below hold to it."""


def lend(*groups: tuple[npt.NDArray[Any], ...]) -> I64:
    """Addresses and lengths of arrays, shape (arrays, 2).

    Parameters
    ----------
    groups : Tables, Nodes, Words, Calls, Near, Spelling
        One of each, in this order. They must outlive what is returned.
    """
    out: list[tuple[int, int]] = []
    for kind, group in zip(_FORM, groups, strict=True):
        for form, array in zip(_FORM[kind].split(), group, strict=True):
            if array.dtype != np.dtype(form) or not array.flags.c_contiguous:
                raise TypeError(f"{kind.__name__}: {array.dtype} where {form} is read")
            out.append((array.ctypes.data, len(array)))
    return np.array(out, np.int64)


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(_typing: object, address: Any) -> tuple[Any, Any]:  # noqa: ANN401 (types of the compiler)
    """An address as a pointer."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.voidptr(address), codegen


@njit(cache=True)
def _at(lent: I64, k: int, kind: type[np.generic]) -> npt.NDArray[Any]:
    return carray(_pointer(lent[k, 0]), (lent[k, 1],), kind)


@njit(cache=True)
def tables_at(lent: I64) -> Tables:
    """What characters are."""
    return Tables(
        _at(lent, 0, np.uint32),
        _at(lent, 1, np.uint8),
        _at(lent, 2, np.uint8),
        _at(lent, 3, np.uint16),
    )


@njit(cache=True)
def nodes_at(lent: I64) -> Nodes:
    """The tree."""
    return Nodes(
        _at(lent, 4, np.int32),
        _at(lent, 5, np.int32),
        _at(lent, 6, np.uint8),
        _at(lent, 7, np.uint32),
        _at(lent, 8, np.uint8),
        _at(lent, 9, np.uint64),
        _at(lent, 10, np.uint32),
        _at(lent, 11, np.uint32),
        _at(lent, 12, np.uint32),
        _at(lent, 13, np.int32),
        _at(lent, 14, np.uint8),
    )


@njit(cache=True)
def words_at(lent: I64) -> Words:
    """The vocabulary."""
    return Words(
        _at(lent, 15, np.uint32),
        _at(lent, 16, np.uint64),
        _at(lent, 17, np.uint8),
        _at(lent, 18, np.uint32),
        _at(lent, 19, np.uint32),
        _at(lent, 20, np.uint64),
    )


@njit(cache=True)
def calls_at(lent: I64) -> Calls:
    """The names."""
    return Calls(
        _at(lent, 21, np.uint64),
        _at(lent, 22, np.uint32),
        _at(lent, 23, np.int32),
        _at(lent, 24, np.uint64),
        _at(lent, 25, np.uint8),
    )


@njit(cache=True)
def near_at(lent: I64) -> Near:
    """The keys that forgive."""
    sound = carray(_pointer(lent[32, 0]), (lent[32, 1], 2), np.uint16)
    return Near(
        _at(lent, 26, np.uint64),
        _at(lent, 27, np.uint32),
        _at(lent, 28, np.uint32),
        _at(lent, 29, np.uint8),
        _at(lent, 30, np.uint32),
        _at(lent, 31, np.int32),
        sound,
        _at(lent, 33, np.uint32),
        _at(lent, 34, np.uint32),
        _at(lent, 35, np.uint64),
    )


@njit(cache=True)
def spelling_at(lent: I64) -> Spelling:
    """Names as written."""
    return Spelling(_at(lent, 36, np.uint32), _at(lent, 37, np.uint32), _at(lent, 38, np.uint8))
