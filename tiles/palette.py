"""Colours: of classes (from the code table), of walls and roofs by usage, and the façade picture.

Colours are given as people write them (sRGB) and stored as glTF wants them (linear).
"""

import hashlib
import io
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tiles.glb import Texture
from twin.codes import cim_classes

__all__ = ["class_colors", "facade", "hash_of", "linear", "seeds_of", "wall_and_roof"]

Bytes = NDArray[np.uint8]

FNV_START, FNV_PRIME = np.uint32(2166136261), np.uint32(16777619)
FLOOR_HEIGHT = 3.0
BAY_WIDTH = 3.2

_USAGES: tuple[tuple[str, str, str, bool], ...] = (
    # words in the usage, walls, roofs, windows
    (
        "住宅 居住 宿舍 公寓 residential apartment house",
        "#f6eddf #f0e3cf #ecdcc6 #f5ebdd #e2c5aa #f1eee8",
        "#aaa49b #a06f5b #b9b3a9",
        True,
    ),
    (
        "商 办公 写字 金融 酒店 旅馆 office commercial retail hotel",
        "#dbe5ec #cbdae6 #e6ecf0 #c3d3e0 #e0e3e5",
        "#8f979d #a5abb0 #9aa1a6",
        True,
    ),
    (
        "工业 厂 仓 物流 industrial warehouse factory",
        "#dfe4e8 #d6dddb #e6e4de",
        "#7fa0b8 #a9b6bc #6e90a8",
        False,
    ),
    (
        "学 教 医 政 文 体 公共 行政 school hospital public civic",
        "#f3e3d2 #ead2bc #f6f5f1 #f0e8de",
        "#a9765f #b2aca4 #8d9a94",
        True,
    ),
)
_DEFAULT = ("#f0eadf #e9e4d9 #f3f0e8 #e6dccf #ede6d9", "#a8a49c #b3aea5 #989389")


@lru_cache(maxsize=1)
def _linear_table() -> Bytes:
    s = np.arange(256) / 255.0
    lin = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    table: Bytes = np.rint(lin * 255).astype(np.uint8)
    return table


def linear(rgba: Bytes) -> Bytes:
    """SRGB RGBA (n, 4) → linear RGBA; alpha stays."""
    out = rgba.copy()
    out[:, :3] = _linear_table()[rgba[:, :3]]
    return out


def from_hex(colors: list[str]) -> Bytes:
    """``#rrggbb`` texts → (n, 4) opaque sRGB."""
    numbers = np.array([int(c[1:7], 16) for c in colors], dtype=np.uint32)
    rgb = np.column_stack(
        [numbers >> 16 & 255, numbers >> 8 & 255, numbers & 255, np.full(len(numbers), 255)]
    )
    return rgb.astype(np.uint8)


@lru_cache(maxsize=1)
def _class_table() -> dict[str, str]:
    table = cim_classes()
    return dict(zip(table["code"].to_pylist(), table["color"].to_pylist(), strict=True))


def class_colors(class_code: NDArray[np.object_]) -> Bytes:
    """SRGB RGBA of each class code, (n, 4); grey where the table has none."""
    known = _class_table()
    codes, inverse = np.unique(class_code.astype(str), return_inverse=True)
    return from_hex([known.get(c) or "#aaaaaa" for c in codes.tolist()])[inverse]


def hash_of(texts: NDArray[np.object_]) -> NDArray[np.uint32]:
    """A number per text that is the same on every machine and in every run."""
    blob = [hashlib.blake2s(t.encode(), digest_size=4).digest() for t in texts.tolist()]
    return np.frombuffer(b"".join(blob), dtype="<u4")


def seeds_of(texts: pa.Array, *, compiled: bool = True) -> NDArray[np.uint32]:
    """A number per text (FNV-1a of its UTF-8), to vary colours by.

    Parameters
    ----------
    texts : pyarrow.Array of string, shape (n,)
        Without nulls.
    compiled : bool
        Whether the compiled loop is taken; the numbers are the same.
    """
    texts = texts.cast(pa.large_string())
    _, ends, values = texts.buffers()
    start = np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(values, np.uint8) if values is not None else np.zeros(1, np.uint8)
    if compiled:
        return _hash(data, start)
    out = np.full(len(texts), FNV_START, np.uint32)
    length = np.diff(start)
    for k in range(int(length.max(initial=0))):
        longer = length > k
        out[longer] = (out[longer] ^ data[start[:-1][longer] + k]) * FNV_PRIME
    return out


