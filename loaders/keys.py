"""Keys of a layer: which were seen before, and the further identifiers of a record."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loaders.columns import Faults
from twin.fingerprint import fingerprints
from twin.schema import ALIAS
from twin.tally import Tally

__all__ = ["KeyLedger", "alias_column"]


class KeyLedger:
    """Remembers the keys of a layer across batches by 64-bit hash (at most 48 bytes a key).

    Two different keys of one layer of 12 million share a hash with a probability of about 4 in a
    million.
    """

    def __init__(self) -> None:
        self._seen = Tally()

    def check(self, keys: pa.Array, faults: Faults, label: str = "id") -> None:
        """Give every record whose key came before (in this batch or an earlier one) the fault ``duplicate id …``.

        Parameters
        ----------
        keys : pyarrow.Array of string, length n
            Nulls are no keys and never duplicates.
        faults : Faults
            Of the same batch.
        label : str
            What the key is called in the reason.
        """
        valid = np.asarray(pc.is_valid(keys).to_numpy(zero_copy_only=False), dtype=bool)
        words = fingerprints([keys], len(keys))[valid, :8]
        mask = np.zeros(len(keys), dtype=bool)
        mask[valid] = self._seen.add(np.ascontiguousarray(words).view(np.uint64).reshape(-1)) > 1
        faults.add(
            mask,
            lambda i: f"duplicate {label} {keys[i].as_py()!r}: the first record with it was kept",
        )


def alias_column(n: int, offered: Sequence[tuple[str, pa.Array]]) -> pa.Array:
    """Column ``aliases`` from one text column per scheme.

    Parameters
    ----------
    n : int
        Rows.
    offered : sequence of (scheme, pyarrow.Array of string, length n)
        Nulls give no alias.

    Returns
    -------
    pyarrow.Array of list<struct<scheme, value>>
        Null where a row has no alias.
    """
    if not offered:
        return pa.nulls(n, pa.list_(ALIAS))
    valid = np.stack([pc.is_valid(values).to_numpy(zero_copy_only=False) for _, values in offered])
    column, row = np.nonzero(valid)
    order = np.argsort(row, kind="stable")
    schemes = pa.array([scheme for scheme, _ in offered], pa.string()).take(pa.array(column[order]))
    joined = pa.concat_arrays([values.cast(pa.string()) for _, values in offered])
    values = joined.take(pa.array((column * n + row)[order]))
    counts = valid.sum(axis=0)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    structs = pa.StructArray.from_arrays([schemes, values], fields=list(ALIAS))
    return pa.ListArray.from_arrays(pa.array(offsets), structs, mask=pa.array(counts == 0))
