"""Weights of the span tagger, from the package's data to arrays the kernel reads."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from address.tagger.decode import DENSE, WEIGHT_STEP, slot_of, spans_of, transition_sizes
from address.tagger.names import lexicon
from address.tagger.tokens import CLASSES, TAILS, folded_points

__all__ = ["Model", "load_model", "read_model", "write_model"]

Table = NDArray[np.uint64]
_MANY = 24


@njit(cache=True)
def _fill(features: NDArray[np.uint32], entries: NDArray[np.uint64], table: Table) -> None:
    mask = len(table) - 1
    for row in range(len(features)):
        slot = slot_of(np.uint64(features[row]), mask)
        while table[slot] != np.uint64(0xFFFFFFFFFFFFFFFF):
            slot = (slot + 1) & mask
        table[slot] = np.uint64(features[row]) << np.uint64(36) | entries[row]


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of one convention.

    Parameters
    ----------
    labels : tuple of str
    about : str
        Source, edition and how the weights were made.
    table : ndarray of uint64, shape (power of two,)
        Hash table: 28 bits of a feature, 28 bits of its first pair or its row, 8 bits of the
        number of its pairs (255: a row); all bits set where free.
    pairs : ndarray of int8, shape (pairs, 2)
        Tag - 128 and weight. Tags are 4 × label + 0 begin, 1 inside, 2 end, 3 single; 4 × labels
        is outside.
    rows : ndarray of int8, shape (rows, tags)
        Weights of all tags, for features that have many. Weights are multiples of 0.05.
    moves : ndarray of float64
        Exponentiated transitions.
    """

    labels: tuple[str, ...]
    about: str
    table: Table
    pairs: NDArray[np.int8]
    rows: NDArray[np.int8]
    moves: NDArray[np.float64]

    def spans(self, text: str, floor: float) -> list[tuple[str, int, int, float]]:
        """Label, start, end and probability of the spans of a text, in its order."""
        points = folded_points(text)
        if not len(points):
            return []
        found, sure = np.empty((len(points), 3), np.int32), np.empty(len(points))
        names, kinds = lexicon()
        ends = np.array(transition_sizes(len(self.labels)), np.int32)
        count = spans_of(
            points, names, kinds, CLASSES, TAILS, self.table, self.pairs, self.rows, self.moves,
            ends, len(self.labels), float(floor), found, sure,
        )  # fmt: skip
        rows, chances = found[:count].tolist(), sure[:count].tolist()
        return [
            (self.labels[label], start, end, min(1.0, chance))
            for (label, start, end), chance in zip(reversed(rows), reversed(chances), strict=True)
        ]


def write_model(
    path: Path,
    labels: tuple[str, ...],
    about: str,
    features: NDArray[np.uint32],
    counts: NDArray[np.uint8],
    tags: NDArray[np.uint8],
    weights: NDArray[np.float64],
    moves: NDArray[np.float64],
) -> None:
    """Write weights as small integers.

    Parameters
    ----------
    path : Path
        ``.npz`` to write.
    labels, about
        See `Model`.
    features : ndarray of uint32, shape (n,)
        Hashes without their low 4 bits, rising.
    counts : ndarray of uint8, shape (n,)
        Tags of each feature.
    tags : ndarray of uint8, shape (counts.sum(),)
    weights : ndarray of float64, same shape
        Kept as multiples of 0.05, at most ±6.35.
    moves : ndarray of float64
        Transitions (logarithms), kept as float16.
    """
    steps = np.diff(features, prepend=np.uint32(0)).astype("<u4")
    np.savez_compressed(
        path,
        about=np.frombuffer(about.encode("utf-8"), np.uint8),
        labels=np.frombuffer(",".join(labels).encode("utf-8"), np.uint8),
        steps=np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 4).T),
        counts=counts,
        tags=tags,
        weights=np.clip(np.round(weights / WEIGHT_STEP), -127, 127).astype(np.int8),
        moves=moves.astype(np.float16),
    )


def load_model(path: Path) -> Model:
    """Weights written by `write_model`."""
    with np.load(path, allow_pickle=False) as data:
        steps = np.ascontiguousarray(data["steps"].T).view("<u4").reshape(-1)
        features = np.cumsum(steps, dtype=np.uint32)
        labels = tuple(data["labels"].tobytes().decode("utf-8").split(","))
        counts = data["counts"].astype(np.int64)
        first = np.cumsum(counts) - counts
        tags, weights = data["tags"], data["weights"]
        many = counts > _MANY
        rows = np.zeros((many.sum(), 4 * len(labels) + 1), np.int8)
        owner = np.repeat(np.cumsum(many) - 1, counts)
        of_row = np.repeat(many, counts)
        rows[owner[of_row], tags[of_row]] = weights[of_row]
        entries = np.where(many, (np.cumsum(many) - 1) << 8 | DENSE, first << 8 | counts)
        table = np.full(1 << (2 * len(features)).bit_length(), ~np.uint64(0))
        _fill(features, entries.astype(np.uint64), table)
        return Model(
            labels,
            data["about"].tobytes().decode("utf-8"),
            table,
            np.stack([(tags.astype(np.int16) - 128).astype(np.int8), weights], axis=1),
            rows,
            np.exp(data["moves"].astype(np.float64)),
        )


@cache
def read_model(convention: str) -> Model:
    """Weights of a convention from the package's data."""
    with as_file(files("address").joinpath("data", f"tagger_{convention}.npz")) as path:
        return load_model(path)
