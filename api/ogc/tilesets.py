"""Documents of OGC API – Tiles: the tile matrix set, tilesets and lists of them, TileJSON."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from api.models import JSON, link
from api.ogc.formats import Format
from api.ogc.systems import CRS84

__all__ = [
    "JPEG", "MATRIX_SET", "MVT", "REL", "TILEJSON", "WEBP", "Limits", "Tileset", "definition", "listing",
    "matrix_sets", "metadata", "tilejson",
]  # fmt: skip

REL: Final = "http://www.opengis.net/def/rel/ogc/1.0/"
MATRIX_SET: Final = "WebMercatorQuad"
_URI: Final = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
_CRS: Final = "http://www.opengis.net/def/crs/EPSG/0/3857"
_SCALE: Final = 559_082_264.028717
"""Scale denominator of level 0 (OGC 17-083r4, annex D.1); each level halves it."""
_HALF: Final = 20_037_508.342789244
_LEVELS: Final = 25
MAX_LATITUDE: Final = 85.05112877980659
MVT: Final = Format("mvt", "application/vnd.mapbox-vector-tile", (), "矢量瓦片", "Vector tile")
WEBP: Final = Format("webp", "image/webp", (), "WebP 影像", "WebP image")
JPEG: Final = Format("jpeg", "image/jpeg", (), "JPEG 影像", "JPEG image")
TILEJSON: Final = Format("tilejson", "application/vnd.mapbox.tile+json", (), "TileJSON", "TileJSON")

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows and columns (both ends included) of a level that a tileset has tiles in."""

    level: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    def hold(self, row: int, column: int) -> bool:
        """Whether a tile lies within."""
        rows, columns = self.rows, self.columns
        return rows[0] <= row <= rows[1] and columns[0] <= column <= columns[1]


@dataclass(frozen=True, slots=True)
class Tileset:
    """Tiles in WebMercatorQuad.

    Parameters
    ----------
    path : str
        What they are tiles of: ``/collections/buildings``, nothing for the city, ``/map`` for its imagery.
    title : str
    kind : {"vector", "map"}
    box : tuple
        West, south, east, north in degrees.
    zooms : tuple of int
        First and last level.
    forms : sequence of Format
        Encodings of its tiles, the first by default.
    layers : sequence of dict
        Layers within, as the standard describes them.
    """

    path: str
    title: str
    kind: Literal["vector", "map"]
    box: Box
    zooms: tuple[int, int]
    forms: tuple[Format, ...]
    layers: Sequence[dict[str, Any]] = field(default=())

    @property
    def rel(self) -> str:
        """Relation of links to the list it stands in."""
        return f"{REL}tilesets-{self.kind}"

    def address(self, root: str) -> str:
        """Where it stands."""
        return f"{root}{self.path}/tiles/{MATRIX_SET}"

    def limits(self, level: int) -> Limits | None:
        """Tiles of a level that its box meets, None where it has none."""
        if not self.zooms[0] <= level <= self.zooms[1]:
            return None
        west, south, east, north = self.box
        (left, top), (right, bottom) = (
            _place(level, west, north),
            _place(level, east, south),
        )
        return Limits(level, (top, bottom), (left, right))

    def all_limits(self) -> Iterator[Limits]:
        """Limits of all its levels."""
        for level in range(self.zooms[0], self.zooms[1] + 1):
            found = self.limits(level)
            if found is not None:
                yield found


def _place(level: int, lon: float, lat: float) -> tuple[int, int]:
    """Column and row of the tile a point lies in.

    Examples
    --------
    >>> _place(1, 114.0, 30.4), _place(0, 180.0, -90.0)
    ((1, 0), (0, 0))
    """
    phi = math.radians(min(max(lat, -MAX_LATITUDE), MAX_LATITUDE))
    x, y = lon / 360 + 0.5, 0.5 - math.asinh(math.tan(phi)) / math.tau
    last = 2**level - 1
    return min(max(math.floor(x * 2**level), 0), last), min(max(math.floor(y * 2**level), 0), last)


def matrix_sets(root: str) -> dict[str, Any]:
    """The list of tile matrix sets."""
    there = f"{root}/tileMatrixSets/{MATRIX_SET}"
    one = {
        "id": MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": _URI,
        "crs": _CRS,
        "links": [link(there, f"{REL}tiling-scheme", JSON), link(there, "self", JSON)],
    }
    return {"links": [link(f"{root}/tileMatrixSets", "self")], "tileMatrixSets": [one]}


