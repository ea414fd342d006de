"""One real building, several sources: which new shape is which known entity, and what to keep.

Pure decisions: geometry, heights, names and codes go in, scores with their evidence come out.
Nothing is decided twice: a new shape goes to at most one entity, an entity takes at most one new
shape. The result does not depend on the order of the rows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CONFLICTS",
    "DOUBTFUL",
    "MATCHES",
    "MERGE",
    "match_footprints",
    "merge_attributes",
    "merge_json",
]  # fmt: skip

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Objects = NDArray[np.object_]

MERGE, DOUBTFUL = 0.6, 0.35
"""Scores from which two are one thing, and from which a person should look."""

MATCHES = pa.schema(
    [
        ("new_index", pa.int64()), ("eid", pa.string()), ("score", pa.float64()),
        ("method", pa.string()),  # code | footprint | split | joined
        ("decision", pa.string()),  # merge | doubtful
        ("evidence", pa.string()),  # JSON: iou, share_new, share_existing, height, name, code
    ]
)  # fmt: skip
"""Columns of :func:`match_footprints`."""

CONFLICTS = pa.schema(
    [("row", pa.int64()), ("field", pa.string()), ("kept", pa.string()), ("offered", pa.string())]
)
"""Columns of the conflicts that the merge functions report."""

_NEAR_DEG = 0.002  # about 200 m: as far off as a shape with the same code is still believed
_WEIGHTS = {"shape": 0.75, "height": 0.15, "name": 0.10}
_COVERED = 0.8  # share of a shape that must lie in another for it to be a part of it
_FILLED, _DOMINANT = 0.6, 0.66  # parts of a split fill so much together; no one has more
_UNDECIDED = 0.59  # just below MERGE: what one fact speaks for and another against


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Candidate pairs with what is known of each; all arrays of one length."""

    new: Ints
    old: Ints
    iou: Array
    share_new: Array
    share_old: Array
    height: Array  # agreement 0 … 1, NaN where unknown
    name: Array  # 1 same, 0 different, NaN where unknown
    code: Array  # 1 same, 0 different, NaN where unknown


def _objects(values: ArrayLike | None, n: int) -> Objects:
    out: Objects = np.full(n, None, dtype=object)
    if values is not None:
        out[:] = np.asarray(values, dtype=object)
    return out


def _floats(values: ArrayLike | None, n: int) -> Array:
    return np.array([np.nan if v is None else float(v) for v in _objects(values, n)], np.float64)


def _same(a: Objects, b: Objects) -> Array:
    """1 where both are given and equal, 0 where they differ, NaN where one is missing."""
    known = np.array([bool(p) and bool(q) for p, q in zip(a, b, strict=True)], dtype=bool)
    equal = np.array([str(p).strip() == str(q).strip() for p, q in zip(a, b, strict=True)], bool)
    return np.where(known, equal.astype(np.float64), np.nan)


def _height_agreement(a: Array, b: Array) -> Array:
    """1 for the same height, 0 from a difference of 30 % (at least 6 m) on; NaN where unknown."""
    tolerance = np.maximum(6.0, 0.3 * np.maximum(np.abs(a), np.abs(b)))
    return np.clip(1.0 - np.abs(a - b) / tolerance, 0.0, 1.0)


def _by_shape(new: Objects, old: Objects) -> tuple[Ints, Ints]:
    """Pairs whose areas intersect."""
    usable = np.flatnonzero(~(shapely.is_missing(old) | shapely.is_empty(old)))
    tree = shapely.STRtree(old[usable])
    left, right = tree.query(new, predicate="intersects")
    return left.astype(np.int64), usable[right].astype(np.int64)


