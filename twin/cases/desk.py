"""The case desk: cases are opened, moved from stage to stage, found; every step is an event."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from twin.cases.calendar import calendar_of
from twin.cases.clocks import late
from twin.cases.listing import Asked, CasePage, dicts, events_of, page_of, standing_of
from twin.cases.machine import judge, replay
from twin.cases.place import place_case
from twin.cases.register import EDITION
from twin.cases.reporting import NewCase
from twin.cases.saying import checked
from twin.cases.stages import CLOSED, FIRST, stages
from twin.cases.units import responsible
from twin.errors import ConflictError, InvalidRequestError, NotFoundError
from twin.ids import uuid7_array
from twin.live.life_cycle import HOLDING
from twin.live.register import naive_utc
from twin.store import Store, run, statement

__all__ = ["CaseDesk"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CaseDesk:
    """Opens cases and moves them; safe to use from any thread.

    A case as a dict has ``id, key, kind, code, code_name, title, description, address_text, urgency, stage,
    reported_at, closed_at, source, unit, alarm_id, lon, lat, z, eid, node_id, grid_code, placed_by,
    not_placed, attributes``, ``clock`` (:func:`twin.cases.clocks.clocks`), ``urged`` (督办: since, until,
    actor, note; None where it is not), ``extension`` (延期: state, hours, at_time), ``merged_into`` (UUID) and ``actions``
    (the steps possible now); times are naive UTC.

    Parameters
    ----------
    store : Store
        The base, open for writing.
    clock : callable, optional
        Gives the present moment; UTC where it is naive.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._clock = clock
        self._calendar = calendar_of(store.city)

    def open(
        self,
        new: NewCase,
        actor: str,
        note: str | None = None,
        named: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Open a case at stage 上报, with its place and responsible unit, durably before this returns.

        Parameters
        ----------
        new : NewCase
        actor : str
            Who reports it.
        note : str, optional
        named : mapping, optional
            What its address text names (a row of :data:`twin.ingest.anchoring.MATCHED`); taken where it has no coordinates.

        Raises
        ------
        InvalidRequestError
            If ``actor`` is empty.
        """
        with self._store.transaction() as con:
            place = place_case(con, self._store.assets, new.lon, new.lat, named)
            case_id = self._write(con, new, place, actor, note)
            return self._one(con, case_id)

    def from_alarm(self, alarm_id: str, actor: str, note: str | None = None) -> dict[str, Any]:
        """Open a case about an alarm, at the place of its stream, with the reading as evidence.

        Raises
        ------
        NotFoundError
            If there is no such alarm.
        ConflictError
            If the alarm has a case that is not closed.
        """
        with self._store.transaction() as con:
            alarm = self._alarm(con, alarm_id)
            standing = standing_of(con, Asked(stages=_open_stages(), alarm=alarm_id)).cases
            if standing:
                raise ConflictError(
                    f"alarm {alarm_id} has case {standing[0]['key']} at stage "
                    f"{standing[0]['stage']} already; continue with that one."
                )
            new = NewCase(
                title=alarm["message_zh"],
                description=alarm["message_en"],
                lon=alarm["lon"],
                lat=alarm["lat"],
                source="物联监测",
            )
            names = ("akind", "eid", "grid_eid", "grid_code", "lon", "lat", "z", "ground_z")
            place = {name: alarm[name] for name in (*names, "confidence", "reason")}
            place |= {
                "akind": alarm["akind"] or "none",
                "method": "none" if alarm["lon"] is None else "host",
                "evidence": orjson.dumps({"alarm_id": alarm_id}).decode(),
            }
            evidence = {
                name: alarm[name]
                for name in ("rule_id", "stream_key", "subject", "level", "value", "threshold")
            }
            case_id = self._write(con, new, place, actor, note, alarm_id, evidence)
            return self._one(con, case_id)

    def step(
        self,
        case_id: str,
        action: str,
        actor: str,
        note: str | None = None,
        role: str | None = None,
        **said: Any,  # noqa: ANN401 -- as the table says
    ) -> dict[str, Any]:
        """Take a case one step on.

        Parameters
        ----------
        case_id : str
            UUID or key (案件编号).
        action : str
            Word or Chinese name of the step, as in ``transitions.csv``.
        actor : str
            Who takes it.
        note : str, optional
            Why; needed for steps the table marks so, and for closing a case whose alarm still
            holds.
        role : str
            As whom: one of the roles the table names for the step.
        **said
            What the step takes (:mod:`twin.cases.saying`): ``hours``, ``until``, ``unit``, ``into``.

        Returns
        -------
        dict
            The case as it stands now.

        Raises
        ------
        NotFoundError
            If there is no such case.
        ConflictError
            If the step is not possible now (the message says which are), or lacks its reason.
        ForbiddenError
            If the role may not take it.
        InvalidRequestError
            If ``actor`` or ``role`` is missing, no stage knows the step, or it says what it does not take.
        """
        now = naive_utc(self._clock())
        with self._store.transaction() as con:
            case = self._bare(con, case_id)
            events = events_of(con, case["id"])
            standing = replay((row["event"], row["to_stage"]) for row in events)
            taken = judge(standing, action, role, note)
            details = checked(taken, said, case, now)
            _named(actor)
            if taken.target == "结案" and not (note or "").strip():
                self._expect_over(con, case)
            if "unit" in details:
                details["before"] = case["unit"]
            if "into" in details:
                details["into"] = self._merge(con, case, details["into"], actor, now)
            closed = now if taken.target in CLOSED else None
            run(
                con, "step", "twin.cases", case=case["id"], source=taken.source, stage=taken.target, now=now, closed=closed,
                unit=details.get("unit"),
            )  # fmt: skip
            self._note(
                con, case["id"], now, taken.action, (taken.source, taken.target), actor, note, role, details
            )  # fmt: skip
            return self._one(con, case["id"])

    def _expect_over(self, con: duckdb.DuckDBPyConnection, case: Mapping[str, Any]) -> None:
        """Refuse closing without a word while the alarm behind a case holds."""
        if case["alarm_id"] is None:
            return
        alarm = self._alarm(con, case["alarm_id"])
        if alarm["state"] in HOLDING:
            raise ConflictError(
                f"the alarm behind case {case['key']} still holds ({alarm['message_zh']}); "
                "closing the case now needs a reason in note."
            )

    def _merge(
        self,
        con: duckdb.DuckDBPyConnection,
        case: Mapping[str, Any],
        into: str,
        actor: str,
        now: datetime,
    ) -> str:
        """Note in another case that this one goes into it; its UUID."""
        other = self._bare(con, into)
        if other["id"] == case["id"] or other["stage"] == "作废":
            which = "itself" if other["id"] == case["id"] else f"{other['key']}, which is 作废"
            raise ConflictError(f"case {case['key']} cannot go into {which}.")
        self._note(
            con, other["id"], now, "merged", (other["stage"], other["stage"]), actor, None, None, {"from": case["id"]}
        )  # fmt: skip
        return str(other["id"])

    def _note(
        self,
        con: duckdb.DuckDBPyConnection,
        case_id: str,
        now: datetime,
        event: str,
        way: tuple[str, str],
        actor: str,
        note: str | None,
        role: str | None,
        details: Mapping[str, Any],
    ) -> None:
        """Write an event."""
        run(
            con, "note", "twin.cases", case=case_id, now=now, event=event, source=way[0], target=way[1], actor=actor,
            note=note, role=role, details=orjson.dumps(details).decode() if details else None,
        )  # fmt: skip

    def get(self, case_id: str) -> dict[str, Any]:
        """One case by UUID or key, with its ``events``.

        Raises
        ------
        NotFoundError
            If there is no such case.
        """
        with self._store.snapshot() as cursor:
            case = self._one(cursor, case_id)
            return {**case, "events": events_of(cursor, case["id"])}

    def events(self, case_id: str) -> list[dict[str, Any]]:
        """Steps of a case by UUID or key, in order."""
        events: list[dict[str, Any]] = self.get(case_id)["events"]
        return events

    def steps_after(self, seq: int, limit: int = 10_000) -> list[dict[str, Any]]:
        """Cases as they stand by now, each with a step (``seq``, ``event``) taken after number ``seq``, oldest first.

        ``stage`` is the one the step led to. Cases that were loaded are not among them.
        """
        with self._store.snapshot() as cursor:
            steps = cursor.execute(
                "SELECT seq, case_id::VARCHAR, event, to_stage FROM case_event "
                "WHERE seq > $seq AND event <> 'load' ORDER BY seq LIMIT $limit",
                {"seq": seq, "limit": limit},
            ).fetchall()
            if not steps:
                return []
            among = sorted({case_id for _, case_id, _, _ in steps})
            cases = {
                case["id"]: case
                for case in self._page(cursor, Asked(among=pa.array(among), limit=len(among))).cases
            }
        return [
            {**cases[case_id], "stage": stage, "event": event, "seq": number}
            for number, case_id, event, stage in steps
        ]

    def listed(self, asked: Asked | None = None, overdue: bool | None = None) -> CasePage:
        """Cases, newest first.

        Parameters
        ----------
        asked : Asked, optional
            Which; the newest hundred of all where None.
        overdue : bool, optional
            Only those beyond a time limit (:mod:`twin.cases.clocks`), or only the others that are open.

        Raises
        ------
        InvalidRequestError
            If a stage is unknown.
        """
        with self._store.snapshot() as cursor:
            return self._page(cursor, self._among(cursor, asked or Asked(), overdue))

    def _among(self, con: duckdb.DuckDBPyConnection, asked: Asked, overdue: bool | None) -> Asked:
        for name in asked.stages or ():
            if name not in stages():
                raise InvalidRequestError(
                    f"stage {name!r}: expected one of {' '.join(stages())}", "stage"
                )
        return asked if overdue is None else replace(asked, among=self._late(con, overdue))

    def overdue(self, wanted: bool = True) -> pa.Array:
        """UUIDs (text) of the cases beyond a time limit, or of the others that are open."""
        with self._store.snapshot() as cursor:
            return self._late(cursor, wanted)

    def _late(self, con: duckdb.DuckDBPyConnection, wanted: bool) -> pa.Array:
        return late(con, naive_utc(self._clock()), self._calendar, wanted)

    def _write(
        self,
        con: duckdb.DuckDBPyConnection,
        new: NewCase,
        place: Mapping[str, Any],
        actor: str,
        note: str | None,
        alarm_id: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        now = naive_utc(self._clock())
        case_id = str(uuid7_array(1)[0])
        unit = responsible(con, new, place)
        row = {
            "eid": None,
            "node_id": None,
            "details": orjson.dumps(unit).decode(),
            **place,
            "case_id": case_id,
            "key": _next_key(con, now),
            "kind": new.kind,
            "code": new.code,
            "edition": EDITION,
            "title": new.title.strip(),
            "description": new.description,
            "address_text": new.address_text,
            "stage": FIRST,
            "reported_at": now,
            "source": new.source,
            "urgency": new.urgency,
            "unit": unit["unit"],
            "alarm_id": alarm_id,
            "attributes": orjson.dumps(attributes).decode() if attributes else None,
            "actor": _named(actor),
            "note": note,
        }
        con.register("incoming_case", pa.Table.from_pylist([row]))
        run(con, "open", "twin.cases", now=now)
        con.unregister("incoming_case")
        return case_id

    def _alarm(self, con: duckdb.DuckDBPyConnection, alarm_id: str) -> dict[str, Any]:
        found = dicts(con.execute(statement("alarm", "twin.cases"), {"alarm": alarm_id}))
        if not found:
            raise NotFoundError(f"there is no alarm {alarm_id}")
        return found[0]

    def _one(self, con: duckdb.DuckDBPyConnection, case_id: str) -> dict[str, Any]:
        return _only(self._page(con, Asked(case=case_id, limit=1)), case_id)

    def _bare(self, con: duckdb.DuckDBPyConnection, case_id: str) -> dict[str, Any]:
        """A case without its clock."""
        return _only(standing_of(con, Asked(case=case_id, limit=1)), case_id)

    def _page(self, con: duckdb.DuckDBPyConnection, asked: Asked) -> CasePage:
        return page_of(con, asked, self._calendar, naive_utc(self._clock()))


def _only(page: CasePage, case_id: str) -> dict[str, Any]:
    if not page.cases:
        raise NotFoundError(f"there is no case {case_id}")
    return page.cases[0]


def _open_stages() -> list[str]:
    return [stage for stage in stages() if stage not in CLOSED]


def _named(actor: str) -> str:
    if not actor.strip():
        raise InvalidRequestError("a step needs to say who takes it", "actor")
    return actor


def _next_key(con: duckdb.DuckDBPyConnection, now: datetime) -> str:
    """案件编号 of the next case of the day, such as AJ20260701-0001."""
    head = f"AJ{now:%Y%m%d}-"
    found = con.execute(
        "SELECT coalesce(max(TRY_CAST(substr(key, $from) AS INTEGER)), 0) FROM case_file "
        "WHERE starts_with(key, $head)",
        {"from": len(head) + 1, "head": head},
    ).fetchone()
    return f"{head}{(found[0] if found else 0) + 1:04d}"
