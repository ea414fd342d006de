"""The case desk: cases are opened, moved from stage to stage, found; every step is an event."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from twin.cases.clocks import clocks, late
from twin.cases.place import place_case
from twin.cases.register import EDITION
from twin.cases.reporting import NewCase, code_names
from twin.cases.stages import CLOSED, FIRST, Transition, stages, transitions
from twin.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from twin.ids import uuid7_array
from twin.live.life_cycle import HOLDING
from twin.live.register import naive_utc
from twin.store import Store, run, statement

__all__ = ["CaseDesk", "CasePage", "steps_from"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class CasePage:
    """Some of the cases that matched, newest first, and how many matched."""

    cases: list[dict[str, Any]]
    matched: int


def steps_from(stage: str) -> list[Transition]:
    """Legal steps out of a stage, in the order of the table."""
    return [step for step in transitions() if step.source == stage]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CaseDesk:
    """Opens cases and moves them; safe to use from any thread.

    A case as a dict has ``id, key, kind, code, code_name, title, description, address_text, stage,
    reported_at, closed_at, source, unit, alarm_id, lon, lat, z, eid, grid_code, placed_by,
    not_placed, attributes``, ``clock`` (:func:`twin.cases.clocks.clocks`) and ``actions`` (the steps possible now); times are
    naive UTC.

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

    def open(self, new: NewCase, actor: str, note: str | None = None) -> dict[str, Any]:
        """Open a case at stage 上报, durably before this returns.

        Raises
        ------
        InvalidRequestError
            If ``actor`` is empty.
        """
        with self._store.transaction() as con:
            place = place_case(con, self._store.assets, new.lon, new.lat)
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
            standing = self._page(con, stages=_open_stages(), alarm=alarm_id).cases
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
        role : str, optional
            Role of the actor; not checked where None.

        Returns
        -------
        dict
            The case as it stands now.

        Raises
        ------
        NotFoundError
            If there is no such case.
        ConflictError
            If the step is not possible at this stage (the message says which are), or lacks its
            reason.
        ForbiddenError
            If the role may not take it.
        InvalidRequestError
            If ``actor`` is empty or no stage knows the step.
        """
        now = naive_utc(self._clock())
        with self._store.transaction() as con:
            case = self._one(con, case_id)
            taken = self._judge(con, case, action, note, role)
            _named(actor)
            con.execute(
                "UPDATE case_file SET stage = $stage, closed_at = $closed "
                "WHERE case_id = $case::UUID",
                {
                    "stage": taken.target,
                    "closed": now if taken.target in CLOSED else None,
                    "case": case["id"],
                },
            )
            con.execute(
                "INSERT INTO case_event (case_id, at_time, event, from_stage, to_stage, actor, "
                "note) VALUES ($case::UUID, $now, $event, $source, $target, $actor, $note)",
                {
                    "case": case["id"],
                    "now": now,
                    "event": taken.action,
                    "source": taken.source,
                    "target": taken.target,
                    "actor": actor,
                    "note": note,
                },
            )
            return self._one(con, case["id"])

    def get(self, case_id: str) -> dict[str, Any]:
        """One case by UUID or key, with its ``events``.

        Raises
        ------
        NotFoundError
            If there is no such case.
        """
        with self._store.cursor() as cursor:
            case = self._one(cursor, case_id)
            return {**case, "events": self._events(cursor, case["id"])}

    def events(self, case_id: str) -> list[dict[str, Any]]:
        """Steps of a case by UUID or key, in order."""
        events: list[dict[str, Any]] = self.get(case_id)["events"]
        return events

    def steps_after(self, seq: int, limit: int = 10_000) -> list[dict[str, Any]]:
        """Cases as they stand by now, each with a step (``seq``, ``event``) taken after number ``seq``, oldest first.

        ``stage`` is the one the step led to. Cases that were loaded are not among them.
        """
        with self._store.cursor() as cursor:
            steps = cursor.execute(
                "SELECT seq, case_id::VARCHAR, event, to_stage FROM case_event "
                "WHERE seq > $seq AND event <> 'load' ORDER BY seq LIMIT $limit",
                {"seq": seq, "limit": limit},
            ).fetchall()
            if not steps:
                return []
            among = sorted({case_id for _, case_id, _, _ in steps})
            cases = {
                case["id"]: case for case in self._page(cursor, among=among, limit=len(among)).cases
            }
        return [
            {**cases[case_id], "stage": stage, "event": event, "seq": number}
            for number, case_id, event, stage in steps
        ]

    def listed(
        self,
        stage: Sequence[str] | None = None,
        bbox: Box | None = None,
        grid: str | None = None,
        limit: int = 100,
        offset: int = 0,
        overdue: bool | None = None,
    ) -> CasePage:
        """Cases, newest first.

        Parameters
        ----------
        stage : sequence of str, optional
            Stages wanted.
        bbox : tuple of float, optional
            West, south, east, north, degrees.
        grid : str, optional
            15-digit code of a 单元网格.
        limit, offset : int
            Page.
        overdue : bool, optional
            Only those beyond a time limit (:mod:`twin.cases.clocks`), or only the others that are open.

        Raises
        ------
        InvalidRequestError
            If a stage is unknown.
        """
        for name in stage or ():
            if name not in stages():
                raise InvalidRequestError(
                    f"stage {name!r}: expected one of {' '.join(stages())}", "stage"
                )
        with self._store.cursor() as cursor:
            among = None if overdue is None else self._late(cursor, overdue)
            return self._page(
                cursor, stages=stage, bbox=bbox, grid=grid, limit=limit, offset=offset, among=among
            )

    def _late(self, con: duckdb.DuckDBPyConnection, wanted: bool) -> list[str]:
        return late(con, naive_utc(self._clock()), wanted)

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
        row = {
            "eid": None,
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
            "unit": new.unit,
            "alarm_id": alarm_id,
            "attributes": orjson.dumps(attributes).decode() if attributes else None,
            "actor": _named(actor),
            "note": note,
        }
        con.register("incoming_case", pa.Table.from_pylist([row]))
        run(con, "open", "twin.cases", now=now)
        con.unregister("incoming_case")
        return case_id

    def _judge(
        self,
        con: duckdb.DuckDBPyConnection,
        case: Mapping[str, Any],
        action: str,
        note: str | None,
        role: str | None,
    ) -> Transition:
        """The step, if it is possible here and now."""
        if not any(action in (step.action, step.zh) for step in transitions()):
            known = ", ".join(dict.fromkeys(f"{s.action} ({s.zh})" for s in transitions()))
            raise InvalidRequestError(f"no step is called {action!r}; there are {known}", "action")
        possible = steps_from(case["stage"])
        found = [step for step in possible if action in (step.action, step.zh)]
        if not found:
            words = ", ".join(f"{step.action} ({step.zh})" for step in possible)
            raise ConflictError(
                f"case {case['key']} is at {case['stage']}: {action} is not possible. "
                f"Possible now: {words or 'nothing, it is over'}."
            )
        step = found[0]
        if role is not None and role not in step.roles:
            raise ForbiddenError(f"{step.zh} is for {', '.join(step.roles)}; you are {role}.")
        if (note or "").strip():
            return step
        if step.needs_note:
            raise ConflictError(f"{step.action} ({step.zh}) needs a reason in note.")
        if step.target == "结案" and case["alarm_id"] is not None:
            alarm = self._alarm(con, case["alarm_id"])
            if alarm["state"] in HOLDING:
                raise ConflictError(
                    f"the alarm behind case {case['key']} still holds ({alarm['message_zh']}); "
                    "closing the case now needs a reason in note."
                )
        return step

    def _alarm(self, con: duckdb.DuckDBPyConnection, alarm_id: str) -> dict[str, Any]:
        found = _dicts(con.execute(statement("alarm", "twin.cases"), {"alarm": alarm_id}))
        if not found:
            raise NotFoundError(f"there is no alarm {alarm_id}")
        return found[0]

    def _one(self, con: duckdb.DuckDBPyConnection, case_id: str) -> dict[str, Any]:
        found = self._page(con, case=case_id, limit=1).cases
        if not found:
            raise NotFoundError(f"there is no case {case_id}")
        return found[0]

    def _events(self, con: duckdb.DuckDBPyConnection, case_id: str) -> list[dict[str, Any]]:
        return _dicts(
            con.execute(
                "SELECT seq, at_time, event, from_stage, to_stage, actor, note FROM case_event "
                "WHERE case_id = $case::UUID ORDER BY seq",
                {"case": case_id},
            )
        )

    def _page(
        self,
        con: duckdb.DuckDBPyConnection,
        *,
        stages: Sequence[str] | None = None,
        bbox: Box | None = None,
        grid: str | None = None,
        alarm: str | None = None,
        case: str | None = None,
        limit: int = 100,
        offset: int = 0,
        among: Sequence[str] | None = None,
    ) -> CasePage:
        west, south, east, north = bbox or (None, None, None, None)
        bound = {
            "stages": None if stages is None else list(stages),
            **{"west": west, "south": south, "east": east, "north": north},
            **{"grid": grid, "alarm": alarm, "case": case, "limit": limit, "offset": offset},
            "among": None if among is None else list(among),
        }
        found = _dicts(con.execute(statement("list", "twin.cases"), bound))
        matched = found[0]["matched"] if found else 0
        told = clocks(con, naive_utc(self._clock()), [row["id"] for row in found]) if found else {}
        for row in found:
            del row["matched"]
            row["clock"] = told[row["id"]]
            row["code_name"] = code_names().get((row["kind"], row["code"]))
            row["attributes"] = orjson.loads(row["attributes"] or "{}")
            row["actions"] = [
                {
                    "action": step.action,
                    "zh": step.zh,
                    "en": step.en,
                    "to": step.target,
                    "roles": list(step.roles),
                    "needs_note": step.needs_note,
                }
                for step in steps_from(row["stage"])
            ]
        return CasePage(found, matched)


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


def _dicts(answer: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
