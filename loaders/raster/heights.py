"""A band of a terrain model as metres."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from loaders.wkt import unit_of, vertical_of
from twin.errors import PlanError

__all__ = ["Elevation", "elevation_of"]

_SENTINELS = (-9999.0, -32768.0, -32767.0, 32767.0, -99999.0, 9999.0)
"""Values that stand for "unknown" wherever they turn up exactly."""
DEEPEST, HIGHEST = -12_000.0, 9_300.0
"""Metres: heights outside are no heights on Earth."""
_UNITS = {"m": 1.0, "ft": 0.3048, "usft": 1200 / 3937, "dm": 0.1, "cm": 0.01, "mm": 0.001}


@dataclass(frozen=True, slots=True)
class Elevation:
    """How the numbers of a band become metres: ``(number · scale + offset) · metres``, depths negated."""

    band: int
    scale: float
    offset: float
    metres: float
    nodata: float | None
    sentinels: tuple[float, ...] = _SENTINELS

    def of(self, raw: NDArray[np.generic], known: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Metres of raw numbers; NaN where not known, where a number stands for "unknown", or is no height on Earth."""
        numbers = raw.astype(np.float64)
        unknown = ~known | ~np.isfinite(numbers)
        for value in self.sentinels if self.nodata is None else (*self.sentinels, self.nodata):
            unknown |= (
                raw == np.array(value).astype(raw.dtype) if _fits(value, raw.dtype) else False
            )
        with np.errstate(invalid="ignore", over="ignore"):
            data = (numbers * self.scale + self.offset) * self.metres
            unknown |= (data < DEEPEST) | (data > HIGHEST)
        data[unknown] = np.nan
        return data.astype(np.float32)


def _fits(value: float, dtype: np.dtype[np.generic]) -> bool:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)  # type: ignore[type-var]  # an integer type by its kind
        return float(value).is_integer() and limits.min <= value <= limits.max
    return True


def elevation_of(
    source: DatasetReader, crs: str | None, fields: Mapping[str, str], findings: list[str]
) -> Elevation:
    """How to read the heights of a raster.

    Parameters
    ----------
    source : DatasetReader
    crs : str or None
        Its CRS: the unit of a vertical part counts where the band names none.
    fields : mapping
        Of the plan: ``band 2`` → ``height_m``, ``height_ft``, ``height_usft``, ``height_cm`` …, or
        ``depth_m`` for depths that are positive downwards; ``nodata`` → a number.
    findings : list of str
        Units that are not metres, and scales.

    Raises
    ------
    PlanError
        If the plan names a unit or a band that is not there.
    """
    band, unit, sign = 1, None, 1.0
    for name, target in fields.items():
        found = re.fullmatch(r"(height|depth)_(\w+)", target)
        if not (name.startswith("band ") and found):
            continue
        band = int(name[5:])
        if found[2] not in _UNITS or not 1 <= band <= source.count:
            raise PlanError(
                f"{name} = {target!r}: expected one of {source.count} bands and a unit of {', '.join(_UNITS)}"
            )
        unit, sign = _UNITS[found[2]], -1.0 if found[1] == "depth" else 1.0
    scale, offset = float(source.scales[band - 1]), float(source.offsets[band - 1])
    if (scale, offset) != (1.0, 0.0):
        findings.append(f"heights are stored as (number × {scale:g}) + {offset:g}")
    if unit is None:
        unit = _declared_unit(source, crs, band, findings)
    packed = (scale, offset) != (1.0, 0.0) and source.nodatavals[band - 1] is not None
    sentinels = () if packed else _SENTINELS  # packed numbers use the whole range of their type
    return Elevation(band, scale, offset, sign * unit, _nodata(fields), sentinels)


def _declared_unit(source: DatasetReader, crs: str | None, band: int, findings: list[str]) -> float:
    written = source.units[band - 1] or ""
    unit = unit_of(written)
    vertical = vertical_of(crs)
    if unit is None and vertical is not None:
        unit, written = vertical.metres, vertical.name
    if unit is not None and unit != 1.0:
        findings.append(f"heights are in {written} and become metres (× {unit:g})")
    return 1.0 if unit is None else unit


def _nodata(fields: Mapping[str, str]) -> float | None:
    if "nodata" not in fields:
        return None
    try:
        return float(fields["nodata"])
    except ValueError as err:
        raise PlanError(f"nodata {fields['nodata']!r} is no number") from err
