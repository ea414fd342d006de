"""Point clouds (LAS, LAZ): the header, its histogram of classes, and one record with the cloud's box."""

from collections.abc import Iterator
from pathlib import Path

import laspy
import laspy.errors
import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from loaders.base import Batch, LayerInfo
from loaders.columns import build_table
from loaders.gdalio import head_of, refuse_dangerous
from loaders.keys import alias_column
from twin.errors import SourceError
from twin.plan import LayerPlan
from twin.schema import RECORDS

__all__ = ["PointsLoader"]

CHUNK = 1_000_000
MOST = 20_000_000
"""At most so many points are read for the histogram of classes."""


class PointsLoader:
    """LAS and LAZ 1.0 to 1.4."""

    name = "points"

    def supports(self, path: Path) -> bool:
        """Whether the extension is ``.las`` or ``.laz`` and the file starts with LASF."""
        return path.suffix.lower() in (".las", ".laz") and head_of(path, 4) == b"LASF"

    def scan(self, path: Path) -> list[LayerInfo]:
        """The cloud as one layer; its one record is counted, the number of points stands in ``findings``.

        Raises
        ------
        SourceError
            If the header cannot be read.
        """
        header = _header(path)
        findings = [
            f"{header.point_count} points, format {header.point_format.id}, LAS {header.version}"
        ]
        crs = _crs(header, findings)
        bounds = _bounds(header)
        if bounds is None:
            findings.append("the header's box is no box")
        elif crs is None:
            findings.append("no CRS in the header; give it in the plan")
        return [
            LayerInfo(
                path,
                path.stem,
                "points",
                f"LAS {header.version}",
                1,
                "point cloud",
                {},
                crs,
                bounds,
                None,
                tuple(findings),
            )
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:  # noqa: ARG002
        """One record of class ``point_cloud``: box of the points as polygon, counts and classes as attributes."""
        header = _header(layer.path)
        findings: list[str] = []
        attributes: dict[str, object] = {
            "points": int(header.point_count),
            "format": f"LAS {header.version}",
        }
        fault = None
        low, high = np.array(header.mins), np.array(header.maxs)
        try:
            classes, seen_low, seen_high, n = _histogram(layer.path)
        except SourceError as err:
            fault, n, classes = f"its points cannot be read: {err.reason}", 0, {}
        if n:
            if np.abs(seen_low - low).max() > 1.0 or np.abs(seen_high - high).max() > 1.0:
                findings.append(
                    "the header's box does not match the points; the points' own box was taken"
                )
                low, high = seen_low, seen_high
            attributes |= {
                "classes": classes,
                "z_min": round(float(low[2]), 3),
                "z_max": round(float(high[2]), 3),
            }
        elif fault is None:
            fault = "the cloud has no points"
        if n < header.point_count and n and n < MOST:
            findings.append(f"the header says {header.point_count} points, the file holds {n}")
        box = shapely.box(low[0], low[1], high[0], high[1])
        records = build_table(
            RECORDS,
            1,
            {
                "row": pa.array([0]),
                "key": pa.array([layer.path.stem]),
                "name": pa.array([layer.path.stem]),
                "class_code": pa.array([plan.class_code or "point_cloud"]),
                "aliases": alias_column(1, []),
                "attributes": pa.array([orjson.dumps(attributes).decode()]),
                "role": pa.array(["area"]),
                "lod": pa.array(["0"]),
                "geometry": pa.array(
                    [shapely.to_wkb(box)] if np.isfinite([*low, *high]).all() else [None],
                    pa.binary(),
                ),
                "fault": pa.array([fault], pa.string()),
            },
        )
        yield Batch(records, findings=tuple(findings))


def _header(path: Path) -> laspy.LasHeader:
    refuse_dangerous(path)
    try:
        with laspy.open(path) as reader:
            return reader.header
    except (laspy.errors.LaspyException, OSError, ValueError, IndexError, EOFError) as err:
        raise SourceError(path, f"is no readable LAS file: {err}") from err


def _crs(header: laspy.LasHeader, findings: list[str]) -> str | None:
    """Declared CRS: WKT as written, or the EPSG code of the GeoTIFF keys."""
    for vlr in [*header.vlrs, *(header.evlrs or [])]:
        if type(vlr).__name__ == "WktCoordinateSystemVlr" and vlr.string.strip("\0 "):
            return str(vlr.string).strip("\0 ")
    for vlr in header.vlrs:
        if type(vlr).__name__ == "GeoKeyDirectoryVlr":
            codes = {key.id: key.value_offset for key in vlr.geo_keys}
            for key in (3072, 2048):  # projected, then geographic
                if 1024 < codes.get(key, 0) < 32_767:
                    return f"EPSG:{codes[key]}"
            findings.append("the GeoTIFF keys name no EPSG code")
    return None


def _bounds(header: laspy.LasHeader) -> tuple[float, float, float, float] | None:
    low, high = np.array(header.mins, dtype=float), np.array(header.maxs, dtype=float)
    if not np.isfinite([*low, *high]).all() or (low > high).any():
        return None
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _histogram(path: Path) -> tuple[dict[str, int], NDArray[np.float64], NDArray[np.float64], int]:
    """Points per class, box of the points, and their number, over at most ``MOST`` points."""
    counts = np.zeros(256, dtype=np.int64)
    low, high, n = np.full(3, np.inf), np.full(3, -np.inf), 0
    try:
        with laspy.open(path) as reader:
            for points in reader.chunk_iterator(CHUNK):
                if not len(points):
                    break
                counts += np.bincount(
                    np.asarray(points.classification, dtype=np.int64), minlength=256
                )[:256]
                xyz = np.column_stack([points.x, points.y, points.z])
                low, high = np.minimum(low, xyz.min(axis=0)), np.maximum(high, xyz.max(axis=0))
                n += len(points)
                if n >= MOST:
                    break
    except (
        laspy.errors.LaspyException,
        OSError,
        ValueError,
        RuntimeError,
        EOFError,
        IndexError,
    ) as err:
        raise SourceError(path, str(err)) from err
    except BaseException as err:
        if (
            type(err).__name__ != "PanicException"
        ):  # the decoder's own class, no Exception and not importable
            raise
        raise SourceError(path, f"the LAZ decoder gave up: {err}") from err
    return {str(i): int(c) for i, c in enumerate(counts) if c}, low, high, n
