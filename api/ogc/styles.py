"""Styles of the city's layers by the colours of their classes: as MapLibre (Mapbox) styles and as 3D Tiles styles."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from api.access import View
from api.ogc.formats import Format
from api.ogc.geovolumes import volume_links
from api.ogc.tile_sources import tiled
from api.ogc.tilesets import MATRIX_SET
from api.state import CityState, CollectionInfo
from tiles.mvt import zooms_of

__all__ = [
    "CITY", "MAPBOX", "TILES_STYLE", "attributes", "encodings", "has_style", "map_style", "styled", "tiles_style",
]  # fmt: skip

MAPBOX: Final = Format(
    "mapbox",
    "application/vnd.mapbox.style+json",
    ("application/json",),
    "MapLibre 样式",
    "MapLibre",
)
TILES_STYLE: Final = Format("3dtiles", "application/3dtiles-style+json", (), "3D Tiles 样式", "3D Tiles style")  # fmt: skip
CITY: Final = "city"
"""The style of all layers together."""
_POINTS: Final = "point_clouds"
"""Their tiles carry colours of their own and no class to style by."""
_GROUND: Final = ("subdistricts", "communities", "grids", "green", "water", "roads")
"""What lies on the ground, lowest first; everything else is drawn above it."""
_OUTLINED: Final = frozenset({"subdistricts", "communities", "grids"})
_LOWEST_HOUSE: Final = 3.0
"""Metres: what a building is drawn with whose height is not known."""
Json = dict[str, Any]


def has_style(state: CityState, info: CollectionInfo) -> bool:
    """Whether a collection is drawn on the map."""
    return info.extent is not None and state.vectors.has(info.id)


def styled(state: CityState, view: View | None = None) -> dict[str, CollectionInfo]:
    """Collections that have a style of their own for a caller: those on the map, those in 3D Tiles."""
    flat = tiled(state, view)
    return {
        name: info
        for name, info in state.seen(view).items()
        if name in flat or TILES_STYLE in encodings(state, info)
    }


def encodings(state: CityState, info: CollectionInfo) -> tuple[Format, ...]:
    """The encodings its style is offered in."""
    found = [MAPBOX] if has_style(state, info) else []
    if info.id != _POINTS and volume_links(state, info, "", zh=False):
        found.append(TILES_STYLE)
    return tuple(found)


def attributes(info: CollectionInfo) -> dict[str, str]:
    """Attributes of the tiles that its style reads, with their types."""
    height = {"height_m": "number"} if info.id == "buildings" else {}
    return {"class": "string"} | height


def map_style(infos: Mapping[str, CollectionInfo], root: str, title: str) -> Json:
    """A MapLibre style of some collections over an empty ground.

    Parameters
    ----------
    infos : mapping
        Collections by name; each is a source, its vector tiles, and has the layers its shapes need.
    root : str
        Address of the server.
    title : str
    """
    order = [*(n for n in _GROUND if n in infos), *(n for n in infos if n not in _GROUND)]
    boxes = [info.extent for info in infos.values() if info.extent is not None]
    west, south = min(b["xmin"] for b in boxes), min(b["ymin"] for b in boxes)
    east, north = max(b["xmax"] for b in boxes), max(b["ymax"] for b in boxes)
    background = {
        "id": "background",
        "type": "background",
        "paint": {"background-color": "#f7f5f0"},
    }
    return {
        "version": 8,
        "name": title,
        "center": [(west + east) / 2, (south + north) / 2],
        "zoom": max(zooms_of(name)[0] for name in infos),
        "sources": {
            name: {
                "type": "vector",
                "url": f"{root}/collections/{name}/tiles/{MATRIX_SET}?f=tilejson",
            }
            for name in order
        },
        "layers": [background, *(layer for name in order for layer in _layers(infos[name]))],
    }


def _layers(info: CollectionInfo) -> Iterator[Json]:
    """Layers of a collection: areas, lines, points, each drawn where the tiles hold such."""
    color = _by_class(info)
    if info.id == "buildings":
        height = ["coalesce", ["get", "height_m"], _LOWEST_HOUSE]
        yield _layer(info, "fill-extrusion", "Polygon", {
            "fill-extrusion-color": color, "fill-extrusion-height": height, "fill-extrusion-opacity": 0.9,
        })  # fmt: skip
    elif info.id in _OUTLINED:
        yield _layer(info, "fill", "Polygon", {"fill-color": color, "fill-opacity": 0.08})
        outline = _layer(info, "line", "Polygon", {"line-color": color, "line-width": 1.2})
        yield {**outline, "id": f"{info.id}-outline"}
    else:
        yield _layer(info, "fill", "Polygon", {"fill-color": color, "fill-opacity": 0.85})
    wide = ["interpolate", ["linear"], ["zoom"], 12, 1, 18, 5]
    yield _layer(info, "line", "LineString", {"line-color": color, "line-width": wide})
    large = ["interpolate", ["linear"], ["zoom"], 14, 2, 18, 6]
    yield _layer(info, "circle", "Point", {
        "circle-color": color, "circle-radius": large, "circle-stroke-color": "#ffffff", "circle-stroke-width": 0.75,
    })  # fmt: skip


def _layer(info: CollectionInfo, kind: str, shape: str, paint: Json) -> Json:
    return {
        "id": f"{info.id}-{kind}",
        "type": kind,
        "source": info.id,
        "source-layer": info.id,
        "minzoom": zooms_of(info.id)[0],
        "filter": ["match", ["geometry-type"], [shape, f"Multi{shape}"], True, False],
        "paint": paint,
    }


def _by_class(info: CollectionInfo) -> Any:  # noqa: ANN401 -- a colour or an expression
    """The colour of a class: one where all are alike, else looked up by class."""
    colors = {entry.code: entry.color for entry in info.classes}
    if set(colors.values()) <= {info.color}:
        return info.color
    pairs = [part for pair in colors.items() for part in pair]
    return ["match", ["get", "class"], *pairs, info.color]


def tiles_style(info: CollectionInfo) -> Json:
    """A 3D Tiles style (OGC 22-025r4, declarative styling): the colour of the class each feature is of.

    Examples
    --------
    >>> from api.state import ClassInfo, CollectionInfo
    >>> gas = ClassInfo("pipe_gas", "燃气管线", "Gas pipe", "#f2a93b", 3)
    >>> pipes = CollectionInfo("pipes", "管线", "Pipes", "#888888", 3, (gas,), None, None)
    >>> tiles_style(pipes)["color"]["conditions"]
    [["${class} === 'pipe_gas'", "color('#f2a93b')"], ['true', "color('#888888')"]]
    """
    conditions = [
        [f"${{class}} === {_quoted(entry.code)}", f"color('{entry.color}')"]
        for entry in info.classes
    ]
    return {
        "color": {"conditions": [*conditions, ["true", f"color('{info.color}')"]]},
        "show": "true",
        "meta": {"description": _quoted(info.en)},
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
