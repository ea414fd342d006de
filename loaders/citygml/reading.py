"""CityGML files member by member: no entities, no network, bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from twin.errors import SourceError, UnsafeSourceError

__all__ = [
    "GML",
    "XLINK_HREF",
    "Head",
    "Member",
    "gml_id",
    "head_of_model",
    "local",
    "members",
    "split",
]

Element = Any
GML = ("http://www.opengis.net/gml", "http://www.opengis.net/gml/3.2")
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_IDS = tuple(f"{{{ns}}}id" for ns in GML)
BLOCK = 256 * 1024
MAX_MEMBER = 1024**3
"""Text of one city object member (its triangles apart) past which a file is refused: 1 GiB."""
MAX_HEAD = 64 * 1024**2
_MEMBERS = ("cityObjectMember", "featureMember", "featureMembers")
_TRIANGLES = tuple(f"{{{ns}}}Triangle" for ns in GML)
_POSLISTS = tuple(f"{{{ns}}}posList" for ns in GML)
_TAGS = tuple(f"{{*}}{name}" for name in _MEMBERS)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the first member."""

    version: str
    srs_name: str | None
    dimension: int | None
    lower: tuple[float, ...] | None
    upper: tuple[float, ...] | None
    name: str | None
    engineering: Element | None


@dataclass(slots=True)
class Member:
    """One city object with all below it; ``triangles`` are the coordinate texts taken out of surfaces.

    Triangles of terrain models come by the million: each is taken out of the tree as it is read, and
    its text kept under the element that held it.
    """

    element: Element
    size: int
    triangles: dict[Element, list[str]] = field(default_factory=dict)


@lru_cache(maxsize=4096)
def _split(tag: Any) -> tuple[str, str]:  # noqa: ANN401 (a name, or what lxml gives for a comment)
    """Namespace and name of a tag."""
    space, _, name = tag.rpartition("}") if isinstance(tag, str) else ("", "", "")
    return space[1:], name


def split(element: Element) -> tuple[str, str]:
    """Namespace and name of an element; both empty for comments and instructions."""
    return _split(element.tag)


def local(element: Element) -> str:
    """Name of an element without its namespace; empty for comments and instructions."""
    return _split(element.tag)[1]


def gml_id(element: Element) -> str | None:
    """``gml:id`` of an element, of GML 3.1 or 3.2."""
    if not element.keys():
        return None
    found = element.get(_IDS[1])
    found = element.get(_IDS[0]) if found is None else found
    return None if found is None else str(found)


def _parser(tags: tuple[str, ...]) -> Any:  # noqa: ANN401 (lxml has no types)
    return etree.XMLPullParser(
        events=("end",),
        tag=tags,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=True,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
    )


def _checked_root(path: Path, root: Element | None) -> Element:
    if root is None:
        raise SourceError(path, "is no XML")
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnsafeSourceError(
            path, "XML with a document type or entities is not opened; remove the DOCTYPE"
        )
    if local(root) != "CityModel":
        raise SourceError(path, f"is no CityGML: its root is {local(root)!r}, expected CityModel")
    return root


def _version(root: Element) -> str:
    for uri in (root.tag, *root.nsmap.values()):
        for version in ("3.0", "2.0", "1.0"):
            if "opengis.net/citygml/" in str(uri) and str(uri).partition("}")[0].endswith(version):
                return version
    return "?"


def _numbers(text: str | None) -> tuple[float, ...] | None:
    try:
        return tuple(float(v) for v in (text or "").split()) or None
    except ValueError:
        return None


def _head(root: Element) -> Head:
    envelope = root.find("{*}boundedBy/{*}Envelope")
    srs = dimension = lower = upper = None
    if envelope is not None:
        srs = envelope.get("srsName")
        dimension = int(d) if (d := envelope.get("srsDimension", "")).isdigit() else None
        lower = _numbers(envelope.findtext("{*}lowerCorner"))
        upper = _numbers(envelope.findtext("{*}upperCorner"))
        corners = envelope.findall("{*}pos")
        if lower is None and len(corners) == 2:
            lower, upper = (_numbers(c.text) for c in corners)
    name = root.findtext("{*}name")
    engineering = next(root.iter("{*}EngineeringCRS"), None)
    return Head(_version(root), srs, dimension, lower, upper, name, engineering)


