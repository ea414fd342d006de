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
def _u1(lent: I64, k: int) -> U8:
    return carray(_pointer(lent[k, 0]), (lent[k, 1],), np.uint8)


@njit(cache=True)
def _u2(lent: I64, k: int) -> U16:
    return carray(_pointer(lent[k, 0]), (lent[k, 1],), np.uint16)


@njit(cache=True)
def _u4(lent: I64, k: int) -> U32:
    return carray(_pointer(lent[k, 0]), (lent[k, 1],), np.uint32)


@njit(cache=True)
def _u8(lent: I64, k: int) -> U64:
    return carray(_pointer(lent[k, 0]), (lent[k, 1],), np.uint64)


@njit(cache=True)
def _i4(lent: I64, k: int) -> I32:
    return carray(_pointer(lent[k, 0]), (lent[k, 1],), np.int32)


@njit(cache=True)
def tables_at(lent: I64) -> Tables:
    """What characters are."""
    return Tables(_u4(lent, 0), _u1(lent, 1), _u1(lent, 2), _u2(lent, 3))


@njit(cache=True)
def nodes_at(lent: I64) -> Nodes:
    """The tree."""
    return Nodes(
        _i4(lent, 4), _i4(lent, 5), _u1(lent, 6), _u4(lent, 7), _u1(lent, 8), _u8(lent, 9),
        _u4(lent, 10), _u4(lent, 11), _u4(lent, 12), _i4(lent, 13), _u1(lent, 14),
    )  # fmt: skip


@njit(cache=True)
def words_at(lent: I64) -> Words:
    """The vocabulary."""
    return Words(
        _u4(lent, 15), _u8(lent, 16), _u1(lent, 17), _u4(lent, 18), _u4(lent, 19), _u8(lent, 20)
    )


@njit(cache=True)
def calls_at(lent: I64) -> Calls:
    """The names."""
    return Calls(_u8(lent, 21), _u4(lent, 22), _i4(lent, 23), _u8(lent, 24), _u1(lent, 25))


@njit(cache=True)
def near_at(lent: I64) -> Near:
    """The keys that forgive."""
    sound = carray(_pointer(lent[32, 0]), (lent[32, 1], 2), np.uint16)
    return Near(
        _u8(lent, 26), _u4(lent, 27), _u4(lent, 28), _u1(lent, 29), _u4(lent, 30), _i4(lent, 31),
        sound, _u4(lent, 33), _u4(lent, 34), _u8(lent, 35),
    )  # fmt: skip


@njit(cache=True)
def spelling_at(lent: I64) -> Spelling:
    """Names as written."""
    return Spelling(_u4(lent, 36), _u4(lent, 37), _u1(lent, 38))
