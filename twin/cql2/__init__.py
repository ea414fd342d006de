"""CQL2: the filter language of OGC API, text and JSON, tried on things by column.

``reading``
    text or JSON to one JSON tree by the ``cql2`` package, bounded;
``compiling``
    the tree to typed terms, checked against a collection's fields;
``terms`` ``comparing`` ``texts`` ``times`` ``shapes`` ``lists``
    what terms are and what each family of operators does;
``functions`` ``spatial3d``
    the functions beside the standard's, those in three dimensions among them;
``columns``
    rows over an Arrow table.

All conformance classes of OGC 21-065r2 (CQL2 1.0) hold. Of the ``cql2`` package only the parser is used, never its SQL.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from twin.cql2.compiling import Compiler, truths
from twin.cql2.functions import FUNCTIONS, Argument, Function, described
from twin.cql2.reading import JSON, TEXT, refusal, tree
from twin.cql2.terms import Term, View
from twin.crs import canonical
from twin.errors import CrsError, InvalidRequestError
from twin.features.asking import Field, Rows
from twin.store.read import Box

__all__ = [
    "CONFORMANCE",
    "FUNCTIONS",
    "JSON",
    "TEXT",
    "Argument",
    "Filter",
    "Function",
    "described",
    "parse",
    "tree",
]

CONFORMANCE: Final = tuple(
    f"http://www.opengis.net/spec/cql2/1.0/conf/{name}"
    for name in (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
        "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions",
        "temporal-functions", "array-functions", "property-property", "functions", "arithmetic",
    )
)  # fmt: skip
"""URIs of the conformance classes."""


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A compiled filter: a :class:`twin.features.asking.Condition`."""

    term: Term
    key: str

    @property
    def names(self) -> frozenset[str]:
        """Fields it reads."""
        return self.term.names

    @property
    def box(self) -> Box | None:
        """A box that every thing it holds for meets, its heights those of the thing as a whole."""
        return None if self.term.extent is None else self.term.extent.box

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """For which rows it is true."""
        found: NDArray[np.bool_] = truths(self.term, View(rows))
        return found


def _encoded(given: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(dict(given))
    except orjson.JSONEncodeError as err:
        raise refusal(f"filter: no JSON ({err})") from err


def parse(
    text: str | bytes | Mapping[str, Any],
    language: str,
    fields: Mapping[str, Field],
    crs: str | None = None,
    functions: Mapping[str, Function] = FUNCTIONS,
) -> Filter:
    """Compile a filter for a collection.

    Parameters
    ----------
    text : str, bytes or mapping
        The filter; CQL2 JSON may come as the object it is.
    language : str
        ``cql2-text`` or ``cql2-json``.
    fields : mapping of name to Field
        What the collection can be filtered by.
    crs : str, optional
        System of the coordinates in it, as :func:`twin.crs.canonical` understands it, x first (``@yx`` behind it for y
        first); None for longitude and latitude (CRS84, EPSG:4490).
    functions : mapping of name in lower case to Function
        Functions it may call beside the standard's.

    Raises
    ------
    InvalidRequestError
        It is no CQL2, too large, or asks for what is not there; the message says where and what is allowed.

    Examples
    --------
    >>> from twin.features.asking import Field, Kind
    >>> fields = {n: Field(n, k) for n, k in (("floors", Kind.WHOLE), ("geometry", Kind.SHAPE))}
    >>> found = parse("floors > 5 AND S_WITHIN(geometry, BBOX(114, 30, 115, 31))", "cql2-text", fields)
    >>> sorted(found.names), found.box
    (['floors', 'geometry'], Box(west=114.0, south=30.0, east=115.0, north=31.0, low=None, high=None))
    """
    if crs is not None:
        try:
            crs = canonical(crs)
        except CrsError as err:
            raise InvalidRequestError(f"filter-crs: {err}", "filter-crs") from err
        if crs in ("EPSG:4326", "EPSG:4490"):
            crs = None
    if isinstance(text, Mapping):
        text = _encoded(text)
    term = Compiler(fields, functions, crs).condition(tree(text, language))
    digest = hashlib.blake2b(repr(term.form).encode("utf-8", "backslashreplace"), digest_size=16)
    return Filter(term, digest.hexdigest())
