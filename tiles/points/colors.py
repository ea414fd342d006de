"""What a point looks like: its own colour, else that of its class, else that of its height."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Colors"]

_CLASSES = {
    1: (168, 168, 168), 2: (140, 111, 78), 3: (150, 178, 92), 4: (106, 158, 74), 5: (52, 122, 56),
    6: (214, 96, 72), 7: (230, 60, 200), 8: (250, 220, 120), 9: (72, 146, 208), 10: (120, 92, 150),
    11: (96, 96, 104), 13: (240, 196, 64), 14: (240, 170, 40), 15: (200, 140, 40),
    16: (250, 210, 90), 17: (186, 160, 200), 18: (230, 60, 200),
}  # fmt: skip
"""sRGB by class of the ASPRS table (LAS 1.4 R15, table 17): ground brown, vegetation green, buildings
red, water blue, roads dark grey; others light grey."""
_RAMP = [(46, 60, 122), (42, 120, 142), (60, 168, 112), (180, 208, 70), (248, 220, 110)]
"""sRGB from the lowest to the highest point."""
_OTHER = (200, 200, 200)


def _linear(srgb: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Shares of sRGB within 0–1 as linear 0–255 (glTF 2.0, 3.9.2; IEC 61966-2-1)."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(linear * 255).astype(np.uint32))


def _packed(table: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Rows of sRGB 0–255 as 0x00BBGGRR, linear."""
    r, g, b = _linear(table / 255.0).T
    return np.asarray(r | (g << np.uint32(8)) | (b << np.uint32(16)))


class Colors:
    """Colours of one cloud's points, linear as glTF asks for.

    Parameters
    ----------
    meaning : mapping
        Of the asset: ``color_bits`` (8 where no colour exceeds 255, whatever the field holds; 16;
        None without colours) and ``classes``.
    columns : collection of str
        What each point carries.
    """

    def __init__(self, meaning: Mapping[str, Any], columns: list[str]) -> None:
        bits = meaning["color_bits"]
        self.own = bits is not None and {"red", "green", "blue"} <= set(columns)
        told = {int(c) for c in meaning["classes"]} - {0, 1}
        self.classified = "classification" in columns and bool(told)
        top = 65_535 if bits == 16 else 255
        self._table = _linear(np.arange(top + 1) / top)
        classes = np.tile(np.array(_OTHER, float), (256, 1))
        for code, rgb in _CLASSES.items():
            classes[code] = rgb
        self._classes = _packed(classes)
        stops = np.linspace(0, 255, len(_RAMP))
        ramp = np.array(_RAMP, float)
        self._ramp = _packed(np.column_stack([np.interp(np.arange(256), stops, c) for c in ramp.T]))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Columns that are looked at."""
        return ("red", "green", "blue") if self.own else ()

    def of(
        self,
        columns: Mapping[str, NDArray[Any]],
        classes: NDArray[np.uint8],
        height: NDArray[np.float64],
    ) -> NDArray[np.uint32]:
        """0x00BBGGRR of every point.

        Parameters
        ----------
        columns : mapping
            Columns of :attr:`wanted`.
        classes : ndarray of uint8, shape (n,)
        height : ndarray of float64, shape (n,)
            0 at the lowest, 1 at the highest point of the cloud.
        """
        if self.own:
            top = len(self._table) - 1
            r, g, b = (self._table[_whole(columns[c], top)] for c in self.wanted)
            return np.asarray(r | (g << np.uint32(8)) | (b << np.uint32(16)))
        if self.classified:
            return self._classes[classes]
        return self._ramp[np.clip(height * 255, 0, 255).astype(np.uint8)]


def _whole(column: NDArray[Any], top: int) -> NDArray[Any]:
    """Numbers that may be looked up: 8-bit files need no check."""
    if column.dtype.kind == "u" and np.iinfo(column.dtype).max <= top:
        return column
    return np.asarray(np.clip(column, 0, top).astype(np.uint16))
