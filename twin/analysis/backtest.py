"""A rule tried on history: the alarms it would have raised, beside those of the rule that is in force."""

from datetime import datetime
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from twin.analysis.model import Analysis, Inputs, Study
from twin.errors import ForbiddenError, InvalidRequestError, NotFoundError
from twin.features.asking import EVERYTHING
from twin.live.catalogue import Catalogue
from twin.live.history import readings
from twin.live.register import naive_utc
from twin.live.rulebook import RuleSpec
from twin.live.state import microseconds
from twin.live.trial import Trial, rules_on_trial, tried

__all__ = ["ANALYSIS"]

MOST_STREAMS = 2_000
STREAMS_AT_ONCE = 200


class BacktestInputs(Inputs):
    """A draft and an interval."""

    rule: Annotated[
        RuleSpec,
        Field(description="The draft, as for POST /alarm-rules; stream is the one it is for."),
    ]
    start: Annotated[datetime, Field(description="Begin of the interval (RFC 3339).")]
    end: Annotated[datetime, Field(description="End of the interval, not included.")]
    compare: Annotated[
        str | None, Field(max_length=200, description="Rule in force to compare with.")
    ] = None
    like: Annotated[
        bool, Field(description="Try a level, rate or stale rule on every stream of the same subject and property.")
    ] = False  # fmt: skip
    limit: Annotated[int, Field(ge=1, le=1000, description="First alarms listed.")] = 20

    @model_validator(mode="after")
    def _forward(self) -> "BacktestInputs":
        if naive_utc(self.start) >= naive_utc(self.end):
            raise ValueError("start must lie before end")
        if self.like and self.rule.kind == "compound":
            raise ValueError("like goes with rules that watch readings")
        return self


def _run(given: BacktestInputs, study: Study) -> dict[str, Any]:
    if study.reach != EVERYTHING:
        raise ForbiddenError(
            "a back-test reads streams of the whole city; this token sees a part of it."
        )
    with study.store.cursor() as con:
        catalogue = Catalogue.load(con)
        at = catalogue.keys.get(given.rule.stream)
        if at is None:
            raise NotFoundError(f"there is no stream {given.rule.stream[:80]!r}")
        own = _like(catalogue, at) if given.like else np.array([at])
        drafts = rules_on_trial(con, catalogue, given.rule, catalogue.ids[own].tolist())
        present = None
        if given.compare is not None:
            present = rules_on_trial(con, catalogue, given.compare, [])
    low, high = (microseconds(naive_utc(moment)) for moment in (given.start, given.end))
    draft = _over(study, drafts, catalogue, low, high)
    answer: dict[str, Any] = {
        "streams": len(own),
        "readings": draft.readings,
        "draft": draft.summary(given.limit),
    }
    if present is not None:
        before = _over(study, present, catalogue, low, high)
        answer["present"] = before.summary(given.limit)
        answer["difference"] = draft.beside(before)
    return answer


def _like(catalogue: Catalogue, at: int) -> NDArray[np.int64]:
    """Positions of the streams of the same subject and property."""
    chosen = np.ones(len(catalogue.ids), bool)
    for name in ("subject", "property"):
        column = catalogue.table.column(name).to_numpy(zero_copy_only=False)
        chosen &= np.asarray(column == column[at], bool)
    found = np.flatnonzero(chosen)
    if len(found) > MOST_STREAMS:
        raise InvalidRequestError(
            f"{len(found)} streams are like this one; at most {MOST_STREAMS} are tried at once.", "like"
        )  # fmt: skip
    return found


def _over(study: Study, trial: Trial, catalogue: Catalogue, low: int, high: int) -> Trial:
    """The trial after all readings of its streams in the interval."""
    watched = trial.streams()
    at_once = len(watched) if trial.rules.members else STREAMS_AT_ONCE
    for first in range(0, len(watched), at_once or 1):
        study.tell(first / len(watched))
        some = watched[first : first + at_once]
        tried(trial, catalogue, readings(study.store, catalogue.ids[some], low, high), high)
    return trial


ANALYSIS = Analysis(
    "alarm-backtest",
    "Try an alarm rule on history",
    "报警规则历史回测",
    "The alarms a rule that is not yet in force would have raised on the readings of an interval: how many, how long, the first "
    "ones, and how they differ from those of a rule in force.",
    BacktestInputs,
    {"type": "object"},
    _run,
    {
        "rule": {"stream": "LJ-RQ-0001", "kind": "level", "threshold": 0.6, "dead_band": 0.05, "on_delay_s": 60},
        "start": "2026-06-30T00:00:00Z", "end": "2026-07-01T00:00:00Z", "limit": 5,
    },
    "application/json",
    lasting=False,
)  # fmt: skip
