"""Training of the span tagger: a linear-chain CRF by AdaGrad, with features left out at random."""

import numpy as np
from numba import njit


@njit(cache=True)
def _skip(state, drop):
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    state ^= state << np.uint64(17)
    return state, (state & np.uint64(1023)) < drop


@njit(cache=True)
def emissions(features, a, b, pointers, tags, weights, out, drop, seed):
    """Score of each tag at each token; `drop` of 1024 features are left out."""
    out[: b - a, :] = 0.0
    gain, state, gone = 1024.0 / (1024.0 - drop), np.uint64(seed), False
    for i in range(b - a):
        for f in range(features.shape[1]):
            row = features[a + i, f]
            if row < 0:
                continue
            if drop > 0:
                state, gone = _skip(state, drop)
                if gone:
                    continue
            for p in range(pointers[row], pointers[row + 1]):
                out[i, tags[p]] += weights[p] * gain


@njit(cache=True)
def expected(score, n, k, moves, ends, gold, marginal, change):  # noqa: C901 (forward, backward, gold)
    """Log-likelihood of the gold tags; fills (expected - gold) for tags and for transitions."""
    o = 4 * k
    step = np.exp(moves[: ends[0]]).reshape(k, k)
    across = np.exp(moves[ends[0] : ends[1]]).reshape(k + 1, k)
    out1, out2 = np.exp(moves[ends[1] : ends[2]]), np.exp(moves[ends[2] : ends[3]])
    end1, end2 = np.exp(moves[ends[3] : ends[4]]), np.exp(moves[ends[4] : ends[5]])
    e, scale = np.empty((n, o + 1)), np.empty(n)
    left, outside = np.zeros((n, 4 * k)), np.zeros((n, k + 1))
    done, out, inside = np.zeros(k), np.zeros(k + 1), np.zeros(k)
    out[k] = 1.0
    likely = 0.0
    for i in range(n):
        top = score[i].max()
        for t in range(o + 1):
            e[i, t] = np.exp(score[i, t] - top)
        total = 0.0
        for b in range(k):
            v = out[k] * across[k, b]
            for a in range(k):
                v += done[a] * step[a, b] + out[a] * across[a, b]
            left[i, 4 * b] = v * e[i, 4 * b]
            left[i, 4 * b + 1] = inside[b] * e[i, 4 * b + 1]
            left[i, 4 * b + 2] = inside[b] * e[i, 4 * b + 2]
            left[i, 4 * b + 3] = v * e[i, 4 * b + 3]
            for t in range(4):
                total += left[i, 4 * b + t]
        for a in range(k + 1):
            outside[i, a] = (out[a] * out2[a] + (done[a] * out1[a] if a < k else 0.0)) * e[i, o]
            total += outside[i, a]
        scale[i] = total
        likely += np.log(total) + top
        left[i] /= total
        outside[i] /= total
        out[:] = outside[i]
        for b in range(k):
            inside[b] = left[i, 4 * b] + left[i, 4 * b + 1]
            done[b] = left[i, 4 * b + 2] + left[i, 4 * b + 3]
    total = out[k] * end2[k]
    for a in range(k):
        total += done[a] * end1[a] + out[a] * end2[a]
    likely += np.log(total)
    done_after, out_after, inside_after = end1 / total, end2 / total, np.zeros(k)
    change[ends[3] : ends[4]] += done * done_after
    change[ends[4] : ends[5]] += out * out_after
    for r in range(n):
        i = n - 1 - r
        start, held = np.empty(k), np.empty(k)
        for b in range(k):
            x, y = inside_after[b], done_after[b]
            marginal[i, 4 * b] = left[i, 4 * b] * x
            marginal[i, 4 * b + 1] = left[i, 4 * b + 1] * x
            marginal[i, 4 * b + 2] = left[i, 4 * b + 2] * y
            marginal[i, 4 * b + 3] = left[i, 4 * b + 3] * y
            start[b] = (e[i, 4 * b] * x + e[i, 4 * b + 3] * y) / scale[i]
            held[b] = (e[i, 4 * b + 1] * x + e[i, 4 * b + 2] * y) / scale[i]
        marginal[i, o] = (outside[i] * out_after).sum()
        stay = e[i, o] / scale[i]
        if i > 0:
            for a in range(k):
                x, y = left[i - 1, 4 * a + 2] + left[i - 1, 4 * a + 3], outside[i - 1, a]
                after1, after2 = out1[a] * stay * out_after[a], out2[a] * stay * out_after[a]
                change[ends[1] + a] += x * after1
                change[ends[2] + a] += y * after2
                for b in range(k):
                    g1, g2 = step[a, b] * start[b], across[a, b] * start[b]
                    after1 += g1
                    after2 += g2
                    change[a * k + b] += x * g1
                    change[ends[0] + a * k + b] += y * g2
                done_after[a] = after1
                out_after[a] = after2
        y = outside[i - 1, k] if i > 0 else 1.0
        after = out2[k] * stay * out_after[k]
        change[ends[2] + k] += y * after
        for b in range(k):
            g = across[k, b] * start[b]
            after += g
            change[ends[0] + k * k + b] += y * g
        out_after[k] = after
        inside_after = held
    last, was_out, right = k, True, 0.0
    for i in range(n):
        t = gold[i]
        right += score[i, t]
        marginal[i, t] -= 1.0
        at = -1
        if t == o:
            at = ends[2] + last if was_out else ends[1] + last
            was_out = True
        elif t % 4 == 0 or t % 4 == 3:
            at = (ends[0] if was_out else 0) + last * k + t // 4
            last, was_out = t // 4, False
        if at >= 0:
            right += moves[at]
            change[at] -= 1.0
    at = ends[4] + last if was_out else ends[3] + last
    change[at] -= 1.0
    return right + moves[at] - likely