def _by_code(new: Objects, old: Objects) -> tuple[Ints, Ints]:
    """Pairs with the same code."""
    place: dict[str, list[int]] = {}
    for j in np.flatnonzero([bool(c) for c in old]):
        place.setdefault(str(old[j]).strip(), []).append(int(j))
    found = [(i, j) for i, code in enumerate(new) if code for j in place.get(str(code).strip(), ())]
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _areas(new: Objects, old: Objects, i: Ints, j: Ints) -> tuple[Array, Array, Array]:
    """IoU and the shares of each area that lie in the other; 0 where there is no area."""
    common = np.nan_to_num(shapely.area(shapely.intersection(new[i], old[j])))
    a, b = np.nan_to_num(shapely.area(new))[i], np.nan_to_num(shapely.area(old))[j]
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = (common / (a + b - common), common / a, common / b)
    return tuple(np.nan_to_num(p, posinf=0.0) for p in parts)  # type: ignore[return-value]  # three


def _score(p: _Pairs, near: NDArray[np.bool_]) -> Array:
    """How sure it is that a pair is one thing, 0 … 1.

    The shape counts 0.75 (IoU, raised where one lies in the other), the height 0.15, the name 0.10;
    what is unknown is left out of the mean. The same code decides where the place does not
    contradict it; different codes leave the best match in doubt.
    """
    cover = np.maximum(p.share_new, p.share_old)
    shape = p.iou + 0.35 * (1.0 - p.iou) * p.iou * cover
    total, weight = _WEIGHTS["shape"] * shape, np.full(len(shape), _WEIGHTS["shape"])
    for value, factor in ((p.height, _WEIGHTS["height"]), (p.name, _WEIGHTS["name"])):
        total += np.where(np.isnan(value), 0.0, factor * np.nan_to_num(value))
        weight += np.where(np.isnan(value), 0.0, factor)
    score = total / weight
    score = np.where((p.code == 1) & near, np.maximum(score, 0.9), score)
    score = np.where((p.code == 1) & ~near, _UNDECIDED, score)
    return np.where(p.code == 0, np.minimum(score, _UNDECIDED), score)


def _near(new: Objects, old: Objects, i: Ints, j: Ints) -> NDArray[np.bool_]:
    """Whether two shapes are close enough for a common code to be believed, or one is missing."""
    gap = shapely.distance(new[i], old[j])
    return np.isnan(gap) | (gap <= _NEAR_DEG)


def _keys(geoms: Objects, extra: Sequence[Objects]) -> NDArray[np.str_]:
    """Digest of the content that orders rows whatever place they stand in."""
    wkb = shapely.to_wkb(shapely.normalize(geoms))
    texts = ["|".join(str(v) for v in row) for row in zip(wkb, *extra, strict=True)]
    digests = [blake2b(text.encode(), digest_size=8).hexdigest() for text in texts]
    return np.array(digests, dtype="U16")


def _assign(
    p: _Pairs, score: Array, new_keys: NDArray[np.str_], eids: Objects
) -> NDArray[np.bool_]:
    """Best pairs first, each side at most once; ties by content, never by position."""
    order = np.lexsort((new_keys[p.new], eids[p.old].astype(str), -np.round(score, 9)))
    taken_new, taken_old = set[int](), set[str]()
    chosen = np.zeros(len(score), dtype=bool)
    for k in order[score[order] >= DOUBTFUL]:
        i, j = int(p.new[k]), str(eids[p.old[k]])
        if i not in taken_new and j not in taken_old:
            taken_new.add(i)
            taken_old.add(j)
            chosen[k] = True
    return chosen


def _many(side: Ints, share: Array, other_share: Array) -> NDArray[np.bool_]:
    """Pairs in which several shapes lie in one and together fill it, none most of it: a split."""
    part = (share >= _COVERED) & (other_share < _COVERED)
    n = int(side.max()) + 1 if len(side) else 0
    count = np.bincount(side[part], minlength=n)
    filled = np.bincount(side[part], other_share[part], minlength=n)
    largest = np.zeros(n)
    np.maximum.at(largest, side[part], other_share[part])
    even = (count >= 2) & (filled >= _FILLED) & (largest < _DOMINANT * filled)
    return part & even[side]


