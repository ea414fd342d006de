"""A path that GDAL may open in place of the source, so that nothing is written beside it and nothing is unpacked unseen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from loaders.archives import Unpacking, unpack
from loaders.gdalio import refuse_dangerous
from loaders.sequences import features_only
from loaders.shapefile import openable as openable_shapefile
from loaders.shapefile import sibling
from loaders.solidtypes import opened_types
from twin.errors import SourceError

__all__ = ["openable"]

_SEQUENCES = (".geojsonl", ".geojsons", ".jsons", ".ndjson", ".seq")
MOST_SCHEMAS = 100
"""Schema files of a folder that are put beside a GML file."""


@contextmanager
def openable(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A path that GDAL can open for a source, and what had to be done for it.

    A GML file is linked into a temporary folder with its schemas and the ``.gfs`` that came with it (GDAL
    writes one beside what it opens), a KMZ is unpacked within the bounds of
    :mod:`loaders.archives` and its KML checked, a shapefile without index gets one, a sequence of
    features is freed of what are none, and layers of surface types are declared as what pyogrio opens.

    Yields
    ------
    (Path, list of str)
        The path to open and the findings.

    Raises
    ------
    SourceError
        If the file cannot be made ready, or must not be opened.
    """
    extension = path.suffix.lower()
    if extension in (".gml", ".xml"):
        with TemporaryDirectory(prefix="citytwin-gml-") as folder:
            link = Path(folder) / path.name
            link.symlink_to(path.resolve())
            for schema in sorted(path.parent.glob("*.[xX][sS][dD]"))[:MOST_SCHEMAS]:
                (Path(folder) / schema.name).symlink_to(schema.resolve())
            template = sibling(path, "gfs")
            if template is not None:
                link.with_suffix(".gfs").symlink_to(template.resolve())
            yield link, []
    elif extension == ".kmz":
        unpacking = Unpacking()
        try:
            yield _document(path, unpack(path, unpacking)), []
        finally:
            unpacking.close()
    elif extension in (".gpkg", ".fgb"):
        with TemporaryDirectory(prefix="citytwin-types-") as folder:
            copy = opened_types(path, Path(folder))
            said = "surfaces (TIN, polyhedral, triangles) are read as polygons"
            yield copy or path, [said] if copy else []
    elif extension in _SEQUENCES:
        with features_only(path) as (features, notes):
            yield features, notes
    else:
        with openable_shapefile(path) as (opened, notes):
            yield opened, notes


def _document(kmz: Path, folder: Path) -> Path:
    """The KML of a KMZ: ``doc.kml``, else the first at the top, else the first."""
    found = sorted(
        folder.rglob("*.[kK][mM][lL]"), key=lambda p: (p.name.lower() != "doc.kml", len(p.parts), p)
    )
    if not found:
        raise SourceError(kmz, "holds no KML document")
    try:
        refuse_dangerous(found[0])
    except SourceError as err:
        raise type(err)(kmz, err.reason) from err
    return found[0]