@njit(cache=True)
def epoch(  # noqa: C901 (one pass over the texts)
    order,
    offsets,
    features,
    gold,
    pointers,
    tags,
    weights,
    squares,
    moves,
    move_squares,
    ends,
    k,
    rate,
    drop,
    seed,
):
    """One pass over the texts; returns the sum of log-likelihoods."""
    score, marginal = np.zeros((600, 4 * k + 1)), np.zeros((600, 4 * k + 1))
    change, total, gain = np.zeros(len(moves)), 0.0, 1024.0 / (1024.0 - drop)
    for q in range(len(order)):
        a, b = offsets[order[q]], offsets[order[q] + 1]
        first = (
            np.uint64(seed) * np.uint64(1000003)
            + np.uint64(order[q]) * np.uint64(7919)
            + np.uint64(12345)
        )
        emissions(features, a, b, pointers, tags, weights, score, drop, first)
        change[:] = 0.0
        total += expected(score, b - a, k, moves, ends, gold[a:b], marginal, change)
        for t in range(len(moves)):
            g = change[t]
            if g != 0.0:
                move_squares[t] += g * g
                moves[t] -= rate / np.sqrt(move_squares[t] + 1e-6) * g
        state, gone = first, False
        for i in range(b - a):
            for f in range(features.shape[1]):
                row = features[a + i, f]
                if row < 0:
                    continue
                if drop > 0:
                    state, gone = _skip(state, drop)
                    if gone:
                        continue
                for p in range(pointers[row], pointers[row + 1]):
                    g = marginal[i, tags[p]] * gain
                    if g > 1e-4 or g < -1e-4:
                        squares[p] += g * g
                        weights[p] -= rate / np.sqrt(squares[p] + 1e-6) * g
    return total


@njit(cache=True)
def mark_pairs(features, gold, mark):
    """Set mark[feature, tag] for the pairs that occur."""
    for i in range(len(features)):
        for f in range(features.shape[1]):
            if features[i, f] >= 0:
                mark[features[i, f], gold[i]] = 1
