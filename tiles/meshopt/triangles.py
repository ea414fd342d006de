"""Mode TRIANGLES: most triangles in a byte, by the edges and vertices that were met last.

The encoder keeps the state its reader will have: the next vertex that is new, the last one told
in full, sixteen edges and sixteen vertices. It turns a triangle (which keeps its sense) to where
the state says most, so a triangle may come back starting at another of its corners.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.meshopt.errors import MeshoptError
from tiles.meshopt.numbers import fold, read_number, unfold, write_number

__all__ = ["decode_triangles", "encode_triangles"]

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.uint32]
State = NDArray[np.int64]

HEADER, TAIL = 0xE1, 16
EXPLICIT_NEXT, EXPLICIT = 0xFE, 0xFF
_MOST_EXTRA = 16
"""Bytes that the worst triangle needs beside its code: one, and three numbers of five."""
PAIRS = np.array(
    [0x00, 0x01, 0x02, 0x03, 0x04, 0x10, 0x20, 0x30, 0x40, 0x12, 0x21, 0x23, 0x32, 0x13, 0, 0],
    dtype=np.uint8,
)
"""Our table of the second and third corner of a triangle without a known edge: 0 is new, else the
place among the vertices met last, from 1. The last two bytes must be 0."""
NEXT, LAST, EDGES, VERTICES = 0, 1, 2, 3
EDGE_AT, VERTEX_AT = 4, 36
STATE = 52


def encode_triangles(indices: NDArray[np.integer]) -> bytes:
    """Compress a list of triangles.

    Parameters
    ----------
    indices : array, shape (3 n,)
        Corners from 0, less than 2^31.

    Returns
    -------
    bytes

    Raises
    ------
    MeshoptError
        If the length is no multiple of three or an index is too large.
    """
    wide = np.asarray(indices, dtype=np.int64)
    if len(wide) % 3:
        raise MeshoptError(f"{len(wide)} corners; a multiple of 3 is expected")
    if len(wide) and (wide.min() < 0 or wide.max() >= 1 << 31):
        raise MeshoptError(f"indices from {wide.min()} to {wide.max()}; 0 to 2^31 - 1 is expected")
    n = len(wide) // 3
    codes = np.empty(n, dtype=np.uint8)
    extra = np.empty(n * _MOST_EXTRA, dtype=np.uint8)
    used = _encode(wide, codes, extra)
    return b"".join((bytes([HEADER]), codes.tobytes(), extra[:used].tobytes(), PAIRS.tobytes()))


def decode_triangles(stream: bytes, count: int) -> Numbers:
    """Give back the triangles that :func:`encode_triangles` was given, each perhaps turned.

    Parameters
    ----------
    stream : bytes
        The compressed view.
    count : int
        Corners, three for each triangle.

    Returns
    -------
    array of uint32, shape (count,)

    Raises
    ------
    MeshoptError
        If the stream is cut off, too long, or of another codec.
    """
    data = np.frombuffer(stream, dtype=np.uint8)
    if count % 3 or len(data) < 1 + count // 3 + TAIL or data[0] != HEADER:
        raise MeshoptError(f"{len(stream)} bytes are no stream of {count} corners of triangles")
    out = np.zeros(count, dtype=np.uint32)
    if _decode(data, out) != len(data) - TAIL:
        raise MeshoptError(f"the stream does not hold {count // 3} triangles")
    return out


@njit(cache=True, nogil=True)
def _push_edge(state: State, a: int, b: int) -> None:
    slot = EDGE_AT + (state[EDGES] & 15) * 2
    state[slot], state[slot + 1] = a, b
    state[EDGES] += 1


@njit(cache=True, nogil=True)
def _push_vertex(state: State, v: int) -> None:
    state[VERTEX_AT + (state[VERTICES] & 15)] = v
    state[VERTICES] += 1


@njit(cache=True, nogil=True)
def _vertex(state: State, back: int) -> int:
    return int(state[VERTEX_AT + ((state[VERTICES] - 1 - back) & 15)])


@njit(cache=True, nogil=True)
def _find_vertex(state: State, v: int, most: int) -> int:
    """How many vertices ago ``v`` was met, below ``most``; else -1."""
    for back in range(min(most, state[VERTICES])):
        if _vertex(state, back) == v:
            return back
    return -1


@njit(cache=True, nogil=True)
def _find_edge(state: State, a: int, b: int, c: int) -> tuple[int, int]:
    """The edge of the triangle that was met last: how long ago, and which corner it starts at."""
    for back in range(min(15, state[EDGES])):
        slot = EDGE_AT + ((state[EDGES] - 1 - back) & 15) * 2
        p, q = state[slot], state[slot + 1]
        if p == a and q == b:
            return back, 0
        if p == b and q == c:
            return back, 1
        if p == c and q == a:
            return back, 2
    return -1, 0


@njit(cache=True, nogil=True)
def _write_index(state: State, v: int, extra: Bytes, at: int) -> int:
    """Tell a vertex in full, as a step from the last one told so."""
    step = v - state[LAST]
    state[LAST] = v
    return int(write_number(fold(step), extra, at))


@njit(cache=True, nogil=True)
def _place(state: State, v: int) -> int:
    """How a corner is told: 0 as the next new one (used up by it), 1 to 14 as one met, 15 in full."""
    if v == state[NEXT]:
        state[NEXT] += 1
        return 0
    back = _find_vertex(state, v, 14)
    return back + 1 if back >= 0 else 15


@njit(cache=True, nogil=True)
def _encode(indices: State, codes: Bytes, extra: Bytes) -> int:
    state = np.zeros(STATE, dtype=np.int64)
    at = 0
    for t in range(len(codes)):
        a, b, c = indices[3 * t], indices[3 * t + 1], indices[3 * t + 2]
        back, turn = _find_edge(state, a, b, c)
        if back >= 0:
            if turn == 1:
                a, b, c = b, c, a
            elif turn == 2:
                a, b, c = c, a, b
            at = _along_edge(state, back, c, codes, t, extra, at)
            _push_edge(state, c, b)
            _push_edge(state, a, c)
        else:
            if b == state[NEXT]:
                a, b, c = b, c, a
            elif c == state[NEXT]:
                a, b, c = c, a, b
            at = _alone(state, a, b, c, codes, t, extra, at)
    return at


@njit(cache=True, nogil=True)
def _along_edge(
    state: State, back: int, c: int, codes: Bytes, t: int, extra: Bytes, at: int
) -> int:
    met = _find_vertex(state, c, 13)
    if c == state[NEXT]:
        low = 0
        state[NEXT] += 1
    elif 0 < met < 13:
        low = met
    elif c == state[LAST] - 1 or c == state[LAST] + 1:
        low = 0xD if c < state[LAST] else 0xE
        state[LAST] = c
    else:
        low = 0xF
        at = _write_index(state, c, extra, at)
    codes[t] = (back << 4) | low
    if low == 0 or low >= 0xD:
        _push_vertex(state, c)
    return at


@njit(cache=True, nogil=True)
def _alone(
    state: State, a: int, b: int, c: int, codes: Bytes, t: int, extra: Bytes, at: int
) -> int:
    fresh = a == state[NEXT]
    if fresh:
        state[NEXT] += 1
    z = _place(state, b)
    w = _place(state, c)
    pair = (z << 4) | w
    code = EXPLICIT_NEXT if fresh else EXPLICIT
    if fresh and z < 15 and w < 15:
        for y in range(14):
            if PAIRS[y] == pair:
                code = 0xF0 | y
                break
    codes[t] = code
    if code >= EXPLICIT_NEXT:
        extra[at] = pair  # never 0x00, which would set the counter back: a new corner comes first
        at += 1
        if not fresh:
            at = _write_index(state, a, extra, at)
        if z == 15:
            at = _write_index(state, b, extra, at)
        if w == 15:
            at = _write_index(state, c, extra, at)
    _remember(state, a, b, c, z, w)
    return at


@njit(cache=True, nogil=True)
def _remember(state: State, a: int, b: int, c: int, z: int, w: int) -> None:
    """Edges and vertices of a triangle without a known edge; places 0 and 15 are vertices anew."""
    _push_edge(state, b, a)
    _push_edge(state, c, b)
    _push_edge(state, a, c)
    _push_vertex(state, a)
    if z in (0, 15):
        _push_vertex(state, b)
    if w in (0, 15):
        _push_vertex(state, c)


@njit(cache=True, nogil=True)
def _told(state: State, place: int, data: Bytes, at: int, end: int) -> tuple[int, int]:
    """A corner by its place (see ``_place``), and where to read on (-1 past the end)."""
    if place == 0:
        state[NEXT] += 1
        return state[NEXT] - 1, at
    if place < 15:
        return _vertex(state, place - 1), at
    step, at = read_number(data, at, end)
    state[LAST] += unfold(step)
    return state[LAST], at


@njit(cache=True, nogil=True)
def _read_third(state: State, low: int, data: Bytes, at: int, end: int) -> tuple[int, int]:
    """The corner beyond a known edge, and where to read on (-1 past the end)."""
    if 0 < low < 0xD:
        return _vertex(state, low), at
    if low in (0xD, 0xE):
        state[LAST] += -1 if low == 0xD else 1
        c = state[LAST]
    else:
        c, at = _told(state, low, data, at, end)
    _push_vertex(state, c)
    return c, at


@njit(cache=True, nogil=True)
def _read_alone(
    state: State, code: int, data: Bytes, at: int, end: int
) -> tuple[int, int, int, int]:
    """A triangle without a known edge, and where to read on (-1 past the end)."""
    b = c = 0
    pair = int(data[end + (code & 15)])
    if code >= EXPLICIT_NEXT:
        if at >= end:
            return 0, 0, 0, -1
        pair = int(data[at])
        at += 1
        if pair == 0:
            state[NEXT] = 0
    z, w = pair >> 4, pair & 15
    a, at = _told(state, 15 if code == EXPLICIT else 0, data, at, end)
    if at >= 0:
        b, at = _told(state, z, data, at, end)
    if at >= 0:
        c, at = _told(state, w, data, at, end)
    _remember(state, a, b, c, z, w)
    return a, b, c, at


@njit(cache=True, nogil=True)
def _decode(data: Bytes, out: Numbers) -> int:
    """Where the tail starts; -1 for a stream that ends too early."""
    state = np.zeros(STATE, dtype=np.int64)
    triangles = len(out) // 3
    end = len(data) - TAIL
    at = 1 + triangles
    for t in range(triangles):
        code = int(data[1 + t])
        if code < 0xF0:
            slot = EDGE_AT + ((state[EDGES] - 1 - (code >> 4)) & 15) * 2
            a, b = state[slot], state[slot + 1]
            c, at = _read_third(state, code & 15, data, at, end)
            _push_edge(state, c, b)
            _push_edge(state, a, c)
        else:
            a, b, c, at = _read_alone(state, code, data, at, end)
        if at < 0:
            return -1
        out[3 * t], out[3 * t + 1], out[3 * t + 2] = a, b, c
    return at
