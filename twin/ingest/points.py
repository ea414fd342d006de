"""Point clouds into the base: one thing with its box, and the points beside it as an asset."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from twin import crs
from twin.cloud import CloudAsset, CloudSpec, CloudSummary, write_cloud
from twin.cloud.summary import Batch, cloud_record
from twin.heights import Heights
from twin.ingest.records import OneRecord, load_records
from twin.ingest.source import Balance, Source
from twin.store import Store

__all__ = ["Cloud", "clouds_of", "load_points"]


class Cloud(Protocol):
    """What a loader hands over (see ``loaders.points.stream.PointStream``)."""

    @property
    def spec(self) -> CloudSpec:
        """How its numbers are meant."""
        ...

    @property
    def batches(self) -> Callable[[], Iterable[Batch]]:
        """Its points, to be read once."""
        ...

    @property
    def findings(self) -> list[str]:
        """Complete when all points were read."""
        ...


def load_points(
    store: Store,
    source: Source,
    cloud: Cloud,
    class_code: str,
    heights: Heights,
    progress: Callable[[int], None] | None = None,
) -> Balance:
    """Load one cloud: its points into an asset, its record among the things.

    Parameters
    ----------
    store : Store
    source : Source
    cloud : Cloud
        Read once, with bounded memory.
    class_code : str
    heights : Heights
        Of the city.
    progress : callable, optional
        Told the points read.

    Returns
    -------
    Balance
        One record in. Points that could not be read are counted in the record's attributes
        (``points`` of ``points_declared``) and in the findings of the dataset.
    """
    used = source.crs_used
    name, summary = write_cloud(
        store.assets, cloud.spec, used, source.z_reference, cloud.batches(), progress
    )
    findings = dict.fromkeys([*source.findings, *cloud.findings, *summary.findings()])
    source = replace(source, findings=list(findings))
    more: dict[str, object] = {"asset": name}
    if (density := _density(summary, used)) is not None:
        more["density_m2"] = density
    record = cloud_record(summary, source.layer or source.key, class_code, more, None)
    if summary.n > summary.nowhere:
        _remember(store, source, name, summary)
    return load_records(store, source, [OneRecord(record)], heights)


def _density(summary: CloudSummary, used: str) -> float | None:
    """Points per square metre of the cloud's box, None where the plane is in degrees."""
    if crs.is_geographic(used) or summary.n == summary.nowhere:
        return None
    wide, tall = (summary.high[:2] - summary.low[:2]) * (crs.unit_metres(used) or 1.0)
    area = float(wide * tall)
    return round(summary.n / area, 2) if area > 0 else None


def _remember(store: Store, source: Source, name: str, summary: CloudSummary) -> None:
    """Write the asset's row: one per source, the newest delivery."""
    with store.transaction() as con:
        con.execute("DELETE FROM cloud_asset WHERE source_key = $k", {"k": source.key})
        con.execute(
            "INSERT INTO cloud_asset VALUES ($asset, $key, $n, $crs, $z, $bytes)",
            {
                "asset": name,
                "key": source.key,
                "n": summary.n,
                "crs": source.crs_used,
                "z": source.z_reference,
                "bytes": (store.assets / name).stat().st_size,
            },
        )


def clouds_of(store: Store) -> list[CloudAsset]:
    """All clouds of the city, in the order of their sources' names."""
    rows = store.table("SELECT asset FROM cloud_asset ORDER BY source_key").to_pylist()
    return [CloudAsset(store.assets / row["asset"]) for row in rows]
