"""Keys of one layer, batch after batch: repeated ids are found, identical records without id are numbered."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.ingest.fingerprint import fingerprints

__all__ = ["KeyLedger"]

Words = NDArray[np.uint64]


class KeyLedger:
    """Remembers the keys of a layer by 64 bits each (8 bytes for ids, 16 for records without one)."""

    def __init__(self) -> None:
        self._ids: Words = np.zeros(0, np.uint64)
        self._contents: Words = np.zeros(0, np.uint64)
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def settle(
        self, keys: pa.Array, contents: NDArray[np.uint8]
    ) -> tuple[pa.Array, NDArray[np.bool_]]:
        """Final keys of a batch.

        Parameters
        ----------
        keys : pyarrow.Array of string, length n
            Ids as the source gives them, null where it gives none.
        contents : ndarray of uint8, shape (n, 16)
            Fingerprint of each record (:func:`twin.ingest.fingerprint.fingerprints`).

        Returns
        -------
        keys : pyarrow.Array of string, length n
            The id; without one ``content:`` and the fingerprint, from the second identical record on
            with ``#2``, ``#3`` …
        repeated : ndarray of bool, shape (n,)
            Records whose id an earlier record of the layer has.
        """
        n = len(keys)
        given = np.asarray(keys.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
        repeated = np.zeros(n, dtype=bool)
        if given.any():
            words = _words(fingerprints([keys], n))[given]
            distinct, first = np.unique(words, return_index=True)
            again = np.ones(len(words), dtype=bool)
            again[first] = False
            again |= _found(self._ids, words)[1]
            repeated[given] = again
            self._ids = _merged(self._ids, distinct)
        if not given.all():
            made = self._made(contents[~given])
            keys = pc.replace_with_mask(keys, pa.array(~given), pa.array(made, pa.string()))
        return keys, repeated

    def _made(self, contents: NDArray[np.uint8]) -> list[str]:
        """Keys of records without an id."""
        words = _words(contents)
        at, known = _found(self._contents, words)
        before = np.where(known, self._counts[at] if len(self._counts) else 0, 0)
        number = before + pd.Series(words).groupby(words).cumcount().to_numpy() + 1
        self._count(words)
        texts = contents.tobytes().hex()
        return [
            f"content:{texts[32 * i : 32 * i + 32]}" + ("" if k == 1 else f"#{k}")
            for i, k in enumerate(number.tolist())
        ]

    def _count(self, words: Words) -> None:
        distinct, counts = np.unique(words, return_counts=True)
        at, known = _found(self._contents, distinct)
        if known.any():
            self._counts[at[known]] += counts[known]
        fresh, new = distinct[~known], counts[~known]
        place = np.searchsorted(self._contents, fresh)
        self._contents = np.insert(self._contents, place, fresh)
        self._counts = np.insert(self._counts, place, new)


def _words(raw: NDArray[np.uint8]) -> Words:
    return np.ascontiguousarray(raw[:, :8]).view(np.uint64).reshape(-1)


def _found(ordered: Words, words: Words) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Place of each word in an ordered array, and whether it stands there."""
    if not len(ordered):
        return np.zeros(len(words), np.int64), np.zeros(len(words), dtype=bool)
    at = np.minimum(np.searchsorted(ordered, words), len(ordered) - 1)
    return at, np.asarray(ordered[at] == words, dtype=bool)


def _merged(ordered: Words, distinct: Words) -> Words:
    """Two ordered arrays as one; the stable sort merges two runs in linear time."""
    both = np.concatenate([ordered, distinct[~_found(ordered, distinct)[1]]])
    both.sort(kind="stable")
    return both
