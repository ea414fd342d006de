"""Rules of alarms as people write them: what a rule may say, its versions, and the starting set."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from twin.codes import table
from twin.errors import ConflictError, InvalidRequestError, NotFoundError
from twin.store import run, statement

__all__ = [
    "Members", "RuleSpec", "Window", "are_ruled", "begin_version", "end_rule", "lay_down", "listed_rules", "one_rule",
    "read_rule", "rule_row",
]  # fmt: skip

Seconds = Annotated[FiniteFloat, Field(ge=0, le=30 * 86400)]
RuleId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s?#%]+$")]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Window(_Strict):
    """Months, weekdays (1 = Monday) and hours, Beijing time, in which a rule is in force."""

    months: Annotated[list[Annotated[int, Field(ge=1, le=12)]] | None, Field(max_length=12)] = None
    weekdays: Annotated[list[Annotated[int, Field(ge=1, le=7)]] | None, Field(max_length=7)] = None
    from_: Annotated[Clock | None, Field(alias="from")] = None
    to: Clock | None = None

    @model_validator(mode="after")
    def _both(self) -> "Window":
        if (self.from_ is None) != (self.to is None):
            raise ValueError("hours need both from and to")
        return self


class Members(_Strict):
    """What a compound rule watches: rules by id, or those of streams near by or on the same thing or entity."""

    rules: Annotated[list[RuleId] | None, Field(min_length=1, max_length=1000)] = None
    within_m: Annotated[FiniteFloat | None, Field(gt=0, le=50_000)] = None
    same: Literal["thing", "entity"] | None = None
    subject: Annotated[str | None, Field(max_length=80)] = None
    property: Annotated[str | None, Field(max_length=80)] = None
    level: Literal["warning", "alarm"] | None = None
    kind: Literal["level", "rate", "stale"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Members":
        if sum(way is not None for way in (self.rules, self.within_m, self.same)) != 1:
            raise ValueError("give one of rules, within_m, same")
        if self.rules and any((self.subject, self.property, self.level, self.kind)):
            raise ValueError("rules by id are not narrowed by subject, property, level, kind")
        return self


class RuleSpec(_Strict):
    """A rule; thresholds and dead bands in the unit of the stream (rates per minute, silence in seconds)."""

    stream: Annotated[str, Field(min_length=1, max_length=200, description="Key of the stream.")]
    name: Annotated[str | None, Field(max_length=200)] = None
    kind: Literal["level", "rate", "stale", "compound"] = "level"
    level: Literal["warning", "alarm"] = "alarm"
    comparison: Literal["above", "below"] = "above"
    threshold: FiniteFloat | None = None
    dead_band: Annotated[FiniteFloat, Field(ge=0)] = 0.0
    on_delay_s: Seconds = 0.0
    off_delay_s: Seconds = 0.0
    window: Window | None = None
    latched: bool = False
    suppressed_by: RuleId | None = None
    need: Annotated[int | None, Field(ge=0, le=1000)] = None
    members: Members | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "RuleSpec":
        if self.kind == "compound":
            if self.members is None:
                raise ValueError("a compound rule needs members")
            if self.threshold is not None or self.window is not None:
                raise ValueError("a compound rule has no threshold and no window; its members have")
        else:
            if self.threshold is None:
                raise ValueError(f"a {self.kind} rule needs a threshold")
            if self.members is not None or self.need is not None:
                raise ValueError("members and need are for compound rules")
        if self.kind == "stale" and not 1 <= (self.threshold or 0) <= 365 * 86400:
            raise ValueError("the threshold of a stale rule is seconds, 1 to 31536000")
        delays = self.on_delay_s or self.off_delay_s or self.dead_band
        if self.kind in ("stale", "compound") and delays:
            raise ValueError(f"a {self.kind} rule has no dead band and no delays")
        return self


def read_rule(given: Mapping[str, Any]) -> RuleSpec:
    """A rule as it was given.

    Raises
    ------
    InvalidRequestError
        Naming the member, what was given and what was expected.
    """
    try:
        return RuleSpec.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"]) or "rule"
        raise InvalidRequestError(
            f"{name}: {first['msg']} (given {str(first['input'])[:80]!r}).", name
        ) from None


def lay_down(con: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Let the rules follow the thresholds of the streams, and the starting set; inside a transaction.

    ``now`` (naive UTC) is when what changes begins to be in force.
    """
    con.register("starting_rule", _starting())
    run(con, "start", "twin.live", now=now)
    con.unregister("starting_rule")


