"""Single edits of a city's addresses by id, code or text, and what an id or code means at any time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from address import Match
from address.codes import split_code
from api.address_book import AddressBook
from api.address_remote import RemoteEdits, ask_server, remote_edits
from api.address_shares import Child, shares_of
from api.address_tree import editor, number_edited
from twin import addresses
from twin.addresses import Edited, Editor, NewNode
from twin.city import City
from twin.errors import CityInUseError, InvalidRequestError, NotFoundError
from twin.store import Connection, Store
from twin.store.read import rows

__all__ = ["Edits", "meaning_of", "moment_of", "node_history", "open_edits", "resolve_code"]


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
    """Edits of one base; nodes may be named by id, code, or a text that means exactly one.

    An edit is in the base and in the index, for all processes, when the method returns.

    Parameters
    ----------
    store : Store
    book : AddressBook
    actor : str
        Who does it; kept with the event.
    at : datetime, optional
        Since when it is so (UTC without a zone); now when absent.
    """

    def __init__(self, store: Store, book: AddressBook, actor: str, at: datetime | None) -> None:
        self.store = store
        self.book = book
        self._editor: Editor = editor(store, actor, self._finish)
        self._at = at

    def node(self, given: str) -> str:
        """Id of a node that is there now.

        Raises
        ------
        NotFoundError
            If nothing is called so, or the text does not mean exactly one node.
        """
        if self.book.index.row_of(given) is not None or rows(
            self.store, "address_node", node_id=given
        ):
            return given
        parts = split_code(given)
        if parts is not None:
            coded = rows(self.store, "address_codes", code="".join(parts))
            if coded:
                return str(coded[0]["node_id"])
        found = self.book.history.match(given)
        if found.status != "exact" or found.node_id is None:
            raise NotFoundError(_unclear(given, found))
        return found.node_id

    def add(
        self,
        parent: str,
        level: str,
        name: str,
        place: tuple[float, float, float | None] | None,
        aliases: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Add a node below another."""
        lon, lat, z = place or (None, None, None)
        new = NewNode(level, name, lon, lat, z, tuple(aliases))
        parent_id = self.node(parent)
        return self._done(lambda: self._editor.insert(parent_id, new, self._at))

    def rename(self, node: str, name: str) -> dict[str, Any]:
        """Give a node another name."""
        node_id = self.node(node)
        return self._done(lambda: self._editor.rename(node_id, name, self._at))

    def retire(self, node: str, into: Sequence[str]) -> dict[str, Any]:
        """Let a node end."""
        node_id, after = self.node(node), [self.node(one) for one in into]
        return self._done(lambda: self._editor.retire(node_id, after, self._at))

    def merge(self, node: str, into: str) -> dict[str, Any]:
        """Let a node go into another."""
        node_id, other = self.node(node), self.node(into)
        return self._done(lambda: self._editor.merge(node_id, other, self._at))

    def split(self, node: str, into: Sequence[str], shares: Sequence[str]) -> dict[str, Any]:
        """Let a node go into several new ones beside it.

        Parameters
        ----------
        node : str
        into : sequence of str
            Names of the new nodes, of the level of the old one.
        shares : sequence of str
            ``CHILDREN=NAME``; see `api.address_shares.shares_of`.

        Raises
        ------
        InvalidRequestError
            If a share names no new node, or no child.
        ConflictError
            If a child has no share.
        """
        node_id = self.node(node)
        index = self.book.index
        row = index.row_of(node_id)
        if row is None:
            raise NotFoundError(f"there is no address {node!r} now")
        children = [
            Child(index.id_of(at), index.written_of(at), index.core_of_row(at), index.level_of(at))
            for at in index.children(row)
        ]
        given = shares_of(children, into, shares)
        parts = [NewNode(index.level_of(row), name) for name in into]
        return self._done(lambda: self._editor.split(node_id, parts, given, self._at))

    def _finish(self, con: Connection, said: Edited) -> None:
        """Codes and main addresses, in the transaction of the edit."""
        if said.event in ("merge", "split", "retire"):
            addresses.settle_mains(con)
        if said.event != "retire":
            number_edited(con, self.store, self.book.index, said)

    def _done(self, edit: Callable[[], Edited]) -> dict[str, Any]:
        with self.store.on_one_thread():
            said = edit()
            self.book.follow(self.store)
        return asdict(said)


def _unclear(given: str, found: Match) -> str:
    """Why a text cannot stand for a node, and what to give instead."""
    if found.status == "none":
        return f"{given!r} is no id, no code and no address of this city"
    if found.status == "ambiguous":
        several = "; ".join(f"{c.full} ({c.node_id})" for c in found.alternatives[:4])
        return f"{given!r} means several addresses; give the id or the whole address: {several}"
    return f"{given!r} is not in the gazetteer; it goes as far as {found.full} ({found.node_id})"


@contextmanager
def open_edits(city: Path, actor: str, at: str | None) -> Iterator["Edits | RemoteEdits"]:
    """Edits of the city in a folder; where a server holds it, through that server."""
    moment = moment_of(at)
    where = City.open(city)
    try:
        opened = Store.open(where)
    except CityInUseError as held:
        remote = remote_edits(where, actor, at)
        if remote is None:
            raise held from None
        yield remote
        return
    with opened as store:
        yield Edits(store, AddressBook.of(store), actor, moment)


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


def meaning_of(store: Store, code: str) -> dict[str, Any]:
    """What a code or id of any time means; see `node_history`.

    Raises
    ------
    NotFoundError
        If it was never given.
    """
    parts = split_code(code)
    text = "".join(parts) if parts is not None else code.strip()
    coded = rows(store, "address_codes", code=text)
    return node_history(store, str(coded[0]["node_id"]) if coded else text)


def resolve_code(city: Path, code: str) -> dict[str, Any]:
    """As `meaning_of`, in a city's folder; where a server holds it, of that server."""
    where = City.open(city)
    try:
        opened = Store.open(where, read_only=True)
    except CityInUseError:
        found: dict[str, Any] = ask_server(where, f"/address/nodes/{quote(code.strip(), safe='')}")
        return found
    with opened as store:
        return meaning_of(store, code)
