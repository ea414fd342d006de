"""The one table of analyses: a new one is a module with an ``ANALYSIS``, and a line here."""

from collections.abc import Mapping
from typing import Any, Final

from twin.analysis import (
    backtest,
    join,
    nearest,
    section,
    sight,
    statistics,
    trace,
    viewshed,
    within,
)
from twin.analysis.model import Analysis, Study, described, read_inputs
from twin.errors import NotFoundError

__all__ = ["ANALYSES", "analysis", "run"]

ANALYSES: Final[Mapping[str, Analysis]] = {
    each.ANALYSIS.id: each.ANALYSIS
    for each in (nearest, within, trace, sight, viewshed, section, statistics, join, backtest)
}


def analysis(name: str) -> Analysis:
    """An analysis by its id.

    Raises
    ------
    NotFoundError
        Naming those there are.
    """
    found = ANALYSES.get(name)
    if found is None:
        raise NotFoundError(f"there is no process {name[:80]!r}; there are {', '.join(ANALYSES)}")
    return found


def run(name: str, given: Mapping[str, Any], study: Study) -> dict[str, Any]:
    """The answer of an analysis: what it is about, its error bound, and what it found.

    Parameters
    ----------
    name : str
    given : Mapping
        Inputs, plain JSON.
    study : Study

    Raises
    ------
    NotFoundError, InvalidRequestError
    """
    what = analysis(name)
    inputs = read_inputs(what, given)
    return described(what, inputs, study) | what.run(inputs, study)
