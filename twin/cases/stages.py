"""The steps of a case, read from ``transitions.csv``."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["CLOSED", "FIRST", "Transition", "roles", "stages", "steps_from", "transitions"]

FIRST = "上报"
CLOSED = ("结案", "作废")
"""Stages no step leads out of."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One legal step.

    Parameters
    ----------
    action, zh, en : str
        The step: its word in addresses, and its names.
    source, target : str
        Stage before and after.
    roles : tuple of str
        Who may do it.
    needs_note : bool
        Whether a reason must be given.
    takes, may_take : tuple of str
        What else it must say and may say: ``hours``, ``until``, ``unit``, ``into``.
    answers : str
        The step it answers: it is possible only while that one stands unanswered. Empty: none.
    most : int
        How often a case can take it; 0: no bound.
    """

    action: str
    zh: str
    en: str
    source: str
    target: str
    roles: tuple[str, ...]
    needs_note: bool
    takes: tuple[str, ...] = ()
    may_take: tuple[str, ...] = ()
    answers: str = ""
    most: int = 0


@cache
def transitions() -> tuple[Transition, ...]:
    """Every legal step, in the order of the table."""
    text = files("twin.cases").joinpath("transitions.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(_transition(row) for row in rows)


def _transition(row: dict[str, str]) -> Transition:
    said = [name for name in row["takes"].split("|") if name]
    return Transition(
        action=row["action"],
        zh=row["zh"],
        en=row["en"],
        source=row["from"],
        target=row["to"],
        roles=tuple(row["roles"].split("|")),
        needs_note=row["note"] == "yes",
        takes=tuple(name for name in said if not name.endswith("?")),
        may_take=tuple(name.rstrip("?") for name in said if name.endswith("?")),
        answers=row["answers"],
        most=int(row["most"] or 0),
    )


@cache
def steps_from(stage: str) -> tuple[Transition, ...]:
    """Steps out of a stage, in the order of the table."""
    return tuple(step for step in transitions() if step.source == stage)


@cache
def stages() -> tuple[str, ...]:
    """Every stage, in the order a case meets them.

    Examples
    --------
    >>> stages()[:4]
    ('上报', '受理', '立案', '派遣')
    """
    met = dict.fromkeys([FIRST, *(step.target for step in transitions())])
    return tuple(met)


@cache
def roles() -> tuple[str, ...]:
    """Everybody the table knows, in its order.

    Examples
    --------
    >>> roles()[:3]
    ('操作员', '值班长', '派遣员')
    """
    return tuple(dict.fromkeys(role for step in transitions() for role in step.roles))
