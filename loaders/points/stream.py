"""What every reader of points gives: what is known beforehand, and the points in batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from twin.cloud import CloudSpec
from twin.cloud.summary import Batch

__all__ = ["BATCH", "PointStream"]

BATCH = 1_000_000
"""Points of one batch."""


@dataclass(frozen=True, slots=True)
class PointStream:
    """An opened cloud.

    ``bounds`` are (xmin, ymin, xmax, ymax) in the source CRS: of the header, or of a sample where
    there is none. ``findings`` may grow while ``batches()`` runs: points that cannot be read are told
    there. ``fields`` are the names of what a point carries.
    """

    spec: CloudSpec
    crs: str | None
    bounds: tuple[float, float, float, float] | None
    fields: dict[str, str]
    batches: Callable[[], Iterator[Batch]]
    findings: list[str] = field(default_factory=list)
