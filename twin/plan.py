"""The load plan: what scan proposes, a person corrects, and next month reuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "MODES", "Z_REFERENCES", "LayerPlan", "Plan"]

KINDS = (
    "features",
    "model",
    "points",
    "raster",
    "addresses",
    "streams",
    "observations",
    "cases",
)
MODES = ("replace", "append", "update")
Z_REFERENCES = ("1985", "ellipsoid", "ground")


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """How one layer goes into the base.

    ``path`` and ``layer`` may hold wildcards (``2026-*/建筑.shp``, ``*``). ``source`` names the source across
    deliveries where its file name alone does not.

    ``fields`` maps a source field to a canonical attribute (``height_m``, ``floors``, ``usage`` …) or, for tables, to
    a column of the layer's schema in :mod:`twin.schema`; fields that are not named are kept under
    their own name. ``units`` says in which unit the figures of a source field are; they are converted to
    the unit of the canonical attribute (to SI where there is none). ``values`` maps what stands in a canonical column
    (``stage``, ``class_code``, ``kind`` …) or a source field to what should stand there. ``missing`` are figures that mean
    "nothing measured".

    ``crs`` overrides what the source declares (``EPSG:4547``, ``GCJ-02``, ``BD-09`` …); ``crs_candidates`` (system,
    why) are written as comments where nothing certain was found: a person makes one of them the ``crs``.
    ``z_reference`` is ``1985``, ``ellipsoid`` or ``ground`` (no heights in the source), ``z_unit`` the unit of heights
    in geometries (metres where unset). ``time_zone`` is the zone of times that name none (``Asia/Shanghai``),
    ``date_order`` ``dmy`` or ``mdy`` for dates such as 3/4/2026.

    ``mode``: ``replace`` (a full delivery: what it does not hold any more has ended), ``append`` (records are added,
    known ones stay as they are), ``update`` (what is given is added or changed, nothing ends); unset means update.

    ``placement`` puts a model where it does not say where it is: ``easting``, ``northing`` (units of
    its ``crs``) or ``lon``, ``lat`` (degrees), with ``height`` (metres), ``rotation_deg``
    (counter-clockwise from grid or true east to the model's x axis) and ``scale``.

    A wide sensor table (one column per quantity or sensor) names those columns in ``variables``; ``station`` stands for
    the station where no column does. ``code_scheme`` names the code table of a foreign case table.

    ``notes`` are the comments that go above the keys in the plan file: key → sentence.
    """

    path: str
    layer: str = ""
    source: str | None = None
    kind: str = "features"
    class_code: str | None = None
    class_field: str | None = None
    key_field: str | None = None
    key_scheme: str | None = None
    name_field: str | None = None
    mode: str | None = None
    crs: str | None = None
    crs_evidence: str = ""
    z_reference: str = "ground"
    z_unit: str | None = None
    encoding: str | None = None
    time_zone: str | None = None
    date_order: str | None = None
    code_scheme: str | None = None
    station: str | None = None
    variables: tuple[str, ...] = ()
    missing: tuple[float, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    placement: Mapping[str, Any] = field(default_factory=dict)
    skip: bool = False
    crs_candidates: Sequence[tuple[str, str]] = ()
    notes: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def ends_what_is_missing(self) -> bool:
        """Whether things this delivery does not hold any more have ended."""
        return self.mode == "replace"


@dataclass(frozen=True, slots=True)
class Plan:
    """All layers of one load, in loading order, and the edition of the class codes they name."""

    layers: Sequence[LayerPlan]
    edition: str | None = None

    def to_toml(self) -> str:
        """Text of the plan file, see :func:`twin.planfile.write_plan`."""
        from twin.planfile import write_plan

        return write_plan(self)

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan file.

        Raises
        ------
        PlanError
            If the file is no TOML, or names a key or a value that no plan has; the message names the
            entry, the line and the nearest one that would do.
        """
        from twin.planfile import read_plan

        return read_plan(path)