@njit(cache=True, nogil=True)
def _hash(data: Bytes, start: NDArray[np.int64]) -> NDArray[np.uint32]:
    out = np.empty(len(start) - 1, np.uint32)
    for i in range(len(out)):
        h = FNV_START
        for k in range(start[i], start[i + 1]):
            h = np.uint32((h ^ np.uint32(data[k])) * FNV_PRIME)
        out[i] = h
    return out


def wall_and_roof(
    usage: pa.Array, height: NDArray[np.float64], seed: NDArray[np.uint32]
) -> tuple[Bytes, Bytes, NDArray[np.bool_]]:
    """Colours of buildings.

    Parameters
    ----------
    usage : pyarrow.Array of string, shape (n,)
        "" and null where unknown; then the height decides (towers read as offices).
    height : ndarray of float64, shape (n,)
        Metres.
    seed : ndarray of uint32, shape (n,)
        See :func:`seeds_of`.

    Returns
    -------
    walls, roofs : ndarray of uint8, shape (n, 4)
        sRGB; neighbours vary a little, always the same way for the same seed.
    windows : ndarray of bool, shape (n,)
        Whether the façade shows windows.
    """
    kinds = usage.fill_null("").dictionary_encode()
    known = [_usage_group(k) for k in kinds.dictionary.to_pylist()]
    group = np.array(known, dtype=np.int64)[kinds.indices.to_numpy(zero_copy_only=False)]
    group = np.where((group == len(_USAGES)) & (height > 50.0), 1, group)
    shade = seed >> np.uint32(16) & np.uint32(7)
    walls = _picked(1, group, seed % np.uint32(60), shade)
    roofs = _picked(2, group, (seed >> np.uint32(8)) % np.uint32(60), shade)
    windows = np.array([g == len(_USAGES) or _USAGES[g][3] for g in range(len(_USAGES) + 1)])
    return walls, roofs, windows[group] & (height > 2.5)


def _picked(
    part: int,
    group: NDArray[np.int64],
    choice: NDArray[np.unsignedinteger],
    shade: NDArray[np.unsignedinteger],
) -> Bytes:
    """One of a group's colours, in one of eight shades."""
    return np.asarray(_shaded(part)[group, choice, shade], dtype=np.uint8)


@lru_cache(maxsize=2)
def _shaded(part: int) -> Bytes:
    """Colours by group, by choice (each group's list repeated up to 60) and by shade."""
    texts = [str(usage[part]) for usage in _USAGES] + [_DEFAULT[part - 1]]
    colors = [from_hex(text.split()) for text in texts]
    table = np.stack([c[np.arange(60) % len(c)] for c in colors])
    shades = 0.955 + np.arange(8) / 7 * 0.07
    out = np.repeat(table[:, :, None], 8, axis=2)
    shaded = np.clip(out[..., :3] * shades[:, None], 0, 255)
    out[..., :3] = shaded.astype(np.uint8)
    return out


def _usage_group(usage: str) -> int:
    low = usage.lower()
    for i, (words, *_rest) in enumerate(_USAGES):
        if low and any(w in low for w in words.split()):
            return i
    return len(_USAGES)


@lru_cache(maxsize=1)
def facade() -> Texture:
    """One bay of one storey, white where there is wall: it multiplies the wall's colour."""
    image = Image.new("RGB", (64, 64), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 60, 63, 63), fill=(226, 224, 221))  # edge of the slab
    draw.rectangle((14, 15, 49, 47), fill=(240, 239, 236))  # frame
    draw.rectangle((16, 17, 30, 45), fill=(150, 172, 192))
    draw.rectangle((33, 17, 47, 45), fill=(141, 164, 187))
    draw.rectangle((13, 48, 50, 49), fill=(214, 212, 209))  # shadow under the sill
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return Texture(out.getvalue())
