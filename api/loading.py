"""Load sources by a plan: decide the CRS, dispatch by kind, keep going when one layer fails."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from address import build_nodes
from api.fitting import offered_placement, weighed
from api.report import LayerResult
from loaders.base import Batch, LayerInfo
from loaders.propose import propose
from loaders.registry import loader_for, read_raster, scan
from twin import crs, ingest
from twin.errors import PlanError, TwinError
from twin.heights import Heights
from twin.ingest import Balance, Source
from twin.plan import LayerPlan, Plan
from twin.schema import schema_of
from twin.store import Store

__all__ = ["CONFIDENT", "Planned", "Progress", "load_layer", "planned_layers"]

CONFIDENT = 0.6
"""A CRS that is less certain than this is not used: a person confirms it in the plan."""

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
    if not plan.layers:
        raise PlanError(
            f"{plan_file} names no layers; expected [[layer]] entries as `twin scan … --plan {plan_file}` writes them"
        )
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


def load_layer(
    store: Store, heights: Heights, planned: Planned, progress: Progress | None = None
) -> LayerResult:
    """Load one layer; what cannot be loaded is told, not raised."""
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
        verdict = _verdict(store, info, plan)
        told = replace(
            told,
            crs=verdict.crs,
            crs_why=verdict.why,
            crs_confidence=verdict.confidence,
            findings=(*info.findings, *verdict.findings),
        )
        if verdict.crs is None or verdict.confidence < CONFIDENT:
            offer = offered_placement(store, heights, info)
            return replace(
                told,
                status="refused",
                reason=_what_to_add(verdict, plan, offer),
                seconds=time.perf_counter() - started,
            )
        source = _source(info, plan, verdict)
        noted: dict[str, None] = dict.fromkeys(told.findings)
        balance = _dispatch(store, heights, source, planned, progress, noted)
        seconds = time.perf_counter() - started
        return replace(told, balance=balance, findings=tuple(noted), seconds=seconds)
    except TwinError as err:
        return replace(
            told, status="failed", reason=str(err), seconds=time.perf_counter() - started
        )


def _verdict(store: Store, info: LayerInfo, plan: LayerPlan) -> crs.CrsVerdict:
    """Which CRS the layer is in; readings have none and need none."""
    if plan.kind == "observations":
        return crs.CrsVerdict("EPSG:4490", "readings carry no coordinates", 1.0, ())
    verdict = crs.judge(info.crs, info.bounds, expected=store.city.source_crs, given=plan.crs)
    return weighed(verdict, info, plan)


def _what_to_add(verdict: crs.CrsVerdict, plan: LayerPlan, offer: str | None = None) -> str:
    if offer is not None:
        return f"its place is not certain enough ({verdict.why}): {offer}"
    guess = f'crs = "{verdict.crs}"' if verdict.crs else 'crs = "EPSG:…"'
    sure = f"{verdict.confidence:.0%} sure" if verdict.crs else "no guess"
    return (
        f"its coordinate reference system is not certain enough ({sure}: {verdict.why}). Write a plan with "
        f"`twin scan … --plan plan.toml`, check the entry of {plan.path}, set {guess} and load with --plan plan.toml"
    )


def _source(info: LayerInfo, plan: LayerPlan, verdict: crs.CrsVerdict) -> Source:
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
        crs_why=plan.crs_evidence or verdict.why,
        crs_confidence=verdict.confidence,
        z_reference=plan.z_reference,
        encoding=plan.encoding or info.encoding,
        findings=(*info.findings, *verdict.findings),
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
