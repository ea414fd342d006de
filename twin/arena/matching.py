"""Which things of a view are asked for: tree, then shapes of the doubtful, then reach, then columns of what is left."""

import threading
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.arena.segment import Segment
from twin.arena.tree import overlapping
from twin.arena.view import Ints, View, ViewRows
from twin.features.asking import EVERYTHING, Condition, Reach
from twin.features.matching import in_area, meets_shape, reach_of
from twin.store.read import Box

__all__ = ["Masks", "matched", "window_of", "within_reach"]

TRIED: Final = 1 << 16
"""Things a condition is tried on at a time."""
MOST_MASKS: Final = 16
NONE: Final = np.empty(0, np.int64)


class Masks:
    """Which rows of a segment are within a reach, a byte a row, kept for the reaches asked for last."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._held: dict[Reach, NDArray[np.bool_]] = {}
        self._lock = threading.Lock()

    def of(self, reach: Reach) -> NDArray[np.bool_]:
        """Mask of all rows."""
        found = self._held.get(reach)
        if found is None:
            found = self._made(reach)
            with self._lock:
                self._held = {**dict(list(self._held.items())[1 - MOST_MASKS :]), reach: found}
        return found

    def _made(self, reach: Reach) -> NDArray[np.bool_]:
        segment = self._segment
        classes = reach.classes
        mask = np.ones(segment.n, bool) if classes is None else segment.class_mask(classes)
        if reach.area is not None:
            inside = np.zeros(segment.n, bool)
            west, south, east, north = shapely.bounds(reach.area)
            rows, _ = segment.search(np.array([west, south, east, north, -np.inf, np.inf]), False)
            for first in range(0, len(rows), TRIED):
                part = rows[first : first + TRIED]
                inside[part] = in_area(reach.area, segment.shapes(part))
            mask &= inside
        return mask


def within_reach(view: View, masks: Masks, handles: Ints, reach: Reach) -> NDArray[np.bool_]:
    """Which of some things a caller may see."""
    if reach == EVERYTHING:
        return np.ones(len(handles), bool)
    n = view.segment.n
    late = handles >= n
    made = np.zeros(len(handles), bool)
    made[~late] = masks.of(reach)[handles[~late]]
    if late.any():
        things = view.later.things[handles[late] - n]
        seen = np.ones(len(things), bool)
        if reach.classes is not None:
            seen &= np.array([thing.values["class_code"] in reach.classes for thing in things])
        if reach.area is not None:
            shapes = np.empty(len(things), object)
            shapes[:] = [thing.shape for thing in things]
            seen &= in_area(reach.area, shapes)
        made[late] = seen
    return made


def matched(
    view: View, masks: Masks, box: Box | None, where: Condition | None, reach: Reach
) -> Ints:
    """Handles of everything asked for, in the order of the version."""
    hint = where.box if where is not None else None
    if box is not None:
        handles = _in_box(view, box, exact=True)
        if hint is not None and len(handles) > 16:
            handles = handles[_near(view, handles, hint)]
    elif hint is not None:
        handles = _in_box(view, hint, exact=False)
    elif reach != EVERYTHING:
        rows = np.flatnonzero(masks.of(reach))
        handles = view.in_order(rows, np.arange(len(view.later.at)))
    else:
        handles = view.everything()
    if reach != EVERYTHING:
        handles = handles[within_reach(view, masks, handles, reach)]
    if where is None:
        return handles
    kept = [
        part[np.asarray(where.holds(ViewRows(view, part)), dtype=bool)]
        for part in (handles[i : i + TRIED] for i in range(0, len(handles), TRIED))
    ]
    return np.concatenate(kept) if kept else handles


def window_of(box: Box) -> NDArray[np.float64]:
    """A box as the tree takes it: west, south, east, north, low, high."""
    return np.array([box.west, box.south, box.east, box.north, *reach_of(box)])


def _in_box(view: View, box: Box, exact: bool) -> Ints:
    """Handles of what meets a box; of what may meet it where not ``exact``."""
    segment, later = view.segment, view.later
    rows: Ints = NONE
    late = np.zeros(len(later.at), bool)
    for half in box.halves():
        window = window_of(half)
        hits, doubtful = segment.search(window, exact)
        if len(doubtful):
            met = meets_shape(half, segment.shapes(hits[doubtful]))
            if not met.all():
                kept = np.ones(len(hits), bool)
                kept[doubtful] = met
                hits = hits[kept]
        rows = hits if not len(rows) else np.union1d(rows, hits)
        if len(late):
            verdict = overlapping(later.boxes, later.heights, later.form, window, exact)
            late |= verdict == 1
            for i in np.flatnonzero(verdict == 2).tolist():
                late[i] |= bool(meets_shape(half, np.array([later.things[i].shape]))[0])
    return view.in_order(rows, np.flatnonzero(late)) if len(late) else view.in_order(rows, NONE)


def _near(view: View, handles: Ints, box: Box) -> NDArray[np.bool_]:
    """Which things have a box that overlaps another."""
    boxes = view.boxes(handles)
    near = np.zeros(len(handles), bool)
    for half in box.halves():
        near |= (
            (boxes[:, 0] <= half.east) & (boxes[:, 2] >= half.west)
            & (boxes[:, 1] <= half.north) & (boxes[:, 3] >= half.south)
        )  # fmt: skip
    return near
