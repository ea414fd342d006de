"""Bands of an orthophoto as RGBA."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from twin.errors import PlanError

__all__ = ["Collar", "Colors", "collar_of", "colors_of"]

Bytes = NDArray[np.uint8]
_NAMES = {"red": 0, "green": 1, "blue": 2, "grey": 0, "gray": 0}
SIDE = 256


@dataclass(frozen=True, slots=True)
class Colors:
    """Which bands make a pixel, and how their numbers become bytes.

    ``bands`` are three band numbers (1-based), or four of CMYK; ``alpha`` one or None; ``low`` and
    ``high`` stretch each band to 0–255; ``palette`` is a table (256, 4) or None.
    """

    bands: tuple[int, ...]
    alpha: int | None
    low: tuple[float, ...]
    high: tuple[float, ...]
    palette: Bytes | None = None
    masked: bool = False

    def of(self, source: DatasetReader, window: Window) -> Bytes:
        """Pixels of a window: RGBA, alpha 0 where the file says they are unknown."""
        valid = source.dataset_mask(window=window) > 0 if self.masked else None
        shape = (int(window.height), int(window.width))
        out = np.empty((*shape, 4), dtype=np.uint8)
        if self.palette is not None:
            out[:] = self.palette[np.clip(source.read(self.bands[0], window=window), 0, 255).astype(np.uint8)]  # fmt: skip
        else:
            distinct = list(dict.fromkeys(self.bands))
            read = dict(zip(distinct, source.read(distinct, window=window), strict=True))
            planes = [
                _bytes(read[band], low, high)
                for band, low, high in zip(self.bands, self.low, self.high, strict=True)
            ]
            if len(planes) == 4:  # CMYK
                ink = 255 - planes[3].astype(np.uint16)
                planes = [((255 - p.astype(np.uint16)) * ink // 255).astype(np.uint8) for p in planes[:3]]  # fmt: skip
            for i, plane in enumerate(planes):
                out[..., i] = plane
            out[..., 3] = 255
            if self.alpha is not None:
                top = 255.0 if source.dtypes[self.alpha - 1] == "uint8" else 65_535.0
                out[..., 3] = _bytes(source.read(self.alpha, window=window), 0.0, top)
        if valid is not None:
            out[..., 3][~valid] = 0
        return out


def _bytes(band: NDArray[np.generic], low: float, high: float) -> Bytes:
    if band.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return np.asarray(band, dtype=np.uint8)
    scaled = (band.astype(np.float32) - low) * (255.0 / max(high - low, 1e-9))
    return np.asarray(np.clip(np.rint(np.nan_to_num(scaled)), 0, 255), dtype=np.uint8)


def colors_of(source: DatasetReader, fields: Mapping[str, str], findings: list[str]) -> Colors:
    """How to read the colours of a raster.

    Parameters
    ----------
    source : DatasetReader
    fields : mapping
        Of the plan: ``band 4`` → ``red``, ``green``, ``blue`` or ``grey``.
    findings : list of str
        Bands that are not shown, and stretches.

    Raises
    ------
    PlanError
        If the plan names a band that is not there.
    """
    meaning = list(source.colorinterp)
    flags = source.mask_flag_enums
    masked = any(MaskFlags.all_valid not in band for band in flags)
    if ColorInterp.palette in meaning[:1]:
        table = np.zeros((256, 4), dtype=np.uint8)
        for index, color in source.colormap(1).items():
            if 0 <= index < 256:
                table[index] = color
        return Colors((1,), None, (0.0,), (255.0,), table, masked)
    alpha = meaning.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in meaning else None
    bands = _chosen(source, fields) or _usual(meaning, alpha)
    left = [i for i in range(1, source.count + 1) if i not in bands and i != alpha]
    if left:
        shown = ", ".join(f"{i} ({source.descriptions[i - 1] or meaning[i - 1].name})" for i in left[:8])  # fmt: skip
        findings.append(f"bands {shown} are not shown")
    low, high = _stretch(source, bands, findings)
    return Colors(bands, alpha, low, high, None, masked)


def _chosen(source: DatasetReader, fields: Mapping[str, str]) -> tuple[int, ...] | None:
    chosen: dict[int, int] = {}
    for name, target in fields.items():
        found = re.fullmatch(r"band (\d+)", name)
        if found and target in _NAMES:
            if not 1 <= int(found[1]) <= source.count:
                raise PlanError(f"{name}: the raster has {source.count} band(s)")
            chosen[_NAMES[target]] = int(found[1])
    if not chosen:
        return None
    first = chosen.get(0, next(iter(chosen.values())))
    return tuple(chosen.get(i, first) for i in range(3))


def _usual(meaning: list[ColorInterp], alpha: int | None) -> tuple[int, ...]:
    named = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    if all(color in meaning for color in named):
        return tuple(meaning.index(color) + 1 for color in named)
    inks = [ColorInterp.cyan, ColorInterp.magenta, ColorInterp.yellow, ColorInterp.black]
    if all(ink in meaning for ink in inks):
        return tuple(meaning.index(ink) + 1 for ink in inks)
    rest = [i for i in range(1, len(meaning) + 1) if i != alpha]
    return tuple(rest[:3]) if len(rest) >= 3 else (rest[0],) * 3


def _stretch(
    source: DatasetReader, bands: tuple[int, ...], findings: list[str]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per band the numbers that become 0 and 255: bytes stay, wider ones go from their 2nd to their 98th percentile."""
    if all(source.dtypes[band - 1] == "uint8" for band in bands):
        return (0.0,) * len(bands), (255.0,) * len(bands)
    low: dict[int, float] = {}
    high: dict[int, float] = {}
    for band in dict.fromkeys(bands):
        values = _sampled(source, band)
        low[band], high[band] = (
            (float(v) for v in np.percentile(values, [2, 98])) if len(values) else (0.0, 1.0)
        )
    told = ", ".join(f"{band}: {low[band]:g}–{high[band]:g}" for band in low)
    findings.append(f"{source.dtypes[bands[0] - 1]} numbers are shown stretched to bytes (band {told})")  # fmt: skip
    return tuple(low[band] for band in bands), tuple(high[band] for band in bands)


