"""What a reader of things is asked, and what it answers: a page of one collection, one thing, a column-wise table.

Readers: the base itself, at any moment; the arenas, now and at any version still kept. They answer the same
question with the same things, and tests hold them to that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.store.read import Box

__all__ = ["EVERYTHING", "Ask", "Condition", "Field", "Kind", "Page", "Reach", "Reader", "Rows"]


class Kind(StrEnum):
    """Type of a field, as CQL2 tells types apart."""

    TEXT = "string"
    NUMBER = "number"
    WHOLE = "integer"
    TRUTH = "boolean"
    DATE = "date"
    INSTANT = "timestamp"
    LIST = "array"
    SHAPE = "geometry"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a collection: what may be asked for, filtered and sorted by.

    ``values`` lists all values where they are few (class codes, usages), else it is empty.
    """

    name: str
    kind: Kind
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may see: class codes (None: all) and an area in degrees, EPSG:4490 (None: everywhere)."""

    classes: frozenset[str] | None = None
    area: shapely.Geometry | None = None


EVERYTHING: Final = Reach()


class Rows(Protocol):
    """Things a condition is tried on, by column; ``n`` of them."""

    n: int

    def column(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values of a field and which of them are known, both of length n.

        Texts are an object array of str, instants datetime64[us], dates datetime64[D], lists an object array of lists.
        """
        ...

    def shapes(self) -> NDArray[np.object_]:
        """Shapes in degrees (EPSG:4490) with heights where they have them; None where there is none."""
        ...

    def heights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest of each thing in metres above the ellipsoid, NaN where unknown."""
        ...


class Condition(Protocol):
    """A compiled filter (:mod:`twin.cql2`)."""

    @property
    def names(self) -> frozenset[str]:
        """Fields it reads, the shape as ``geometry``."""
        ...

    @property
    def box(self) -> Box | None:
        """A box that every thing it holds for meets, where the filter gives one: what an index narrows by."""
        ...

    @property
    def key(self) -> str:
        """Text that two conditions share only if they mean the same: what caches and ETags hang on."""
        ...

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """For which rows it is true (length n); unknown is not true."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A page of one collection.

    Parameters
    ----------
    collection : str
    box : Box, optional
        Only things whose shape meets it (exactly, heights included).
    where : Condition, optional
    sort : sequence of (field, descending)
        Empty: the order of the collection's version, the same for every page of it.
    limit, start : int
        Size of the page and number of things before it.
    version : int, optional
        Of the collection, as an earlier page gave it; None for now.
    reach : Reach
        Nothing outside it is given or counted.
    """

    collection: str
    box: Box | None = None
    where: Condition | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int = 10
    start: int = 0
    version: int | None = None
    reach: Reach = EVERYTHING


@dataclass(frozen=True, slots=True)
class Page:
    """Things of a page as encoded GeoJSON features (CRS84 or CRS84h), and how many match altogether, exactly."""

    version: int
    matched: int
    features: Sequence[bytes | memoryview]


class Reader(Protocol):
    """Answers questions about the things of collections.

    All methods raise NotFoundError for an unknown collection, and for a version no longer kept a message that says
    to start again without it.
    """

    def version(self, collection: str) -> int:
        """Number that rises with every change of the collection, cheap enough for every request."""
        ...

    def fields(self, collection: str) -> Mapping[str, Field]:
        """What its things can be filtered by, ``geometry`` included."""
        ...

    def page(self, ask: Ask) -> Page:
        """A page."""
        ...

    def one(
        self, collection: str, eid: str, reach: Reach = EVERYTHING, version: int | None = None
    ) -> bytes | memoryview | None:
        """One thing as an encoded GeoJSON feature, None where there is none (or none within reach)."""
        ...

    def table(self, ask: Ask, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Everything a question finds, ``limit`` and ``start`` observed, by column.

        ``eid`` (text), the fields by name (all, or ``names``) and ``geometry`` (WKB, degrees), in batches.
        """
        ...
