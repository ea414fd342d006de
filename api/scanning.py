"""What is in files, with the verdict on where they lie, and the plan that follows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from api.fitting import offered_placement
from api.placing import CONFIDENT, SURE, TABLES, Placer, Planned
from api.planning import with_sources
from loaders.base import LayerInfo
from loaders.discovery import scan_all
from loaders.propose import propose
from loaders.skipped import Skipped
from twin import crs
from twin.city import City
from twin.crs.placement import Box, place
from twin.heights import Heights
from twin.plan import LayerPlan, Plan
from twin.store import Store
from twin.store.trusted import StoredGround

__all__ = ["Scan", "ScanRow", "scan_sources", "skipped_row"]


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One layer as scan tells it.

    ``crs`` is the verdict, ``declared`` what the source says, ``candidates`` the systems that come
    into question (``crs``, ``why``, ``confidence``), best first.
    """

    file: str
    layer: str
    kind: str
    format: str
    class_code: str | None
    count: int | None
    geometry_type: str | None
    encoding: str | None
    declared: str | None
    crs: str | None
    confidence: float
    why: str
    bounds: tuple[float, float, float, float] | None
    fields: dict[str, str]
    findings: tuple[str, ...]
    candidates: tuple[dict[str, Any], ...] = ()


def skipped_row(skipped: Skipped) -> ScanRow:
    """A file that no loader takes, as a row of kind ``skipped`` whose finding is the reason."""
    return ScanRow(
        file=skipped.shown,
        layer="",
        kind="skipped",
        format="unrecognised",
        class_code=None,
        count=None,
        geometry_type=None,
        encoding=None,
        declared=None,
        crs=None,
        confidence=0.0,
        why="no source",
        bounds=None,
        fields={},
        findings=(skipped.reason,),
    )


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found: rows and plan in loading order, and for a picture the shapes of each row.

    ``shapes`` are samples in the layers' own coordinates (or the box of a layer without records);
    ``ground`` what is trusted already, in degrees.
    """

    rows: list[ScanRow]
    plan: Plan
    shapes: list[NDArray[np.object_]]
    ground: NDArray[np.object_]


def scan_sources(
    paths: Sequence[Path],
    expected: str | None = None,
    city: City | None = None,
    *,
    pictured: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Scan:
    """Scan files and folders.

    Parameters
    ----------
    paths : sequence of Path
    expected : str, optional
        CRS the city expects of sources that declare none.
    city : City, optional
        Its expected CRS, its grids and what is in its base help to judge.
    pictured : bool
        Read samples of all layers, for :func:`api.scan_map.draw_scan`.
    progress : callable, optional
        Told "scan", the files done and the files there are.

    Returns
    -------
    Scan
        In loading order; then rows of kind ``skipped``, files that no loader takes. A CRS is
        written into the plan only where it was inferred with confidence; where it was not, the
        candidates are.

    Raises
    ------
    TwinError
        If a path does not exist or the city's base is in use.
    """
    scanned = scan_all(paths, progress)
    infos = {(info.shown, info.name): info for info in scanned.layers}
    proposal = with_sources(propose(list(infos.values())))
    planned = [(infos[plan.path, plan.layer], plan) for plan in proposal.layers]
    with _base_of(city) as store:
        base = None if store is None else StoredGround(store)
        placer = Placer(city, expected)
        verdicts = [_verdict(placer, one) for one in planned]
        placer.trusted, placer.extent, doubtful = _ground(planned, placer, verdicts, base)
        for i in doubtful:
            verdicts[i] = _verdict(placer, planned[i])
        shapes = [_shapes(placer, one) for one in planned] if pictured else []
        wanted = _drawn_box(verdicts, shapes)
        ground = base.within(wanted) if base is not None and wanted else np.array([], dtype=object)
        offers = [
            _offer(store, *one, verdict) for one, verdict in zip(planned, verdicts, strict=True)
        ]
    rows = [
        _row(*one, verdict, offer)
        for one, verdict, offer in zip(planned, verdicts, offers, strict=True)
    ]
    layers = [_layer(*one, verdict) for one, verdict in zip(planned, verdicts, strict=True)]
    rows += map(skipped_row, scanned.skipped)
    return Scan(rows, Plan(layers, proposal.edition), shapes, ground)


@contextmanager
def _base_of(city: City | None) -> Iterator[Store | None]:
    """The city's base, to read; None without a city or a base."""
    if city is None or not city.base_path.exists():
        yield None
        return
    with Store.open(city, read_only=True) as store:
        yield store


def _offer(
    store: Store | None,
    info: LayerInfo,
    plan: LayerPlan,
    verdict: crs.CrsVerdict,
) -> tuple[str, ...]:
    """Where a model that does not say where it is fits a footprint of the base."""
    if store is None or plan.kind != "model" or verdict.confidence >= CONFIDENT:
        return ()
    found = offered_placement(store, Heights(store.city.undulation), info)
    return (found,) if found else ()


