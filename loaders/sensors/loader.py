"""Messages of sensor platforms (SensorThings, NGSI, WaterML) as two layers: datastreams and readings."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.compute as pc

from loaders.base import Batch, LayerInfo
from loaders.gdalio import head_of, refuse_dangerous
from loaders.jsontables import json_document
from loaders.sensors.ngsi import read_ngsi, speaks_ngsi
from loaders.sensors.payload import Payload, observation_table, stream_table
from loaders.sensors.sensorthings import read_sensorthings, speaks_sensorthings
from loaders.sensors.waterml import read_waterml, speaks_waterml
from loaders.times import TimeReader
from twin.errors import SourceError
from twin.plan import LayerPlan
from twin.schema import OBSERVATIONS

__all__ = ["SensorLoader"]

STREAMS, READINGS = "streams", "observations"
_EXTENSIONS = (".json", ".jsonld", ".geojson", ".jsonl", ".ndjson", ".txt")
_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[object], Payload]], ...] = (
    (speaks_sensorthings, read_sensorthings),
    (speaks_waterml, read_waterml),
    (speaks_ngsi, read_ngsi),
)


class SensorLoader:
    """JSON of sensor platforms, told by the words in its first bytes."""

    name = "sensors"

    def supports(self, path: Path) -> bool:
        """Whether a JSON file speaks SensorThings, NGSI or WaterML."""
        if path.suffix.lower() not in _EXTENSIONS:
            return False
        head = head_of(path)
        starts = head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
        return starts in (b"[", b"{") and any(speaks(head) for speaks, _ in _READERS)

    def scan(self, path: Path) -> list[LayerInfo]:
        """The datastreams and the readings of a message.

        Raises
        ------
        SourceError
            If the file is no JSON, or holds neither datastreams nor readings.
        """
        payload = _payload(path)
        if not payload.streams and not payload.keys:
            raise SourceError(
                path,
                f"a {payload.platform} message without datastreams and readings; nothing is in it to load",
            )
        table = stream_table(payload)
        placed = table.filter(pc.is_valid(table["x"])).filter(pc.field("y").is_valid())
        bounds = None
        if placed.num_rows:
            xs, ys = placed["x"].to_pylist(), placed["y"].to_pylist()
            bounds = (min(xs), min(ys), max(xs), max(ys))
        why = (
            f"{payload.platform} gives places as longitude and latitude in WGS 84"
            if placed.num_rows
            else "the message carries no coordinates"
        )
        streams = LayerPlan(str(path), STREAMS, kind="streams", crs="EPSG:4326", crs_evidence=why)
        out = [
            LayerInfo(
                path,
                STREAMS,
                "streams",
                payload.platform,
                len(payload.streams),
                "Point" if placed.num_rows else None,
                {},
                "EPSG:4326" if placed.num_rows else None,
                bounds,
                findings=tuple(payload.findings),
                suggestion=streams,
            )
        ]
        if payload.keys:
            plan = LayerPlan(str(path), READINGS, kind="observations")
            out.append(
                LayerInfo(
                    path,
                    READINGS,
                    "observations",
                    payload.platform,
                    len(payload.keys),
                    fields={},
                    suggestion=plan,
                )
            )
        return out if payload.streams else out[1:]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Datastreams or readings, whichever the layer is.

        Raises
        ------
        SourceError
            If the file cannot be read.
        """
        payload = _payload(layer.path)
        if layer.kind == "streams":
            table = stream_table(payload)
            findings: tuple[str, ...] = ()
        else:
            reader = TimeReader(plan.time_zone, plan.date_order)
            table = observation_table(payload, reader)
            findings = reader.findings()
        for start in range(0, table.num_rows, batch_size):
            yield Batch(table.slice(start, batch_size))
        if findings:
            yield Batch(OBSERVATIONS.empty_table(), findings=findings)


def _payload(path: Path) -> Payload:
    refuse_dangerous(path)
    document, _, _ = json_document(path)
    head = head_of(path)
    for speaks, read in _READERS:
        if speaks(head):
            try:
                return read(document)
            except RecursionError as err:
                raise SourceError(path, "is nested too deeply for a sensor message") from err
    raise SourceError(path, "is no message of a sensor platform any more; was it replaced?")
