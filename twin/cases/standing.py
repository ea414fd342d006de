"""Which cases were open at a moment, and the steps between two: what a scene shows of cases, live or past."""

from datetime import datetime
from typing import Any

from twin.cases.stages import CLOSED
from twin.store import Store, statement

__all__ = ["standing", "steps_between"]


def standing(store: Store, at: datetime | None = None) -> list[dict[str, Any]]:
    """Every case that is open, or was at a moment (naive UTC).

    ``id, eid, lon, lat, z, grid_code, alarm_id, key, title, code, unit, stage, reported_at``; ``stage`` as of then.
    """
    return _rows(store, "standing", {"closed": sorted(CLOSED), "at": at})


def steps_between(store: Store, since: datetime, to: datetime) -> list[dict[str, Any]]:
    """Steps after a moment, up to another (naive UTC), in order: ``at, id, event, stage, closed_at`` and the case's place."""
    steps = _rows(store, "past_steps", {"since": since, "to": to})
    return [
        {**step, "closed_at": step["at"] if step["stage"] in CLOSED else None} for step in steps
    ]


def _rows(store: Store, name: str, bound: dict[str, Any]) -> list[dict[str, Any]]:
    with store.cursor() as cursor:
        found = cursor.execute(statement(name, "twin.cases"), bound)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
