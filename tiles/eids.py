"""Ids of entities as pairs of numbers, in columns."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["WORDS", "eid_words"]

WORDS = np.dtype([("high", "<u8"), ("low", "<u8")])


def eid_words(eids: pa.Array | pa.ChunkedArray) -> NDArray[np.void]:
    """Ids as numbers, in the order of the ids.

    Parameters
    ----------
    eids : array of str
        UUIDs of 36 characters in lower case, none null.

    Returns
    -------
    ndarray of :data:`WORDS`, shape (n,)
        They sort as the texts do.

    Raises
    ------
    ValueError
        If one is no UUID.
    """
    out = np.zeros(len(eids), WORDS)
    if not len(eids):
        return out
    text = "".join(eids.to_pylist())
    pairs = np.frombuffer(bytes.fromhex(text.replace("-", "")), ">u8")
    if len(pairs) != 2 * len(out):
        raise ValueError(f"{len(pairs) // 2} UUIDs in {len(out)} ids")
    out["high"], out["low"] = pairs[::2], pairs[1::2]
    return out
