"""The DXF loader: one layer of the drawing is one layer here."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from loaders.base import Batch, LayerInfo
from loaders.columns import Faults
from loaders.features import feature_records
from loaders.gdalio import refuse_dangerous
from loaders.keys import KeyLedger
from loaders.vector import VectorLoader
from loaders.wkb import checked
from twin.errors import SourceError, UnsafeSourceError
from twin.plan import LayerPlan

if TYPE_CHECKING:
    from loaders.dxf.drawing import Row

__all__ = ["DxfLoader"]

BY_GDAL = "DXF (GDAL)"
LARGEST = 48 * 1024**2
"""Bytes up to which a drawing is read whole; larger ones go through GDAL, which streams but knows less."""


class DxfLoader:
    """DXF, text and binary, R12 to today."""

    name = "dxf"

    def supports(self, path: Path) -> bool:
        """Whether it is a ``.dxf`` of a size that is read whole."""
        return path.suffix.lower() == ".dxf" and path.is_file() and path.stat().st_size <= LARGEST

    def scan(self, path: Path) -> list[LayerInfo]:
        """Layers of the drawing that have entities, in order of their first entity.

        Raises
        ------
        SourceError
            If it cannot be read or has nothing drawn in it.
        """
        from loaders.dxf.drawing import drawing_of  # ezdxf takes a fifth of a second to import
        from loaders.dxf.shapes import RELATIVE, TOLERANCE

        refuse_dangerous(path)
        try:
            drawing = drawing_of(path)
        except UnsafeSourceError:
            raise
        except SourceError as err:
            return _by_gdal(path, err)
        if not drawing.rows:
            raise SourceError(path, "nothing is drawn in its model space")
        said = f"curves as chords within {TOLERANCE:g} drawing units ({RELATIVE:g} of large ones); closed lines as areas"
        return [
            LayerInfo(
                path=path,
                name=name,
                kind="features",
                format="DXF",
                count=len(rows),
                geometry_type=_type_of(rows),
                fields=dict.fromkeys(
                    dict.fromkeys(k for row in rows for k in row.attributes), "object"
                ),
                crs=drawing.crs,
                bounds=_bounds(rows),
                encoding=drawing.encoding,
                findings=(*drawing.findings, said),
            )
            for name, rows in drawing.rows.items()
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Records of one drawing layer; see :mod:`loaders.base`."""
        if layer.format == BY_GDAL:
            yield from VectorLoader().read(layer, plan, batch_size)
            return
        from loaders.dxf.drawing import drawing_of

        refuse_dangerous(layer.path)
        rows = drawing_of(layer.path).rows.get(layer.name, [])
        ledger = KeyLedger()
        for start in range(0, max(1, len(rows)), batch_size):
            yield _batch(rows[start : start + batch_size], layer, plan, start, ledger)


def _by_gdal(path: Path, err: SourceError) -> list[LayerInfo]:
    """What GDAL makes of a drawing that cannot be read otherwise; the first error where it makes nothing of it."""
    try:
        layers = VectorLoader().scan(path)
    except SourceError:
        raise err from None
    if not any(
        b.records.num_rows for la in layers for b in VectorLoader().read(la, LayerPlan(str(path)))
    ):
        raise err
    said = f"read by GDAL, layers and blocks flattened, because the drawing {err.reason}"
    return [replace(layer, format=BY_GDAL, findings=(*layer.findings, said)) for layer in layers]


def _shapes(rows: list["Row"]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    out = np.empty(len(rows), dtype=object)
    out[:] = [row.shape for row in rows]
    return out


def _type_of(rows: list["Row"]) -> str:
    shapes = _shapes(rows)
    kinds = {s.geom_type for s in shapes.tolist() if s is not None}
    deep = " Z" if shapely.has_z(shapes).any() else ""
    return (kinds.pop() if len(kinds) == 1 else "Unknown") + deep


def _bounds(rows: list["Row"]) -> tuple[float, float, float, float] | None:
    xy = shapely.get_coordinates(_shapes(rows))
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return None
    (a, b), (c, d) = xy.min(axis=0), xy.max(axis=0)
    return float(a), float(b), float(c), float(d)


def _batch(
    rows: list["Row"], layer: LayerInfo, plan: LayerPlan, start: int, ledger: KeyLedger
) -> Batch:
    faults = Faults(len(rows))
    faults.add(
        np.array([r.fault is not None for r in rows], dtype=bool), lambda i: str(rows[i].fault)
    )
    own = Faults(len(rows))
    raw = shapely.to_wkb(_shapes(rows), output_dimension=3, flavor="iso")
    wkb, dimension, findings = checked(pa.array(raw, pa.binary()), own, required=True)
    faults.add(own.mask & ~faults.mask, own.reason)
    columns = {
        name: pa.array([_scalar(row.attributes.get(name)) for row in rows], pa.string())
        for name in layer.fields
    }
    row = np.arange(start, start + len(rows), dtype=np.int64)
    records = feature_records(columns, wkb, dimension, plan, plan.fields, row, faults, ledger)
    return Batch(records, findings=tuple(findings))


def _scalar(value: object) -> str | None:
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
