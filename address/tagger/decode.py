"""Probability of every span of a text, and the spans worth naming.

A linear chain over the tags begin, inside, end and single of each label. A character outside all
spans remembers the label before it, so that 44-10-1079 keeps its order across the dashes. Forward
and backward sums give the probability of each span (Lafferty et al. 2001); the spans chosen do not
overlap and have the greatest sum of probability above a floor (minimum Bayes risk), which is what
an F-measure over spans asks for.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from address.tagger.features import FEATURES, features_of
from address.tagger.tokens import tokens_of

__all__ = ["DENSE", "WEIGHT_STEP", "slot_of", "spans_of", "transition_sizes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Features = NDArray[np.uint32]
Pairs = NDArray[np.int8]
Weights = NDArray[np.int8]

DENSE = 255
"""Count of a feature whose weights stand in a whole row."""
WEIGHT_STEP = 0.05
"""Weights are whole multiples of this."""
_STEP = WEIGHT_STEP
_FREE = np.uint64(0xFFFFFFFFFFFFFFFF)
_FAR = 500
_ALIVE = 1e-9
_LONGEST = 40


def transition_sizes(labels: int) -> tuple[int, ...]:
    """Where each block of the transitions ends.

    Blocks: label to label, label to label across an outside character (last row: from the
    beginning), label to outside, outside to outside, label to the end, outside to the end.

    Examples
    --------
    >>> transition_sizes(2)
    (4, 10, 12, 15, 17, 20)
    """
    sizes = (labels * labels, (labels + 1) * labels, labels, labels + 1, labels, labels + 1)
    return tuple(int(end) for end in np.cumsum(sizes))


@njit(cache=True, inline="always")
def slot_of(feature: np.uint64, mask: int) -> np.int64:
    """First slot of a feature in the hash table."""
    return np.int64(feature * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) & mask


@njit(cache=True)
def _emissions(
    features: Features, n: int, table: NDArray[np.uint64], pairs: Pairs, rows: Weights, out: Floats
) -> None:
    """Exponentiated score of each tag at each token, scaled so that the best has 1."""
    mask = len(table) - 1
    size = out.shape[1]
    score = np.empty(size, np.int32)
    for i in range(n):
        score[:] = 0
        for f in range(FEATURES):
            feature = np.uint64(features[i, f] >> np.uint32(4))
            slot = slot_of(feature, mask)
            entry = table[slot]
            while entry != _FREE and entry >> np.uint64(36) != feature:
                slot = (slot + 1) & mask
                entry = table[slot]
            if entry == _FREE:
                continue
            count = np.int64(entry & np.uint64(0xFF))
            first = np.int64(entry >> np.uint64(8)) & 0xFFFFFFF
            if count == DENSE:
                for t in range(size):
                    score[t] += rows[first, t]
            else:
                for p in range(first, first + count):
                    score[pairs[p, 0] + 128] += pairs[p, 1]
        top = score.max()
        for t in range(size):
            out[i, t] = np.exp((score[t] - top) * _STEP) if score[t] > top - _FAR else 0.0


@njit(cache=True)
def _forward(  # noqa: C901 (one pass over the tokens)
    e: Floats,
    n: int,
    k: int,
    step: Floats,
    across: Floats,
    out1: Floats,
    out2: Floats,
    entry: Floats,
    scale: Floats,
    left: Floats,
    outside: Floats,
) -> None:
    """Fill what enters each label, what leaves it and what stays outside, with scaling."""
    o = 4 * k
    done, out, inside = np.zeros(k), np.zeros(k + 1), np.zeros(k)
    out[k] = 1.0
    for i in range(n):
        entry[i, :] = 0.0
        for a in range(k + 1):
            x, y = (done[a] if a < k else 0.0), out[a]
            if x > _ALIVE:
                for b in range(k):
                    entry[i, b] += x * step[a, b]
            if y > _ALIVE:
                for b in range(k):
                    entry[i, b] += y * across[a, b]
        total = 0.0
        for a in range(k + 1):
            y = out[a] * out2[a]
            if a < k:
                y += done[a] * out1[a]
                v, c = entry[i, a], inside[a]
                inside[a] = v * e[i, 4 * a] + c * e[i, 4 * a + 1]
                done[a] = v * e[i, 4 * a + 3] + c * e[i, 4 * a + 2]
                total += inside[a] + done[a]
            out[a] = y * e[i, o]
            total += out[a]
        scale[i] = total
        for a in range(k + 1):
            out[a] /= total
            outside[i, a] = out[a]
            if a < k:
                inside[a] /= total
                done[a] /= total
                left[i, a] = done[a]


@njit(cache=True)
def _backward(  # noqa: C901 (one pass over the tokens)
    e: Floats,
    n: int,
    k: int,
    step: Floats,
    across: Floats,
    out1: Floats,
    out2: Floats,
    end1: Floats,
    end2: Floats,
    left: Floats,
    outside: Floats,
    scale: Floats,
    right: Floats,
) -> None:
    """Fill what follows a label that ends at each token."""
    o = 4 * k
    total = 0.0
    for a in range(k + 1):
        total += outside[n - 1, a] * end2[a] + (left[n - 1, a] * end1[a] if a < k else 0.0)
    done, out, inside = end1 / total, end2 / total, np.zeros(k)
    for r in range(n):
        i = n - 1 - r
        right[i, :] = done
        start, held = np.empty(k), np.empty(k)
        for b in range(k):
            start[b] = (e[i, 4 * b] * inside[b] + e[i, 4 * b + 3] * done[b]) / scale[i]
            held[b] = (e[i, 4 * b + 1] * inside[b] + e[i, 4 * b + 2] * done[b]) / scale[i]
        stay = e[i, o] / scale[i]
        if i:
            for a in range(k):
                x = y = 0.0
                if left[i - 1, a] > _ALIVE:
                    for b in range(k):
                        x += step[a, b] * start[b]
                if outside[i - 1, a] > _ALIVE:
                    for b in range(k):
                        y += across[a, b] * start[b]
                done[a] = x + out1[a] * out[a] * stay
                out[a] = y + out2[a] * out[a] * stay
        y = 0.0
        for b in range(k):
            y += across[k, b] * start[b]
        out[k] = y + out2[k] * out[k] * stay
        inside = held


@njit(cache=True)
def _choose(  # noqa: C901 (sums, then a walk back)
    e: Floats,
    n: int,
    k: int,
    entry: Floats,
    scale: Floats,
    right: Floats,
    floor: float,
    found: Ints,
    sure: Floats,
) -> int:
    """Spans without overlap of the greatest sum of (probability - floor); returns their number."""
    best = np.zeros(n + 1)
    label, begin, chance = np.full(n + 1, -1), np.zeros(n + 1, np.int64), np.zeros(n + 1)
    top, of = np.zeros((n, _LONGEST)), np.zeros((n, _LONGEST), np.int64)
    for i in range(n):
        for a in range(k):
            v = entry[i, a] / scale[i]
            if v < _ALIVE:
                continue
            p = v * e[i, 4 * a + 3] * right[i, a]
            if p > top[i, 0]:
                top[i, 0], of[i, 0] = p, a
            v *= e[i, 4 * a]
            for j in range(i + 1, min(n, i + _LONGEST)):
                v /= scale[j]
                p = v * e[j, 4 * a + 2] * right[j, a]
                if p > top[i, j - i]:
                    top[i, j - i], of[i, j - i] = p, a
                v *= e[j, 4 * a + 1]
                if v < _ALIVE:
                    break
    for j in range(1, n + 1):
        best[j] = best[j - 1]
        for i in range(max(0, j - _LONGEST), j):
            p = top[i, j - 1 - i]
            if p > floor and best[i] + p - floor > best[j]:
                best[j], label[j], begin[j], chance[j] = best[i] + p - floor, of[i, j - 1 - i], i, p
    count, j = 0, n
    while j > 0:
        if label[j] < 0:
            j -= 1
            continue
        found[count, 0], found[count, 1], found[count, 2] = label[j], begin[j], j
        sure[count] = chance[j]
        count += 1
        j = begin[j]
    return count


@njit(cache=True)
def spans_of(
    text: Ints,
    names: NDArray[np.uint64],
    kinds: Bytes,
    classes: Bytes,
    tails: Bytes,
    table: NDArray[np.uint64],
    pairs: Pairs,
    rows: Weights,
    moves: Floats,
    ends: Ints,
    labels: int,
    floor: float,
    found: Ints,
    sure: Floats,
) -> int:
    """Spans of a folded text, last one first.

    Parameters
    ----------
    text : ndarray of int32, shape (n,), n >= 1
        Folded code points.
    names, kinds, classes, tails : ndarray
        Lexicon and tables of characters.
    table, pairs, rows : ndarray
        Weights, see `address.tagger.model.Model`.
    moves : ndarray of float64
        Exponentiated transitions, in blocks.
    ends : ndarray of int32, shape (6,)
        Ends of the blocks, see `transition_sizes`.
    labels : int
        Number of labels.
    floor : float
        Least probability of a span, 0 to 1.
    found : ndarray of int32, shape (>= n, 3)
        Filled: label, start, end in characters.
    sure : ndarray of float64, shape (>= n,)
        Filled: probability.

    Returns
    -------
    int
        Number of spans.
    """
    k = labels
    starts = np.empty(len(text) + 1, np.int32)
    codes, values = np.empty(len(text), np.int32), np.empty(len(text), np.int32)
    n = tokens_of(text, starts, codes, values)
    starts[n] = len(text)
    features = np.empty((n, FEATURES), np.uint32)
    features_of(codes, values, n, names, kinds, classes, tails, features)
    e = np.empty((n, 4 * k + 1))
    _emissions(features, n, table, pairs, rows, e)
    step = moves[: ends[0]].reshape(k, k)
    across = moves[ends[0] : ends[1]].reshape(k + 1, k)
    out1, out2 = moves[ends[1] : ends[2]], moves[ends[2] : ends[3]]
    end1, end2 = moves[ends[3] : ends[4]], moves[ends[4] : ends[5]]
    entry, right, left, outside = (
        np.empty((n, k)), np.empty((n, k)), np.empty((n, k)), np.empty((n, k + 1)),
    )  # fmt: skip
    scale = np.empty(n)
    _forward(e, n, k, step, across, out1, out2, entry, scale, left, outside)
    _backward(e, n, k, step, across, out1, out2, end1, end2, left, outside, scale, right)
    count = _choose(e, n, k, entry, scale, right, floor, found, sure)
    for q in range(count):
        found[q, 1] = starts[found[q, 1]]
        found[q, 2] = starts[found[q, 2]]
    return count
