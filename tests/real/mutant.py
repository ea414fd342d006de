"""What becomes of one damaged source: scanned, planned, loaded and anchored in a city of its own, and every law asked."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import counting

from api.loading import load_layers
from api.planning import Planned, with_sources
from api.report import LayerResult
from loaders.base import LayerInfo
from loaders.discovery import scan_all
from loaders.foreseen import DEFECT
from loaders.propose import propose
from twin.city import City
from twin.errors import SourceError
from twin.heights import Heights
from twin.ingest import anchor_everything
from twin.store import Store
from twin.verify import verify

GRID = '\n[crs.local.fuzz]\nbase = "EPSG:4547"\ndx = 500000.0\ndy = 3400000.0\n'
"""What the settings of the empty city have in addition: a grid of its own, near whose origin many seeds lie."""
COUNTED = ("features", "model", "addresses", "streams", "observations", "cases")
"""Kinds whose header counts records."""


def template(folder: Path) -> Path:
    """Make the empty city that :func:`take` copies."""
    city = City.init(folder, name="fuzz")
    with (folder / "city.toml").open("a") as settings:
        settings.write(GRID)
    Store.open(city).close()
    return folder


def take(source: Path, empty: Path, city: Path) -> dict[str, Any]:
    """Outcome (``loaded``, ``refused``, ``open``, ``lost``, ``written``), with the words that go with it.

    Parameters
    ----------
    source : Path
        Folder of the mutant.
    empty : Path
        The city that :func:`template` made; it is copied.
    city : Path
        Where the copy goes; removed at the end.
    """
    before = sorted(p.relative_to(source) for p in source.rglob("*"))
    shutil.copytree(empty, city)
    try:
        told = _taken(source, city)
    finally:
        shutil.rmtree(city, ignore_errors=True)
    if sorted(p.relative_to(source) for p in source.rglob("*")) != before:
        return told | {"outcome": "written", "reason": "files were written beside the source"}
    return told


def _taken(source: Path, city: Path) -> dict[str, Any]:
    try:
        scanned = scan_all([source])
    except SourceError as err:
        return _told("refused", err.reason)
    infos = {(info.shown, info.name): info for info in scanned.layers}
    if not infos:
        if not scanned.skipped or not all(s.reason for s in scanned.skipped):
            return _told("lost", "no layer, and nothing says why")
        return _told("refused", scanned.skipped[0].reason)
    plans = with_sources(propose(list(infos.values()))).layers
    planned = [(infos[plan.path, plan.layer], plan) for plan in plans]
    heights = Heights(0.0)
    with Store.open(City.open(city)) as store:
        results = load_layers(store, heights, planned, proposed=True)
        again = _given(planned, results)
        results += load_layers(store, heights, again) if again else []
        loaded = any(r.balance.n_in for r in results)
        if loaded:
            anchor_everything(store, heights)
        broken = [law for law in verify(store) if law.broken] if loaded else []
    return _judged(list(infos.values()), results, [f"{b.law}: {b.examples}" for b in broken])


def _given(planned: Sequence[Planned], results: Sequence[LayerResult]) -> list[Planned]:
    """The layers that were refused for want of a system, with one given."""
    refused = {(r.path, r.layer) for r in results if r.status == "refused" and not r.balance.n_in}
    out = []
    for info, plan in planned:
        if (info.shown, info.name) in refused:
            out.append((info, replace(plan, crs=_system_of(info.bounds or (0, 0, 0, 0)))))
    return out


def _system_of(box: tuple[float, float, float, float]) -> str:
    """A system in which the numbers lie in a city of the seeds' region."""
    if 70 <= box[0] <= 140 and 0 <= box[1] <= 60:
        return "EPSG:4490"
    return "LOCAL:fuzz" if max(map(abs, box)) < 100_000 else "EPSG:4547"


def _judged(
    infos: Sequence[LayerInfo], results: Sequence[LayerResult], broken: Sequence[str]
) -> dict[str, Any]:
    defects = [r for r in results if DEFECT in (r.reason or "")]
    if defects:
        return _told("crashed", str(defects[0].reason))
    counts = {(info.shown, info.name): info for info in infos}
    lost = []
    for result in results:
        b = result.balance
        if "accounted for; nothing" in (result.reason or ""):
            return _told("open", result.reason or "")
        if b.n_in != b.loaded + b.merged + b.unchanged + b.quarantined:
            return _told("open", f"the balance does not close: {b}")
        if result.status in ("refused", "failed") and not (result.reason or "").strip():
            lost.append(f"{result.layer} was refused without a reason")
        info = counts[result.path, result.layer]
        said = " ".join(result.findings)
        if (
            result.status == "loaded"
            and result.kind in COUNTED
            and info.count not in (None, b.n_in)
            and str(info.count) not in said
        ):
            lost.append(f"{result.layer}: the header says {info.count}, {b.n_in} went in, and no finding says so")  # fmt: skip
    lost += _uncounted(results)
    if broken:
        return _told("open", "; ".join(broken))
    if lost:
        return _told("lost", "; ".join(lost))
    good = [r for r in results if r.status == "loaded"]
    if not good:
        return _told("refused", next((r.reason for r in results if r.reason), ""))
    return _told("loaded", "") | {
        "n_in": sum(r.balance.n_in for r in good),
        "quarantined": sum(r.balance.quarantined for r in good),
    }


def _uncounted(results: Sequence[LayerResult]) -> list[str]:
    """Files that were loaded with fewer or more records than something else counts in them, without a word about it."""
    out = []
    final = {(r.path, r.layer): r for r in results}
    for path in {r.path for r in results}:
        layers = [r for (p, _), r in final.items() if p == path]
        several = {r.kind for r in layers} & {"streams", "observations"}  # a line holds several
        if several or any(r.status != "loaded" for r in layers):
            continue
        expected = counting.counted(Path(path))
        if expected is None:
            continue
        n, said = (
            sum(r.balance.n_in for r in layers),
            " ".join(f for r in layers for f in r.findings),
        )
        if not expected[0] <= n <= expected[1] and str(expected[0]) not in said:
            out.append(
                f"{Path(path).name} holds {expected[0]} records, {n} went in, and no finding says so"
            )
    return out


def _told(outcome: str, reason: str) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason}
