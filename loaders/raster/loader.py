"""The raster loader: what a file is, and its cells in windows."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio.enums
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from loaders.base import Batch, LayerInfo, RasterLayer
from loaders.gdalio import listening
from loaders.raster.heights import DEEPEST, HIGHEST, Elevation, elevation_of
from loaders.raster.opening import BROKEN, driver_of, environment, opened
from loaders.raster.pixels import Colors, collar_of, colors_of
from loaders.raster.placing import corners, crs_of, transform_of
from loaders.wkt import vertical_of
from twin.errors import SourceError
from twin.plan import LayerPlan

__all__ = ["RasterLoader"]

_DEM_WORDS = re.compile(
    r"(?<![a-z])(dem|dsm|dtm|dhm|ndsm|elev\w*|height|srtm|aster|topo|bathy\w*|mnt|mns|hag)(?![a-z])"
    r"|高程|地形|地面模型|水深", re.I,
)  # fmt: skip
_PHOTO_WORDS = re.compile(
    r"(?<![a-z])(ortho\w*|dom|tdom|rgb\w*|photo|imag\w*|landsat|sentinel|naip)(?![a-z])"
    r"|影像|正射|航片", re.I,
)  # fmt: skip
_DEPTH_WORDS = re.compile(r"bathy|depth|水深|测深", re.I)
_GEOID = {"SRTMHGT": "EGM96", "DTED": "mean sea level", "USGSDEM": "NGVD 29 or NAVD 88"}
"""Formats whose heights stand above the geoid by their specification."""
SMALLEST = 32
"""Windows that cannot be read are cut down to this side before they are given up."""


class RasterLoader:
    """GeoTIFF, pictures with a world file, and the grid formats of terrain models."""

    name = "raster"

    def supports(self, path: Path) -> bool:
        """Whether name and first bytes are those of a raster; a picture also needs a world file."""
        return path.is_file() and driver_of(path) is not None

    def scan(self, path: Path) -> list[LayerInfo]:
        """The raster as one layer; ``geometry_type`` is ``dem`` or ``imagery``, ``fields`` the bands and their types.

        Raises
        ------
        SourceError
            If it cannot be opened.
        UnsafeSourceError
            If its size or its blocks are out of bounds.
        """
        findings: list[str] = []
        with listening(path, findings), environment(), opened(path) as source:
            fields = {f"band {i + 1}": str(kind) for i, kind in enumerate(source.dtypes)}
            transform, reason = transform_of(source, findings)
            if reason is not None:
                findings.append(reason)
            crs = crs_of(source, findings)
            kind = _kind(source, path, None)
            bounds = corners(transform, source.height, source.width) if transform else None
            count, driver = source.width * source.height, str(source.driver)
            findings.append(f"{source.width} × {source.height} pixels, {source.count} band(s)")
            if source.nodata is not None:
                findings.append(f"nodata {source.nodata:g}")
            if len(source.subdatasets) > 1:
                findings.append(f"holds {len(source.subdatasets)} images; the first is taken")
            if kind == "dem":
                elevation_of(source, crs, {}, findings)
                findings += _about_heights(path, source, crs)
        findings = [f for f in findings if "no geotransform, gcps" not in f]
        return [
            LayerInfo(path, path.stem, "raster", driver, count, kind, fields, crs, bounds, None, tuple(findings))
        ]  # fmt: skip

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:  # noqa: ARG002
        """Rasters have no records: use :meth:`read_raster`."""
        return iter(())

    def read_raster(self, layer: LayerInfo, plan: LayerPlan) -> RasterLayer:
        """The raster, to be read in windows; the file stays open until the layer is closed.

        Parameters
        ----------
        layer : LayerInfo
            As :meth:`scan` gives it.
        plan : LayerPlan
            ``class_code`` ``dem`` or ``imagery`` decides where the bands do not; ``crs`` overrides
            the declared one; ``fields`` may name units and colours of bands, ``nodata`` and
            ``bounds`` (docs/loaders.md, Rasters).

        Returns
        -------
        RasterLayer
            DEM: float32 metres, NaN where unknown. Imagery: RGBA uint8, alpha 0 where unknown. Rows
            as stored.

        Raises
        ------
        SourceError
            If it cannot be read or has no georeference.
        """
        return _Reader(layer.path, plan).layer()


class _Reader:
    """An open raster."""

    def __init__(self, path: Path, plan: LayerPlan) -> None:
        self.path, self.findings, self.lost = path, [], 0  # type: ignore[var-annotated]  # texts
        self._stack = ExitStack()
        try:
            with listening(path, self.findings):
                self.source = self._opened()
                found, reason = transform_of(self.source, self.findings, plan.fields.get("bounds"))
                if found is None:
                    raise SourceError(path, reason or "has no georeference")
                self.transform = found
                self.crs = plan.crs or crs_of(self.source, self.findings)
                self.kind = _kind(self.source, path, plan.class_code)
                self._read = self._heights(plan) if self.kind == "dem" else self._colors(plan)
        except BROKEN as err:
            self._stack.close()
            raise SourceError(path, f"GDAL cannot read it: {err}") from err
        except BaseException:
            self._stack.close()
            raise

    def _opened(self) -> DatasetReader:
        self._stack.enter_context(environment())
        return self._stack.enter_context(opened(self.path))

    def layer(self) -> RasterLayer:
        """What the ingest gets."""
        shape = (self.source.height, self.source.width)
        return RasterLayer(
            "dem" if self.kind == "dem" else "imagery", shape, self.transform, self.crs,
            self.window, self.findings, self.close,
        )  # fmt: skip

    def _heights(self, plan: LayerPlan) -> Callable[[Window], NDArray[np.generic]]:
        if np.dtype(self.source.dtypes[0].replace("complex_int16", "complex64")).kind == "c":
            raise SourceError(self.path, "holds complex numbers, which are no heights; export its amplitude")  # fmt: skip
        rule: Elevation = elevation_of(self.source, self.crs, plan.fields, self.findings)
        _refuse_no_heights(self.path, self.source, rule)

        def read(window: Window) -> NDArray[np.generic]:
            raw = self.source.read(rule.band, window=window)
            return rule.of(raw, self.source.read_masks(rule.band, window=window) > 0)

        return read

    def _colors(self, plan: LayerPlan) -> Callable[[Window], NDArray[np.generic]]:
        rule: Colors = colors_of(self.source, plan.fields, self.findings)
        rows, cols = self.source.height, self.source.width

        def plain(row0: int, row1: int, col0: int, col1: int) -> NDArray[np.uint8]:
            return np.asarray(self._patient(row0, row1, col0, col1, lambda w: rule.of(self.source, w), 4))  # fmt: skip

        silent = not rule.masked and rule.alpha is None and rule.palette is None
        collar = collar_of(rows, cols, plain) if silent else None
        self.lost = 0
        if collar is None:
            return lambda window: rule.of(self.source, window)
        self.findings.append(collar[1])

        def trimmed(window: Window) -> NDArray[np.generic]:
            out = rule.of(self.source, window)
            top, left = int(window.row_off), int(window.col_off)
            bottom, right = top + int(window.height), left + int(window.width)
            out[..., 3][collar[0].covers(top, bottom, left, right)] = 0
            return out

        return trimmed

    def window(self, row0: int, row1: int, col0: int, col1: int) -> NDArray[np.generic]:
        """Cells of a half-open window; blocks that are damaged are unknown and told in the findings."""
        before = self.lost
        bands = 1 if self.kind == "dem" else 4
        out = self._patient(row0, row1, col0, col1, self._read, bands)
        if self.lost and not before:
            self.findings.append("")
        if self.lost != before:
            self.findings[-1] = f"{self.lost:,} pixels lie in damaged blocks and are unknown"
        if self.lost == self.source.width * self.source.height:
            raise SourceError(self.path, "none of its blocks can be read; get the file again")
        return out

    def _patient(
        self, row0: int, row1: int, col0: int, col1: int,
        read: Callable[[Window], NDArray[np.generic]], bands: int,
    ) -> NDArray[np.generic]:  # fmt: skip
        """What can be read of a window: where it fails it is read in quarters, down to the file's blocks."""
        try:
            return read(Window(col0, row0, col1 - col0, row1 - row0))
        except BROKEN as err:
            block = self.source.block_shapes[0]
            tall, wide = row1 - row0, col1 - col0
            if tall <= max(block[0], SMALLEST) and wide <= max(block[1], SMALLEST):
                self.lost += tall * wide
                if tall * wide == self.source.width * self.source.height:
                    raise SourceError(self.path, f"its pixels cannot be read: {err}") from err
                shape = (tall, wide) if bands == 1 else (tall, wide, bands)
                return np.full(shape, np.nan if bands == 1 else 0, np.float32 if bands == 1 else np.uint8)  # fmt: skip
        row, col = _middle(row0, row1, block[0]), _middle(col0, col1, block[1])
        rows = [(row0, row), (row, row1)] if row > row0 else [(row0, row1)]
        cols = [(col0, col), (col, col1)] if col > col0 else [(col0, col1)]
        return np.concatenate(
            [np.concatenate([self._patient(a, b, c, d, read, bands) for c, d in cols], axis=1) for a, b in rows], axis=0
        )  # fmt: skip

    def close(self) -> None:
        """Close the file."""
        self._stack.close()


