"""What a cloud is, and what was seen while its points went by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.schema import RECORDS

__all__ = ["Batch", "CloudSpec", "CloudSummary", "cloud_record"]

Batch = Mapping[str, NDArray[np.generic]]
"""Points in columns of equal length: ``x``, ``y``, ``z``, and what else they carry."""
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class CloudSpec:
    """How the numbers of a cloud are meant.

    Parameters
    ----------
    scale, offset : tuple of 3 floats
        coordinate = number · scale + offset, in the source CRS.
    z_metres : float
        Length of the unit of z.
    declared : int or None
        Points the source says it has.
    format : str
        As a person calls it: ``LAS 1.4``, ``PLY``.
    low, high : tuple of 3 floats or None
        The box the source declares, source CRS; only used to order the points.
    """

    scale: Triple = (1.0, 1.0, 1.0)
    offset: Triple = (0.0, 0.0, 0.0)
    z_metres: float = 1.0
    declared: int | None = None
    format: str = ""
    low: Triple | None = None
    high: Triple | None = None


@dataclass(slots=True)
class CloudSummary:
    """Counts and box of the points seen so far; feed it every batch once."""

    spec: CloudSpec
    n: int = 0
    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.full(3, -np.inf))
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    brightest: int = -1
    nowhere: int = 0

    def add(self, batch: Batch) -> None:
        """Count one batch; points without finite coordinates count as ``nowhere`` and for nothing else."""
        xyz = [batch[name] for name in ("x", "y", "z")]
        if not len(xyz[0]):
            return
        if xyz[0].dtype.kind == "f":
            good = np.isfinite(xyz[0]) & np.isfinite(xyz[1]) & np.isfinite(xyz[2])
            self.nowhere += int((~good).sum())
            self.n += int((~good).sum())
            batch = {name: column[good] for name, column in batch.items()}
            xyz = [column[good] for column in xyz]
            if not len(xyz[0]):
                return
        self.n += len(xyz[0])
        for i, column in enumerate(xyz):
            scale, offset = self.spec.scale[i], self.spec.offset[i]
            ends = sorted(float(v) * scale + offset for v in (column.min(), column.max()))
            self.low[i], self.high[i] = min(self.low[i], ends[0]), max(self.high[i], ends[1])
        if "classification" in batch:
            self.classes += np.bincount(batch["classification"], minlength=256)[:256]
        for name in ("red", "green", "blue"):
            if name in batch:
                self.brightest = max(self.brightest, int(batch[name].max()))

    @property
    def histogram(self) -> dict[str, int]:
        """Points of each class that occurs."""
        return {str(i): int(n) for i, n in enumerate(self.classes) if n}

    @property
    def color_bits(self) -> int | None:
        """8 where no colour exceeds 255 (also in 16-bit fields), 16 otherwise, None without colours or where all are 0."""
        return None if self.brightest <= 0 else 8 if self.brightest <= 255 else 16

    def findings(self) -> list[str]:
        """What is wrong with the cloud, each with its number."""
        out = []
        declared = self.spec.declared
        if declared is not None and declared != self.n:
            out.append(f"the header says {declared:,} points, {self.n:,} could be read")
        if self.nowhere:
            out.append(f"{self.nowhere:,} points have no finite coordinates")
        if self.n > self.nowhere and self.spec.low is not None and self.spec.high is not None:
            off = np.abs(np.concatenate([self.low - self.spec.low, self.high - self.spec.high]))
            if not off.max() <= 1.0:
                out.append("the header's box does not match the points; the points' own box was taken")  # fmt: skip
        return out

    def attributes(self) -> dict[str, Any]:
        """What the base says of the cloud: counts, classes, heights in metres (source reference), density."""
        out: dict[str, Any] = {"points": self.n, "format": self.spec.format}
        if self.spec.declared not in (None, self.n):
            out["points_declared"] = self.spec.declared
        if self.n == self.nowhere:
            return out
        if self.classes.any():
            out["classes"] = self.histogram
        metres = self.spec.z_metres
        out["z_min"], out["z_max"] = (round(float(v[2]) * metres, 3) for v in (self.low, self.high))
        if self.color_bits:
            out["color_bits"] = self.color_bits
        return out


def cloud_record(
    summary: CloudSummary, key: str, class_code: str, more: Mapping[str, Any], fault: str | None
) -> pa.Table:
    """The one record of a cloud: its box as polygon (source CRS), what was counted as attributes.

    Parameters
    ----------
    summary : CloudSummary
        After the last batch.
    key : str
        Name of the cloud.
    class_code : str
    more : mapping
        Further attributes.
    fault : str or None
        Why it is no cloud; one without points says so by itself.

    Returns
    -------
    pyarrow.Table
        One row of :data:`twin.schema.RECORDS`.
    """
    seen = summary.n > summary.nowhere
    if not seen and fault is None:
        fault = "the cloud has no points"
    box = shapely.box(*summary.low[:2], *summary.high[:2]) if seen else None
    row: dict[str, Any] = dict.fromkeys(RECORDS.names)
    row |= {
        "row": 0,
        "key": key,
        "name": key,
        "class_code": class_code,
        "attributes": orjson.dumps(summary.attributes() | dict(more)).decode(),
        "role": "area",
        "lod": "0",
        "geometry": None if box is None else shapely.to_wkb(box),
        "fault": fault,
    }
    return pa.Table.from_pylist([row], schema=RECORDS)