def _sampled(source: DatasetReader, band: int) -> NDArray[np.float64]:
    """Known numbers of up to 25 windows spread over the raster."""
    parts = []
    for top in _spread(source.height):
        for left in _spread(source.width):
            window = Window(left, top, min(SIDE, source.width - left), min(SIDE, source.height - top))  # fmt: skip
            data = source.read(band, window=window, masked=True)
            values = np.ma.compressed(data).astype(np.float64)
            parts.append(values[np.isfinite(values)])
    return np.concatenate(parts)


def _spread(length: int) -> list[int]:
    last = max(length - SIDE, 0)
    return sorted({int(v) for v in np.linspace(0, last, 5)})


@dataclass(frozen=True, slots=True)
class Collar:
    """An undeclared border of one colour: how far it reaches into each row and column from either side."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]

    def covers(self, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.bool_]:
        """Whether each pixel of a window belongs to it."""
        rows, cols = np.arange(row0, row1)[:, None], np.arange(col0, col1)[None, :]
        across = (cols < self.left[rows]) | (cols >= self.right[rows])
        return np.asarray(across | (rows < self.top[cols]) | (rows >= self.bottom[cols]))


def collar_of(
    rows: int, cols: int, pixels: Callable[[int, int, int, int], Bytes]
) -> tuple[Collar, str] | None:
    """The black or white collar of a photo that declares no unknown pixels, None where its corners show none.

    A collar is taken for one only where at least one corner (8 × 8 pixels) is wholly black or white;
    only pixels that hang together with the edge along their row or column belong to it.

    Parameters
    ----------
    rows, cols : int
    pixels : callable
        RGBA of a window; read once more as a whole where a corner speaks for a collar.
    """
    side = min(8, rows, cols)
    corners = [
        pixels(r, r + side, c, c + side)[..., :3]
        for r in (0, rows - side)
        for c in (0, cols - side)
    ]
    value = next((v for v in (0, 255) if any((c == v).all() for c in corners)), None)
    if value is None or side < 8:
        return None
    left, right = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    top, bottom = np.full(cols, rows, np.int64), np.zeros(cols, np.int64)
    step = max(1, (1 << 24) // max(cols, 1))
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        inside = (pixels(start, stop, 0, cols)[..., :3] != value).any(axis=2)
        some = inside.any(axis=1)
        left[start:stop] = np.where(some, inside.argmax(axis=1), cols)
        right[start:stop] = np.where(some, cols - inside[:, ::-1].argmax(axis=1), 0)
        seen = inside.any(axis=0)
        top = np.where(seen & (top == rows), start + inside.argmax(axis=0), top)
        bottom = np.where(seen, stop - inside[::-1].argmax(axis=0), bottom)
    if not (right > left).any():
        return None
    word = "black" if value == 0 else "white"
    return Collar(left, right, top, bottom), f"its {word} collar is undeclared and is taken as unknown"  # fmt: skip