def _middle(low: int, high: int, block: int) -> int:
    """A boundary of blocks near the middle of a range, ``low`` where the range is one block."""
    if high - low <= max(block, SMALLEST):
        return low
    step = max(block, 1)
    middle = (low + high) // 2 // step * step
    if middle <= low:
        middle = (low // step + 1) * step
    return middle if low < middle < high else (low + high) // 2


def _kind(source: DatasetReader, path: Path, wanted: str | None) -> str:
    """``dem`` for one band of heights, ``imagery`` for colours; the name decides where the numbers do not."""
    if wanted in ("dem", "imagery"):
        return wanted
    meaning = source.colorinterp
    colors = {rasterio.enums.ColorInterp.red, rasterio.enums.ColorInterp.palette, rasterio.enums.ColorInterp.cyan}  # fmt: skip
    if source.driver in ("AAIGrid", "GRASSASCIIGrid", "GSAG", "GSBG", "GS7BG", "XYZ", "SRTMHGT", "DTED", "USGSDEM"):  # fmt: skip
        return "dem"
    if (
        source.driver in ("JPEG", "PNG", "WEBP", "BMP", "JP2OpenJPEG")
        and source.dtypes[0] == "uint8"
    ):
        return "imagery"
    if colors & set(meaning):
        return "imagery"
    if source.count <= 2 and _DEM_WORDS.search(path.stem):
        return "dem"
    if _PHOTO_WORDS.search(path.stem) or source.count >= 3 or source.dtypes[0] in ("uint8", "int8"):
        return "imagery"
    return "imagery" if source.dtypes[0] == "uint16" and _too_high(source) else "dem"


def _too_high(source: DatasetReader) -> bool:
    """Whether the middle of a raster of whole numbers goes beyond all heights on Earth."""
    wide, tall = min(source.width, 256), min(source.height, 256)
    window = Window((source.width - wide) // 2, (source.height - tall) // 2, wide, tall)
    try:
        values = np.ma.compressed(source.read(1, window=window, masked=True))
    except BROKEN:
        return False
    values = values[(values != 32_767) & (values != 65_535)]
    return bool(len(values) and (values > HIGHEST).mean() > 0.01)


def _about_heights(path: Path, source: DatasetReader, crs: str | None) -> list[str]:
    """What is known and what is assumed about the heights of a DEM."""
    out = []
    vertical, driver = vertical_of(crs), source.driver
    if vertical is not None:
        what = "above the ellipsoid" if vertical.reference == "ellipsoid" else "above the geoid"
        out.append(f"heights {what}: it declares {vertical.name!r}")
    elif driver in _GEOID:
        out.append(
            f"heights above the geoid ({_GEOID[driver]}), as the format says; 1985 heights differ by decimetres"
        )
    else:
        out.append("no vertical system is declared; heights are taken as above the geoid (1985)")
    plane = source.crs.linear_units if source.crs and source.crs.is_projected else "metre"
    if re.search(r"foot|feet|\bft\b", plane, re.I) and vertical is None and not source.units[0]:
        out.append("its plane is in feet and the unit of its heights is not said: metres are assumed; if they are feet, "
                   'write fields = { "band 1" = "height_ft" } in the plan')  # fmt: skip
    if _DEPTH_WORDS.search(path.stem):
        out.append(
            "its name speaks of depths; if they are positive downwards, "
            'write fields = { "band 1" = "depth_m" } in the plan'
        )
    return out


def _refuse_no_heights(path: Path, source: DatasetReader, rule: Elevation) -> None:
    """Refuse a "DEM" none of whose known numbers, over a sample, is a height."""
    wide, tall = min(source.width, 2048), min(source.height, 2048)
    window = Window((source.width - wide) // 2, (source.height - tall) // 2, wide, tall)
    try:
        raw, known = source.read(rule.band, window=window), source.read_masks(rule.band, window=window) > 0  # fmt: skip
    except BROKEN:
        return
    if known.any() and (wide, tall) == (source.width, source.height):
        heights = rule.of(raw, known)
        if np.isnan(heights).all():
            low, high = raw[known].min(), raw[known].max()
            raise SourceError(
                path, f"none of its numbers ({low:g} to {high:g}) is a height between {DEEPEST:,.0f} and {HIGHEST:,.0f} m; "
                'write in the plan class_code = "imagery" if it is a photo, fields = { "band 1" = "height_cm" } if it is in cm',
            )  # fmt: skip
