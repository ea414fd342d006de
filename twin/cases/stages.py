"""The stage machine of a case, read from ``transitions.csv``."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["CLOSED", "FIRST", "Transition", "stages", "transitions"]

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
    """

    action: str
    zh: str
    en: str
    source: str
    target: str
    roles: tuple[str, ...]
    needs_note: bool


@cache
def transitions() -> tuple[Transition, ...]:
    """Every legal step, in the order of the table."""
    text = files("twin.cases").joinpath("transitions.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Transition(
            action=row["action"],
            zh=row["zh"],
            en=row["en"],
            source=row["from"],
            target=row["to"],
            roles=tuple(row["roles"].split("|")),
            needs_note=row["note"] == "yes",
        )
        for row in rows
    )


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
