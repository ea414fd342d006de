"""One question about the items of a collection, and the forms its answer comes in."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from api.client.errors import MissingPackageError, NotFoundError, SnapshotGoneError
from api.client.things import Feature, table
from api.client.transport import Transport

if TYPE_CHECKING:
    import geopandas
    import pyarrow as pa

__all__ = ["Query", "parameters", "save"]

PAGE: Final = 1000
FORMATS: Final[Mapping[str, str]] = {
    ".csv": "csv",
    ".fgb": "fgb",
    ".geojson": "json",
    ".json": "json",
    ".parquet": "parquet",
}
"""What a file is written as, by the end of its name."""


def parameters(
    *,
    bbox: Sequence[float] | None = None,
    where: str | Mapping[str, Any] | None = None,
    at: str | datetime | date | None = None,
    known_at: str | datetime | date | None = None,
    properties: Sequence[str] | None = None,
    sort: str | Sequence[str] | None = None,
    crs: str | None = None,
) -> dict[str, str]:
    """Parameters of a request for items.

    >>> parameters(bbox=(114, 30.4, 114.1, 30.5), where="floors > 18", sort=["-height_m", "name"])
    {'bbox': '114,30.4,114.1,30.5', 'filter': 'floors > 18', 'filter-lang': 'cql2-text', 'sortby': '-height_m,name'}
    """
    out: dict[str, str] = {}
    if bbox is not None:
        out["bbox"] = ",".join(str(each) for each in bbox)
    if isinstance(where, Mapping):
        out |= {"filter": json.dumps(where, ensure_ascii=False), "filter-lang": "cql2-json"}
    elif where is not None:
        out |= {"filter": where, "filter-lang": "cql2-text"}
    for name, moment in (("valid_at", at), ("known_at", known_at)):
        if moment is not None:
            out[name] = moment if isinstance(moment, str) else moment.isoformat()
    if properties is not None:
        out["properties"] = ",".join(properties)
    if sort is not None:
        out["sortby"] = sort if isinstance(sort, str) else ",".join(sort)
    if crs is not None:
        out["crs"] = crs
    return out


class Query:
    """Items that match; nothing is asked before one of the forms is.

    ``len(query)`` counts; iterating gives features, page by page, of one version of the collection.
    """

    def __init__(
        self, transport: Transport, collection: str, asked: Mapping[str, str], limit: int | None
    ) -> None:
        self._transport, self._asked, self._limit = transport, dict(asked), limit
        self._path = f"/collections/{quote(collection, safe='')}/items"
        self.collection = collection

    def __repr__(self) -> str:
        return f"Query({self.collection!r}, {self._asked})"

    def __len__(self) -> int:
        page = self._transport.json(self._path, {**self._asked, "limit": 1})
        matched: int = page["numberMatched"]
        return matched if self._limit is None else min(matched, self._limit)

    def __iter__(self) -> Iterator[Feature]:
        for page in self.pages():
            yield from (Feature(each) for each in page["features"])

    def pages(self, size: int = PAGE) -> Iterator[dict[str, Any]]:
        """Feature collections of at most ``size`` items, one in memory at a time.

        All are of the version the first page was of, whatever is written meanwhile: nothing is lost, nothing twice.

        Raises
        ------
        SnapshotGoneError
            If the server no longer keeps that version.
        """
        left = self._limit
        params: Mapping[str, Any] | str = {
            **self._asked,
            "limit": size if left is None else min(size, left),
        }
        first = True
        while True:
            try:
                page = self._transport.send("GET", self._path, params=params).json()
            except NotFoundError as err:
                if first:
                    raise
                raise SnapshotGoneError(err.status, err.problem) from err
            first = False
            if left is not None:
                page["features"] = page["features"][:left]
                left -= len(page["features"])
            yield page
            after = [link["href"] for link in page["links"] if link["rel"] == "next"]
            if not after or left == 0:
                return
            params = urlsplit(after[0]).query  # its host may be a name only the server knows

    def arrow(self) -> "pa.Table":
        """A pyarrow table with the shapes as WKB in ``geometry`` (GeoParquet metadata in its schema)."""
        parquet = _package("pyarrow.parquet", "pyarrow")
        with tempfile.TemporaryDirectory() as folder:
            table: pa.Table = parquet.read_table(
                self.download(Path(folder) / "items.parquet"), memory_map=False
            )
        return table

    def frame(self) -> "geopandas.GeoDataFrame":
        """A GeoDataFrame, its index the ids; coordinates x before y, heights in metres above the ellipsoid."""
        geopandas = _package("geopandas", "geopandas")
        _package("pyarrow.parquet", "pyarrow")
        with tempfile.TemporaryDirectory() as folder:
            frame = geopandas.read_parquet(self.download(Path(folder) / "items.parquet"))
        frame = frame.set_index("eid")
        return frame

    def download(self, path: str | Path) -> Path:
        """Write everything that matches to a file, as its name ends: .parquet, .fgb, .csv, .geojson.

        The file is there when it is whole. GeoJSON is written page by page, of one version.
        """
        path = Path(path)
        form = FORMATS.get(path.suffix.lower())
        if form is None:
            raise ValueError(f"{path.name}: expected a name that ends in {', '.join(FORMATS)}.")
        part = path.with_name(f"{path.name}.part")
        try:
            if form == "json":
                self._geojson(part)
            else:
                limit = {} if self._limit is None else {"limit": str(self._limit)}
                save(self._transport, self._path, {**self._asked, **limit, "f": form}, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def _geojson(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.write('{"type":"FeatureCollection","features":[')
            before = ""
            for page in self.pages():
                for feature in page["features"]:
                    file.write(before + json.dumps(feature, ensure_ascii=False))
                    before = ",\n"
            file.write("]}")

    def _repr_html_(self) -> str:
        head = self._transport.json(self._path, {**self._asked, "limit": 5})
        frame = [each["properties"] for each in head["features"]]
        names = list(frame[0])[:8] if frame else []
        caption = f"<p>{head['numberMatched']} × {self.collection}</p>"
        return caption + table(names, ([row.get(n) for n in names] for row in frame))


def save(transport: Transport, path: str, params: Mapping[str, Any], target: Path) -> None:
    """Write the body of an answer to a file as it comes."""
    with transport.stream(path, params) as answer, target.open("wb") as file:
        for piece in answer.iter_bytes():
            file.write(piece)


def _package(module: str, name: str) -> Any:  # noqa: ANN401 -- a module
    try:
        return import_module(module)
    except ImportError as err:
        raise MissingPackageError(
            f"This needs {name}: pip install {name}. Without it, iterate the query or call its pages() or download()."
        ) from err