def _evidence(p: _Pairs, k: int) -> str:
    facts: dict[str, Any] = {
        "iou": round(float(p.iou[k]), 4),
        "share_new": round(float(p.share_new[k]), 4),
        "share_existing": round(float(p.share_old[k]), 4),
    }
    for name, value in (("height", p.height[k]), ("name", p.name[k]), ("code", p.code[k])):
        if not np.isnan(value):
            facts[name] = round(float(value), 4) if name == "height" else bool(value)
    return orjson.dumps(facts).decode()


def match_footprints(
    new: NDArray[Any],
    existing: NDArray[Any],
    eids: ArrayLike,
    *,
    new_height: ArrayLike | None = None,
    existing_height: ArrayLike | None = None,
    new_name: ArrayLike | None = None,
    existing_name: ArrayLike | None = None,
    new_code: ArrayLike | None = None,
    existing_code: ArrayLike | None = None,
) -> pa.Table:
    """Decide which new footprints are entities that exist already.

    Parameters
    ----------
    new, existing : ndarray of shapely polygons or None, shapes (n,) and (m,)
        Valid, both in EPSG:4490 (ratios of areas do not need metres). None where there is no shape.
    eids : array_like of str, shape (m,)
        Entities of ``existing``.
    new_height, existing_height : array_like of float, optional
        Height above ground in metres, null or NaN where unknown.
    new_name, existing_name : array_like of str, optional
        Names; null where unknown.
    new_code, existing_code : array_like of str, optional
        ``building.code`` or another identifier both sources share.

    Returns
    -------
    pyarrow.Table
        Columns :data:`MATCHES`, ordered by ``new_index``, then falling score. At most one row of a
        new shape and of an entity says ``merge`` (score ≥ 0.6). ``doubtful`` rows are for the
        record: scores from 0.35, codes that contradict the place, and every pair of a ``split``
        (several new shapes fill one entity) or ``joined`` (one new shape covers several entities).
        A new shape without a ``merge`` row is a new entity.
    """
    shapes, known = _objects(new, len(new)), _objects(existing, len(existing))
    n, m = len(shapes), len(known)
    ids, names = _objects(eids, m), (_objects(new_name, n), _objects(existing_name, m))
    codes = (_objects(new_code, n), _objects(existing_code, m))
    tall = (_floats(new_height, n), _floats(existing_height, m))
    both = np.concatenate([_by_shape(shapes, known), _by_code(*codes)], axis=1)
    i, j = np.unique(both, axis=1) if both.size else both
    iou, share_new, share_old = _areas(shapes, known, i, j)
    pairs = _Pairs(i, j, iou, share_new, share_old, _height_agreement(tall[0][i], tall[1][j]),
                   _same(names[0][i], names[1][j]), _same(codes[0][i], codes[1][j]))  # fmt: skip
    score = _score(pairs, _near(shapes, known, i, j))
    split = _many(j, share_new, share_old) & (pairs.code != 1)
    joined = _many(i, share_old, share_new) & (pairs.code != 1)
    score = np.where(split | joined, np.minimum(score, _UNDECIDED), score)
    chosen = _assign(pairs, score, _keys(shapes, (tall[0].astype(object), names[0], codes[0])), ids)
    keep = (score >= DOUBTFUL) | split | joined
    merged = chosen & (score >= MERGE)
    method = np.select([pairs.code == 1, split, joined], ["code", "split", "joined"], "footprint")
    decision = np.where(merged, "merge", "doubtful")
    rows = [k for k in np.lexsort((ids[j].astype(str), -score, i)) if keep[k]]
    return pa.table(
        [i[rows], ids[j[rows]], score[rows], method[rows].tolist(), decision[rows].tolist(),
         [_evidence(pairs, int(k)) for k in rows]],
        schema=MATCHES,
    )  # fmt: skip


