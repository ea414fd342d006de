"""Where a raster lies: in the file, beside it, from control points, or as the plan says."""

import html
import re
from pathlib import Path

import numpy as np
from rasterio.io import DatasetReader

from loaders.gdalio import head_of
from loaders.raster.opening import sibling_of
from twin.errors import PlanError

__all__ = ["Affine", "corners", "crs_of", "transform_of"]

Affine = tuple[float, float, float, float, float, float]
LARGEST_RESIDUAL = 1.5
"""Pixels by which control points may miss an affine placement."""


def transform_of(
    source: DatasetReader, findings: list[str], given: str | None = None
) -> tuple[Affine | None, str | None]:
    """Affine of pixel corners, and where it is missing the reason with what to do.

    Parameters
    ----------
    source : DatasetReader
    findings : list of str
        How it was placed goes here, where that is not the file's own transform.
    given : str, optional
        The plan's ``bounds``: xmin, ymin, xmax, ymax of a north-up raster.
    """
    if given:
        return _from_bounds(source, given), None
    t = source.transform
    plain = t.is_identity or ((t.a, t.b, t.d, abs(t.e)) == (1, 0, 0, 1) and (t.c, t.f) == (0, 0))
    numbers = np.array([t.a, t.b, t.c, t.d, t.e, t.f])
    if not plain and np.isfinite(numbers).all() and t.a * t.e - t.b * t.d != 0:
        return (t.a, t.b, t.c, t.d, t.e, t.f), None
    if (written := _auxiliary(Path(source.name), "GeoTransform")) and source.gcps[0] == []:
        values = [float(v) for v in written.split(",")[:6]]
        if len(values) == 6:
            findings.append("placed by the .aux.xml beside it")
            c, a, b, f, d, e = values
            return (a, b, c, d, e, f), None
    if source.gcps[0]:
        return _from_control_points(source, findings)
    if source.rpcs is not None:
        return None, (
            "is placed by rational polynomials (RPC) only; orthorectify it over a terrain model "
            "(gdalwarp -rpc -to RPC_DEM=dem.tif) and load the result"
        )
    return None, (
        "has no georeference; put its world file beside it, or write in the plan "
        'fields = { bounds = "xmin, ymin, xmax, ymax" } and its crs'
    )


def _from_bounds(source: DatasetReader, given: str) -> Affine:
    try:
        xmin, ymin, xmax, ymax = (float(v) for v in re.split(r"[,;\s]+", given.strip()))
    except ValueError as err:
        raise PlanError(
            f"bounds {given!r} are not four numbers: expected xmin, ymin, xmax, ymax"
        ) from err
    if not (xmin < xmax and ymin < ymax):
        raise PlanError(f"bounds {given!r} are empty: expected xmin < xmax and ymin < ymax")
    return (xmax - xmin) / source.width, 0.0, xmin, 0.0, -(ymax - ymin) / source.height, ymax


def _from_control_points(
    source: DatasetReader, findings: list[str]
) -> tuple[Affine | None, str | None]:
    """Least squares over the control points, where they agree with an affine."""
    points, _ = source.gcps
    table = np.array([[p.col, p.row, p.x, p.y] for p in points], dtype=float)
    design = np.column_stack([table[:, :2], np.ones(len(table))])
    if len(points) < 3 or np.linalg.matrix_rank(design) < 3:
        return None, f"has {len(points)} control point(s) on one line; an image needs at least 3"
    scale = np.ptp(table, axis=0)
    solved = np.linalg.lstsq(design, table[:, 2:], rcond=None)[0]
    residual = np.abs(design @ solved - table[:, 2:]).max(axis=0)
    pixel = scale[2:] / np.maximum([source.width, source.height], 1)
    worst = float((residual / np.maximum(pixel, 1e-12)).max())
    if worst > LARGEST_RESIDUAL:
        return None, (
            f"is placed by {len(points)} control points that miss a plane placement by {worst:.1f} pixels; "
            "warp it first (gdalwarp -tps) and load the result"
        )
    findings.append(
        f"placed by {len(points)} control points, the worst {worst:.2f} pixels off an affine"
    )
    (a, d), (b, e), (c, f) = solved
    return (float(a), float(b), float(c), float(d), float(e), float(f)), None


def crs_of(source: DatasetReader, findings: list[str]) -> str | None:
    """Declared CRS as ``EPSG:n`` where GDAL is sure, else WKT; where the file is silent from a ``.prj`` or ``.aux.xml``."""
    found = source.crs or (source.gcps[1] if source.gcps[0] else None)
    if found:
        text = str(found.to_wkt())
        if re.match(r"COMPD_CS|COMPOUNDCRS", text):
            return text
        code = found.to_epsg(confidence_threshold=90)
        return f"EPSG:{code}" if code else text
    path = Path(source.name)
    if (beside := sibling_of(path, "prj")) is not None:
        text = head_of(beside, 65_536).decode("utf-8", "replace").strip("\ufeff \r\n\0")
        if text and source.driver not in ("AAIGrid", "EHdr"):
            findings.append(f"CRS from {beside.name}")
        return text or None
    if written := _auxiliary(path, "SRS"):
        findings.append(f"CRS from {path.name}.aux.xml")
        return written
    return None


def _auxiliary(path: Path, tag: str) -> str | None:
    """Text of one element of the .aux.xml beside a raster."""
    beside = sibling_of(path, "aux.xml")
    if beside is None or beside.stat().st_size > 1 << 22:
        return None
    text = head_of(beside, 1 << 22).decode("utf-8", "replace")
    found = re.search(rf"<{tag}\b[^>]*>([^<]*)</{tag}>", text)
    return html.unescape(found[1]).strip() if found else None


def corners(transform: Affine, rows: int, cols: int) -> tuple[float, float, float, float]:
    """xmin, ymin, xmax, ymax of a placed raster, rotated or not."""
    a, b, c, d, e, f = transform
    x = [c, c + a * cols, c + b * rows, c + a * cols + b * rows]
    y = [f, f + d * cols, f + e * rows, f + d * cols + e * rows]
    return min(x), min(y), max(x), max(y)