def _failed(path: Path, err: Exception) -> SourceError:
    return SourceError(path, f"is no well-formed XML: {err}")


def _feeding(path: Path, file: BinaryIO, parser: Any, most: int) -> Iterator[int]:  # noqa: ANN401 (lxml)
    """Feed a file block by block; yields the bytes fed. A byte order mark in front is skipped."""
    first = True
    fed = 0
    while block := file.read(BLOCK):
        if first and block.startswith(b"\xef\xbb\xbf"):
            block = block[3:]
        first = False
        try:
            parser.feed(block)
        except etree.XMLSyntaxError as err:
            raise _failed(path, err) from err
        fed += len(block)
        if fed > most:
            return
        yield len(block)


def head_of_model(path: Path) -> tuple[Head, Element | None]:
    """Head of a file and its first member.

    Raises
    ------
    SourceError
        If it is no CityGML.
    UnsafeSourceError
        If it has a document type.
    """
    parser = _parser(_TAGS)
    with path.open("rb") as file:
        for _ in _feeding(path, file, parser, MAX_HEAD):
            for _, element in parser.read_events():
                root = _checked_root(path, element.getroottree().getroot())
                return _head(root), element
    try:
        root = parser.close()
    except etree.XMLSyntaxError as err:
        raise _failed(path, err) from err
    return _head(_checked_root(path, root)), None


def members(path: Path, broken: Callable[[str], None]) -> Iterator[Member]:
    """City object members in file order, each taken out of memory when the next is asked for.

    Parameters
    ----------
    path : Path
    broken : callable
        Told once if the XML ends or breaks early: what came before is good.

    Raises
    ------
    SourceError
        If the file is no CityGML, or broken before its first member.
    UnsafeSourceError
        For a document type, or a member past ``MAX_MEMBER``.
    """
    parser = _parser((*_TAGS, *_TRIANGLES))
    triangles: dict[Element, list[str]] = {}
    size = count = 0
    checked = False
    with path.open("rb") as file:
        try:
            for fed in _feeding(path, file, parser, 1 << 62):
                size += fed
                if size > MAX_MEMBER:
                    raise UnsafeSourceError(
                        path, "one city object is larger than 1 GiB; split the file"
                    )
                for _, element in parser.read_events():
                    if not checked:
                        _checked_root(path, element.getroottree().getroot())
                        checked = True
                    if element.tag in _TRIANGLES:
                        size -= _take_triangle(element, triangles)
                        continue
                    count += 1
                    yield Member(element, size, triangles)
                    triangles, size = {}, 0
                    _forget(element)
        except SourceError as err:
            if isinstance(err, UnsafeSourceError) or not count:
                raise
            broken(err.reason)
            return
        try:
            parser.close()
        except etree.XMLSyntaxError as err:
            if not count:
                raise _failed(path, err) from err
            broken(f"is no well-formed XML: {err}")


def _take_triangle(element: Element, triangles: dict[Element, list[str]]) -> int:
    """Take a triangle with one list of coordinates out of the tree; its length in the file, roughly."""
    found = element.find(".//" + (_POSLISTS[1] if element.tag == _TRIANGLES[1] else _POSLISTS[0]))
    parent = element.getparent()
    if found is None or parent is None or not found.text:
        return 0
    triangles.setdefault(parent, []).append(found.text)
    before = element.getprevious()
    if (
        before is not None and before.tag in _TRIANGLES
    ):  # this one stays until the parser is past it
        parent.remove(before)
    return len(found.text)


def _forget(element: Element) -> None:
    """Free a member and what came before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
