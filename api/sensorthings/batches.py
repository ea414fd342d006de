"""Batches of requests (18-088, 12.1; OData 4.01 JSON, 19): one after the other, or as change sets."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from api.errors import problem_of
from twin.errors import ConflictError, InvalidRequestError, TwinError
from twin.sensorthings.questions import read_path
from twin.sensorthings.showing import address_of
from twin.sensorthings.writing import Writer

__all__ = ["Batches", "Reply", "inside"]

MOST_BATCHED: Final = 1_000
FAILED_DEPENDENCY: Final = 424


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, content (JSON, or text where ``text``), and where a new entity stands."""

    status: int
    content: Any = None
    location: str | None = None
    text: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


class Batches:
    """Answers batches.

    Parameters
    ----------
    writer : Writer
    handle : callable
        Answers a request: method, address, body, service root.
    """

    def __init__(self, writer: Writer, handle: Callable[[str, str, Any, str], Reply]) -> None:
        self._writer, self._handle = writer, handle

    def answer(self, body: Any, root: str) -> list[dict[str, Any]]:  # noqa: ANN401 -- JSON
        """Requests one after the other; later ones may name what earlier ones made as ``$<id>``.

        Those of one ``atomicityGroup`` stand together and are one transaction.
        """
        requests = body.get("requests") if isinstance(body, Mapping) else None
        if not isinstance(requests, list) or not 0 < len(requests) <= MOST_BATCHED:
            raise InvalidRequestError(f"A batch has requests, a list of 1 to {MOST_BATCHED}.")
        for each in requests:
            if not isinstance(each, Mapping) or not isinstance(each.get("url"), str):
                raise InvalidRequestError("A request of a batch has id, method and url.")
        made: dict[str, int | str] = {}
        responses: list[dict[str, Any]] = []
        ended: set[Any] = set()
        for group, part in groupby(requests, lambda each: each.get("atomicityGroup")):
            if group is None:
                responses += [self._batched(each, made, root) for each in part]
                continue
            if not isinstance(group, str) or group in ended:
                raise InvalidRequestError(
                    f"atomicityGroup {str(group)[:40]!r}: expected a name; its requests stand together."
                )
            ended.add(group)
            responses += self._change_set(list(part), made, root)
        return responses

    def _change_set(
        self, requests: list[Any], made: dict[str, int | str], root: str
    ) -> list[dict[str, Any]]:
        """All of the requests or none; a read is none of them (OData 4.01 JSON, 19)."""
        names, links = dict(made), list[tuple[int, str | None]]()
        at: Any = None
        try:
            with self._writer.together():
                for at in requests:
                    links.append(self._changed(at, names, root))
                at = None
        except TwinError as error:
            first = "" if at is None else f" {str(at.get('id'))[:40]!r}"
            other = ConflictError(f"Nothing of the change set is stored: request{first} failed.")
            return [
                {"id": each.get("id"), **_problem(error)}
                if at is None or each is at
                else {"id": each.get("id"), **_problem(other), "status": FAILED_DEPENDENCY}
                for each in requests
            ]
        made.update(names)
        told = []
        for each, (status, link) in zip(requests, links, strict=True):
            reply: dict[str, Any] = {"id": each.get("id"), "status": status}
            if link is not None:
                reply["body"] = self._handle("get", link, None, root).content
                if status == 201:
                    reply["location"] = link
            told.append(reply)
        return told

    def _changed(
        self, each: Mapping[str, Any], names: dict[str, int | str], root: str
    ) -> tuple[int, str | None]:
        """Status, and where the entity stands that a request of a change set makes or changes."""
        method = str(each.get("method", "")).lower()
        path, body = inside(_filled(each["url"], names), root), _filled(each.get("body"), names)
        question = read_path(path)
        if method == "post" and not question.single:
            above: dict[str, int | str] = {}
            if len(question.steps) == 2 and question.steps[0].id is not None:
                above = {question.steps[0].entity.one: question.steps[0].id}
            elif len(question.steps) > 1:
                raise InvalidRequestError(f"{path[:100]!r}: in a change set a path has one entity before the set.")  # fmt: skip
            made = self._writer.create(question.entity, body, above)
            names[f"${each.get('id')}"] = made
            return 201, address_of(root, question.entity, made)
        of, given = question.entity, question.steps[-1].id
        if method not in ("patch", "put", "delete") or len(question.steps) != 1 or given is None or question.only:  # fmt: skip
            raise InvalidRequestError(
                f"{method[:20]} {path[:100]!r}: a change set has post, patch, put and delete, each of one set or entity."
            )
        if method == "delete":
            self._writer.delete(of, given)
            return 200, None
        self._writer.update(of, given, body, whole=method == "put")
        return 200, address_of(root, of, given)

    def _batched(self, each: Any, made: dict[str, int | str], root: str) -> dict[str, Any]:  # noqa: ANN401
        told: dict[str, Any] = {"id": each.get("id")}
        try:
            reply = self._handle(
                str(each.get("method", "get")),
                _filled(each["url"], made),
                _filled(each.get("body"), made),
                root,
            )
        except TwinError as error:
            return {**told, **_problem(error)}
        told["status"] = reply.status
        if reply.location is not None:
            told["location"] = reply.location
            made[f"${each.get('id')}"] = reply.content["@iot.id"]
        if reply.content is not None:
            told["body"] = reply.content
        return told


def inside(url: str, root: str) -> str:
    """An address below the service root."""
    inside = url[len(root) :] if url.startswith(root) else url
    return re.sub(r"^/?(v1\.1/)?", "", inside)


def _problem(error: TwinError) -> dict[str, Any]:
    found = problem_of(error)
    return {"status": found.status, "body": {"title": found.en, "detail": str(error)}}


def _filled(given: Any, made: Mapping[str, int | str]) -> Any:  # noqa: ANN401 -- JSON
    """The value with every ``$<id>`` as the id of what that request made."""
    if isinstance(given, str):
        if given in made:
            return made[given]
        return re.sub(r"\$\w+", lambda m: str(made.get(m[0], m[0])), given)
    if isinstance(given, Mapping):
        return {k: _filled(v, made) for k, v in given.items()}
    if isinstance(given, list):
        return [_filled(v, made) for v in given]
    return given
