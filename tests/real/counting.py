"""Records of a source counted by something that is none of the loaders: the standard library's parsers, or lines."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

__all__ = ["counted"]

_MEMBERS = {"featureMember", "member", "cityObjectMember"}
_TABLES = (".csv", ".tsv")
MOST_HEAD = 4
"""Lines above the first record of a seed's table: a title, names, units."""


def counted(path: Path) -> tuple[int, int] | None:
    """Least and most records that a file can hold; None where its kind, or damage, leaves that open.

    Parameters
    ----------
    path : Path
        One file; the first of several records with one id counts as well as the others.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".kml":
            tags = [_tag(e) for e in ET.fromstring(content).iter()]  # noqa: S314 -- made here
            return tags.count("Placemark"), sum(t == "Placemark" or "Overlay" in t for t in tags)
        if path.suffix == ".gml":
            return _gml(content)
        if path.suffix in (".geojson", ".json", ".jsonl", ".geojsonl"):
            return _json(content.decode("utf-8-sig"), lines=path.suffix.endswith("l"))
        if path.suffix in _TABLES:
            return _lines(content.decode("utf-8-sig"))
    except (ValueError, ET.ParseError, LookupError, RecursionError, OSError, TypeError):
        return None
    return None


def _same(n: int) -> tuple[int, int]:
    return n, n


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _gml(content: bytes) -> tuple[int, int] | None:
    root = ET.fromstring(content)  # noqa: S314 -- made here
    members = [e for e in root if _tag(e) in _MEMBERS and len(e) == 1]
    if not members or len(members) != len([e for e in root if _tag(e) in _MEMBERS]):
        return None
    return len(members), 1_000_000  # parts and rooms of city objects are records of their own


def _json(text: str, *, lines: bool) -> tuple[int, int] | None:
    if lines:
        lines_of = [line for line in text.split("\n") if line.strip()]
        most = len(lines_of) + sum(map(_goes_on, lines_of))
        return None if '"CityJSON' in text else (len(lines_of), most)
    document = json.loads(text)
    if not isinstance(document, dict):
        return None
    if document.get("type") == "CityJSON" and isinstance(document.get("CityObjects"), dict):
        return _same(len(document["CityObjects"]))
    features = document.get("features")
    if document.get("type") == "FeatureCollection" and isinstance(features, list):
        return _same(len(features))
    return None


def _goes_on(line: str) -> bool:
    """Whether a line holds a whole object and more: a record and a damaged rest."""
    try:
        _, end = json.JSONDecoder().raw_decode(line.strip())
    except ValueError:
        return False
    return end < len(line.strip())


def _lines(text: str) -> tuple[int, int] | None:
    """Lines of a table without quotes and comments."""
    if '"' in text or "#" in text or "\0" in text or "\ufffd" in text:
        return None
    lines = [x for x in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if x.strip(" ,;\t")]  # fmt: skip
    return max(0, len(lines) - MOST_HEAD), max(0, len(lines) - 1)
