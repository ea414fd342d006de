"""Links to what else a city and its collections are offered as: tiles, 3D Tiles, styles."""

from typing import Final

from api.models import link
from api.ogc.geovolumes import volume_links
from api.ogc.styles import MAPBOX, has_style
from api.ogc.tilesets import REL
from api.state import CityState, CollectionInfo

__all__ = ["further_links", "tile_links"]

_VECTOR: Final = f"{REL}tilesets-vector"


def tile_links(state: CityState, root: str, zh: bool) -> list[dict[str, str]]:
    """What the landing document says of tiles."""
    links = [
        link(
            f"{root}/tileMatrixSets",
            f"{REL}tiling-schemes",
            title="瓦片矩阵集" if zh else "Tile matrix sets",
        ),
        link(f"{root}/tiles", _VECTOR, title="矢量瓦片" if zh else "Vector tiles of the city"),
    ]
    links.append(link(f"{root}/styles", f"{REL}styles", title="样式" if zh else "Styles"))
    links.append(
        link(f"{root}/datasets", "related", title="数据集目录" if zh else "Catalogue of datasets")
    )
    if (state.city.tiles / "imagery" / "tilejson.json").is_file():
        title = "影像瓦片" if zh else "Tiles of the imagery"
        links.append(link(f"{root}/map/tiles", f"{REL}tilesets-map", title=title))
    return links


def further_links(
    state: CityState,
    info: CollectionInfo,
    root: str,
    zh: bool,
) -> list[dict[str, str]]:
    """What the document of a collection says of it beside its items."""
    links, here = [], f"{root}/collections/{info.id}"
    drawn = has_style(state, info)
    if drawn:
        links.append(link(f"{here}/tiles", _VECTOR, title="矢量瓦片" if zh else "Vector tiles"))
    links += volume_links(state, info, root, zh)
    if drawn:
        there, title = f"{root}/styles/{info.id}", "样式" if zh else "Style"
        links.append(link(f"{there}?f=mapbox", "stylesheet", MAPBOX.media, title))
    return links
