"""Identifiers of the base: UUIDv7 (RFC 9562 §5.7), time-ordered, made by the array.

An id says when it was issued (48 bits of Unix milliseconds) and nothing else; it is never reused.
Inside one call ids rise strictly, so that rows keep the order in which they were given.
"""

import secrets
import time

import numpy as np
from numpy.typing import NDArray

from twin.errors import InvalidRequestError

__all__ = ["uuid7", "uuid7_array", "uuid7_bytes", "uuid7_millis"]

_DASHES = (8, 13, 18, 23)
_DIGITS = np.array([i for i in range(36) if i not in _DASHES])
_MAX_MILLIS = 2**48 - 1


def _as_text(raw: NDArray[np.uint8]) -> NDArray[np.object_]:
    """Canonical text of 16-byte rows."""
    n = len(raw)
    text = np.full((n, 36), ord("-"), dtype=np.uint8)
    digits = np.frombuffer(raw.tobytes().hex().encode("ascii"), dtype=np.uint8).reshape(n, 32)
    text[:, _DIGITS] = digits
    return text.view("S36").ravel().astype("U36").astype(object)


def uuid7_array(n: int, at: float | None = None) -> NDArray[np.object_]:
    """New identifiers, strictly rising.

    Parameters
    ----------
    n : int
        How many; 0 gives an empty array, at most 2**31.
    at : float, optional
        Unix seconds to stamp them with; now when absent.

    Returns
    -------
    ndarray of object (str), shape (n,)
        Lower-case text of 36 characters. Bits: 48 of time, 32 of a counter that starts at a random
        place, 42 random per id, so two processes that issue in the same millisecond do not
        collide.

    Raises
    ------
    InvalidRequestError
        If ``n`` or ``at`` is out of range.

    Examples
    --------
    >>> ids = uuid7_array(3, at=1_780_000_000.0)
    >>> [i[:13] for i in ids]
    ['019e7044-8800', '019e7044-8800', '019e7044-8800']
    >>> list(ids) == sorted(ids)
    True
    """
    return _as_text(uuid7_bytes(n, at))


def uuid7_bytes(n: int, at: float | None = None) -> NDArray[np.uint8]:
    """New identifiers as :func:`uuid7_array` makes them, as rows of 16 bytes in reading order, shape (n, 16)."""
    millis = time.time_ns() // 1_000_000 if at is None else int(at * 1000)
    if not 0 <= n <= 2**31:
        raise InvalidRequestError(f"{n} identifiers were asked for; expected 0 … 2**31.", "n")
    if not 0 <= millis <= _MAX_MILLIS:
        raise InvalidRequestError(
            f"time {at} does not fit an identifier; expected Unix seconds.", "at"
        )
    counter = np.arange(n, dtype=np.uint64) + np.uint64(secrets.randbits(31))
    raw = np.frombuffer(secrets.token_bytes(16 * n), dtype=np.uint8).reshape(n, 16).copy()
    raw[:, :6] = np.frombuffer(millis.to_bytes(6, "big"), dtype=np.uint8)
    raw[:, 6] = 0x70 | (counter >> np.uint64(28)).astype(np.uint8)
    raw[:, 7] = (counter >> np.uint64(20)).astype(np.uint8)
    raw[:, 8] = 0x80 | ((counter >> np.uint64(14)) & np.uint64(0x3F)).astype(np.uint8)
    raw[:, 9] = (counter >> np.uint64(6)).astype(np.uint8)
    low = ((counter & np.uint64(0x3F)) << np.uint64(2)).astype(np.uint8)
    raw[:, 10] = low | (raw[:, 10] & np.uint8(0x03))
    return raw


def uuid7(at: float | None = None) -> str:
    """One new identifier; see :func:`uuid7_array`."""
    return str(uuid7_array(1, at)[0])


def uuid7_millis(eid: str) -> int:
    """Unix milliseconds at which an identifier was issued.

    Examples
    --------
    >>> uuid7_millis("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")  # RFC 9562, appendix A.6
    1645557742000
    """
    return int(eid[:8] + eid[9:13], 16)
