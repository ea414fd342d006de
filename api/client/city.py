"""The city a server serves."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlsplit

from api.client.errors import ClientError
from api.client.live import Event, follow
from api.client.query import Query, parameters, save
from api.client.things import Collection, Collections, Feature, table
from api.client.transport import Transport

if TYPE_CHECKING:
    import geopandas

    from api.client.scene import States

__all__ = ["City"]

GEOJSON: Final = "application/geo+json"
MERGE_PATCH: Final = "application/merge-patch+json"
Moment = str | datetime | date


class City:
    """A city server.

    Parameters
    ----------
    url : str
        Its address, such as ``http://127.0.0.1:8000``.
    token : str, optional
        Where the server wants one; never sent to another address.
    **options : Any
        ``language``, ``timeout_s``, ``retries`` of :class:`api.client.transport.Transport`.

    Notes
    -----
    Coordinates are longitude, latitude in degrees (CGCS2000, treated as coincident with WGS 84), heights in metres above
    the ellipsoid, unless ``crs`` asks for others. Every method raises what :mod:`api.client.errors` draws.

    Examples
    --------
    >>> city = City("http://127.0.0.1:8000")
    >>> query = city.query("buildings", where="height_m > 100", sort="-height_m")
    """

    def __init__(self, url: str, token: str | None = None, **options: Any) -> None:  # noqa: ANN401
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"url={url!r}: expected an address such as http://127.0.0.1:8000.")
        self._transport = Transport(url, token, **options)

    def __repr__(self) -> str:
        return f"City({self._transport.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._transport.close()

    def about(self) -> dict[str, Any]:
        """Name, bounds, layers with their tiles, counts."""
        found: dict[str, Any] = self._transport.json("/city")
        return found

    def collections(self) -> Collections:
        """Collections with titles and counts."""
        counts = {layer["id"]: layer["count"] for layer in self.about()["layers"]}
        return Collections(
            [
                Collection(
                    each["id"],
                    each.get("title", each["id"]),
                    counts.get(each["id"]),
                    _bbox(each),
                    tuple(each.get("crs", ())),
                )
                for each in self._transport.json("/collections")["collections"]
            ]
        )

    def queryables(self, collection: str) -> dict[str, Any]:
        """Names that ``where`` and ``sort`` know, with their JSON schemas."""
        path = f"/collections/{_in_path(collection)}/queryables"
        found: dict[str, Any] = self._transport.json(path)["properties"]
        return found

    def query(
        self,
        collection: str,
        *,
        bbox: Sequence[float] | None = None,
        where: str | Mapping[str, Any] | None = None,
        at: Moment | None = None,
        known_at: Moment | None = None,
        properties: Sequence[str] | None = None,
        sort: str | Sequence[str] | None = None,
        crs: str | None = None,
        limit: int | None = None,
    ) -> Query:
        """Ask for items; the answer comes as a frame, an Arrow table, pages, features or a file.

        Parameters
        ----------
        collection : str
        bbox : four or six numbers, optional
            West, south, (low,) east, north (, high): degrees and metres.
        where : str or mapping, optional
            CQL2 text, or CQL2 JSON.
        at, known_at : str, datetime or date, optional
            As it was then; as the base knew it then.
        properties : sequence of str, optional
            Those wanted, ``geometry`` among them.
        sort : str or sequence of str, optional
            ``-height_m`` is descending.
        crs : str, optional
            System of the answer: its URI, or ``EPSG:4547``.
        limit : int, optional
            At most so many; all where absent.
        """
        if limit is not None and limit < 1:
            raise ValueError(f"limit={limit}: expected at least 1.")
        asked = parameters(
            bbox=bbox, where=where, at=at, known_at=known_at, properties=properties, sort=sort, crs=crs
        )  # fmt: skip
        return Query(self._transport, collection, asked, limit)

    def items(self, collection: str, **asked: Any) -> "geopandas.GeoDataFrame":  # noqa: ANN401
        """Items as a GeoDataFrame; takes what :meth:`query` takes."""
        return self.query(collection, **asked).frame()

    def item(
        self, collection: str, eid: str, *, at: Moment | None = None, crs: str | None = None
    ) -> Feature:
        """One item with its ETag."""
        answer = self._transport.send(
            "GET", _item(collection, eid), params=parameters(at=at, crs=crs)
        )
        return Feature(answer.json(), answer.headers.get("etag", ""))

    def create(self, collection: str, feature: Mapping[str, Any], *, crs: str | None = None) -> str:
        """Put a new item into a collection; the id it was given."""
        path = f"/collections/{_in_path(collection)}/items"
        answer = self._write("POST", path, feature, crs=crs)
        return str(answer.json()["id"])

    def replace(
        self,
        collection: str,
        eid: str,
        feature: Mapping[str, Any],
        etag: str | None = None,
        *,
        crs: str | None = None,
    ) -> str:
        """Give an item a new state; the ETag of that.

        ``etag`` is of the state the change was made on; a :class:`Feature` read with :meth:`item` brings its own.

        Raises
        ------
        ConflictError
            If the item is in another state by now.
        """
        lock = etag or getattr(feature, "etag", None)
        return _tag(self._write("PUT", _item(collection, eid), feature, lock, crs))

    def update(
        self,
        collection: str,
        eid: str,
        patch: Mapping[str, Any],
        etag: str | None = None,
        *,
        crs: str | None = None,
    ) -> str:
        """Change some members (a merge patch, RFC 7396); the ETag of the new state. Raises as :meth:`replace`."""
        path = _item(collection, eid)
        return _tag(self._write("PATCH", path, patch, etag, crs, MERGE_PATCH))

    def delete(self, collection: str, eid: str, etag: str | None = None) -> None:
        """End an item; its past stays readable. Raises as :meth:`replace`."""
        headers = {"If-Match": etag} if etag else {}
        self._transport.send("DELETE", _item(collection, eid), headers=headers)

    def entity(self, eid: str, *, at: Moment | None = None) -> dict[str, Any]:
        """Everything about one thing: representations, relations, anchor, streams, history, lineage."""
        found: dict[str, Any] = self._transport.json(
            f"/entities/{_in_path(eid)}", parameters(at=at)
        )
        return found

    def resolve(self, text: str, *, limit: int | None = None) -> list[dict[str, Any]]:
        """Things an id, code, name or address may mean, the best first."""
        found: list[dict[str, Any]] = self._transport.json("/resolve", {"q": text, "limit": limit})[
            "candidates"
        ]
        return found

    def geocode(
        self, text: str, *, near: tuple[float, float] | None = None, at: Moment | None = None
    ) -> dict[str, Any]:
        """The standard address a text means; ``near`` is longitude, latitude of the asker."""
        lon, lat = near or (None, None)
        found: dict[str, Any] = self._transport.json(
            "/geocode", {"q": text, "lon": lon, "lat": lat, **parameters(at=at)}
        )
        return found

    def reverse(self, lon: float, lat: float, z: float | None = None) -> dict[str, Any]:
        """The address at a place: degrees, metres above the ellipsoid."""
        found: dict[str, Any] = self._transport.json("/reverse", {"lon": lon, "lat": lat, "z": z})
        return found

    def suggest(self, text: str, *, limit: int | None = None) -> list[Any]:
        """Completions of an address: characters, pinyin or initials."""
        found: list[Any] = self._transport.json("/suggest", {"q": text, "limit": limit})[
            "suggestions"
        ]
        return found

    def streams(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 -- bbox, subject, state, limit
        """Streams with their newest readings as a feature collection."""
        box = asked.pop("bbox", None)
        found: dict[str, Any] = self._transport.json("/streams", {**asked, **parameters(bbox=box)})
        return found

    def live(
        self,
        *,
        bbox: Sequence[float] | None = None,
        subject: str | None = None,
        after: str | None = None,
    ) -> Iterator[Event]:
        """What happens, as it happens, without end; goes on by itself where a connection broke.

        ``after`` is the id of the last event a former run saw, so that nothing is missed between the two.
        """
        return follow(self._transport, {"subject": subject, **parameters(bbox=bbox)}, after)

    def alarms(self, *, state: str | None = None, limit: int | None = None) -> dict[str, Any]:
        """Alarms with their stream and place, newest first; ``state``: states with commas, or ``all``."""
        found: dict[str, Any] = self._transport.json("/alarms", {"state": state, "limit": limit})
        return found

    def alarm(self, alarm_id: str) -> dict[str, Any]:
        """An alarm with every step of its life as ``events``."""
        found: dict[str, Any] = self._transport.json(f"/alarms/{_in_path(alarm_id)}")
        return found

    def answer_alarm(
        self,
        alarm_id: str,
        step: str,
        *,
        actor: str,
        note: str | None = None,
        until: Moment | None = None,
        of_rule: bool = False,
    ) -> dict[str, Any]:
        """Take a step with an alarm, or (``of_rule``) with that of a rule of this id, also of one in normal state.

        ``until``: when a shelved alarm comes back.
        """
        body = {"actor": actor, "note": note, "until": None if until is None else _text(until)}
        path = f"/alarms/{_in_path(alarm_id)}/{step}"
        if of_rule:
            path, body = "/alarms/steps", {**body, "rule_id": alarm_id, "step": step}
        found: dict[str, Any] = self._write("POST", path, body, media="application/json").json()
        return found

    def states(self, layer: str = "things", **asked: Any) -> Iterator["States"]:  # noqa: ANN401
        """How the streams, the things, or those of a collection stand: whole, then after each change, without end.

        One object is given again and again, changed in place (:class:`api.client.scene.States`). ``asked``: ``bbox``,
        ``subject``, ``grid``, ``level``, ``values``, ``rate``, ``detail``, and ``class_`` of docs/scene-stream.md.

        Raises
        ------
        MissingPackageError
            Without numpy.
        """
        from api.client.scene import states

        return states(self._transport, layer, _scene(asked))

    def replay(
        self,
        start: Moment,
        end: Moment,
        layer: str = "things",
        *,
        speed: float = 60.0,
        **asked: Any,  # noqa: ANN401
    ) -> Iterator["States"]:
        """How they stood at ``start``, then as it changed until ``end``, ``speed`` times as fast as it was.

        ``asked`` as in :meth:`states`.
        """
        from api.client.scene import states

        params = {**_scene(asked), "from": _text(start), "to": _text(end), "speed": speed}
        return states(self._transport, layer, params, datetime.fromisoformat(_text(end)))

    def processes(self) -> list[dict[str, Any]]:
        """Analyses the server offers (OGC API – Processes)."""
        found: list[dict[str, Any]] = self._transport.json("/processes")["processes"]
        return found

    def run(self, process: str, *, wait_s: float = 1.0, **inputs: Any) -> Any:  # noqa: ANN401
        """Run an analysis and give its result; a job that the server runs on its own is waited for.

        Raises
        ------
        ClientError
            If the job failed or was dismissed.
        """
        body = json.dumps({"inputs": inputs}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        path = f"/processes/{_in_path(process)}/execution"
        answer = self._transport.send("POST", path, headers=headers, content=body)
        if answer.status_code != 201:
            return answer.json()
        job = f"/jobs/{_in_path(answer.json()['jobID'])}"
        while (status := self._transport.json(job))["status"] in ("accepted", "running"):
            self._transport.sleep(wait_s)
        if status["status"] != "successful":
            raise ClientError(f"{process}: {status['status']}: {status.get('message', '')}")
        return self._transport.json(f"{job}/results")

    def download(self, path: str, target: str | Path, **params: str) -> Path:
        """Write what the server gives at a path, such as ``/tiles/buildings/tileset.json``, to a file."""
        target = Path(target)
        part = target.with_name(f"{target.name}.part")
        try:
            save(self._transport, path, params, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target

    def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        etag: str | None = None,
        crs: str | None = None,
        media: str = GEOJSON,
    ) -> Any:  # noqa: ANN401 -- httpx.Response
        headers = {"Content-Type": media}
        if etag:
            headers["If-Match"] = etag
        if crs is not None:
            headers["Content-Crs"] = f"<{crs}>"
        sent = {name: value for name, value in body.items() if name not in ("links", "timeStamp")}
        content = json.dumps(sent, ensure_ascii=False).encode()
        return self._transport.send(method, path, headers=headers, content=content)

    def _repr_html_(self) -> str:
        about = self.about()
        rows = ((e["id"], e["title"]["zh"], e["title"]["en"], e["count"]) for e in about["layers"])
        return f"<h4>{escape(str(about['name']))}</h4>" + table(
            ("id", "名称", "title", "count"), rows
        )


def _in_path(text: str) -> str:
    return quote(text, safe="")


def _item(collection: str, eid: str) -> str:
    return f"/collections/{_in_path(collection)}/items/{_in_path(eid)}"


def _tag(answer: Any) -> str:  # noqa: ANN401 -- httpx.Response
    return str(answer.headers.get("etag", ""))


def _bbox(collection: Mapping[str, Any]) -> tuple[float, ...] | None:
    boxes = collection.get("extent", {}).get("spatial", {}).get("bbox", [])
    return tuple(boxes[0]) if boxes else None


def _scene(asked: Mapping[str, Any]) -> dict[str, Any]:
    given = {name.rstrip("_"): value for name, value in asked.items()}
    for name, value in given.items():
        if isinstance(value, bool):
            given[name] = "true" if value else "false"
    return {**given, **parameters(bbox=given.pop("bbox", None))}


def _text(moment: Moment) -> str:
    """RFC 3339 of a moment; without a zone it is UTC."""
    if isinstance(moment, str):
        return moment
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.isoformat()
