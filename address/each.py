"""Answers to many texts, as values: what the column says, and the other ways to read each text."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from address.batch import Column, fulls_of, ids_of, match_column
from address.match import elements_in
from address.model import LEVELS, Candidate, Location, Match, read_later

if TYPE_CHECKING:
    from address.index import AddressIndex

__all__ = ["geocode_each"]


def geocode_each(index: "AddressIndex", texts: Sequence[str]) -> list[Match]:
    """Answer of each text, with its place.

    Parameters
    ----------
    index : AddressIndex
    texts : sequence of str
        As people write them; equal texts are asked once.

    Returns
    -------
    list of Match
        Those of ``index.geocode(text)``. Where something is wrong with a text it is asked alone, for
        the words of its faults.
    """
    number = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    try:
        column = Column(pa.array(list(number), pa.string()), detailed=True)
    except UnicodeEncodeError:  # half a surrogate pair
        return [index.geocode(text) for text in texts]
    if not number:
        return []
    table = match_column(index, column)
    others = _others(index, column)
    place = index.place.z
    answers: list[Match] = []
    for row, told in enumerate(_rows(table)):
        text = column.text(row)
        known = column.matches.get(row)
        if known is None and (told["faults"] or told["status"] == "none"):
            known = index.geocode(text)
        answers.append(
            known or _answer(index, text, told, int(column.node[row]), others[row], place)
        )
    return [answers[number[text]] for text in texts]


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _answer(
    index: "AddressIndex",
    text: str,
    told: dict[str, Any],
    node: int,
    others: tuple[Candidate, ...],
    z: Any,  # noqa: ANN401 (an array in memory or mapped)
) -> Match:
    location = None
    if told["lon"] is not None:
        height = float(z[node]) if told["method"] == "node" else None
        height = None if height is None or height != height else height
        location = Location(told["lon"], told["lat"], height, told["method"], told["error_m"])
    found = Match(
        told["status"],
        told["node_id"],
        index.text_of("code", node),
        told["full"],
        told["level"],
        index.text_of("eid", node),
        told["confidence"],
        alternatives=others,
        missing=told["missing"],
        location=location,
    )
    return read_later(found, partial(elements_in, index, text))


def _others(index: "AddressIndex", column: Column) -> list[tuple[Candidate, ...]]:
    """The other ways to read each text."""
    rows, inverse = np.unique(column.others, return_inverse=True)
    at = inverse.reshape(column.others.shape).tolist()
    ids, fulls = ids_of(index, rows).to_pylist(), fulls_of(index, rows).to_pylist()
    levels = ["", *LEVELS]
    level = [levels[k] for k in index.levels_array[np.maximum(rows, 0)].tolist()]
    nodes = rows.tolist()
    costs = column.others_cost.tolist()
    return [
        tuple(
            Candidate(ids[k], fulls[k], level[k], round(1 / (1 + cost), 3))
            for k, cost in zip(own, cost_of, strict=True)
            if nodes[k] >= 0
        )
        for own, cost_of in zip(at, costs, strict=True)
    ]