def definition() -> dict[str, Any]:
    """WebMercatorQuad as OGC 17-083r4 registers it, levels 0 to 24."""
    return {
        "id": MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": _URI,
        "crs": _CRS,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [
            {
                "id": str(level),
                "scaleDenominator": _SCALE / 2**level,
                "cellSize": _HALF / 128 / 2**level,
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-_HALF, _HALF],
                "tileWidth": 256,
                "tileHeight": 256,
                "matrixWidth": 2**level,
                "matrixHeight": 2**level,
            }
            for level in range(_LEVELS)
        ],
    }


def listing(tilesets: Sequence[Tileset], root: str, here: str) -> dict[str, Any]:
    """A list of tilesets with the least about each."""
    return {
        "links": [link(here, "self")],
        "tilesets": [_short(one, root) for one in tilesets],
    }


def _short(tileset: Tileset, root: str) -> dict[str, Any]:
    return {
        "title": tileset.title,
        "dataType": tileset.kind,
        "crs": _CRS,
        "tileMatrixSetURI": _URI,
        "links": [
            link(tileset.address(root), f"{REL}tileset"),
            link(tileset.address(root), "self"),
            link(f"{root}/tileMatrixSets/{MATRIX_SET}", f"{REL}tiling-scheme"),
        ],
    }


def metadata(tileset: Tileset, root: str) -> dict[str, Any]:
    """Everything about a tileset (OGC 17-083r4, JSON encoding of tileset metadata)."""
    here = tileset.address(root)
    template = f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    items = [
        {**link(f"{template}?f={form.name}", "item", form.media, form.en), "templated": True}
        for form in tileset.forms
    ]
    links: list[dict[str, Any]] = [
        link(here, "self"),
        link(f"{here}?f=tilejson", "alternate", TILEJSON.media, TILEJSON.en),
        link(f"{root}/tileMatrixSets/{MATRIX_SET}", f"{REL}tiling-scheme"),
        *items,
    ]
    west, south, east, north = tileset.box
    return {
        "title": tileset.title,
        "dataType": tileset.kind,
        "crs": _CRS,
        "tileMatrixSetURI": _URI,
        "mediaTypes": [form.media for form in tileset.forms],
        "links": links,
        "tileMatrixSetLimits": [
            {
                "tileMatrix": str(limit.level),
                "minTileRow": limit.rows[0],
                "maxTileRow": limit.rows[1],
                "minTileCol": limit.columns[0],
                "maxTileCol": limit.columns[1],
            }
            for limit in tileset.all_limits()
        ],
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84},
        "centerPoint": {
            "coordinates": [(west + east) / 2, (south + north) / 2],
            "crs": CRS84,
            "tileMatrix": str(tileset.zooms[0]),
        },
        **({"layers": list(tileset.layers)} if tileset.layers else {}),
    }


def tilejson(tileset: Tileset, root: str, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """TileJSON 3.0 of a tileset; rows and columns are those of XYZ. ``given`` are parameters of every tile."""
    query = urlencode({"f": tileset.forms[0].name, **(given or {})}, quote_via=quote)
    tiles = f"{tileset.address(root)}/{{z}}/{{y}}/{{x}}?{query}"
    layers = [
        {
            "id": layer["id"],
            "description": layer["title"],
            "minzoom": int(layer["minTileMatrix"]),
            "maxzoom": int(layer["maxTileMatrix"]),
            "fields": {
                name: _TILEJSON_TYPES.get(said.get("type", ""), "String")
                for name, said in layer["propertiesSchema"]["properties"].items()
            },
        }
        for layer in tileset.layers
    ]
    return {
        "tilejson": "3.0.0",
        "name": tileset.title,
        "scheme": "xyz",
        "tiles": [tiles],
        "minzoom": tileset.zooms[0],
        "maxzoom": tileset.zooms[1],
        "bounds": list(tileset.box),
        **({"vector_layers": layers} if tileset.kind == "vector" else {}),
    }


_TILEJSON_TYPES: Final = {"number": "Number", "integer": "Number", "boolean": "Boolean"}
