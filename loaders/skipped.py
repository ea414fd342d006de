"""Files that a scan leaves out, each with the reason: nothing on the disk is passed over in silence."""

from dataclasses import dataclass
from pathlib import Path

from loaders.shapefile import SIDECARS, sibling

__all__ = ["Skipped", "part_of", "why_skipped"]

_PARTS_OF = {
    "dbf": ("shp",),
    "dat": ("tab",),
    "map": ("tab",),
    "id": ("tab",),
    "ind": ("tab",),
    "mid": ("mif",),
    "gfs": ("gml", "xml"),
    "xsd": ("gml", "xml"),
    "tfw": ("tif", "tiff"),
    "jgw": ("jpg", "jpeg"),
    "pgw": ("png",),
    "tifw": ("tif", "tiff"),
    "tiffw": ("tif", "tiff"),
    "jpgw": ("jpg", "jpeg"),
    "jpegw": ("jpg", "jpeg"),
    "pngw": ("png",),
    "wpw": ("webp",),
    "bpw": ("bmp",),
    "j2w": ("jp2", "j2k"),
    "jp2w": ("jp2",),
    "wld": ("tif", "tiff", "jpg", "jpeg", "png", "jp2", "bmp", "webp", "dxf"),
    "hdr": ("bil", "bip", "bsq", "flt", "img", "dem", "asc", "raw"),
    "ige": ("img",),
    "rrd": ("img",),
    "rde": ("img",),
    "stx": ("bil", "bip", "bsq", "flt"),
    "clr": ("bil", "bip", "bsq", "asc"),
} | dict.fromkeys(SIDECARS - {"idm", "ind"}, ("shp", "dbf"))
"""Extension → what a file of that name belongs to."""
_APPENDED = (".aux.xml", ".ovr", ".msk", ".shp.xml", ".lock", "-wal", "-shm", "-journal")
"""Endings that are put behind the whole name of the file they belong to."""
_TEXT = {"md", "rst", "license", "lgpl", "url", "lnk"}
_STYLES = {"qml", "sld", "lyr", "lyrx", "qgz", "qgs", "mxd", "aprx"}
_KNOWN = {
    *("tif", "tiff", "jp2", "j2k", "dem", "dt0", "dt1", "dt2", "grd", "asc", "img", "hgt"),
    *("las", "laz", "ply", "pts", "xyz", "3tz", "osm", "ifc", "inp", "dxf"),
    *("json", "jsonl", "ndjson", "xml", "gml", "parquet", "feather", "arrow"),
}
"""Extensions that loaders take where the content agrees."""
_REASONS = (
    (_TEXT, "documentation, not data"),
    (_STYLES, "a style or project file, not data"),
    (
        {"jpg", "jpeg", "png", "webp", "bmp"},
        "a picture that says nowhere where it lies; put its world file (.jgw, .pgw, .wld) beside it",
    ),
    (
        {"dwg", "dgn"},
        "CAD drawings of this kind cannot be read here; save them as DXF",
    ),
    (
        {"mdb", "accdb"},
        "Access databases cannot be read here; export the tables as GeoPackage or FileGDB",
    ),
    ({"vrt", "wms", "wmts", "gdalg"}, "points at other files or services; load those themselves"),
    (
        {"mbtiles", "pmtiles", "mvt", "pbf"},
        "vector tiles: cut, simplified and rounded for drawing; load the layer they were made from",
    ),
    (
        {"sxf", "e57", "vfk", "vbo"},
        "a format no loader reads; export as GeoPackage (vector) or LAZ (points)",
    ),
    ({"rar"}, "RAR archives cannot be opened here; repack as ZIP or 7z"),
    ({"e00", "adf"}, "Arc/Info coverages cannot be read here; export as GeoPackage"),
    ({"rvt", "skp", "max", "3dm"}, "a modelling program's own format; export as IFC"),
    ({"doc", "docx", "pdf", "ppt", "pptx"}, "a document, not data"),
)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that no loader takes; ``shown`` is its path as a person knows it (inside an archive: ``a.zip/b.txt``)."""

    path: Path
    reason: str
    shown: str = ""

    def __post_init__(self) -> None:
        if not self.shown:
            object.__setattr__(self, "shown", str(self.path))


def part_of(path: Path) -> Path | None:
    """The file that ``path`` belongs to (the ``.shp`` of a ``.dbf``), where it is there; None otherwise."""
    name = path.name
    for ending in _APPENDED:
        if name.lower().endswith(ending) and len(name) > len(ending):
            whole = path.with_name(name[: -len(ending)])
            if whole.exists():
                return whole
            if ending == ".shp.xml" and (found := sibling(path.with_name(name[:-4]), "shp")):
                return found
    extension = path.suffix.lower().lstrip(".")
    for whole_extension in _PARTS_OF.get(extension, ()):
        found = sibling(path, whole_extension)
        if found is not None and found != path:
            return found
    return None


def why_skipped(path: Path) -> str:
    """Why no loader takes a file, and what to do where something can be done."""
    if path.name.startswith((".", "~$")):
        return "hidden, or the lock of a program that has a file open"
    extension = path.suffix.lower().lstrip(".")
    for extensions, reason in _REASONS:
        if extension in extensions or path.name.lower() in extensions:
            return reason
    if extension in _KNOWN:
        return f"its first bytes are not those of a .{extension} file; get it again, or give it the ending of what it is"
    if extension in _PARTS_OF:
        return f"belongs to a .{_PARTS_OF[extension][0]} that is not here"
    return f"no loader knows {'.' + extension if extension else 'files without an extension'}"
