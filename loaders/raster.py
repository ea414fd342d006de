"""Raster files: terrain models and orthophotos, whole, in the source's CRS."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
import rasterio.enums
import rasterio.errors
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from loaders.base import Batch, LayerInfo, RasterLayer
from loaders.gdalio import head_of, listening, refuse_dangerous
from twin.errors import SourceError, UnsafeSourceError
from twin.plan import LayerPlan

__all__ = ["RasterLoader"]

MAX_PIXELS = 2**31
"""A raster with more pixels is refused; cut it into tiles."""
_OPTIONS = {
    "GDAL_PAM_ENABLED": "NO",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/none",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
}
_DRIVERS = {
    ".tif": "GTiff",
    ".tiff": "GTiff",
    ".gtiff": "GTiff",
    ".img": "HFA",
    ".hgt": "SRTMHGT",
    ".dem": "USGSDEM",
    ".dt0": "DTED",
    ".dt1": "DTED",
    ".dt2": "DTED",
}
"""Extension → the one driver that may open it (``.asc`` is told by its first line)."""
_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_SENTINELS = (-9999.0, -32768.0, -32767.0, -99999.0)
"""Values that stand for "unknown" where no nodata value is declared."""
DEEPEST, HIGHEST = -12_000.0, 9_500.0
"""Metres: heights outside are no heights on Earth."""


class RasterLoader:
    """GeoTIFF and the grid formats of terrain models."""

    name = "raster"

    def supports(self, path: Path) -> bool:
        """Whether the extension is one of a raster; a TIFF must also start like one."""
        extension = path.suffix.lower()
        if extension in (".tif", ".tiff", ".gtiff"):
            return head_of(path, 4) in _MAGIC
        return (extension in _DRIVERS or extension == ".asc") and path.is_file()

    def scan(self, path: Path) -> list[LayerInfo]:
        """The raster as one layer; ``geometry_type`` is ``dem`` or ``imagery``, ``fields`` the bands and their types.

        Raises
        ------
        SourceError
            If it cannot be opened.
        UnsafeSourceError
            If it is larger than ``MAX_PIXELS``.
        """
        refuse_dangerous(path)
        findings: list[str] = []
        with listening(path, findings), rasterio.Env(**_OPTIONS), _opened(path) as source:
            fields = {f"band {i + 1}": str(kind) for i, kind in enumerate(source.dtypes)}
            if not _placed(source):
                findings.append(
                    "no georeference (neither transform nor a world file's numbers in it)"
                )
            if source.nodata is not None:
                findings.append(f"nodata {source.nodata:g}")
            kind = _kind(source, None)
            bounds = tuple(float(b) for b in source.bounds) if _placed(source) else None
            crs = _crs(source)
            count, driver = source.width * source.height, str(source.driver)
            findings.append(f"{source.width} × {source.height} pixels, {source.count} band(s)")
        box = (bounds[0], bounds[1], bounds[2], bounds[3]) if bounds else None
        return [
            LayerInfo(
                path,
                path.stem,
                "raster",
                driver,
                count,
                kind,
                fields,
                crs,
                box,
                None,
                tuple(findings),
            )
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:  # noqa: ARG002
        """Rasters have no records: use :meth:`read_raster`."""
        return iter(())

    def read_raster(self, layer: LayerInfo, plan: LayerPlan) -> RasterLayer:
        """The whole raster.

        Parameters
        ----------
        layer : LayerInfo
            As :meth:`scan` gives it.
        plan : LayerPlan
            ``class_code`` ``dem`` or ``imagery`` decides where the bands do not; ``crs`` overrides
            the declared one.

        Returns
        -------
        RasterLayer
            DEM: float32 metres, NaN where unknown. Imagery: RGBA uint8, alpha 0 where unknown. Rows
            from north to south as stored.

        Raises
        ------
        SourceError
            If it cannot be read or has no georeference.
        """
        findings: list[str] = []
        with (
            listening(layer.path, findings),
            rasterio.Env(**_OPTIONS),
            _opened(layer.path) as source,
        ):
            if not _placed(source):
                raise SourceError(
                    layer.path,
                    "has no georeference; write a transform into it (gdal_translate -a_ullr)",
                )
            t = source.transform
            transform = (t.a, t.b, t.c, t.d, t.e, t.f)
            crs = plan.crs or _crs(source)
            if _kind(source, plan.class_code) == "dem":
                return RasterLayer("dem", _heights(source), transform, crs)
            return RasterLayer("imagery", _rgba(source), transform, crs)


def _opened(path: Path) -> DatasetReader:
    ascii_driver = "AAIGrid" if b"ncols" in head_of(path, 512).lower() else "GRASSASCIIGrid"
    source = rasterio.open(path, driver=_DRIVERS.get(path.suffix.lower(), ascii_driver))
    if source.width * source.height > MAX_PIXELS:
        size = f"{source.width} × {source.height}"
        source.close()
        raise UnsafeSourceError(
            path, f"{size} pixels are more than {MAX_PIXELS:,}; cut it into tiles (gdal_retile.py)"
        )
    return source


def _placed(source: DatasetReader) -> bool:
    return not source.transform.is_identity and bool(np.isfinite(source.bounds).all())


def _crs(source: DatasetReader) -> str | None:
    """Declared CRS as ``EPSG:n`` where GDAL is sure, else WKT."""
    if not source.crs:
        return None
    code = source.crs.to_epsg(confidence_threshold=90)
    return f"EPSG:{code}" if code else str(source.crs.to_wkt())


def _kind(source: DatasetReader, wanted: str | None) -> str:
    """``dem`` for one band of numbers, ``imagery`` for colours; one byte band with a palette or grey is imagery."""
    if wanted in ("dem", "imagery"):
        return wanted
    if source.count >= 3:
        return "imagery" if source.dtypes[0] in ("uint8", "uint16") else "dem"
    palette = source.colorinterp[0] == rasterio.enums.ColorInterp.palette
    return "imagery" if palette or source.dtypes[0] == "uint8" else "dem"


def _heights(source: DatasetReader) -> NDArray[np.float32]:
    """First band in metres, NaN for nodata, masked and impossible values."""
    data = source.read(1, out_dtype=np.float32)
    scale, offset = float(source.scales[0]), float(source.offsets[0])
    unknown = source.read_masks(1) == 0
    if source.nodata is None:
        for sentinel in _SENTINELS:
            unknown |= data == np.float32(sentinel)
    if (scale, offset) != (1.0, 0.0):
        data = data * np.float32(scale) + np.float32(offset)
    with np.errstate(invalid="ignore"):
        unknown |= ~np.isfinite(data) | (data < DEEPEST) | (data > HIGHEST)
    data[unknown] = np.nan
    return np.asarray(data, dtype=np.float32)


def _as_bytes(band: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A band as 0–255; wider numbers are stretched between their 2nd and 98th percentile."""
    if band.dtype == np.uint8:
        return np.asarray(band, dtype=np.uint8)
    values = band.astype(np.float32)
    sample = values[valid & np.isfinite(values)]
    low, high = np.percentile(sample, [2, 98]) if len(sample) else (0.0, 1.0)
    scaled = np.nan_to_num((values - low) / max(float(high - low), 1e-9) * 255.0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _rgba(source: DatasetReader) -> NDArray[np.uint8]:
    out = np.empty((source.height, source.width, 4), dtype=np.uint8)
    valid = source.dataset_mask() > 0
    palette = source.colorinterp[0] == rasterio.enums.ColorInterp.palette
    if palette:
        table = np.zeros((256, 4), dtype=np.uint8)
        for index, color in source.colormap(1).items():
            if 0 <= index < 256:
                table[index] = color
        out[:] = table[np.clip(source.read(1), 0, 255).astype(np.uint8)]
    else:
        bands = (1, 2, 3) if source.count >= 3 else (1, 1, 1)
        for i, band in enumerate(bands):
            out[:, :, i] = _as_bytes(source.read(band), valid)
        out[:, :, 3] = 255
        if source.count >= 4 and source.colorinterp[3] == rasterio.enums.ColorInterp.alpha:
            out[:, :, 3] = _as_bytes(source.read(4), valid)
    out[~valid, 3] = 0
    return out
