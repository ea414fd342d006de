"""Protocol-buffer varints of whole arrays at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["encode", "interleave", "lengths", "zigzag"]


def lengths(values: NDArray[Any]) -> Ints:
    """Bytes each non-negative value (< 2⁶³) takes.

    Examples
    --------
    >>> lengths(np.array([0, 127, 128, 16384])).tolist()
    [1, 1, 2, 3]
    """
    out = np.ones(len(values), dtype=np.int64)
    for k in range(1, 9):
        out += values >= (1 << 7 * k)
    return out


def encode(values: NDArray[Any]) -> bytes:
    """The values one after the other.

    Examples
    --------
    >>> encode(np.array([1, 300])).hex()
    '01ac02'
    """
    values = np.asarray(values, dtype=np.int64)
    size = lengths(values)
    start = np.cumsum(size) - size
    out = np.empty(int(size.sum()), dtype=np.uint8)
    for k in range(int(size.max(initial=0))):
        more = size > k
        part = (values[more] >> 7 * k) & 127
        out[start[more] + k] = part | np.where(size[more] > k + 1, 128, 0)
    return out.tobytes()


def zigzag(values: NDArray[Any]) -> Ints:
    """Signed → unsigned: 0, −1, 1, −2 … → 0, 1, 2, 3 …."""
    v = np.asarray(values, dtype=np.int64)
    return (v << 1) ^ (v >> 63)


def interleave(parts: list[tuple[Ints, Ints]], n: int) -> tuple[Ints, Ints]:
    """Join ragged columns row by row.

    Parameters
    ----------
    parts : list of (values, counts)
        Each with the values of all n rows in a row, and how many each row has, shape (n,).
    n : int

    Returns
    -------
    values, counts
        Row 0 of all parts in order, row 1 of all parts …
    """
    counts = np.stack([c for _, c in parts], axis=1)
    flat = counts.ravel()
    start = (np.cumsum(flat) - flat).reshape(n, len(parts))
    out = np.empty(int(flat.sum()), dtype=np.int64)
    for k, (values, count) in enumerate(parts):
        before = np.cumsum(count) - count
        out[np.repeat(start[:, k] - before, count) + np.arange(len(values))] = values
    return out, counts.sum(axis=1)
