"""Load sources by a plan: decide the CRS, dispatch by kind, keep going when one layer fails."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa

from address import LEVELS, build_nodes
from address.elements import describe
from address.faults import check
from api.address_areas import base_areas
from api.fitting import offered_placement
from api.placing import CONFIDENT, NO_COORDINATES, Placer, candidate_lines, sure_first
from api.planning import Planned
from api.report import LayerResult
from loaders.base import Batch, LayerInfo
from loaders.foreseen import foreseen
from loaders.registry import loader_for, read_points, read_raster, read_tileset
from loaders.tileset.loader import tileset_record
from twin import crs, ingest
from twin.errors import PlanError, TwinError
from twin.heights import Heights
from twin.ingest import Balance, Reload, Source
from twin.plan import LayerPlan
from twin.schema import schema_of
from twin.store import Store
from twin.store.rasters import terrain_of
from twin.store.trusted import StoredGround
from twin.units import factor

__all__ = ["CONFIDENT", "Progress", "load_layers"]

Progress = Callable[[str, int, int | None], None]
"""Layer, records done, records expected."""


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
    placer: Placer | None = None
    for one in ordered:
        if id(one) in later:
            findings = ("judged and loaded after the layers whose place is sure",)
            one = (replace(one[0], findings=(*one[0].findings, *findings)), one[1])
        placer = placer or _placer(store)
        results.append(_load_layer(store, heights, one, placer, progress, proposed))
        if results[-1].balance.loaded:
            placer = None  # there is more ground to judge the next one by
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
    plan = replace(plan, time_zone=plan.time_zone or store.city.time_zone)
    started = time.perf_counter()
    told = LayerResult(
        info.shown,
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
    if _placeless(info, plan):
        return replace(
            told,
            status="refused",
            reason="the table has no columns that say where its records are; name them in the plan's fields as x and y, "
            "lonlat, latlon or wkt, or write skip = true",
        )
    try:
        with foreseen(info.path):
            verdict = placer.verdict(planned)
            told = replace(
                told,
                crs=verdict.crs,
                crs_why=verdict.why,
                crs_confidence=verdict.confidence,
                crs_candidates=[asdict(c) for c in verdict.candidates],
                findings=(*info.findings, *verdict.findings, *candidate_lines(verdict)),
            )
            if verdict.crs is None or verdict.confidence < CONFIDENT:
                offer = offered_placement(store, heights, info)
                return replace(
                    told,
                    status="refused",
                    reason=_what_to_add(verdict, plan, offer),
                    seconds=time.perf_counter() - started,
                )
            plan, more = _with_heights(store, heights, (info, plan), placer, verdict.crs, proposed)
            findings = [*told.findings, *more]
            source = _source(info, plan, verdict, findings)
            balance, reload = _dispatch(store, heights, source, (info, plan), progress, findings)
            return replace(
                told,
                balance=balance,
                reload=reload,
                findings=tuple(findings),
                seconds=time.perf_counter() - started,
            )
    except TwinError as err:
        return replace(
            told,
            status="failed",
            reason=str(err).replace(str(info.path), info.shown),
            seconds=time.perf_counter() - started,
        )


def _placeless(info: LayerInfo, plan: LayerPlan) -> bool:
    """Whether a table is to be loaded as things and nothing in it says where they are."""
    table = info.suggestion is not None and plan.kind == "features"
    named = {"x", "lonlat", "latlon", "wkt"} & set(plan.fields.values())
    return table and info.geometry_type is None and not named


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


def _what_to_add(verdict: crs.CrsVerdict, plan: LayerPlan, offer: str | None = None) -> str:
    if offer is not None:
        return f"its place is not certain enough ({verdict.why}): {offer}"
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
    info: LayerInfo, plan: LayerPlan, verdict: crs.CrsVerdict, findings: list[str]
) -> Source:
    """The source as the base keeps it; ``findings`` grow while it is read."""
    same = info.name in ("", info.path.stem, info.path.name)
    name = plan.source or info.path.name
    return Source(
        key=name if same else f"{name}#{info.name}",
        path=info.shown,
        layer=info.name,
        format=info.format,
        kind=plan.kind,
        sha256=_digest(info.path),
        crs_found=info.crs,
        crs_used=verdict.crs or "",
        crs_why=plan.crs_evidence or verdict.why,
        crs_confidence=verdict.confidence,
        z_reference=plan.z_reference,
        encoding=plan.encoding or info.encoding,
        findings=findings,
        mode=plan.mode or "update",
        z_factor=factor(plan.z_unit, "m") if plan.z_unit else 1.0,
    )


def _dispatch(
    store: Store,
    heights: Heights,
    source: Source,
    planned: Planned,
    progress: Progress | None,
    findings: list[str],
) -> tuple[Balance, Reload | None]:
    info, plan = planned

    def tell(done: int) -> None:
        if progress is not None:
            progress(source.key, done, info.count)

    if plan.kind in ("raster", "points", "tileset"):
        return _large(store, heights, source, planned, tell, findings), None
    batches = _noting(loader_for(info.path).read(info, plan), findings)
    if plan.kind in ("features", "model"):
        reloads: list[Reload] = []
        balance = ingest.load_records(
            store, source, batches, heights, tell, on_reload=reloads.append
        )
        return balance, reloads[0] if reloads else None
    table = _whole(plan.kind, (batch.records for batch in batches), tell)
    balance = _load_table(store, heights, source, plan, table)
    return balance, Reload(added=balance.loaded - balance.changed, changed=balance.changed)


def _load_table(
    store: Store, heights: Heights, source: Source, plan: LayerPlan, table: pa.Table
) -> Balance:
    match plan.kind:
        case "addresses":
            areas = base_areas(store)
            return ingest.load_addresses(
                store, source, table, heights, build_nodes, describe,
                lambda rows, nodes: check(rows, nodes, areas), LEVELS,
            )  # fmt: skip
        case "streams":
            return ingest.load_streams(store, source, table, heights)
        case "observations":
            return ingest.load_observations(store, source, table)
        case "cases":
            return ingest.load_cases(store, source, table)
    raise PlanError(
        f"{plan.path}: kind {plan.kind!r} is not known; expected features, model, points, raster, tileset, addresses, streams, "
        "observations or cases"
    )


def _large(
    store: Store,
    heights: Heights,
    source: Source,
    planned: Planned,
    tell: Callable[[int], None],
    findings: list[str],
) -> Balance:
    """One raster, cloud or tileset: one record, and an asset that is streamed."""
    info, plan = planned
    if plan.kind == "raster":
        with read_raster(info, plan) as raster:
            balance = ingest.load_raster(store, source, raster, heights)
            findings += raster.findings
            return balance
    if plan.kind == "points":
        cloud = read_points(info, plan)
        code = plan.class_code or "point_cloud"
        balance = ingest.load_points(store, source, cloud, code, heights, tell)
        findings += cloud.findings
        return balance
    with read_tileset(info, source.crs_used, heights) as files:
        findings += files.findings
        record = tileset_record(files, plan.class_code or "tileset")
        return ingest.load_tileset(store, source, files, record, heights)


def _noting(batches: Iterable[Batch], findings: list[str]) -> Iterator[Batch]:
    """The batches, with what reading them brings to light added to ``findings``, each sentence once."""
    for batch in batches:
        findings += [f for f in batch.findings if f not in findings]
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
    digest, block = hashlib.sha256(), memoryview(bytearray(1 << 18))  # stays in the cache
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        with file.open("rb", buffering=0) as stream:
            while size := stream.readinto(block):
                digest.update(block[:size])
    return digest.hexdigest()
