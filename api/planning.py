"""Which layers a load is about: the proposal, or a plan file whose paths and layers may hold wildcards."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from loaders.archives import archive_above
from loaders.base import LayerInfo
from loaders.discovery import scan
from loaders.propose import propose
from twin import codes
from twin.errors import PlanError
from twin.plan import LayerPlan, Plan

__all__ = ["Planned", "planned_layers", "relative_to", "with_sources"]

Planned = tuple[LayerInfo, LayerPlan]
_WILD = "*?["


def planned_layers(
    paths: Sequence[Path], plan_file: Path | None, root: Path | None = None
) -> list[Planned]:
    """Layers to load in order, each with its plan.

    Without a plan file the proposal is the plan, but nothing that is missing from a file is taken to have ended.
    With one, it decides: layers it does not name are left out.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders; ignored where a plan names them.
    plan_file : Path or None
    root : Path, optional
        Folder the plan's paths are relative to; the plan's own folder where None.

    Raises
    ------
    PlanError
        If the plan names a file or a layer that is not there, or class codes of another edition.
    SourceError
        If a path does not exist.
    """
    if plan_file is None:
        infos = scan(paths)
        by_id = {(info.shown, info.name): info for info in infos}
        proposal = with_sources(propose(infos))
        return [
            (by_id[plan.path, plan.layer], replace(plan, mode=_careful(plan.mode)))
            for plan in proposal.layers
        ]
    plan = Plan.read(plan_file)
    if not plan.layers:
        raise PlanError(
            f"{plan_file} names no layers; expected [[layer]] entries as `twin scan … --plan {plan_file}` writes them"
        )
    _check_edition(plan, plan_file)
    base = root if root is not None else plan_file.parent
    files = [_files_of(layer, base) for layer in plan.layers]
    missing = sorted(
        {layer.path for layer, found in zip(plan.layers, files, strict=True) if not found}
    )
    if missing:
        raise PlanError(
            f"{plan_file} names files that are not there: {', '.join(missing)}"
            f" (looked in {base}; --root DIR names another folder)"
        )
    found: dict[str, list[LayerInfo]] = defaultdict(list)
    for info in scan(sorted({archive_above(path) or path for some in files for path in some})):
        found[info.shown].append(info)
    return [
        planned
        for layer, some in zip(plan.layers, files, strict=True)
        for path in some
        for planned in _planned(found[str(path)], layer, plan_file, path)
    ]


def _careful(mode: str | None) -> str | None:
    """A proposal nobody has seen ends nothing."""
    return "update" if mode == "replace" else mode


def _check_edition(plan: Plan, plan_file: Path) -> None:
    have = codes.edition("cim_classes")
    if plan.edition is not None and plan.edition != have:
        raise PlanError(
            f"{plan_file} names class codes of edition {plan.edition!r}, this program holds {have!r}: check the class_code"
            f" of each layer against twin/codes/cim_classes.csv, then write edition = {have!r}"
        )


def _files_of(layer: LayerPlan, base: Path) -> list[Path]:
    """Files a plan entry means, in order of name; none that lies outside the folder by way of a wildcard."""
    path = base / layer.path
    if path.exists() or archive_above(path) is not None:
        return [path]
    if not any(c in layer.path for c in _WILD) or PurePath(layer.path).is_absolute():
        return []
    return sorted(base.glob(layer.path))


def _planned(
    infos: Sequence[LayerInfo], plan: LayerPlan, plan_file: Path, path: Path
) -> list[Planned]:
    """The scanned layers a plan entry means: the one it names, all that fit its wildcard, or the first."""
    if any(c in plan.layer for c in _WILD) and not any(i.name == plan.layer for i in infos):
        named = [info for info in infos if fnmatchcase(info.name, plan.layer)]
    elif plan.layer:
        named = [info for info in infos if info.name == plan.layer]
        if not named and len(infos) == 1 and any(c in plan.path for c in _WILD):
            named = list(infos)  # the layer of a file that is called otherwise this month
    else:
        named = list(infos[:1])
    if not named:
        there = ", ".join(info.name for info in infos) or "nothing readable"
        raise PlanError(f"{plan_file}: {plan.path} has no layer {plan.layer!r}; it has {there}")
    return [
        (
            replace(info, kind=plan.kind if info.format != "unreadable" else info.kind),  # type: ignore[arg-type]  # one of KINDS
            replace(plan, path=str(path), layer=info.name),
        )
        for info in named
    ]


def with_sources(plan: Plan) -> Plan:
    """The plan with a source name for layers of files that are called alike but lie in different folders.

    Their file name alone would make the one a new delivery of the other.
    """
    by_name: dict[str, set[str]] = defaultdict(set)
    for layer in plan.layers:
        by_name[PurePath(layer.path).name].add(layer.path)
    out = []
    for layer in plan.layers:
        alike = by_name[PurePath(layer.path).name]
        if len(alike) == 1 or layer.source is not None:
            out.append(layer)
            continue
        shared = os.path.commonpath([str(PurePath(p).parent) for p in alike])
        source = PurePath(os.path.relpath(layer.path, shared)).as_posix()
        note = {
            "source": "files of this name lie in several folders; this name keeps their deliveries apart"
        }
        out.append(replace(layer, source=source, notes={**layer.notes, **note}))
    return Plan(out, plan.edition)


def relative_to(plan: Plan, folder: Path) -> Plan:
    """The plan with paths relative to the folder it is written to, absolute where they lie elsewhere."""
    base = folder.resolve()
    out = []
    for layer in plan.layers:
        path = Path(layer.path).resolve()
        inside = path.is_relative_to(base)
        out.append(replace(layer, path=path.relative_to(base).as_posix() if inside else str(path)))
    return Plan(out, plan.edition)
