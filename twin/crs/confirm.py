"""A verdict weighed against trusted ground: whether the layer lies where things are.

Every candidate is laid over the trusted shapes (:mod:`twin.crs.overlay`). It is confirmed if its
shapes fit there without being moved, clearly and at no other place; it is refuted if they fit
clearly when moved. What fits nowhere stays what it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.crs import names
from twin.crs.candidates import CAUTION, Candidate
from twin.crs.overlay import CELL, FEW, Ground, Peak, Window, overlay, peak_of
from twin.crs.placement import Box
from twin.crs.transforms import to_geographic, transform_shapes
from twin.crs.verdict import CrsVerdict
from twin.errors import CrsError

__all__ = ["STEP", "Fit", "Trusted", "TrustedShapes", "confirm", "fits_of"]

Array = NDArray[np.float64]
Shapes = NDArray[np.object_]

STEP = 0.025
"""Degrees of the cells in which trusted things are counted."""
CLEAR = 9.0
"""Standard deviations a fit must stand out by."""
RIVAL = 0.65
"""The next best place must stay below this share of the fit."""
MOVED = 40.0
"""Metres: a fit that is farther off refutes a system (street furniture keeps beside what it serves)."""
_NEAR, _NEAR_UNLIKE = 9.0, 22.0  # metres from no shift: like on like, points in footprints
_SAME = 1.0  # metres: candidates closer than this are one
_MOST_CANDIDATES, _MOST_WINDOWS = 16, 3
_METRES_PER_DEGREE = 111_319.490793


class Trusted(Protocol):
    """Ground whose place is sure, in longitude and latitude (EPSG:4490)."""

    def density(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cells (column, row) of ``STEP`` degrees, shape (n, 2), and the shapes in each, (n,)."""
        ...

    def within(self, box: Box) -> Shapes:
        """Shapes that meet a box of degrees."""
        ...


