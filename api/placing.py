"""Where a layer lies: what it declares, its numbers and names, weighed against the base."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from api.fitting import weighed
from loaders.base import LayerInfo
from loaders.sampling import LayerSample, coordinate_fields, sample_layer
from twin import crs
from twin.city import City
from twin.crs.placement import Box
from twin.heights import Heights
from twin.plan import LayerPlan
from twin.terrain import Surface

__all__ = [
    "CONFIDENT",
    "NO_COORDINATES",
    "SURE",
    "TABLES",
    "Placer",
    "candidate_lines",
    "rank",
    "sure_first",
]

CONFIDENT = 0.6
"""A CRS that is less certain than this is not used: a person confirms it in the plan."""
SURE = 0.9
"""Layers at least this certain are the ground by which the others are judged."""
TABLES = ("addresses", "streams", "cases")
_SPATIAL = frozenset({"raster", "features", "model", "points"})
_PLACELESS = crs.CrsVerdict("EPSG:4490", "readings carry no coordinates", 1.0, ())
_EMPTY = crs.CrsVerdict("EPSG:4490", "the layer is empty: there is nothing to place", 1.0, ())
_TABLE = crs.CrsVerdict("EPSG:4490", "the table has no columns for coordinates", 1.0, ())
NO_COORDINATES = "there are no coordinates: no geometry, and no columns that hold x and y or WKT"

Planned = tuple[LayerInfo, LayerPlan]


@dataclass(slots=True)
class Placer:
    """Judges layers of one city; samples are read once.

    Parameters
    ----------
    city : City, optional
        Its expected system and its local grids; None for a scan without a city.
    expected : str, optional
        Expected system, where there is no city.
    trusted : Trusted, optional
        Ground whose place is sure; None or empty where there is none yet.
    extent : box of degrees, optional
        Where that ground lies.
    """

    city: City | None = None
    expected: str | None = None
    trusted: crs.Trusted | None = None
    extent: Box | None = None
    _samples: dict[tuple[str, str], LayerSample] = field(default_factory=dict)

    def sample(self, planned: Planned) -> LayerSample:
        """Shapes of the layer's first records, in its own coordinates."""
        info, plan = planned
        key = (str(info.path), info.name)
        if key not in self._samples:
            self._samples[key] = sample_layer(info, plan)
        return self._samples[key]

    def first_look(self, planned: Planned) -> crs.CrsVerdict:
        """Verdict without comparison: what the layer says of itself."""
        info, plan = planned
        if plan.kind == "observations":
            return _PLACELESS
        if plan.kind == "model":
            return weighed(self._judged(planned, info.bounds), info, plan)
        if plan.crs is None and (told := self._without_place(planned)) is not None:
            return told
        bounds = info.bounds
        if bounds is None and plan.crs is None and info.format != "unreadable":
            bounds = self.sample(planned).bounds
        verdict = self._judged(planned, bounds)
        if verdict.confidence < CONFIDENT and plan.crs is None and info.bounds is not None:
            return self._by_core(planned, verdict)
        return verdict

    def _without_place(self, planned: Planned) -> crs.CrsVerdict | None:
        """Verdict for a layer that has nothing to place; None where it has."""
        info, plan = planned
        if info.count == 0 and info.crs is None:
            return _EMPTY
        if info.bounds is not None or info.crs is not None or info.format == "unreadable":
            return None
        columns = coordinate_fields(info, plan.fields)
        if plan.kind in TABLES:
            return None if columns else _TABLE
        if plan.kind == "features" and not columns and not len(self.sample(planned).shapes):
            return crs.CrsVerdict(None, NO_COORDINATES, 0.0, ())
        return None

    def _judged(self, planned: Planned, bounds: Box | None) -> crs.CrsVerdict:
        info, plan = planned
        columns = coordinate_fields(info, plan.fields)
        name = (
            info.path.stem if info.name in ("", info.path.stem) else f"{info.path.stem} {info.name}"
        )
        evidence = crs.Evidence(
            stated=info.crs_stated,
            clues=crs.clues_of(name, columns, info.fields),
            degrees=crs.named_as_degrees(columns),
            grids=[f"LOCAL:{grid}" for grid in self.city.grids] if self.city else [],
            city=self.extent,
        )
        expected = self.city.source_crs if self.city else self.expected
        return crs.judge(info.crs, bounds, expected=expected, given=plan.crs, evidence=evidence)

    def _by_core(self, planned: Planned, verdict: crs.CrsVerdict) -> crs.CrsVerdict:
        """The verdict for the middle of the data, where a few records far off spoil the bounds."""
        sample = self.sample(planned)
        core = sample.core
        if core is None or core == sample.bounds:
            return verdict
        better = self._judged(planned, core)
        if better.confidence <= verdict.confidence:
            return verdict
        words = "a few records lie far off the others: the system was judged by the others' bounds"
        return replace(better, findings=(words, *better.findings))

    def verdict(self, planned: Planned) -> crs.CrsVerdict:
        """Verdict after comparison with trusted ground, where there is any to compare with."""
        plan = planned[1]
        first = self.first_look(planned)
        if self.trusted is None or self.extent is None or not _comparable(planned):
            return first
        if plan.crs is not None and not _shiftable(plan.crs):
            return first
        shapes = self.sample(planned).shapes
        if not len(shapes):
            return first
        verdict = crs.confirm(first, shapes, self.trusted, given=plan.crs is not None)
        if verdict.crs is not None and verdict.confidence < CONFIDENT:
            return replace(
                verdict, findings=(*verdict.findings, *self._far_off(verdict.crs, shapes))
            )
        return verdict

    def _far_off(self, system: str, shapes: NDArray[np.object_]) -> list[str]:
        """A finding where a layer would lie nowhere near anything trusted."""
        assert self.extent is not None  # noqa: S101 -- asked by verdict() only where there is one
        box = shapely.bounds(crs.transform_shapes(system, shapes))
        box = box[np.isfinite(box).all(axis=1)]
        if not len(box):
            return []
        lon, lat = np.median((box[:, :2] + box[:, 2:]) / 2, axis=0)
        west, south, east, north = self.extent
        out = max(west - lon, south - lat, lon - east, lat - north)
        if out < 0.5:
            return []
        return [f"as {system} it would lie about {out * 111:.0f} km from everything trusted"]

    def heights(
        self, planned: Planned, system: str, terrain: Surface | None, heights: Heights
    ) -> crs.HeightVerdict | None:
        """What the layer's heights stand on, told by the terrain; None where nothing can be told."""
        shapes = self.sample(planned).shapes if planned[1].kind == "features" else np.array([])
        shapes = shapes[shapely.has_z(shapes)] if len(shapes) else shapes
        if terrain is None or not len(shapes):
            return None
        placed = crs.transform_shapes(system, shapes[:5_000])
        xyz, owner = shapely.get_coordinates(placed, include_z=True, return_index=True)
        starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
        foot = np.minimum.reduceat(xyz[:, 2], starts)
        centre = shapely.get_coordinates(shapely.centroid(placed))
        lon, lat = centre[:, 0], centre[:, 1]
        if len(lon) != len(foot):
            return None
        return crs.judge_heights(foot, terrain.height(lon, lat), heights.undulation(lon, lat))


