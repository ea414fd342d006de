"""What is in files, with the verdict on where they lie, and the plan that follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from api.fitting import offered_placement, weighed
from api.loading import CONFIDENT
from loaders.propose import propose
from loaders.registry import scan
from twin import crs
from twin.city import City
from twin.heights import Heights
from twin.plan import LayerPlan, Plan
from twin.store import Store

__all__ = ["ScanRow", "scan_sources"]


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


def scan_sources(
    paths: Sequence[Path], expected: str | None = None, city: City | None = None
) -> tuple[list[ScanRow], Plan]:
    """Scan files and folders.

    Parameters
    ----------
    paths : sequence of Path
    expected : str, optional
        CRS the city expects of sources that declare none.
    city : City, optional
        Its footprints tell where a model may stand that does not say so itself.

    Returns
    -------
    rows : list of ScanRow
        In loading order.
    plan : Plan
        The proposal; a CRS is written into it only where it was inferred, with its evidence, for a
        person to confirm.
    """
    infos = {(str(info.path), info.name): info for info in scan(paths)}
    rows: list[ScanRow] = []
    layers: list[LayerPlan] = []
    for plan in propose(list(infos.values())).layers:
        info = infos[plan.path, plan.layer]
        placeless = plan.kind == "observations" or info.format == "unreadable"
        verdict = (
            crs.CrsVerdict(None, "no coordinates", 0.0, ())
            if placeless
            else weighed(
                crs.judge(info.crs, info.bounds, expected=expected, given=plan.crs), info, plan
            )
        )
        offer = None
        base = city is not None and city.base_path.exists()
        if city is not None and base and not placeless and verdict.confidence < CONFIDENT:
            with Store.open(city, read_only=True) as store:
                offer = offered_placement(store, Heights(city.undulation), info)
        rows.append(
            ScanRow(
                str(info.path),
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
                (*info.findings, *verdict.findings, *([offer] if offer else [])),
            )
        )
        inferred = verdict.crs is not None and plan.crs is None and info.crs is None
        layers.append(
            replace(plan, crs=verdict.crs, crs_evidence=verdict.why) if inferred else plan
        )
    return rows, Plan(layers)
