"""The coordinate code of a place: ten characters of geohash (about 1 m), and its height in decimetres.

Not the grid code of GB/T 39409, whose text was not at hand.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["coordinate_code", "coordinate_codes"]

Floats = npt.NDArray[np.float64]

_BASE32: Final = np.frombuffer(b"0123456789bcdefghjkmnpqrstuvwxyz", dtype=np.uint8)
_LENGTH: Final = 10
_BITS: Final = 25


def coordinate_codes(lon: Floats, lat: Floats, z: Floats) -> pa.StringArray:
    """Codes of places.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Degrees, EPSG:4490; NaN where unknown.
    z : ndarray of float64, shape (n,)
        Metres above the ellipsoid; NaN where unknown: the code has no height then.

    Returns
    -------
    pyarrow.StringArray, shape (n,)
        Null where there is no place.

    Examples
    --------
    >>> coordinate_code(-5.6, 42.6)[:5]          # the example of the geohash article
    'ezs42'
    >>> coordinate_code(114.08, 30.47, 45.9)[-6:]
    'H00459'
    """
    known = ~(np.isnan(lon) | np.isnan(lat))
    x, y = _steps(np.where(known, lon, 0.0), 180.0), _steps(np.where(known, lat, 0.0), 90.0)
    text = np.empty((len(lon), _LENGTH), np.uint8)
    for group in range(_LENGTH):
        digit = np.zeros(len(lon), np.int64)
        for number in range(group * 5, group * 5 + 5):
            digit = digit << 1 | ((x, y)[number % 2] >> (_BITS - 1 - number // 2)) & 1
        text[:, group] = _BASE32[digit]
    offsets = np.arange(0, text.size + 1, _LENGTH, dtype=np.int32)
    flat = pa.StringArray.from_buffers(len(text), pa.py_buffer(offsets), pa.py_buffer(text))
    codes = pc.binary_join_element_wise(flat, _heights(z), "")
    return pc.if_else(pa.array(known), codes, pa.scalar(None, pa.string()))


def _steps(degrees: Floats, half: float) -> npt.NDArray[np.int64]:
    steps = ((degrees + half) / (2 * half) * (1 << _BITS)).astype(np.int64)
    return np.clip(steps, 0, (1 << _BITS) - 1)


def _heights(z: Floats) -> pa.Array:
    """``H00459`` for 45.9 m, ``H-0012`` for -1.2 m, empty where unknown."""
    known = ~np.isnan(z)
    values, of_row = np.unique(
        np.rint(np.where(known, z, 0.0) * 10).astype(np.int64), return_inverse=True
    )
    texts = pa.array(
        [f"H{v:05d}" if v >= 0 else f"H-{-v:04d}" for v in values.tolist()], pa.string()
    )
    return pc.if_else(pa.array(known), texts.take(pa.array(of_row)), "")


def coordinate_code(lon: float, lat: float, z: float | None = None) -> str:
    """Code of one place; see `coordinate_codes`."""
    height = np.array([np.nan if z is None else z])
    return str(coordinate_codes(np.array([lon]), np.array([lat]), height)[0].as_py())