def _comparable(planned: Planned) -> bool:
    return planned[1].kind in ("features", *TABLES)


def _shiftable(system: str) -> bool:
    """Whether a plan's system is one that shifted data are mistaken for."""
    known = crs.canonical(system).removesuffix("@yx")
    return known in (
        "EPSG:4326",
        "EPSG:4490",
        "EPSG:3857",
        "GCJ-02",
        "BD-09",
        "GCJ-02MC",
        "BD-09MC",
    )


def candidate_lines(verdict: crs.CrsVerdict, most: int = 8) -> list[str]:
    """Candidates and their scores, a line each, for findings and reports."""
    return [
        f"candidate {c.crs} ({c.confidence:.0%}): {c.why}" for c in verdict.candidates[:most]
    ] if len(verdict.candidates) > 1 else []  # fmt: skip


def rank(planned: Planned, placer: Placer) -> int:
    """How surely a layer is placed by the plan or itself: 0 sure, 1 likely (degrees in China), 2 doubtful."""
    if planned[1].crs is not None:
        return 0
    if planned[0].format == "unreadable":
        return 2
    confidence = placer.first_look(planned).confidence
    return 0 if confidence >= SURE else 1 if confidence >= CONFIDENT else 2


def sure_first(planned: Sequence[Planned], placer: Placer) -> tuple[list[Planned], list[Planned]]:
    """Layers in an order in which the surely placed ones can serve the doubtful ones as ground.

    Layers of the map change places among themselves only; tables that refer to them keep theirs.

    Returns
    -------
    ordered : list
    deferred : list
        Those that were moved behind others.
    """
    spatial = [p for p in planned if p[1].kind in _SPATIAL and not p[1].skip]
    ranks = [rank(p, placer) for p in spatial]
    order = sorted(range(len(spatial)), key=ranks.__getitem__)
    slots = iter(spatial[i] for i in order)
    ids = {id(p) for p in spatial}
    ordered = [next(slots) if id(p) in ids else p for p in planned]
    deferred = [
        spatial[i] for at, i in enumerate(order) if any(j > i for j in order[:at])
    ]  # fmt: skip
    return ordered, deferred