def are_ruled(streams: pa.Table) -> bool:
    """Whether :func:`lay_down` may make a rule for one of some streams (rows of ``sql/catalogue.sql``)."""
    limits = ("warn_low", "warn_high", "alarm_low", "alarm_high")
    if any(streams.column(name).null_count < streams.num_rows for name in limits):
        return True
    given = _starting().select(["subject", "property"]).to_pylist()
    named = streams.select(["subject", "property"]).to_pylist()
    return any(one in given for one in named)


@cache
def _starting() -> pa.Table:
    given = table("alarm_rules")
    numbers = ("threshold", "dead_band", "on_delay_s", "off_delay_s")
    columns = {}
    for name in given.column_names:
        text = given.column(name)
        if name in numbers:
            columns[name] = text.cast(pa.float64())
        else:
            columns[name] = pc.equal(text, "yes") if name in ("latched", "enabled") else text
    return pa.table(columns)


def rule_row(
    con: duckdb.DuckDBPyConnection, rule_id: str, spec: RuleSpec, version: int, origin: str, now: datetime, actor: str,
    note: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The row of a rule.

    Raises
    ------
    InvalidRequestError
        If its stream, the rules it names, or the rule that suppresses it are not there.
    """
    found = con.execute("SELECT stream_id FROM datastream WHERE key = $k", {"k": spec.stream}).fetchone()  # fmt: skip
    if found is None:
        raise InvalidRequestError(f"there is no stream {spec.stream[:80]!r}.", "stream")
    named = list(spec.members.rules or ()) if spec.members else []
    if spec.suppressed_by is not None:
        if spec.suppressed_by == rule_id:
            raise InvalidRequestError("a rule cannot suppress itself.", "suppressed_by")
        named.append(spec.suppressed_by)
    known = con.execute(
        "SELECT rule_id, kind FROM alarm_rule WHERE list_contains($ids::VARCHAR[], rule_id)", {"ids": named}
    ).fetchall()  # fmt: skip
    missing = sorted(set(named) - {row[0] for row in known})
    if missing:
        raise InvalidRequestError(f"there is no rule {missing[0][:200]!r}.", "members")
    compound = [row[0] for row in known if row[1] == "compound" and row[0] != spec.suppressed_by]
    if compound:
        raise InvalidRequestError(f"{compound[0]!r} is a compound rule itself; members watch readings.", "members")  # fmt: skip
    if spec.members and spec.members.rules and (spec.need or 0) > len(set(spec.members.rules)):
        raise InvalidRequestError(f"need {spec.need}: more than there are rules.", "need")
    given = spec.model_dump(mode="json", by_alias=True, exclude={"stream", "window", "members"})
    return given | {
        "rule_id": rule_id, "stream_id": found[0], "version": version, "origin": origin,
        "valid_from": now, "actor": actor, "note": note, "in_force": _json(spec.window), "members": _json(spec.members),
    }  # fmt: skip


def _json(part: BaseModel | None) -> str | None:
    if part is None:
        return None
    return orjson.dumps(part.model_dump(mode="json", by_alias=True, exclude_none=True)).decode()


def begin_version(
    con: duckdb.DuckDBPyConnection, rule_id: str, spec: RuleSpec, now: datetime, actor: str, note: str | None, *, replaces: bool
) -> None:  # fmt: skip
    """Write a rule, or the next version of one; inside a transaction. ``now`` is naive UTC.

    Raises
    ------
    ConflictError
        If there is one already, or the rule's threshold follows its stream and another is given.
    NotFoundError
        If there is none to replace.
    InvalidRequestError
        As of :func:`rule_row`.
    """
    known = con.execute(
        "SELECT version, origin, r.threshold, d.key, r.kind, r.comparison, r.level FROM alarm_rule r "
        "JOIN datastream d USING (stream_id) WHERE rule_id = $r",
        {"r": rule_id},
    ).fetchone()
    if known is None and replaces:
        raise NotFoundError(f"there is no rule {rule_id[:200]!r}")
    if known is not None and not replaces:
        raise ConflictError(f"there is a rule {rule_id!r} already; PUT changes it.")
    asked = (spec.threshold, spec.stream, spec.kind, spec.comparison, spec.level)
    if known is not None and known[1] == "threshold" and known[2:] != asked:
        raise ConflictError(
            f"{rule_id} follows the threshold of stream {known[3]}: change it there, or make a rule of your own. "
            "Dead band, delays, window, latching, suppression and enabled may be changed here."
        )
    ended = con.execute(
        "SELECT max(version) FROM alarm_rule_history WHERE rule_id = $r", {"r": rule_id}
    ).fetchone()
    last = max((known and known[0]) or 0, (ended and ended[0]) or 0)
    origin = known[1] if known is not None else "person"
    row = rule_row(con, rule_id, spec, last + 1, origin, now, actor, note)
    if known is not None:
        run(con, "rule_end", "twin.live", rule=rule_id, now=now)
    con.register("incoming_rule", pa.Table.from_pylist([row], schema=_ROW))
    con.execute("INSERT INTO alarm_rule BY NAME FROM incoming_rule")
    con.unregister("incoming_rule")


def end_rule(con: duckdb.DuckDBPyConnection, rule_id: str, now: datetime, actor: str, note: str | None) -> None:  # fmt: skip
    """End a rule for good; its versions stay. Inside a transaction; ``now`` is naive UTC.

    Raises
    ------
    NotFoundError
        If there is none.
    ConflictError
        If it follows from a threshold, and would be there again.
    """
    known = con.execute("SELECT origin FROM alarm_rule WHERE rule_id = $r", {"r": rule_id}).fetchone()  # fmt: skip
    if known is None:
        raise NotFoundError(f"there is no rule {rule_id[:200]!r}")
    if known[0] == "threshold":
        raise ConflictError(f"{rule_id} follows the threshold of its stream; switch it off with enabled false.")  # fmt: skip
    con.execute(
        "UPDATE alarm_rule SET actor = $actor, note = coalesce($note, note) WHERE rule_id = $rule",
        {"actor": actor, "note": note, "rule": rule_id},
    )
    run(con, "rule_end", "twin.live", rule=rule_id, now=now)
    con.execute("DELETE FROM alarm_condition WHERE rule_id = $r", {"r": rule_id})


_TEXTS = ("rule_id", "level", "comparison", "kind", "name", "in_force", "suppressed_by", "members",
          "origin", "actor", "note")  # fmt: skip
_FLOATS = ("threshold", "dead_band", "on_delay_s", "off_delay_s")
_ROW = pa.schema(
    [(name, pa.string()) for name in _TEXTS]
    + [(name, pa.float64()) for name in _FLOATS]
    + [("stream_id", pa.int64()), ("enabled", pa.bool_()), ("latched", pa.bool_()), ("version", pa.int32())]
    + [("need", pa.int32()), ("valid_from", pa.timestamp("us"))]
)  # fmt: skip


def listed_rules(
    con: duckdb.DuckDBPyConnection, limit: int, *, stream: str | None = None, subject: str | None = None, kind: str | None = None,
    enabled: bool | None = None, rule: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rules in force as JSON, by stream; with ``rule`` that one and its ended versions, the newest first."""
    bound = {"stream": stream, "subject": subject, "kind": kind, "enabled": enabled, "rule": rule, "limit": limit}  # fmt: skip
    found = con.execute(statement("rule_list", "twin.live"), bound).to_arrow_table().to_pylist()
    return [_told(row) for row in found]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("valid_from", "valid_to"):
        row[name] = (
            None if row[name] is None else row[name].isoformat(timespec="milliseconds") + "Z"
        )
    row["window"] = orjson.loads(row.pop("in_force") or "null")
    row["members"] = orjson.loads(row["members"] or "null")
    return row


def one_rule(con: duckdb.DuckDBPyConnection, rule_id: str) -> dict[str, Any]:
    """A rule with its ended ``versions``, the newest first; the last one where it has ended itself.

    Raises
    ------
    NotFoundError
        If there never was one.
    """
    found = listed_rules(con, 1000, rule=rule_id)
    if not found:
        raise NotFoundError(f"there is no rule {rule_id[:200]!r}")
    return {**found[0], "versions": found[1:]}
