"""Colours: of classes (from the code table), of walls and roofs by usage, and the façade picture.

Colours are given as people write them (sRGB) and stored as glTF wants them (linear).
"""

import hashlib
import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tiles.glb import Texture
from twin.codes import cim_classes

__all__ = ["class_colors", "facade", "hash_of", "linear", "wall_and_roof"]

Bytes = NDArray[np.uint8]

FLOOR_HEIGHT = 3.0
BAY_WIDTH = 3.2

_USAGES: tuple[tuple[str, str, str, bool], ...] = (
    # words in the usage, walls, roofs, windows
    (
        "住宅 居住 宿舍 公寓 residential apartment house",
        "#eadfce #e2d2ba #dcc7ad #e9dccb #cfae90 #e4e0d8",
        "#aaa49b #a06f5b #b9b3a9",
        True,
    ),
    (
        "商 办公 写字 金融 酒店 旅馆 office commercial retail hotel",
        "#c3d0da #b2c4d2 #d2dae0 #a9bccb #cdd0d2",
        "#8f979d #a5abb0 #9aa1a6",
        True,
    ),
    (
        "工业 厂 仓 物流 industrial warehouse factory",
        "#cdd4d9 #c3ccc9 #d8d6cf",
        "#7fa0b8 #a9b6bc #6e90a8",
        False,
    ),
    (
        "学 教 医 政 文 体 公共 行政 school hospital public civic",
        "#ead6c2 #dcbfa6 #efeee9 #e6ddd2",
        "#a9765f #b2aca4 #8d9a94",
        True,
    ),
)
_DEFAULT = ("#e3dccf #d9d4c7 #e8e4da #d5cabb #dfd6c6", "#a8a49c #b3aea5 #989389")


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


def wall_and_roof(
    usage: NDArray[np.object_], height: NDArray[np.float64], eid: NDArray[np.object_]
) -> tuple[Bytes, Bytes, NDArray[np.bool_]]:
    """Colours of buildings.

    Parameters
    ----------
    usage, eid : ndarray of str, shape (n,)
        ``usage`` may be ""; then the height decides (towers read as offices).
    height : ndarray of float64, shape (n,)
        Metres.

    Returns
    -------
    walls, roofs : ndarray of uint8, shape (n, 4)
        sRGB; neighbours vary a little, always the same way for the same eid.
    windows : ndarray of bool, shape (n,)
        Whether the façade shows windows.
    """
    kinds, inverse = np.unique(usage.astype(str), return_inverse=True)
    group = np.array([_usage_group(k) for k in kinds.tolist()], dtype=np.int64)[inverse]
    group = np.where((group == len(_USAGES)) & (height > 50.0), 1, group)
    seed = hash_of(eid)
    walls, roofs = np.empty((len(eid), 4), np.uint8), np.empty((len(eid), 4), np.uint8)
    for g in np.unique(group).tolist():
        rows = np.flatnonzero(group == g)
        wall_text, roof_text = _USAGES[g][1:3] if g < len(_USAGES) else _DEFAULT
        wall, roof = from_hex(wall_text.split()), from_hex(roof_text.split())
        walls[rows] = wall[seed[rows] % len(wall)]
        roofs[rows] = roof[(seed[rows] >> 8) % len(roof)]
    shade = 0.955 + (seed >> 16 & 255) / 255.0 * 0.07
    walls[:, :3] = np.clip(walls[:, :3] * shade[:, None], 0, 255).astype(np.uint8)
    roofs[:, :3] = np.clip(roofs[:, :3] * shade[:, None], 0, 255).astype(np.uint8)
    windows = np.array([g == len(_USAGES) or _USAGES[g][3] for g in range(len(_USAGES) + 1)])
    return walls, roofs, windows[group] & (height > 2.5)


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
    draw.rectangle((13, 14, 50, 49), fill=(236, 235, 232))  # frame
    draw.rectangle((15, 16, 30, 47), fill=(128, 148, 168))
    draw.rectangle((33, 16, 48, 47), fill=(120, 141, 163))
    draw.rectangle((13, 50, 50, 51), fill=(205, 203, 200))  # shadow under the sill
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return Texture(out.getvalue())
