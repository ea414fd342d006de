"""The machine of a case: what stands after some events, which steps are possible, which step is meant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import pyarrow as pa

from twin.cases.stages import FIRST, Transition, roles, stages, steps_from, transitions
from twin.errors import ConflictError, ForbiddenError, InvalidRequestError

__all__ = [
    "REMARKS",
    "Standing",
    "judge",
    "known_moves",
    "moved",
    "possible",
    "remembered",
    "replay",
]

REMARKS: Final = ("merged", "photo")
"""Events that move nothing: another case went into this one, a photo came."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case stands.

    Parameters
    ----------
    stage : str
    taken : frozenset of (str, int)
        How often it took each step that is bounded.
    unanswered : frozenset of str
        Steps that wait for their answer.
    """

    stage: str = FIRST
    taken: frozenset[tuple[str, int]] = frozenset()
    unanswered: frozenset[str] = frozenset()


@cache
def _answers() -> Mapping[str, str]:
    return {step.action: step.answers for step in transitions() if step.answers}


@cache
def _bounded() -> frozenset[str]:
    return frozenset(step.action for step in transitions() if step.most)


@cache
def remembered() -> frozenset[str]:
    """Steps that decide, beside the stage, what is possible later."""
    return _bounded() | frozenset(_answers()) | frozenset(_answers().values())


def moved(standing: Standing, event: str, stage: str) -> Standing:
    """Where a case stands after an event that led to a stage."""
    if event not in remembered():
        return replace(standing, stage=stage)
    taken, unanswered = standing.taken, standing.unanswered
    if event in _bounded():
        taken = frozenset({**dict(taken), event: dict(taken).get(event, 0) + 1}.items())
    if event in _answers():
        unanswered -= {_answers()[event]}
    if event in _answers().values():
        unanswered |= {event}
    return Standing(stage, taken, unanswered)


def replay(events: Iterable[tuple[str, str]]) -> Standing:
    """Where a case stands after its events, each with the stage it led to.

    Examples
    --------
    >>> replay([("open", "上报"), ("accept", "受理"), ("urge", "受理")])
    Standing(stage='受理', taken=frozenset(), unanswered=frozenset({'urge'}))
    """
    standing = Standing()
    for event, stage in events:
        standing = moved(standing, event, stage)
    return standing


def possible(standing: Standing) -> list[Transition]:
    """Steps a case can take, in the order of the table."""
    taken = dict(standing.taken)
    return [
        step
        for step in steps_from(standing.stage)
        if (not step.answers or step.answers in standing.unanswered)
        and (not step.most or taken.get(step.action, 0) < step.most)
    ]


def judge(standing: Standing, action: str, role: str | None, note: str | None) -> Transition:
    """The step that is meant, if it is possible and the role may take it.

    Parameters
    ----------
    standing : Standing
    action : str
        Word or Chinese name of the step.
    role : str or None
        Who takes it.
    note : str or None
        Why.

    Raises
    ------
    InvalidRequestError
        If no stage knows the step, or the role is not given or unknown.
    ConflictError
        If the step is not possible now (the message says which are), or lacks its reason.
    ForbiddenError
        If the role may not take it.
    """
    if not any(action in (step.action, step.zh) for step in transitions()):
        known = ", ".join(dict.fromkeys(f"{s.action} ({s.zh})" for s in transitions()))
        raise InvalidRequestError(f"no step is called {action!r}; there are {known}", "action")
    now = possible(standing)
    found = [step for step in now if action in (step.action, step.zh)]
    if not found:
        words = ", ".join(f"{step.action} ({step.zh})" for step in now)
        raise ConflictError(
            f"the case is at {standing.stage}: {action} is not possible. "
            f"Possible now: {words or 'nothing, it is over'}."
        )
    step = found[0]
    if role not in roles():
        raise InvalidRequestError(
            f"role {role!r}: {step.zh} is for {', '.join(step.roles)}; say as whom you take it.",
            "role",
        )
    if role not in step.roles:
        raise ForbiddenError(f"{step.zh} is for {', '.join(step.roles)}; you are {role}.")
    if step.needs_note and not (note or "").strip():
        raise ConflictError(f"{step.action} ({step.zh}) needs a reason in note.")
    return step


def known_moves() -> pa.Table:
    """Every event a case can have but that of a table that was loaded.

    Returns
    -------
    pyarrow.Table
        ``event, source, target, roles, needs_note, answers, most, pair``: null where there is no condition; ``pair`` is
        the step that is answered, for it and its answers.
    """
    rows = [
        {
            "event": step.action,
            "source": step.source,
            "target": step.target,
            "roles": list(step.roles),
            "needs_note": step.needs_note,
            "answers": step.answers or None,
            "most": step.most or None,
            "pair": step.answers or step.action,
        }
        for step in transitions()
    ]
    rows += [
        {"event": event, "source": stage, "target": stage}
        for event in REMARKS
        for stage in stages()
    ]
    names = ("event", "source", "target", "pair")
    schema = pa.schema(
        [(name, pa.string()) for name in names]
        + [("roles", pa.list_(pa.string())), ("needs_note", pa.bool_())]
        + [("answers", pa.string()), ("most", pa.int64())]
    )
    return pa.Table.from_pylist([{"event": "open", "target": FIRST}, *rows], schema=schema)
