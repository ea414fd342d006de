"""What steps say beside who and why: hours, until when, which unit, into which case."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from twin.cases.clocks import EXTENSION, limit_of
from twin.cases.stages import Transition
from twin.errors import InvalidRequestError
from twin.live.register import naive_utc

__all__ = ["checked"]

MOST_DAYS: Final = 366
LONGEST: Final = 100


def checked(
    step: Transition, said: Mapping[str, Any], case: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """What a step says, if it is what the step takes.

    Parameters
    ----------
    step : Transition
    said : mapping
        ``hours`` (number), ``until`` (datetime), ``unit``, ``into`` (id or key of a case); None counts as not said.
    case : mapping
        Its ``code``, ``urgency`` and ``extension``.
    now : datetime
        Naive UTC.

    Returns
    -------
    dict
        JSON values. Hours of an answer are those asked for where it says none.

    Raises
    ------
    InvalidRequestError
        If something is missing, too much, or out of bounds.
    """
    given = {name: value for name, value in said.items() if value is not None}
    known = (*step.takes, *step.may_take)
    for name in given:
        if name not in known:
            raise InvalidRequestError(
                f"{step.action} ({step.zh}) takes no {name}; it takes {', '.join(known) or 'none of these'}.",
                name,
            )
    for name in step.takes:
        if name not in given:
            raise InvalidRequestError(f"{step.action} ({step.zh}) needs {name}.", name)
    if "hours" in known and "hours" not in given:
        given["hours"] = case["extension"]["hours"]
    if "hours" in given:
        _hours(float(given["hours"]), case)
    if "until" in given:
        given["until"] = _until(given["until"], now)
    if "unit" in given:
        given["unit"] = _text(given["unit"])
    return given


def _hours(hours: float, case: Mapping[str, Any]) -> None:
    limit = limit_of(EXTENSION, case["code"] or "", case["urgency"] or "一般")
    most = 0.0 if limit is None else limit.hours
    if not (math.isfinite(hours) and 0 < hours <= most):
        raise InvalidRequestError(
            f"hours={hours:g}: expected more than 0 and at most {most:g} for this case.", "hours"
        )


def _until(moment: datetime, now: datetime) -> str:
    bare = naive_utc(moment)
    if not now < bare <= now + timedelta(days=MOST_DAYS):
        raise InvalidRequestError(
            f"until={moment.isoformat()}: expected a time that is to come, at most {MOST_DAYS} days ahead.",
            "until",
        )
    return bare.isoformat()


def _text(unit: str) -> str:
    text = unit.strip()
    if not text or len(text) > LONGEST:
        raise InvalidRequestError(
            f"unit={text[:40]!r}: expected the name of a unit, at most {LONGEST} characters.",
            "unit",
        )
    return text