def _ground(
    planned: Sequence[Planned],
    placer: Placer,
    verdicts: Sequence[crs.CrsVerdict],
    base: StoredGround | None,
) -> tuple[crs.Trusted | None, Box | None, list[int]]:
    """Ground to compare with, where it lies, and the layers to compare: all with a base, else the doubtful ones.

    Without a base the surest of the scanned layers are the ground, as far as they lie where a
    doubtful one may lie.
    """
    there = [i for i, (info, plan) in enumerate(planned)
             if info.format != "unreadable" and plan.kind in ("features", *TABLES)]  # fmt: skip
    if base is not None and base.extent is not None:
        return base, base.extent, there
    best = SURE if any(verdicts[i].confidence >= SURE for i in there) else CONFIDENT
    sure = [i for i in there if verdicts[i].confidence >= best and planned[i][1].kind == "features"]
    doubtful = [i for i in there if verdicts[i].confidence < best]
    wanted = [b for i in doubtful for b in _boxes(planned[i], verdicts[i], placer)]
    near = [i for i in sure if any(_meet(_box(planned[i], verdicts[i]), b) for b in wanted)]
    if not near:
        return None, None, []
    together = np.concatenate(
        [
            crs.transform_shapes(verdicts[i].crs or "", placer.sample(planned[i]).shapes)
            for i in near
        ]
    )
    box = shapely.bounds(together)
    good = np.isfinite(box).all(axis=1)
    if not good.any():
        return None, None, []
    west, south = np.quantile(box[good, :2], 0.01, axis=0)
    east, north = np.quantile(box[good, 2:], 0.99, axis=0)
    extent = (float(west), float(south), float(east), float(north))
    return crs.TrustedShapes(together[good]), extent, doubtful


def _box(planned: Planned, verdict: crs.CrsVerdict) -> Box | None:
    """Degrees of a layer's bounds."""
    bounds = planned[0].bounds
    return None if bounds is None or verdict.crs is None else place(verdict.crs, bounds)


def _boxes(planned: Planned, verdict: crs.CrsVerdict, placer: Placer) -> list[Box]:
    """Degrees of a layer's bounds under each of its candidates."""
    bounds = planned[0].bounds or placer.sample(planned).bounds
    if bounds is None:
        return []
    systems = [c.crs for c in verdict.candidates] or ([verdict.crs] if verdict.crs else [])
    return [box for system in systems if (box := place(system, bounds)) is not None]


def _meet(a: Box | None, b: Box) -> bool:
    """Whether two boxes meet, or nearly (shifted data lie up to a kilometre off)."""
    if a is None:
        return False
    reach = 0.02
    return (
        a[0] <= b[2] + reach and a[2] >= b[0] - reach
        and a[1] <= b[3] + reach and a[3] >= b[1] - reach
    )  # fmt: skip


def _verdict(placer: Placer, planned: Planned) -> crs.CrsVerdict:
    info, plan = planned
    if plan.kind == "observations" or info.format == "unreadable":
        return crs.CrsVerdict(None, "no coordinates", 0.0, ())
    return placer.verdict(planned)


def _shapes(placer: Placer, planned: Planned) -> NDArray[np.object_]:
    """What is drawn of a layer: its sample, else its box."""
    info, plan = planned
    sample = placer.sample(planned).shapes if plan.kind != "observations" else np.array([])
    if len(sample) or info.bounds is None or not np.isfinite(info.bounds).all():
        return np.asarray(sample, dtype=object)
    return np.array([shapely.box(*info.bounds)], dtype=object)


def _drawn_box(
    verdicts: Sequence[crs.CrsVerdict], shapes: Sequence[NDArray[np.object_]]
) -> Box | None:
    """Degrees around everything that is drawn; None where nothing is."""
    boxes = []
    for verdict, each in zip(verdicts, shapes, strict=bool(shapes)):
        if verdict.crs is not None and len(each):
            box = shapely.bounds(crs.transform_shapes(verdict.crs, each))
            boxes.append(box[np.isfinite(box).all(axis=1)])
    found = np.concatenate(boxes) if boxes else np.zeros((0, 4))
    if not len(found):
        return None
    west, south = np.quantile(found[:, :2], 0.02, axis=0) - 0.01
    east, north = np.quantile(found[:, 2:], 0.98, axis=0) + 0.01
    return float(west), float(south), float(east), float(north)


def _row(
    info: LayerInfo,
    plan: LayerPlan,
    verdict: crs.CrsVerdict,
    offer: tuple[str, ...] = (),
) -> ScanRow:
    return ScanRow(
        info.shown,
        info.name,
        plan.kind,
        info.format,
        plan.class_code,
        info.count,
        info.geometry_type,
        info.encoding,
        info.crs,
        verdict.crs,
        verdict.confidence,
        verdict.why,
        info.bounds,
        dict(info.fields),
        (*info.findings, *verdict.findings, *offer),
        tuple(asdict(c) for c in verdict.candidates),
    )


def _layer(info: LayerInfo, plan: LayerPlan, verdict: crs.CrsVerdict) -> LayerPlan:
    """The plan of a layer with what was found about its system."""
    if plan.skip or plan.kind == "observations":
        return plan
    plan = replace(
        plan, notes={**plan.notes, "crs": f"{verdict.why} ({verdict.confidence:.0%} sure)"}
    )
    said = info.crs is not None and info.crs_stated
    if verdict.crs is None or verdict.confidence < CONFIDENT:
        found = [(c.crs, f"{c.confidence:.0%}: {c.why}") for c in verdict.candidates]
        if not found and verdict.crs is not None:
            found = [(verdict.crs, f"{verdict.confidence:.0%}: {verdict.why}")]
        return replace(plan, crs_candidates=found or [("EPSG:…", verdict.why)])
    same = said and crs.canonical(info.crs) == verdict.crs
    return plan if same else replace(plan, crs=verdict.crs, crs_evidence=verdict.why)
