"""Pictures on a tile's triangles: cut to what is used, in one sheet, or whole where they repeat.

A picture whose triangles all lie within it once is cut to the parts in use, which go into the tile's sheet
beside those of the other pictures. One that goes on beyond its borders cannot: it stays whole, with its wrap
mode. Both are WebP (``EXT_texture_webp``), no larger than asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tiles.album import Album, encoded
from tiles.atlas import CELLS, arrange, regions, resized, sheet
from tiles.materials import CLAMP, REPEAT, Texture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tiles.meshes import Shapes

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Pixels = NDArray[np.uint8]

__all__ = ["COARSE", "FINE", "Skin", "dress", "texels"]

FINE, COARSE = 2048, 256
"""Sides of a tile's sheet near and far, pixels; of a picture that repeats half as much."""
EDGE = 1e-3
"""Coordinates this little beyond a picture lie on its border."""
FAR_TURNS = 512.0
SOLID, CLEAR = 250, 5


@dataclass(frozen=True, slots=True)
class Skin:
    """A texture, the triangles (k,) it lies on and its coordinates there (k, 3, 2), origin top left.

    ``alpha`` is ``OPAQUE``, ``MASK`` or ``BLEND``.
    """

    texture: Texture
    rows: Ints
    uv: NDArray[np.float32]
    alpha: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a picture: pixels, and where its triangles lie in it (k, 3, 2), 0 … 1, origin top left."""

    pixels: Pixels
    rows: Ints
    uv: Floats
    alpha: str


def dress(
    album: Album,
    pictures: Sequence[tuple[str, int]],
    picture: NDArray[np.integer[Any]],
    uv: NDArray[np.float32],
    side: int = FINE,
) -> list[Skin]:
    """Textures of a tile.

    Parameters
    ----------
    album : Album
    pictures : sequence of (str, int)
        Name and wrap mode of each picture.
    picture : ndarray of int, shape (t,)
        Picture of each triangle, -1 for none.
    uv : ndarray of float32, shape (t, 3, 2)
        Coordinates at its corners, origin at the picture's lower left.
    side : int
        Most pixels of the sheet in either direction.

    Returns
    -------
    list of Skin
        A triangle whose picture cannot be drawn is in none.
    """
    skins: list[Skin] = []
    pieces: list[_Piece] = []
    for number in np.unique(picture[picture >= 0]).tolist():
        name, wrap = pictures[number]
        found = album.pixels(name)
        rows = np.flatnonzero(picture == number)
        if found is None or not np.isfinite(uv[rows]).all():
            continue
        at = uv[rows].astype(np.float64)
        at[..., 1] = 1.0 - at[..., 1]
        once = _once(at, wrap)
        if once is None:
            skins.append(_whole(found, rows, _near_zero(at), wrap, side // 2))
        else:
            pieces += _cut(found, rows, once)
    for alpha in ("OPAQUE", "MASK", "BLEND"):
        mine = [p for p in pieces if p.alpha == alpha]
        if mine:
            skins.append(_sheet(mine, side))
    return skins


def texels(shapes: Shapes, album: Album | None) -> tuple[Floats, Floats]:
    """How much picture shapes show.

    Returns
    -------
    pixels : ndarray of float64, shape (m,)
        Pixels on each shape; of a picture that repeats no more than it has.
    clad : ndarray of float64, shape (m,)
        Square metres under pictures.
    """
    m = len(shapes.t_start) - 1
    if album is None or not len(shapes.picture):
        return np.zeros(m), np.zeros(m)
    whole = np.array([_area(album.size(name)) for name, _ in shapes.pictures] + [0.0])
    of = np.repeat(np.arange(m), np.diff(shapes.t_start))
    corner = shapes.triangles + shapes.v_start[of][:, None]
    a, b, c = (shapes.uv[corner[:, k]].astype(np.float64) for k in range(3))
    turn = np.abs(
        (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    )
    pixels = np.minimum(turn / 2, 1.0) * whole[shapes.picture]
    p, q, r = (shapes.positions[corner[:, k]].astype(np.float64) for k in range(3))
    area = np.where(pixels > 0, np.linalg.norm(np.cross(q - p, r - p), axis=1) / 2, 0.0)
    return np.bincount(of, pixels, m).astype(float), np.bincount(of, area, m).astype(float)


def _area(size: tuple[int, int] | None) -> float:
    return 0.0 if size is None else float(size[0] * size[1])


def _once(uv: Floats, wrap: int) -> Floats | None:
    """Coordinates within 0 … 1 that show the same; None where a triangle shows more than that."""
    moved = uv
    if wrap == REPEAT:
        moved = uv - np.floor(uv.min(axis=1, keepdims=True) + EDGE)
    return np.clip(moved, 0.0, 1.0) if _within(moved) else None


def _within(uv: Floats) -> bool:
    return bool((uv >= -EDGE).all() and (uv <= 1.0 + EDGE).all())


def _near_zero(uv: Floats) -> Floats:
    """The same places of a picture that repeats, less far from 0 where that costs precision."""
    far = np.abs(uv).max(axis=(1, 2), keepdims=True) > FAR_TURNS
    return np.where(far, uv - 2.0 * np.floor(uv.min(axis=1, keepdims=True) / 2.0), uv)


def _alpha(pixels: Pixels) -> str:
    """Whether pixels are solid, solid or clear, or translucent."""
    alpha = pixels[..., 3]
    if int(alpha.min()) >= SOLID:
        return "OPAQUE"
    between = float(np.mean((alpha < SOLID) & (alpha > CLEAR)))
    return "MASK" if between < 0.1 else "BLEND"


def _packed(pixels: Pixels, alpha: str) -> bytes:
    return encoded(np.ascontiguousarray(pixels[..., :3]) if alpha == "OPAQUE" else pixels)


def _whole(pixels: Pixels, rows: Ints, uv: Floats, wrap: int, side: int) -> Skin:
    h, w = pixels.shape[:2]
    scale = min(1.0, side / max(h, w))
    shown = resized(pixels, max(1, round(w * scale)), max(1, round(h * scale)))
    alpha = _alpha(pixels)
    return Skin(Texture(webp=_packed(shown, alpha), wrap=wrap), rows, uv.astype(np.float32), alpha)


def _cut(pixels: Pixels, rows: Ints, uv: Floats) -> list[_Piece]:
    """The parts of a picture that triangles use."""
    h, w = pixels.shape[:2]
    part, box = regions(uv.min(axis=1), uv.max(axis=1))
    out = []
    for i, (c0, r0, c1, r1) in enumerate(box.tolist()):
        mine = part == i
        x0, y0 = c0 * w // CELLS, r0 * h // CELLS
        x1, y1 = -(-c1 * w // CELLS), -(-r1 * h // CELLS)
        own = (uv[mine] * (w, h) - (x0, y0)) / (x1 - x0, y1 - y0)
        shown = pixels[y0:y1, x0:x1]
        out.append(_Piece(shown, rows[mine], own, _alpha(shown)))
    return out


def _sheet(pieces: list[_Piece], side: int) -> Skin:
    sizes = np.array([p.pixels.shape[1::-1] for p in pieces], dtype=np.int64)
    place, scaled, whole = arrange(sizes, side)
    shown = [resized(p.pixels, w, h) for p, (w, h) in zip(pieces, scaled.tolist(), strict=True)]
    uv = [(p.uv * size + at) / whole for p, size, at in zip(pieces, scaled, place, strict=True)]
    alpha = pieces[0].alpha
    texture = Texture(webp=_packed(sheet(shown, place, whole), alpha), wrap=CLAMP)
    rows = np.concatenate([p.rows for p in pieces])
    return Skin(texture, rows, np.concatenate(uv).astype(np.float32), alpha)
