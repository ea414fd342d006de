"""Pieces of pictures beside each other in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["GUTTER", "arrange", "regions", "resized", "sheet"]

GUTTER = 4
"""Pixels around each piece that repeat its border, so that neighbours do not show in smaller copies."""
CELLS = 32
SHRINK = 0.92


def regions(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[Ints, Ints]:
    """Which parts of a picture are in use.

    Boxes are laid on a raster of 32 × 32 cells; cells that touch belong together.

    Parameters
    ----------
    low, high : ndarray of float64, shape (n, 2)
        Boxes within 0 … 1.

    Returns
    -------
    label : ndarray of int64, shape (n,)
        Part each box lies in, numbered from 0.
    box : ndarray of int64, shape (parts, 4)
        First column, first row, last column + 1, last row + 1 in cells.
    """
    first = np.clip(np.floor(low * CELLS), 0, CELLS - 1).astype(np.int64)
    last = np.clip(np.ceil(high * CELLS), first + 1, CELLS).astype(np.int64)
    edge = np.zeros((CELLS + 1, CELLS + 1), np.int64)
    np.add.at(edge, (first[:, 1], first[:, 0]), 1)
    np.add.at(edge, (last[:, 1], last[:, 0]), 1)
    np.add.at(edge, (first[:, 1], last[:, 0]), -1)
    np.add.at(edge, (last[:, 1], first[:, 0]), -1)
    used = edge.cumsum(0).cumsum(1)[:CELLS, :CELLS] > 0
    label = np.where(used, np.arange(CELLS * CELLS).reshape(CELLS, CELLS) + 1, 0)
    while True:
        grown = np.pad(label, 1)
        around = np.max(
            [
                grown[1:-1, 1:-1],
                grown[:-2, 1:-1],
                grown[2:, 1:-1],
                grown[1:-1, :-2],
                grown[1:-1, 2:],
            ],
            axis=0,
        )
        around[~used] = 0
        if np.array_equal(around, label):
            break
        label = around
    names, part = np.unique(label[first[:, 1], first[:, 0]], return_inverse=True)
    box = np.empty((len(names), 4), np.int64)
    for i, name in enumerate(names.tolist()):
        rows, columns = np.nonzero(label == name)
        box[i] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return part.astype(np.int64), box


def arrange(sizes: Ints, side: int) -> tuple[Ints, Ints, tuple[int, int]]:
    """Places of pieces in a picture, all made smaller alike where they do not fit.

    Parameters
    ----------
    sizes : ndarray of int64, shape (n, 2)
        Widths and heights.
    side : int
        Most pixels in either direction.

    Returns
    -------
    place, scaled : ndarray of int64, shape (n, 2)
        Upper left corner of each, without its gutter, and the size it has there.
    (width, height)
    """
    room = float(side - 2 * GUTTER)
    scale = min(
        1.0, room / float(sizes.max()), side / float(np.sqrt((sizes + 2.0 * GUTTER).prod(1).sum()))
    )
    while True:
        scaled = np.clip(np.floor(sizes * scale), 1, room).astype(np.int64)
        place, whole = _shelves(scaled + 2 * GUTTER, side)
        if whole[1] <= side:
            return place + GUTTER, scaled, whole
        scale *= SHRINK
        if (
            scale * float(sizes.max()) < 1
        ):  # more pieces than a picture has room for: they share a corner
            return np.full_like(sizes, GUTTER), np.ones_like(sizes), (2 * GUTTER + 1,) * 2


def _shelves(sizes: Ints, side: int) -> tuple[Ints, tuple[int, int]]:
    """High pieces first, row after row; heights of rows are multiples of the gutter."""
    width = int(np.ceil(np.sqrt(float(sizes.prod(1).sum())) * 1.02))
    width = min(side, max(width, int(sizes[:, 0].max())))
    width += -width % GUTTER
    place = np.empty_like(sizes)
    x = y = height = 0
    for i in np.lexsort((np.arange(len(sizes)), -sizes[:, 0], -sizes[:, 1])).tolist():
        w, h = sizes[i].tolist()
        if x + w > width:
            x, y, height = 0, y + height, 0
        place[i] = x, y
        x += w
        height = max(height, h + -h % GUTTER)
    return place, (width, y + height)


def resized(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Pixels at another size; where it is smaller, means of what they cover."""
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


def sheet(
    pieces: Sequence[NDArray[np.uint8]], place: Ints, whole: tuple[int, int]
) -> NDArray[np.uint8]:
    """Pieces (h, w, 4) at their places, borders repeated into the gutters; grey between."""
    out = np.full((whole[1], whole[0], 4), (128, 128, 128, 255), np.uint8)
    for piece, (x, y) in zip(pieces, place.tolist(), strict=True):
        h, w = piece.shape[:2]
        grown = np.pad(piece, ((GUTTER, GUTTER), (GUTTER, GUTTER), (0, 0)), mode="edge")
        out[y - GUTTER : y + h + GUTTER, x - GUTTER : x + w + GUTTER] = grown
    return out