class TrustedShapes:
    """Trusted ground held in memory.

    Parameters
    ----------
    shapes : ndarray of shapely geometries
        Longitude and latitude; missing and empty ones are left out.
    """

    def __init__(self, shapes: Shapes) -> None:
        there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        self._shapes = shapes[there]
        self._tree = shapely.STRtree(self._shapes)

    def density(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """See :class:`Trusted`."""
        return cells_of(self._shapes)

    def within(self, box: Box) -> Shapes:
        """See :class:`Trusted`."""
        return np.asarray(self._shapes[np.sort(self._tree.query(shapely.box(*box)))])


@dataclass(frozen=True, slots=True)
class Fit:
    """How one candidate lies over the trusted ground; ``peak`` is None where nothing could be compared."""

    candidate: Candidate
    peak: Peak | None

    @property
    def confirmed(self) -> bool:
        """Fits clearly, without being moved, and nowhere else."""
        p = self.peak
        if p is None:
            return False
        near = _NEAR if p.alike else _NEAR_UNLIKE
        return p.best >= CLEAR and p.off <= near and p.second <= RIVAL * p.best

    @property
    def moved(self) -> bool:
        """Fits clearly, but somewhere else."""
        p = self.peak
        return (
            p is not None and p.best >= CLEAR * 1.3 and p.off >= MOVED and p.second <= 0.5 * p.best
        )

    def told(self) -> str:
        """The comparison in words."""
        p = self.peak
        if p is None:
            return f"{self.candidate.crs}: no trusted things where it would lie"
        if self.confirmed:
            return f"{self.candidate.crs} fits without being moved ({p.best:.0f} σ)"
        if self.moved:
            return (
                f"{self.candidate.crs} would have to be moved {_compass(p.east, p.north)} to fit "
                f"({p.best:.0f} σ)"
            )
        return f"{self.candidate.crs} fits nowhere clearly ({p.best:.0f} σ)"


def confirm(
    verdict: CrsVerdict, shapes: Shapes, trusted: Trusted, *, given: bool = False
) -> CrsVerdict:
    """A verdict after comparison with trusted ground.

    Parameters
    ----------
    verdict : CrsVerdict
        Of :func:`twin.crs.judge`; its candidates are tried.
    shapes : ndarray of shapely geometries
        A sample of the layer in its own coordinates (some thousands suffice).
    trusted : Trusted
    given : bool
        The plan names the system: it stays, what speaks against it becomes a finding.

    Returns
    -------
    CrsVerdict
        Confirmed: at least 0.8. Another candidate confirmed than the one the source declares:
        refused (0.55) with the better one as ``crs``, for a person to decide. Refuted: 0.5.
        Nothing to compare, or nothing clear: as it was.
    """
    shapes = shapely.get_parts(shapes)
    tried = list(verdict.candidates) or [
        Candidate(verdict.crs, verdict.why, verdict.confidence)
        for _ in [0] if verdict.crs is not None
    ]  # fmt: skip
    if given and verdict.crs is not None:
        ours = Candidate(verdict.crs, verdict.why, verdict.confidence)
        tried = [ours, *[c for c in _alternatives(verdict.crs) if c.crs != ours.crs]]
    fits = fits_of(_told_apart(tried, verdict.crs)[:_MOST_CANDIDATES], shapes, trusted)
    if not any(fit.peak for fit in fits):
        return verdict
    sure = [fit for fit in fits if fit.confirmed and _twin(fit.candidate.crs) is None]
    apart = _distinct(sure, shapes)
    n = max(fit.peak.shapes for fit in fits if fit.peak)
    told = f"compared with trusted layers ({n} shapes): " + "; ".join(f.told() for f in fits[:6])
    out = replace(verdict, findings=(*verdict.findings, told), candidates=_scored(fits))
    if given:
        return _against_plan(out, fits, sure)
    if len(apart) > 1:
        both = " and ".join(fit.candidate.crs for fit in apart)
        return replace(
            out,
            confidence=min(out.confidence, 0.5),
            why=f"{both} fit the trusted layers alike; {verdict.why}",
        )
    if apart:
        return _confirmed(out, apart[0], verdict)
    ours = next((fit for fit in fits if fit.candidate.crs == verdict.crs), None)  # type: ignore[assignment]
    if isinstance(ours, Fit) and ours.moved and ours.peak is not None:
        why = f"{verdict.why}, but the trusted layers say otherwise: {_moved_words(ours, shapes)}"
        return replace(out, why=why, confidence=min(out.confidence, 0.5))
    return out


def _told_apart(tried: Sequence[Candidate], kept: str | None) -> list[Candidate]:
    """Candidates in which every Xian 1980 zone has its twin of CGCS2000, and stands aside for it.

    A datum without a public relation is placed as if there were none, within metres of its twin:
    no ground could tell them apart, and what fits there is not in the old datum. The one that is
    declared stays, to be refuted.
    """
    out: list[Candidate] = []
    there = {c.crs for c in tried}
    for c in tried:
        twin = _twin(c.crs)
        if twin is None or c.crs == kept:
            out.append(c)
        if twin is not None and twin not in there:
            why = f"its numbers look like {c.crs}, the datum of which is not in them"
            out.append(Candidate(twin, why, min(c.confidence, 0.3)))
    return out


def _twin(crs: str) -> str | None:
    """The zone of CGCS2000 with the same numbers as one of Xian 1980; None for other systems."""
    zone = names.zone_of(crs)
    if zone is None or zone.family != "Xian 1980":
        return None
    code = names.zone_code(replace(zone, family="CGCS2000"))
    suffix = names.SWAPPED if crs.endswith(names.SWAPPED) else ""
    return None if code is None else code + suffix


def _confirmed(out: CrsVerdict, fit: Fit, before: CrsVerdict) -> CrsVerdict:
    """Verdict for the one candidate that fits."""
    peak = fit.peak
    assert peak is not None  # noqa: S101 -- a confirmed fit has one
    trust = round(0.8 + 0.15 * min(1.0, (peak.best - CLEAR) / (3 * CLEAR)), 3)
    out = replace(out, findings=tuple(f for f in out.findings if CAUTION not in f))
    seen = f"{peak.shapes} shapes fit the trusted layers without being moved ({peak.best:.0f} σ, next best {peak.second:.0f})"
    if fit.candidate.crs == before.crs:
        why = before.why.replace(f"; {CAUTION}", "")
        return replace(out, why=f"{why}; {seen}", confidence=max(trust, out.confidence))
    why = f"{fit.candidate.why.replace(f'; {CAUTION}', '')}; {seen}"
    if before.confidence >= 0.6:
        # it was said otherwise, by the source itself: which of both is wrong, a person decides
        why = f"taken for {before.crs} ({before.why}), but as {fit.candidate.crs} {seen}"
        trust = min(trust, 0.55)
    return replace(out, crs=fit.candidate.crs, why=why, confidence=trust)


def _against_plan(out: CrsVerdict, fits: Sequence[Fit], sure: Sequence[Fit]) -> CrsVerdict:
    """The plan's system stays; a better one is a finding, a confirmed one is said."""
    ours = fits[0]
    if ours.confirmed or not (sure or ours.moved):
        return out
    better = next((fit.candidate.crs for fit in sure), None)
    words = (
        f"the trusted layers fit {better} without being moved, not {out.crs}"
        if better
        else f"the trusted layers contradict the plan's {out.crs}: {ours.told()}"
    )
    return replace(out, findings=(*out.findings, words), confidence=min(out.confidence, 0.7))


def _scored(fits: Sequence[Fit]) -> tuple[Candidate, ...]:
    """Candidates with their confidence after the comparison, best first."""
    out = []
    most = 0.3 if any(fit.confirmed for fit in fits) else 1.0
    for fit in fits:
        c = fit.candidate
        trust = 0.9 if fit.confirmed else min(c.confidence, 0.1 if fit.moved else most)
        out.append(
            replace(c, why=f"{fit.told()}; {c.why}" if fit.peak else c.why, confidence=trust)
        )
    return tuple(sorted(out, key=lambda c: -c.confidence))


def _alternatives(crs: str) -> list[Candidate]:
    """What a layer may really be in that is said to be in a system."""
    suffix = names.SWAPPED if crs.endswith(names.SWAPPED) else ""
    bare = names.plain(crs)
    degrees = ("EPSG:4490", names.GCJ02, names.BD09)
    metres = ("EPSG:3857", names.GCJ02MC, names.BD09MC)
    for group in (degrees, metres):
        if bare in group or (group is degrees and bare == "EPSG:4326"):
            return [
                Candidate(c + suffix, f"such numbers can be {c}", 0.2)
                for c in group
                if c != bare and {c, bare} != {"EPSG:4490", "EPSG:4326"}
            ]
    return []


def fits_of(candidates: Sequence[Candidate], shapes: Shapes, trusted: Trusted) -> list[Fit]:
    """How each candidate lies over trusted ground, in the order given."""
    cells, counts = trusted.density()
    ground = {(int(c), int(r)): int(n) for (c, r), n in zip(cells, counts, strict=True)}
    grounds: dict[tuple[int, int], Ground] = {}
    placed = [_placed(c.crs, shapes) for c in candidates]
    windows = list(_windows(placed, ground))
    out = []
    for candidate, there, chosen in zip(candidates, placed, windows, strict=True):
        fields: dict[tuple[str, str], Array] = {}
        n = 0
        for cell in chosen:
            if cell not in grounds:
                window = Window((cell[0] + 0.5) * STEP, (cell[1] + 0.5) * STEP)
                grounds[cell] = Ground(window, trusted.within(window.box))
            more, count = overlay(grounds[cell], there)
            n += count
            for rule, field in more.items():
                fields[rule] = fields[rule] + field if rule in fields else field
        out.append(Fit(candidate, peak_of(fields, n) if fields else None))
    return out


def _placed(crs: str, shapes: Shapes) -> Shapes:
    """Shapes under a system; those that have no place there are left out."""
    try:
        there = transform_shapes(crs, shapes)
    except CrsError:
        return np.array([], dtype=object)
    box = shapely.bounds(there)
    good = np.isfinite(box).all(axis=1) & (np.abs(box[:, [1, 3]]) <= 90).all(axis=1)
    return np.asarray(there[good])


def _windows(
    placed: Sequence[Shapes], ground: dict[tuple[int, int], int]
) -> Iterator[list[tuple[int, int]]]:
    """For each candidate the cells in which most can be compared; neighbours share theirs."""
    seen: list[tuple[Array, list[tuple[int, int]]]] = []
    for there in placed:
        if not len(there):
            yield []
            continue
        box = shapely.bounds(there)
        middle = np.median((box[:, :2] + box[:, 2:]) / 2, axis=0)
        shared = next(
            (chosen for at, chosen in seen if np.abs(at - middle).max() < STEP / 2 and chosen), None
        )
        if shared is None:
            shared = _densest(there, ground)
            seen.append((middle, shared))
        yield shared


def _densest(there: Shapes, ground: dict[tuple[int, int], int]) -> list[tuple[int, int]]:
    """Cells where the rarer of both, shapes and trusted things, is most frequent."""
    cells, counts = cells_of(there)
    both = [
        (min(int(n), ground.get(cell, 0)), cell)
        for n, cell in zip(counts, map(tuple, cells.tolist()), strict=True)
    ]
    best = sorted((pair for pair in both if pair[0] > 0), reverse=True)
    return [(int(c), int(r)) for _, (c, r) in best[:_MOST_WINDOWS]]


def cells_of(shapes: Shapes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cells of ``STEP`` degrees and the shapes in each; of lines and large areas the vertices count."""
    xy = shapely.get_coordinates(shapes)
    few = shapely.get_num_coordinates(shapes) < 2 * FEW
    box = shapely.bounds(shapes[few])
    large = shapely.get_coordinates(shapes[~few])
    at = np.concatenate([(box[:, :2] + box[:, 2:]) / 2, large]) if len(xy) else np.zeros((0, 2))
    at = at[np.isfinite(at).all(axis=1)]
    cells, counts = np.unique(np.floor(at / STEP).astype(np.int64), axis=0, return_counts=True)
    return cells.reshape(-1, 2), counts


def _distinct(fits: Sequence[Fit], shapes: Shapes) -> list[Fit]:
    """Fits whose candidates lie on different ground, the likeliest of each place."""
    out: list[tuple[Fit, Array]] = []
    for fit in sorted(fits, key=lambda f: -f.candidate.confidence):
        some = shapes[:: max(1, len(shapes) // 50)]
        at = shapely.get_coordinates(shapely.centroid(_placed(fit.candidate.crs, some)))
        metres = _METRES_PER_DEGREE
        same = any(
            len(at) == len(other) and np.abs(at - other).max(initial=0.0) * metres < _SAME
            for _, other in out
        )
        if not same:
            out.append((fit, at))
    return [fit for fit, _ in out]


def _compass(east: float, north: float) -> str:
    """A displacement in words: ``501 m east, 339 m south``."""
    parts = [
        f"{abs(v):.0f} m {words[v < 0]}"
        for v, words in ((east, ("east", "west")), (north, ("north", "south")))
        if abs(v) >= CELL
    ]
    return ", ".join(parts) or "0 m"


def _moved_words(fit: Fit, shapes: Shapes) -> str:
    """What the displacement of a refuted system says."""
    peak = fit.peak
    assert peak is not None  # noqa: S101 -- only asked of a fit that was compared
    told = fit.told()
    box = shapely.bounds(_placed(fit.candidate.crs, shapes))
    lon, lat = np.median((box[:, :2] + box[:, 2:]) / 2, axis=0)
    squeeze = np.cos(np.deg2rad(lat))
    for shifted in (names.GCJ02, names.BD09):
        x, y, _ = to_geographic(shifted, [lon], [lat])
        east = float(x[0] - lon) * _METRES_PER_DEGREE * squeeze
        north = float(y[0] - lat) * _METRES_PER_DEGREE
        if np.hypot(east - peak.east, north - peak.north) < 4 * CELL:
            return f"{told}, which is the shift of {shifted} here: shifted data were declared or projected as {fit.candidate.crs}"
    return (
        f"{told}; no system known here explains it: give the local relation of its datum in "
        "city.toml as a grid, or correct the source"
    )
