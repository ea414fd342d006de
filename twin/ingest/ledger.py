"""Keys of one layer, batch after batch: repeated ids are found, identical records without id are numbered."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.fingerprint import fingerprints
from twin.tally import Tally

__all__ = ["KeyLedger"]

Words = NDArray[np.uint64]


class KeyLedger:
    """Remembers the keys of a layer by 64 bits each (see :class:`twin.tally.Tally`)."""

    def __init__(self) -> None:
        self._ids, self._contents = Tally(), Tally()

    def settle(
        self, keys: pa.Array, contents: NDArray[np.uint8]
    ) -> tuple[pa.Array, NDArray[np.bool_]]:
        """Final keys of a batch.

        Parameters
        ----------
        keys : pyarrow.Array of string, length n
            Ids as the source gives them, null where it gives none.
        contents : ndarray of uint8, shape (n, 16)
            Fingerprint of each record (:func:`twin.fingerprint.fingerprints`).

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
            repeated[given] = self._ids.add(words) > 1
        if not given.all():
            made = self._made(contents[~given])
            keys = pc.replace_with_mask(keys, pa.array(~given), pa.array(made, pa.string()))
        return keys, repeated

    def _made(self, contents: NDArray[np.uint8]) -> list[str]:
        """Keys of records without an id."""
        number = self._contents.add(_words(contents))
        texts = contents.tobytes().hex()
        return [
            f"content:{texts[32 * i : 32 * i + 32]}" + ("" if k == 1 else f"#{k}")
            for i, k in enumerate(number.tolist())
        ]


def _words(raw: NDArray[np.uint8]) -> Words:
    return np.ascontiguousarray(raw[:, :8]).view(np.uint64).reshape(-1)
