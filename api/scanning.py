"""What is in files, with the verdict on where they lie, and the plan that follows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from api.planning import with_sources
from loaders.discovery import scan_all
from loaders.propose import propose
from loaders.skipped import Skipped
from twin import crs
from twin.plan import LayerPlan, Plan

__all__ = ["ScanRow", "scan_sources", "skipped_row"]


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One layer as scan tells it; ``crs`` is the verdict, ``declared`` what the source says."""

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


def scan_sources(
    paths: Sequence[Path],
    expected: str | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> tuple[list[ScanRow], Plan]:
    """Scan files and folders.

    Parameters
    ----------
    paths : sequence of Path
    expected : str, optional
        CRS the city expects of sources that declare none.
    progress : callable, optional
        Told "scan", the files done and the files there are.

    Returns
    -------
    rows : list of ScanRow
        In loading order; then the files that no loader takes, of kind ``skipped``.
    plan : Plan
        The proposal; a CRS is written into it only where it was inferred, with its evidence, for a
        person to confirm.
    """
    scanned = scan_all(paths, progress)
    infos = {(info.shown, info.name): info for info in scanned.layers}
    rows: list[ScanRow] = []
    layers: list[LayerPlan] = []
    proposal = with_sources(propose(list(infos.values())))
    for plan in proposal.layers:
        info = infos[plan.path, plan.layer]
        placeless = plan.kind == "observations" or info.format == "unreadable"
        verdict = (
            crs.CrsVerdict(None, "no coordinates", 0.0, ())
            if placeless
            else crs.judge(info.crs, info.bounds, expected=expected, given=plan.crs)
        )
        rows.append(
            ScanRow(
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
                (*info.findings, *verdict.findings),
            )
        )
        inferred = verdict.crs is not None and plan.crs is None and info.crs is None
        if not placeless:
            told = f"{verdict.why} ({verdict.confidence:.0%} sure)"
            plan = replace(plan, notes={**plan.notes, "crs": told})
        layers.append(
            replace(plan, crs=verdict.crs, crs_evidence=verdict.why) if inferred else plan
        )
    return [*rows, *map(skipped_row, scanned.skipped)], Plan(layers, proposal.edition)
