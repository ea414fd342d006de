"""The load plan: what scan proposes, a person corrects, and next month reuses."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from twin.errors import PlanError

__all__ = ["LayerPlan", "Plan"]


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """How one layer goes into the base.

    ``fields`` maps a source field to a canonical attribute (``height_m``, ``floors``, ``usage`` …)
    or, for tables, to
    a column of the layer's schema in :mod:`twin.schema`; fields that are not named are kept under
    their own name.
    ``crs`` overrides what the source declares (``EPSG:4547``, ``GCJ-02``, ``BD-09`` …).
    ``z_reference`` is ``1985``, ``ellipsoid`` or ``ground`` (no heights in the source).
    ``placement`` puts a model where it does not say where it is: ``easting``, ``northing`` (units of
    its ``crs``) or ``lon``, ``lat`` (degrees), with ``height`` (metres), ``rotation_deg``
    (counter-clockwise from grid or true east to the model's x axis) and ``scale``.
    """

    path: str
    layer: str = ""
    kind: str = "features"
    class_code: str | None = None
    class_field: str | None = None
    key_field: str | None = None
    name_field: str | None = None
    crs: str | None = None
    crs_evidence: str = ""
    z_reference: str = "ground"
    encoding: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    key_scheme: str | None = None
    placement: Mapping[str, Any] = field(default_factory=dict)
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All layers of one load, in loading order."""

    layers: Sequence[LayerPlan]

    def to_toml(self) -> str:
        """Text of the plan file; keys that are unset are left out."""
        rows = [
            {k: v for k, v in asdict(layer).items() if v not in (None, "", {}, False)}
            for layer in self.layers
        ]
        return tomli_w.dumps({"layer": rows})

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan file.

        Raises
        ------
        PlanError
            If the file is no TOML, or names a key that no plan has.
        """
        try:
            rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get(
                "layer", []
            )
            return cls([LayerPlan(**row) for row in rows])
        except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as err:
            raise PlanError(
                f"{path}: not a plan file: {err}. Expected [[layer]] tables as `twin scan --plan` writes them."
            ) from err
