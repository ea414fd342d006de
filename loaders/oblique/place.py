"""Where an oblique model lies: ``metadata.xml``."""

import re
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from twin.errors import SourceError, UnsafeSourceError

__all__ = ["Place", "metadata_of", "place_of"]

MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """System and origin of a model's local metres.

    ``crs`` is what the file declares (``EPSG:n`` or WKT); for a local tangent plane (``ENU``) it is
    None and ``enu`` is (latitude, longitude) of its touching point.
    """

    crs: str | None
    origin: tuple[float, float, float]
    enu: tuple[float, float] | None = None


def metadata_of(folder: Path) -> Path | None:
    """The ``metadata.xml`` of a model's folder, in any case."""
    try:
        return next((p for p in folder.iterdir() if p.name.lower() == "metadata.xml"), None)
    except OSError:
        return None


def place_of(folder: Path) -> Place:
    """System and origin of a model.

    Raises
    ------
    SourceError
        If the file is no XML, or says nothing usable.
    UnsafeSourceError
        If it has a document type or is too large.
    """
    path = metadata_of(folder)
    if path is None:
        raise SourceError(folder, "has no metadata.xml; put the model's own beside its Data folder")
    data = path.read_bytes()[: MAX_BYTES + 1]
    if len(data) > MAX_BYTES or re.search(rb"<!(DOCTYPE|ENTITY)", data, re.I):
        raise UnsafeSourceError(path, "has a document type or is larger than 1 MiB; it is not read")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as err:
        raise SourceError(path, f"is no XML: {err}") from err
    texts = {
        str(e.tag).lower(): (e.text or "").strip() for e in root.iter() if isinstance(e.tag, str)
    }
    srs, origin = texts.get("srs", ""), texts.get("srsorigin", "0,0,0")
    try:
        x, y, z = (float(v) for v in ([*re.split(r"[,;\s]+", origin.strip()), "0"])[:3])
    except ValueError as err:
        raise SourceError(path, f"SRSOrigin {origin[:60]!r} is not x,y,z") from err
    if enu := re.fullmatch(r"ENU\s*:\s*([-\d.eE]+)\s*,\s*([-\d.eE]+)", srs, re.I):
        return Place(None, (x, y, z), (float(enu[1]), float(enu[2])))
    if not srs:
        raise SourceError(path, "names no SRS; write EPSG:n, ENU:lat,lon or WKT into it")
    epsg = re.fullmatch(r"(?:urn:ogc:def:crs:)?EPSG:+(\d+)(?:\+\d+)?", srs, re.I)
    return Place(f"EPSG:{epsg[1]}" if epsg else srs, (x, y, z))
