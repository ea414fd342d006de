"""States said plainly: JSON, GeoJSON points, and CZML for Cesium."""

from datetime import timedelta
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from api.scene.asking import Asked
from api.scene.past import Past
from twin.errors import InvalidRequestError
from twin.live.channels import Channel, Question
from twin.live.scene import SceneStates
from twin.live.state import CASE_OPEN, SILENCED, UNANSWERED, WORDS, WORST, microseconds

__all__ = ["COLORS", "czml", "features", "plain"]

COLORS: Final = {
    "nothing": (255, 255, 255, 0), "normal": (47, 211, 138, 255), "stale": (140, 155, 176, 255),
    "warning": (255, 182, 39, 255), "alarm": (255, 77, 94, 255),
}  # fmt: skip
"""Colour of each state, RGBA, as the page paints them."""
LONGEST_CZML: Final = timedelta(hours=1)
MOST_CZML: Final = 2000
STEPS_CZML: Final = 60


class Held(Protocol):
    """A source whose channel can be looked into."""

    lock: Any
    states: SceneStates

    def channel(self, question: Question) -> Channel:
        """The channel of a question."""

    def advance(self) -> int:
        """Follow what happened since."""

    @property
    def time_us(self) -> int:
        """The moment the states are of."""


def _moment(time_us: int) -> str:
    return f"{np.datetime_as_string(np.int64(time_us).view('M8[us]'), unit='ms')}Z"


def _ids(layer_name: str, ids: NDArray[np.uint8]) -> list[Any]:
    if layer_name == "streams":
        numbers: list[Any] = np.ascontiguousarray(ids).view("<i8").ravel().tolist()
        return numbers
    text = ids.tobytes().hex()
    cut = (text[at : at + 32] for at in range(0, len(text), 32))
    return [f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in cut]


def _rows(source: Held, question: Question) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    with source.lock:
        seq = source.advance()
        channel = source.channel(question)
        rows, state = channel.features()
        layer = source.states.layer(question.layer)
        head = {
            "layer": question.layer,
            "seq": seq,
            "index": channel.index,
            "time": _moment(source.time_us),
        }
        columns = [_ids(question.layer, layer.ids[rows]), state.tolist()]
        columns += [column[rows].tolist() for column in (layer.lon, layer.lat, layer.z)]
        value = None if not question.values or layer.value is None else layer.value[rows].tolist()
    found = []
    for nth, (name, byte, lon, lat, z) in enumerate(zip(*columns, strict=True)):
        row = {"id": name, "byte": byte, "state": WORDS[byte & WORST], "case": bool(byte & CASE_OPEN),
               "unanswered": bool(byte & UNANSWERED), "silenced": bool(byte & SILENCED)}  # fmt: skip
        if value is not None:
            row["value"] = None if value[nth] != value[nth] else value[nth]
        found.append({**row, "place": [lon, lat] + ([] if z != z else [z])})
    return head, found


def plain(source: Any, question: Question) -> dict[str, Any]:  # noqa: ANN401 -- either source
    """Features with their states as JSON."""
    head, rows = _rows(source, question)
    for row in rows:
        del row["place"]
    return {**head, "features": rows}


def features(source: Any, question: Question) -> dict[str, Any]:  # noqa: ANN401 -- either source
    """Features as GeoJSON points; without geometry where they have no place."""
    head, rows = _rows(source, question)
    out = []
    for row in rows:
        place = row.pop("place")
        placed = place[0] == place[0] and place[1] == place[1]
        geometry = {"type": "Point", "coordinates": place} if placed else None
        out.append({"type": "Feature", "id": row["id"], "geometry": geometry, "properties": row})
    return {"type": "FeatureCollection", **head, "features": out}


def czml(source: Any, want: Asked) -> list[dict[str, Any]]:  # noqa: ANN401 -- either source
    """A CZML document: points whose colour follows their state, now or over an interval of the past.

    Raises
    ------
    InvalidRequestError
        If the interval is longer than :data:`LONGEST_CZML`, or more than :data:`MOST_CZML` features are asked for.
    """
    question = want.question
    head, rows = _rows(source, question)
    if len(rows) > MOST_CZML:
        raise InvalidRequestError(
            f"{len(rows)} features as CZML: at most {MOST_CZML}. Narrow bbox, class or grid, or take frames.",
            "bbox",
        )
    begin = end = head["time"]
    told = {row["id"]: [(begin, row["state"])] for row in rows}
    if isinstance(source, Past):
        assert want.begin is not None  # noqa: S101 -- a past begins
        begin_us = microseconds(want.begin)
        if source.end_us - begin_us > LONGEST_CZML / timedelta(microseconds=1):
            raise InvalidRequestError(
                "from and to: at most an hour as CZML; take frames for more.", "to"
            )
        for nth in range(1, STEPS_CZML + 1):
            source.advance(begin_us + (source.end_us - begin_us) * nth // STEPS_CZML)
            head, later = _rows(source, question)
            for row in later:
                known = told.setdefault(row["id"], [(begin, "nothing")])
                if known[-1][1] != row["state"]:
                    known.append((head["time"], row["state"]))
            rows = later
        end = head["time"]
    document: dict[str, Any] = {"id": "document", "name": question.layer, "version": "1.0"}
    if begin != end:
        document["clock"] = {"interval": f"{begin}/{end}", "currentTime": begin}
    return [
        document,
        *(_packet(row, told[row["id"]], end) for row in rows if row["place"][0] == row["place"][0]),
    ]


def _packet(row: dict[str, Any], told: list[tuple[str, str]], end: str) -> dict[str, Any]:
    lon, lat, *z = row["place"]
    color: Any = {"rgba": COLORS[told[0][1]]}
    if len(told) > 1:
        ends = [moment for moment, _ in told[1:]] + [end]
        color = [
            {"interval": f"{begins}/{until}", "rgba": COLORS[state]}
            for (begins, state), until in zip(told, ends, strict=True)
        ]
    position = {"cartographicDegrees": [lon, lat, *(z or [0.0])]}
    return {"id": str(row["id"]), "position": position, "point": {"pixelSize": 8, "color": color}}
