"""The loader of oblique models: a folder is one source."""

import os
from collections.abc import Iterator
from pathlib import Path

from loaders.base import Batch, LayerInfo
from loaders.oblique.convert import INSTALL, data_tiles, osgconv_path
from loaders.oblique.place import metadata_of, place_of
from twin.errors import SourceError
from twin.plan import LayerPlan

__all__ = ["ObliqueLoader", "is_oblique"]

METRES_PER_DEGREE = 111_320.0


def is_oblique(path: Path) -> bool:
    """Whether a folder is an oblique model: a ``metadata.xml`` and a ``Data`` folder with OSGB tiles in it."""
    try:
        return path.is_dir() and metadata_of(path) is not None and bool(data_tiles(path))
    except OSError:
        return False


class ObliqueLoader:
    """Folders of OSGB tiles as ContextCapture, DJI Terra and others write them."""

    name = "oblique"

    def supports(self, path: Path) -> bool:
        """Whether it is a folder with ``metadata.xml`` and ``Data/Tile_*``."""
        return is_oblique(path)

    def scan(self, path: Path) -> list[LayerInfo]:
        """The model as one layer: its system, its origin as bounds, its files counted.

        Raises
        ------
        SourceError
            If ``metadata.xml`` says nothing usable.
        """
        place = place_of(path)
        files = size = 0
        for folder, _, names in os.walk(path, followlinks=False):
            osgb = [n for n in names if n.lower().endswith(".osgb")]
            files += len(osgb)
            size += sum((Path(folder) / n).stat().st_size for n in osgb)
        findings = [f"{len(data_tiles(path)):,} tiles, {files:,} OSGB files, {size:,} bytes"]
        x, y, z = place.origin
        if place.enu is not None:
            lat, lon = place.enu
            findings.append(
                f"a tangent plane at {lat:g}° N, {lon:g}° E, origin {x:g}, {y:g}, {z:g} m"
            )
            lon += x / METRES_PER_DEGREE
            bounds, crs = (lon, lat, lon + 1e-6, lat + 1e-6), "EPSG:4326"
        else:
            bounds, crs = (x, y, x + 1.0, y + 1.0), str(place.crs)
            findings.append(f"origin {x:.3f}, {y:.3f}, {z:.3f}")
        if osgconv_path() is None:
            findings.append(f"loading it needs the program osgconv; {INSTALL}")
        return [
            LayerInfo(path, path.name, "tileset", "OSGB", 1, "oblique model", {}, crs, bounds, None, tuple(findings))
        ]  # fmt: skip

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:  # noqa: ARG002
        """An oblique model is converted first: use :func:`loaders.registry.read_tileset`."""
        raise SourceError(
            layer.path, 'is converted, not read as records; load it with kind = "tileset"'
        )
