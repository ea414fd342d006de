"""OGC API – 3D GeoVolumes (draft 22-029): which collections are 3D Tiles, where these stand, and the volume they fill."""

from typing import Any, Final

from api.models import link
from api.ogc.tilesets import REL
from api.routes.info import TILESETS
from api.state import CityState, CollectionInfo
from twin.ingest.tilesets import tilesets_of

__all__ = ["TILES_3D", "volume", "volume_links"]

TILES_3D: Final = "application/3dtiles+json"
_ALSO: Final = "application/json+3dtiles"
"""What the core class of the draft calls the same; its 3D Tiles class has the other."""
_FINISHED: Final = "tilesets"
"""The collection of tilesets that were delivered."""


def volume(info: CollectionInfo) -> list[float] | None:
    """Its box with heights (CRS84h: degrees, metres above the ellipsoid); None where a side is not known."""
    box = info.extent
    names = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")
    if box is None or any(box[name] is None for name in names):
        return None
    return [box[name] for name in names]


def volume_links(
    state: CityState, info: CollectionInfo, root: str, zh: bool
) -> list[dict[str, Any]]:
    """Links to the 3D Tiles that hold a collection; none where it fills no known volume."""
    if volume(info) is None:
        return []
    found = [
        (f"{root}/tiles/{name}/tileset.json", "三维瓦片" if zh else "3D Tiles")
        for name in _layers(state, info.id)
    ]
    if info.id == _FINISHED:
        found += [
            (f"{root}/external/{row['asset']}/{row['entry']}", row["title"])
            for row in tilesets_of(state.store)
            if row["kind"] == "3d-tiles"
        ]
    rel = f"{REL}3d-geovolumes"
    return [link(href, rel, media, title) for href, title in found for media in (TILES_3D, _ALSO)]


def _layers(state: CityState, collection: str) -> list[str]:
    """Layers of the tiles folder that a collection is in; rooms have one of their own, apart from the models."""
    have = [name for name, (_, _, of) in TILESETS.items() if collection in of]
    names = [collection] if collection == "rooms" else have
    return [name for name in names if (state.city.tiles / name / "tileset.json").is_file()]
