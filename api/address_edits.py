"""Single edits of a city's addresses by id, code or text, and what an id or code means at any time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from address.codes import split_code
from api.address_tree import editor, history_of, number_addresses, present_index
from twin.addresses import Edited, Editor, NewNode
from twin.city import City
from twin.errors import InvalidRequestError, NotFoundError
from twin.store import Store
from twin.store.read import rows

__all__ = ["Edits", "moment_of", "node_history", "open_edits", "resolve_code"]


def moment_of(text: str | None) -> datetime | None:
    """UTC without a zone from a date or RFC 3339 time.

    Raises
    ------
    InvalidRequestError
        If it is neither.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequestError(
            f"at={text[:40]!r}: expected a date or RFC 3339 time such as 2026-07-01T08:00:00+08:00",
            "at",
        ) from None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


class Edits:
    """Edits of one base; nodes may be named by id, code, or a text that means exactly one."""

    def __init__(self, store: Store, actor: str, at: datetime | None) -> None:
        self.store = store
        self._editor: Editor = editor(store, actor)
        self._at = at

    def node(self, given: str) -> str:
        """Id of a node that is there now.

        Raises
        ------
        NotFoundError
            If nothing is called so, or the text does not mean exactly one node.
        """
        known = rows(self.store, "address_node", node_id=given)
        if known:
            return given
        parts = split_code(given)
        if parts is not None:
            coded = rows(self.store, "address_codes", code="".join(parts))
            if coded:
                return str(coded[0]["node_id"])
        found = history_of(self.store, present_index(self.store)).match(given)
        if found.status != "exact" or found.node_id is None:
            raise NotFoundError(
                f"{given!r} is no id or code of an address node, and as a text it is {found.status}: {found.full or '–'}"
            )
        return found.node_id

    def add(
        self, parent: str, level: str, name: str, place: tuple[float, float, float | None] | None
    ) -> dict[str, Any]:
        """Add a node below another."""
        lon, lat, z = place or (None, None, None)
        return self._done(
            self._editor.insert(self.node(parent), NewNode(level, name, lon, lat, z), self._at)
        )

    def rename(self, node: str, name: str) -> dict[str, Any]:
        """Give a node another name."""
        return self._done(self._editor.rename(self.node(node), name, self._at))

    def retire(self, node: str, into: Sequence[str]) -> dict[str, Any]:
        """Let a node end."""
        return self._done(
            self._editor.retire(self.node(node), [self.node(one) for one in into], self._at)
        )

    def merge(self, node: str, into: str) -> dict[str, Any]:
        """Let a node go into another."""
        return self._done(self._editor.merge(self.node(node), self.node(into), self._at))

    def _done(self, said: Edited) -> dict[str, Any]:
        if said.event != "rename":  # serials hang on ids and parents, not on names
            number_addresses(self.store)
        return asdict(said)


@contextmanager
def open_edits(city: Path, actor: str, at: str | None) -> Iterator[Edits]:
    """Edits of the city in a folder, which no other process may hold meanwhile."""
    moment = moment_of(at)
    with Store.open(City.open(city)) as store:
        yield Edits(store, actor, moment)


def node_history(store: Store, node_id: str) -> dict[str, Any]:
    """Everything about a node: itself, every code it had, every event.

    Raises
    ------
    NotFoundError
        If there never was such a node.
    """
    found = rows(store, "address_node", node_id=node_id)
    if not found:
        raise NotFoundError(f"there never was an address node {node_id!r}")
    codes = rows(store, "address_codes_of", node_id=node_id)
    events = rows(store, "address_events", node_id=node_id, since=None)
    return {"node": found[0], "codes": codes, "events": events}


def resolve_code(city: Path, code: str) -> dict[str, Any]:
    """What a code or id of any time means; see `node_history`.

    Raises
    ------
    NotFoundError
        If it was never given.
    """
    parts = split_code(code)
    text = "".join(parts) if parts is not None else code.strip()
    with Store.open(City.open(city), read_only=True) as store:
        coded = rows(store, "address_codes", code=text)
        return node_history(store, str(coded[0]["node_id"]) if coded else text)
