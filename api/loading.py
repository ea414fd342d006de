"""Load sources by a plan: decide the CRS, dispatch by kind, keep going when one layer fails.

Layers whose place is sure go first; they are the ground by which doubtful ones are judged.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa

from address import build_nodes
from api.placing import CONFIDENT, NO_COORDINATES, Placer, candidate_lines, sure_first
from api.report import LayerResult
from loaders.base import Batch, LayerInfo
from loaders.propose import propose
from loaders.registry import loader_for, read_raster, scan
from twin import crs, ingest
from twin.errors import PlanError, TwinError
from twin.heights import Heights
from twin.ingest import Balance, Source
from twin.ingest.rasters import terrain_of
from twin.plan import LayerPlan, Plan
from twin.schema import schema_of
from twin.store import Store
from twin.store.trusted import StoredGround

__all__ = ["CONFIDENT", "Planned", "Progress", "load_layers", "planned_layers"]

Planned = tuple[LayerInfo, LayerPlan]
Progress = Callable[[str, int, int | None], None]
"""Layer, records done, records expected."""


def planned_layers(paths: Sequence[Path], plan_file: Path | None) -> list[Planned]:
    """Layers to load in order, each with its plan.

    Without a plan file the proposal is the plan. With one, it decides: layers it does not name are
    left out.

    Raises
    ------
    PlanError
        If the plan names a layer that is not there.
    SourceError
        If a path does not exist.
    """
    if plan_file is None:
        infos = scan(paths)
        by_id = {(str(info.path), info.name): info for info in infos}
        return [(by_id[plan.path, plan.layer], plan) for plan in propose(infos).layers]
    plan = Plan.read(plan_file)
    files = {layer.path: plan_file.parent / layer.path for layer in plan.layers}
    missing = sorted(name for name, path in files.items() if not path.exists())
    if missing:
        raise PlanError(f"{plan_file} names files that are not there: {', '.join(missing)}")
    found: dict[Path, list[LayerInfo]] = {}
    for info in scan(sorted(set(files.values()))):
        found.setdefault(info.path, []).append(info)
    return [
        (_info_of(found.get(files[layer.path], []), layer, plan_file), layer)
        for layer in plan.layers
    ]


def _info_of(infos: Sequence[LayerInfo], plan: LayerPlan, plan_file: Path) -> LayerInfo:
    """The scanned layer a plan entry means."""
    named = [info for info in infos if info.name == plan.layer] if plan.layer else list(infos[:1])
    if not named:
        there = ", ".join(info.name for info in infos) or "nothing readable"
        raise PlanError(f"{plan_file}: {plan.path} has no layer {plan.layer!r}; it has {there}")
    return replace(named[0], kind=plan.kind)  # type: ignore[arg-type]  # the plan's kind is checked by dispatch


def load_layers(
    store: Store,
    heights: Heights,
    planned: Sequence[Planned],
    progress: Progress | None = None,
    *,
    proposed: bool = False,
) -> list[LayerResult]:
    """Load layers, the surely placed ones first; what cannot be loaded is told, not raised.

    Parameters
    ----------
    store : Store
    heights : Heights
    planned : sequence of (LayerInfo, LayerPlan)
        In the order of the plan.
    progress : callable, optional
    proposed : bool
        Nobody has looked at the plan: what the data show about their heights corrects it.

    Returns
    -------
    list of LayerResult
        In the order of loading.
    """
    ordered, deferred = sure_first(planned, Placer(store.city))
    later = {id(one) for one in deferred}
    results: list[LayerResult] = []
    placer = _placer(store)
    for one in ordered:
        if id(one) in later:
            findings = ("judged and loaded after the layers whose place is sure",)
            one = (replace(one[0], findings=(*one[0].findings, *findings)), one[1])
        results.append(_load_layer(store, heights, one, placer, progress, proposed))
        if results[-1].balance.loaded:
            placer = _placer(store)
    return results


def _placer(store: Store) -> Placer:
    """Judge of layers against what is in the base by now."""
    ground = StoredGround(store)
    return Placer(store.city, trusted=ground, extent=ground.extent)


def _load_layer(
    store: Store,
    heights: Heights,
    planned: Planned,
    placer: Placer,
    progress: Progress | None,
    proposed: bool,
) -> LayerResult:
    """Load one layer."""
    info, plan = planned
    started = time.perf_counter()
    told = LayerResult(
        str(info.path),
        info.name,
        plan.kind,
        "loaded",
        class_code=plan.class_code,
        findings=info.findings,
    )
    if info.format == "unreadable":
        return replace(told, status="failed", reason="; ".join(info.findings))
    if plan.skip:
        return replace(told, status="skipped", reason="the plan says so")
    try:
        verdict = placer.verdict(planned)
        findings = (*info.findings, *verdict.findings, *candidate_lines(verdict))
        told = replace(
            told,
            crs=verdict.crs,
            crs_why=verdict.why,
            crs_confidence=verdict.confidence,
            crs_candidates=[asdict(c) for c in verdict.candidates],
            findings=findings,
        )
        if verdict.crs is None or verdict.confidence < CONFIDENT:
            return replace(
                told,
                status="refused",
                reason=_what_to_add(verdict, plan),
                seconds=time.perf_counter() - started,
            )
        plan, more = _with_heights(store, heights, planned, placer, verdict.crs, proposed)
        told = replace(told, findings=(*findings, *more))
        source = _source(info, plan, verdict, told.findings)
        noted: dict[str, None] = dict.fromkeys(told.findings)
        balance = _dispatch(store, heights, source, (info, plan), progress, noted)
        seconds = time.perf_counter() - started
        return replace(told, balance=balance, findings=tuple(noted), seconds=seconds)
    except TwinError as err:
        return replace(
            told, status="failed", reason=str(err), seconds=time.perf_counter() - started
        )


def _with_heights(
    store: Store,
    heights: Heights,
    planned: Planned,
    placer: Placer,
    system: str,
    proposed: bool,
) -> tuple[LayerPlan, tuple[str, ...]]:
    """The plan with the height reference that the terrain speaks for, and what it says."""
    plan = planned[1]
    told = placer.heights(planned, system, terrain_of(store), heights)
    if told is None:
        return plan, ()
    if told.reference is None or told.reference == plan.z_reference:
        return plan, (told.why,)
    words = f"heights look like {told.reference}, the plan says {plan.z_reference}: {told.why}"
    if proposed and told.confidence >= CONFIDENT:
        return replace(plan, z_reference=told.reference), (f"{words}; the terrain was believed",)
    return plan, (words,)


def _what_to_add(verdict: crs.CrsVerdict, plan: LayerPlan) -> str:
    if plan.crs is not None:
        return (
            f"the plan's crs = {plan.crs!r} cannot be right: {'; '.join(verdict.findings) or verdict.why}. "
            f"Correct the entry of {plan.path}"
        )
    if verdict.why == NO_COORDINATES:
        return (
            f"{verdict.why}. Write a plan with `twin scan … --plan plan.toml` and name the columns in its fields, "
            f'such as "经度" = "x" (or a column of WKT as "wkt"); or set skip = true in the entry of {plan.path}'
        )
    guess = f'crs = "{verdict.crs}"' if verdict.crs else 'crs = "EPSG:…"'
    sure = f"{verdict.confidence:.0%} sure" if verdict.crs else "no guess"
    others = [c.crs for c in verdict.candidates if c.crs != verdict.crs][:4]
    rather = f" (or one of {', '.join(others)})" if others else ""
    return (
        f"its coordinate reference system is not certain enough ({sure}: {verdict.why}). Write a plan with "
        f"`twin scan … --plan plan.toml`, check the entry of {plan.path}, set {guess}{rather} and load with --plan plan.toml; "
        "or load first, in the same call, a layer of the same place whose system is sure"
    )


def _source(
    info: LayerInfo, plan: LayerPlan, verdict: crs.CrsVerdict, findings: Sequence[str]
) -> Source:
    same = info.name in ("", info.path.stem, info.path.name)
    return Source(
        key=info.path.name if same else f"{info.path.name}#{info.name}",
        path=str(info.path),
        layer=info.name,
        format=info.format,
        kind=plan.kind,
        sha256=_digest(info.path),
        crs_found=info.crs,
        crs_used=verdict.crs or "",
        crs_why=f"{verdict.why}: {plan.crs_evidence}" if plan.crs_evidence else verdict.why,
        crs_confidence=verdict.confidence,
        z_reference=plan.z_reference,
        encoding=plan.encoding or info.encoding,
        findings=findings,
    )


def _dispatch(
    store: Store,
    heights: Heights,
    source: Source,
    planned: Planned,
    progress: Progress | None,
    noted: dict[str, None],
) -> Balance:
    """Load one layer by its kind; ``noted`` gathers what reading it brings to light."""
    info, plan = planned
    if plan.kind == "raster":
        raster = read_raster(info, plan)
        return ingest.load_raster(
            store, source, raster.kind, raster.data, raster.transform, heights
        )

    def tell(done: int) -> None:
        if progress is not None:
            progress(source.key, done, info.count)

    batches = _noting(loader_for(info.path).read(info, plan), noted)
    if plan.kind in ("features", "model", "points"):
        return ingest.load_records(store, source, batches, heights, tell)
    table = _whole(plan.kind, (batch.records for batch in batches), tell)
    source = replace(source, findings=tuple(noted))
    match plan.kind:
        case "addresses":
            return ingest.load_addresses(store, source, table, heights, build_nodes)
        case "streams":
            return ingest.load_streams(store, source, table, heights)
        case "observations":
            return ingest.load_observations(store, source, table)
        case "cases":
            return ingest.load_cases(store, source, table)
    raise PlanError(
        f"{plan.path}: kind {plan.kind!r} is not known; expected features, model, points, raster, addresses, streams, "
        "observations or cases"
    )


def _noting(batches: Iterator[Batch], noted: dict[str, None]) -> Iterator[Batch]:
    """The batches as they come, their findings gathered, each once."""
    for batch in batches:
        noted |= dict.fromkeys(batch.findings)
        yield batch


def _whole(kind: str, batches: Iterator[pa.Table], tell: Callable[[int], None]) -> pa.Table:
    """All batches of a table as one."""
    tables: list[pa.Table] = []
    done = 0
    for batch in batches:
        tables.append(batch)
        done += batch.num_rows
        tell(done)
    return pa.concat_tables(tables).combine_chunks() if tables else schema_of(kind).empty_table()


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder in order of name."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
