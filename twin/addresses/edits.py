"""Changes of single addresses, each one transaction and one event."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import duckdb
import pyarrow as pa

from twin.addresses.tree import below
from twin.errors import ConflictError, InvalidRequestError, NotFoundError
from twin.ingest.source import utc_now
from twin.store import Store, run

__all__ = ["Edited", "Editor", "Finish", "NewNode"]

Describe = Callable[[pa.Table], pa.Table]
"""Elements of nodes (``node_id``, ``level``, ``name``): type, standard name, core, parts of the number."""

_DESCRIBED: Final = (
    "element_type", "name_std", "core", "number_prefix", "number_core", "number_sub", "number_type",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewNode:
    """A node to be: its level, its name, its place (degrees, metres above the ellipsoid)."""

    level: str
    name: str
    lon: float | None = None
    lat: float | None = None
    z: float | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit did: the event, the node, its string before and after, nodes touched."""

    event: str
    node_id: str
    full: str
    before: str | None = None
    into: tuple[str, ...] = ()
    touched: int = 1
    moved: Sequence[str] = field(default=())


Finish = Callable[[duckdb.DuckDBPyConnection, Edited], None]
"""What belongs to every edit and is written in its transaction: codes, main addresses."""


class Editor:
    """Edits the address tree of a base.

    Parameters
    ----------
    store : Store
    describe : callable
        ``address.elements.describe``.
    levels : sequence of str
        From the widest to the narrowest; a child lies below its parent in it.
    actor : str
        Who does it.
    finish : callable, optional
        Called with the open transaction and what was done, before it is written.
    """

    def __init__(
        self,
        store: Store,
        describe: Describe,
        levels: Sequence[str],
        actor: str,
        finish: Finish | None = None,
    ) -> None:
        self.store = store
        self._finish = finish
        self._describe = describe
        self._rank = {level: rank for rank, level in enumerate(levels)}
        self._actor = actor

    def insert(self, parent_id: str | None, new: NewNode, moment: datetime | None = None) -> Edited:
        """Add a node below another.

        Raises
        ------
        NotFoundError
            If there is no such parent now.
        ConflictError
            If the parent has a child of that level and name, or the level does not lie below it.
        """
        with self.store.transaction() as con:
            return self._done(con, self._insert(con, parent_id, new, moment or utc_now()))

    def _insert(
        self, con: duckdb.DuckDBPyConnection, parent_id: str | None, new: NewNode, at: datetime
    ) -> Edited:
        if new.level not in self._rank:
            raise InvalidRequestError(
                f"level={new.level!r}: expected one of {', '.join(self._rank)}", "level"
            )
        parent = self._there(con, parent_id) if parent_id is not None else None
        if parent is not None and self._rank[parent["level"]] >= self._rank[new.level]:
            raise ConflictError(
                f"a {new.level} does not lie below the {parent['level']} {parent['full']}"
            )
        told = self._told(new.level, new.name)
        self._free(con, parent_id, new.level, str(told["core"]))
        node_id = secrets.token_hex(8)
        full = (parent["full"] if parent else "") + new.name
        values = {
            "node_id": node_id, "parent_id": parent_id, "level": new.level, "name": new.name,
            "full": full, "lon": new.lon, "lat": new.lat, "z": new.z, "status": "active",
            "valid_from": at, "source": f"edit:{self._actor}",
            "quality": "unplaced" if new.lon is None else "placed", **told,
        }  # fmt: skip
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(f"${name}" for name in values)
        con.execute(f"INSERT INTO address_node ({names}) VALUES ({marks})", values)  # noqa: S608 -- our names
        for alias in new.aliases:
            self._name(con, node_id, new.level, alias, "alias", None)
        self._event(con, at, "insert", node_id, new_name=new.name, new_parent=parent_id)
        return Edited("insert", node_id, full)

    def rename(self, node_id: str, name: str, moment: datetime | None = None) -> Edited:
        """Give a node another name; the old one goes on being understood.

        Raises
        ------
        NotFoundError, ConflictError
            As for :meth:`insert`.
        """
        at = moment or utc_now()
        with self.store.transaction() as con:
            node = self._there(con, node_id)
            told = self._told(node["level"], name)
            if told["core"] == node["core"] and name == node["name"]:
                raise ConflictError(f"{node['full']} is called so already")
            if told["core"] != node["core"]:
                self._free(con, node["parent_id"], node["level"], str(told["core"]))
                self._name(con, node_id, node["level"], node["name"], "former", at)
            full = self._above(con, node["parent_id"]) + name
            sets = ", ".join(f'"{column}" = ${column}' for column in ("name", "full", *_DESCRIBED))
            con.execute(
                f"UPDATE address_node SET {sets} WHERE node_id = $node_id",  # noqa: S608 -- our names
                {"name": name, "full": full, "node_id": node_id, **told},
            )
            touched = 1 + self._refull(con, {node_id: full})
            self._event(
                con,
                at,
                "rename",
                node_id,
                old_name=node["name"],
                new_name=name,
                old_full=node["full"],
            )
            return self._done(con, Edited("rename", node_id, full, node["full"], touched=touched))

    def retire(
        self, node_id: str, replaced_by: Sequence[str] = (), moment: datetime | None = None
    ) -> Edited:
        """Let a node end with all that lies below it; its string and codes lead to what replaces it.

        Raises
        ------
        NotFoundError
            If it, or what replaces it, is not there now.
        """
        at = moment or utc_now()
        with self.store.transaction() as con:
            node = self._there(con, node_id)
            for other in replaced_by:
                self._there(con, other)
            touched = self._retire(con, node_id, list(replaced_by), at)
            self._event(con, at, "retire", node_id, into=replaced_by, old_name=node["name"],
                        old_full=node["full"])  # fmt: skip
            said = Edited(
                "retire", node_id, node["full"], node["full"], tuple(replaced_by), touched
            )
            return self._done(con, said)

    def merge(self, node_id: str, into: str, moment: datetime | None = None) -> Edited:
        """Let a node go into another: what lies below it moves there, it ends.

        Raises
        ------
        ConflictError
            If both have a child of one level and name (the message names the first).
        """
        return self._spread("merge", node_id, {}, into, moment)

    def split(
        self,
        node_id: str,
        into: Sequence[NewNode],
        shares: Mapping[str, int],
        moment: datetime | None = None,
    ) -> Edited:
        """Let a node go into several new ones beside it.

        Parameters
        ----------
        node_id : str
        into : sequence of NewNode
            At least two.
        shares : mapping of str to int
            Child → position in `into`; every child there now has to be named.
        moment : datetime, optional
            UTC without a zone; now when absent.

        Raises
        ------
        ConflictError
            If a child is not named.
        """
        if len(into) < 2:
            raise InvalidRequestError("a split needs at least two parts", "into")
        at = moment or utc_now()
        with self.store.transaction() as con:
            node = self._there(con, node_id)
            left = {row[0] for row in self._children(con, node_id)} - shares.keys()
            if left:
                raise ConflictError(
                    f"{len(left)} nodes below {node['full']} have no share in the split, such as {min(left)}"
                )
            made = [self._insert(con, node["parent_id"], part, at) for part in into]
            targets = {child: made[number].node_id for child, number in shares.items()}
            self._move(con, node_id, targets, at)
            ids = [one.node_id for one in made]
            touched = self._retire(con, node_id, ids, at)
            self._event(
                con, at, "split", node_id, into=ids, old_name=node["name"], old_full=node["full"]
            )
            said = Edited(
                "split", node_id, node["full"], node["full"], tuple(ids), touched, tuple(targets)
            )
            return self._done(con, said)

    def _spread(
        self, event: str, node_id: str, targets: dict[str, str], into: str, moment: datetime | None
    ) -> Edited:
        at = moment or utc_now()
        with self.store.transaction() as con:
            node, other = self._there(con, node_id), self._there(con, into)
            if node["level"] != other["level"] or node_id == into:
                raise ConflictError(
                    f"{node['full']} cannot go into {other['full']}: another level, or itself"
                )
            targets = {row[0]: into for row in self._children(con, node_id)}
            self._move(con, node_id, targets, at)
            touched = self._retire(con, node_id, [into], at)
            self._event(
                con, at, event, node_id, into=[into], old_name=node["name"], old_full=node["full"]
            )
            said = Edited(
                event, node_id, other["full"], node["full"], (into,), touched, tuple(targets)
            )
            return self._done(con, said)

    # ── steps ──

    def _done(self, con: duckdb.DuckDBPyConnection, said: Edited) -> Edited:
        if self._finish is not None:
            self._finish(con, said)
        return said

    def _above(self, con: duckdb.DuckDBPyConnection, parent_id: str | None) -> str:
        """Whole string of a parent."""
        if parent_id is None:
            return ""
        row = con.execute(
            'SELECT "full" FROM address_node WHERE node_id = $id', {"id": parent_id}
        ).fetchone()
        return str(row[0]) if row else ""

    def _refull(self, con: duckdb.DuckDBPyConnection, fulls: dict[str, str]) -> int:
        """Write the whole strings of what lies below some nodes anew; how many they are."""
        parts = []
        for layer in below(con, list(fulls)):
            names = (layer[name].to_pylist() for name in ("node_id", "parent_id", "name"))
            fulls = {node: fulls[parent] + name for node, parent, name in zip(*names, strict=True)}
            parts.append(pa.table({"node_id": list(fulls), "whole": list(fulls.values())}))
        if not parts:
            return 0
        anew = pa.concat_tables(parts)
        run(con, "address_fulls", incoming=anew)
        return int(anew.num_rows)

    def _move(
        self, con: duckdb.DuckDBPyConnection, old: str, targets: Mapping[str, str], at: datetime
    ) -> None:
        """Hang children under other parents."""
        for child, target in targets.items():
            node = self._there(con, child)
            if node["parent_id"] != old:
                raise ConflictError(f"{child} does not lie right below {old}")
            self._free(con, target, node["level"], node["core"])
            con.execute(
                "UPDATE address_node SET parent_id = $target WHERE node_id = $child",
                {"target": target, "child": child},
            )
            self._event(
                con, at, "move", child, old_full=node["full"], old_parent=old, new_parent=target
            )
        wholes = {one: self._there(con, one)["full"] for one in set(targets.values())}
        fulls = {}
        for child, target in targets.items():
            fulls[child] = wholes[target] + self._there(con, child)["name"]
        if fulls:
            parts = pa.table({"node_id": list(fulls), "whole": list(fulls.values())})
            run(con, "address_fulls", incoming=parts)
            self._refull(con, fulls)

    def _retire(
        self, con: duckdb.DuckDBPyConnection, node_id: str, into: list[str], at: datetime
    ) -> int:
        layers = below(con, [node_id], living=True)
        ids = [node_id, *(one for layer in layers for one in layer["node_id"].to_pylist())]
        con.execute(
            "UPDATE address_node SET status = 'retired', valid_to = $at, replaced_by = $into WHERE node_id = $id",
            {"at": at, "id": node_id, "into": into},
        )
        if len(ids) > 1:
            con.execute(
                "UPDATE address_node SET status = 'retired', valid_to = $at WHERE node_id IN (SELECT unnest($ids::VARCHAR[]))",
                {"at": at, "ids": ids[1:]},
            )
        for one in ids:
            if one != node_id:
                self._event(con, at, "retire", one, note=f"with {node_id}")
        return len(ids)

    def _there(self, con: duckdb.DuckDBPyConnection, node_id: str) -> dict[str, Any]:
        rows = con.execute(
            'SELECT node_id, parent_id, level, name, core, "full" FROM address_node '
            "WHERE node_id = $id AND valid_to IS NULL",
            {"id": node_id},
        ).to_arrow_table()
        found: list[dict[str, Any]] = rows.to_pylist()
        if not found:
            raise NotFoundError(f"there is no address node {node_id!r} now")
        if found[0]["core"] is None:  # written before elements were described
            found[0]["core"] = self._told(found[0]["level"], found[0]["name"])["core"]
        return found[0]

    def _children(self, con: duckdb.DuckDBPyConnection, node_id: str) -> list[tuple[str]]:
        rows: list[tuple[str]] = con.execute(
            "SELECT node_id FROM address_node WHERE parent_id = $id AND valid_to IS NULL ORDER BY node_id",
            {"id": node_id},
        ).fetchall()
        return rows

    def _free(
        self, con: duckdb.DuckDBPyConnection, parent_id: str | None, level: str, core: str
    ) -> None:
        same = (
            "parent_id = $parent" if parent_id is not None else "parent_id IS NULL"
        )  # found by the index
        row = con.execute(
            f'SELECT "full" FROM address_node WHERE {same} AND level = $level '  # noqa: S608 -- our words
            "AND core = $core AND valid_to IS NULL",
            ({"parent": parent_id} if parent_id is not None else {})
            | {"level": level, "core": core},
        ).fetchone()
        if row is not None:
            raise ConflictError(f"{row[0]} is there already")

    def _told(self, level: str, name: str) -> dict[str, Any]:
        if not name.strip() or len(name) > 100 or any(ord(c) < 32 for c in name):
            raise InvalidRequestError(
                f"name={name[:40]!r}: expected 1 to 100 printable characters", "name"
            )
        row: dict[str, Any] = self._describe(
            pa.table({"node_id": ["x"], "level": [level], "name": [name]})
        ).to_pylist()[0]
        return {column: row[column] for column in _DESCRIBED}

    def _name(
        self,
        con: duckdb.DuckDBPyConnection,
        node_id: str,
        level: str,
        name: str,
        kind: str,
        until: datetime | None,
    ) -> None:
        con.execute(
            "INSERT INTO address_name VALUES ($id, $name, $core, $kind, NULL, $until, $source)",
            {"id": node_id, "name": name, "core": self._told(level, name)["core"], "kind": kind,
             "until": until, "source": f"edit:{self._actor}"},
        )  # fmt: skip
        con.execute(
            "UPDATE address_node SET aliases = list_sort(list_distinct(list_append(coalesce(aliases, []), $name))) "
            "WHERE node_id = $id",
            {"id": node_id, "name": name},
        )

    def _event(
        self, con: duckdb.DuckDBPyConnection, at: datetime, event: str, node_id: str, *,
        into: Sequence[str] = (), **told: str | None,
    ) -> None:  # fmt: skip
        values = {
            "at_time": at, "known_at": utc_now(), "event": event, "node_id": node_id,
            "into_ids": list(into), "actor": self._actor, **told,
        }  # fmt: skip
        names = ", ".join(values)
        marks = ", ".join(f"${name}" for name in values)
        con.execute(f"INSERT INTO address_event ({names}) VALUES ({marks})", values)  # noqa: S608 -- our names
