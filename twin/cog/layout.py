"""The one profile of GeoTIFF that the base writes and reads.

BigTIFF, little-endian, image directories in front, tiles of 512 × 512 pixels, pixel-interleaved,
deflate with horizontal (bytes) or floating point (float32) predictor, tiles without any known pixel
left out (offset 0), overviews by halves until one tile holds the raster. Sources: TIFF 6.0, Adobe
TIFF Technical Note 3 (predictor 3), BigTIFF, OGC GeoTIFF 1.1, OGC COG 1.0.
"""

import re
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TILE", "Affine", "RasterSpec", "decode", "encode", "geo_keys", "level_shapes", "nothing_known",
]  # fmt: skip

TILE = 512
"""Side of a tile, pixels."""
Affine = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class RasterSpec:
    """What a raster of the base is.

    Parameters
    ----------
    rows, cols : int
    kind : str
        ``dem`` (one band of float32, NaN where unknown) or ``imagery`` (RGBA of uint8, alpha 0 where
        unknown).
    transform : tuple of 6 floats
        Affine (a, b, c, d, e, f) of pixel corners: x = a·col + b·row + c, y = d·col + e·row + f.
    crs : str
        See :func:`twin.crs.canonical`.
    """

    rows: int
    cols: int
    kind: str
    transform: Affine
    crs: str

    @property
    def bands(self) -> int:
        """1 or 4."""
        return 1 if self.kind == "dem" else 4

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """float32 or uint8."""
        return np.dtype("<f4" if self.kind == "dem" else "u1")


def level_shapes(rows: int, cols: int) -> list[tuple[int, int]]:
    """(rows, cols) of the raster and its overviews, each half of the one before, rounded up."""
    out = [(rows, cols)]
    while max(out[-1]) > TILE:
        out.append((ceil(out[-1][0] / 2), ceil(out[-1][1] / 2)))
    return out


def nothing_known(tile: NDArray[np.generic]) -> bool:
    """Whether no pixel of a tile is known."""
    if tile.ndim == 2:
        return bool(np.isnan(tile).all())
    return not tile[..., 3].any()


def encode(tile: NDArray[np.generic]) -> bytes:
    """Predicted bytes of a tile, ready to deflate: (512, 512) float32 or (512, 512, 4) uint8."""
    if tile.ndim == 2:
        raw = np.ascontiguousarray(tile, "<f4").view(np.uint8).reshape(TILE, TILE, 4)
        planes = raw[..., ::-1].transpose(0, 2, 1).reshape(TILE, 4 * TILE)
        out = planes.copy()
        out[:, 1:] -= planes[:, :-1]
        return out.tobytes()
    pixels = np.ascontiguousarray(tile, np.uint8)
    out = pixels.copy()
    out[:, 1:] -= pixels[:, :-1]
    return out.tobytes()


def decode(raw: bytes, bands: int) -> NDArray[np.generic]:
    """The tile of inflated bytes; undoes :func:`encode`."""
    values = np.frombuffer(raw, np.uint8)
    if bands == 1:
        planes = np.cumsum(values.reshape(TILE, 4 * TILE), axis=1, dtype=np.uint8)
        little = planes.reshape(TILE, 4, TILE).transpose(0, 2, 1)[..., ::-1]
        return np.ascontiguousarray(little).view("<f4").reshape(TILE, TILE)
    pixels = values.reshape(TILE, TILE, bands)
    return np.cumsum(pixels, axis=1, dtype=np.uint8)


def geo_keys(crs: str, *, geographic: bool) -> tuple[list[int], str]:
    """GeoKeyDirectory and GeoAsciiParams of a system; one without an EPSG code is named in the citation."""
    code = re.fullmatch(r"EPSG:(\d+)(@yx)?", crs)
    citation = f"{crs}|"
    keys = [(1024, 0, 1, 2 if geographic else 1), (1025, 0, 1, 1), (1026, 34737, len(citation), 0)]
    number = int(code[1]) if code and int(code[1]) < 65_536 else 32_767
    keys.append((2048 if geographic else 3072, 0, 1, number))
    head = [1, 1, 1, len(keys)]
    return head + [value for key in keys for value in key], citation
