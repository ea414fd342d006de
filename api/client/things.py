"""What a city answers with: collections and features, as a notebook shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["Collection", "Collections", "Feature", "table"]


class Feature(dict[str, Any]):
    """A GeoJSON feature; ``etag`` is the lock under which it may be changed (empty where it came in a page)."""

    etag: str

    def __init__(self, content: dict[str, Any], etag: str = "") -> None:
        super().__init__(content)
        self.etag = etag

    @property
    def id(self) -> str:
        """Id of the item."""
        return str(self["id"])

    @property
    def properties(self) -> dict[str, Any]:
        """Properties of the item."""
        found: dict[str, Any] = self["properties"]
        return found

    def _repr_html_(self) -> str:
        return table(("property", "value"), self.properties.items())


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of a city.

    ``bbox`` is west, south, east, north in degrees, or None where nothing is placed; ``count`` is of things now.
    """

    id: str
    title: str
    count: int | None
    bbox: tuple[float, ...] | None
    systems: tuple[str, ...]


class Collections(Sequence[Collection]):
    """Collections in the order of the server, also by id."""

    def __init__(self, found: Sequence[Collection]) -> None:
        self._found = tuple(found)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 -- position, slice or id
        if isinstance(key, str):
            return {each.id: each for each in self._found}[key]
        return self._found[key]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Collections({', '.join(each.id for each in self)})"

    def _repr_html_(self) -> str:
        return table(("id", "title", "count"), ((c.id, c.title, c.count) for c in self))


def table(head: Sequence[str], rows: Any) -> str:  # noqa: ANN401 -- rows of anything
    """An HTML table of texts.

    >>> table(("a",), [("<b>",)])
    '<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """
    top = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{'' if v is None else escape(str(v))}</td>" for v in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