def _missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _agree(a: object, b: object, tolerance: float) -> bool:
    """Whether two values say the same: numbers within a tolerance, texts without outer blanks."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float | np.number) and isinstance(b, int | float | np.number):
        return abs(float(a) - float(b)) <= tolerance
    if isinstance(a, str) and isinstance(b, str):
        return a.strip() == b.strip()
    return bool(a == b)


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def merge_attributes(
    existing: Mapping[str, ArrayLike],
    offered: Mapping[str, ArrayLike],
    tolerances: Mapping[str, float] | None = None,
) -> tuple[dict[str, Objects], pa.Table]:
    """Fill gaps in what is known from what is offered; never overwrite.

    Parameters
    ----------
    existing, offered : mapping of field to array, all of one length n
        Values of the same entities, row by row; None, NaN and empty text are gaps.
    tolerances : mapping of field to float, optional
        Difference up to which numbers agree; 1e-6 where not named.

    Returns
    -------
    merged : dict of field to ndarray of object
        All fields of both, the existing value wherever there is one; gaps are None.
    conflicts : pyarrow.Table
        Columns :data:`CONFLICTS`: where both have a value and they differ, ordered by row and
        field.

    Examples
    --------
    >>> old, new = {"floors": [18, None], "name": ["A", "B"]}, {"floors": [17, 12]}
    >>> merged, conflicts = merge_attributes(old, new)
    >>> merged["floors"].tolist(), conflicts.to_pylist()
    ([18, 12], [{'row': 0, 'field': 'floors', 'kept': '18', 'offered': '17'}])
    """
    columns = {**existing, **offered}
    n = max((len(np.asarray(v, dtype=object)) for v in columns.values()), default=0)
    merged: dict[str, Objects] = {}
    conflicts: list[tuple[int, str, str, str]] = []
    for field in columns:
        kept, other = _objects(existing.get(field), n), _objects(offered.get(field), n)
        gap = np.array([_missing(v) for v in kept], dtype=bool)
        tolerance = (tolerances or {}).get(field, 1e-6)
        conflicts += [
            (int(row), field, _text(kept[row]), _text(other[row]))
            for row in np.flatnonzero(~gap)
            if not _missing(other[row]) and not _agree(kept[row], other[row], tolerance)
        ]
        other[[_missing(v) for v in other]] = None
        merged[field] = np.where(gap, other, kept)
    return merged, _conflict_table(conflicts)


def _conflict_table(rows: Sequence[tuple[int, str, str, str]]) -> pa.Table:
    ordered = sorted(rows)
    columns = list(zip(*ordered, strict=True)) if ordered else [(), (), (), ()]
    return pa.table([list(c) for c in columns], schema=CONFLICTS)


def merge_json(
    existing: Sequence[str | None],
    offered: Sequence[str | None],
    tolerances: Mapping[str, float] | None = None,
) -> tuple[list[str], pa.Table]:
    """The same for attributes kept as one JSON object per row.

    Parameters
    ----------
    existing, offered : sequence of str or None, length n
        JSON objects of the same entities; null counts as empty.
    tolerances : mapping of field to float, optional
        See :func:`merge_attributes`.

    Returns
    -------
    merged : list of str
        JSON objects with sorted keys, so equal content is equal text.
    conflicts : pyarrow.Table
        Columns :data:`CONFLICTS`.
    """
    merged: list[str] = []
    conflicts: list[tuple[int, str, str, str]] = []
    for row, (mine, theirs) in enumerate(zip(existing, offered, strict=True)):
        kept: dict[str, Any] = orjson.loads(mine or "{}")
        for field, value in orjson.loads(theirs or "{}").items():
            if _missing(value):
                continue
            if _missing(kept.get(field)):
                kept[field] = value
            elif not _agree(kept[field], value, (tolerances or {}).get(field, 1e-6)):
                conflicts.append((row, field, _text(kept[field]), _text(value)))
        merged.append(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode())
    return merged, _conflict_table(conflicts)
