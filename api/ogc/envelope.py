"""The frame around features: links, counts, ETags, conditional answers; bytes joined, nothing parsed."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final
from zlib import crc32

import orjson
import shapely
from starlette.requests import Request
from starlette.responses import Response

from api.deps import base_url
from api.models import instant, link
from api.ogc.formats import FEATURE, ITEMS, Format
from api.ogc.question import Question
from api.state import utc_now
from twin.arena.reader import Pieces
from twin.features.asking import EVERYTHING, Page

__all__ = ["VARY", "collection_parts", "feature_links", "feature_parts", "feature_tag", "fresh", "is_known",
           "page_links", "page_tag", "query_with", "state_of"]  # fmt: skip

VARY: Final = "Accept, Accept-Language, Authorization"


def query_with(request: Request, drop: frozenset[str], add: str = "") -> str:
    """Address of a request with parameters left out and others added, written as the client wrote them."""
    raw = request.scope["query_string"].decode("latin-1")
    kept = [part for part in raw.split("&") if part and part.partition("=")[0] not in drop]
    if add:
        kept.append(add)
    address = base_url(request) + request.scope["path"]
    return f"{address}?{'&'.join(kept)}" if kept else address


_NO_PLACE: Final = ("token", "offset")
_NO_FORMAT: Final = ("f",)


def _without(parts: Sequence[str], drop: tuple[str, ...]) -> str:
    """What parameters other than some begin a query with, to which another is added; written as the client wrote them."""
    kept = [part for part in parts if part.partition("=")[0] not in drop]
    return f"{'&'.join(kept)}&" if kept else ""


def page_links(request: Request, asked: Question, page: Page) -> list[dict[str, str]]:
    """Links of a page: itself, other formats, next and previous pages of the same version, its collection."""
    zh, media = asked.language == "zh", asked.form.media
    root = base_url(request)
    address = root + request.scope["path"]
    raw = request.scope["query_string"].decode("latin-1")
    parts = [part for part in raw.split("&") if part]
    links = [link(f"{address}?{'&'.join(parts)}" if parts else address, "self", media)]
    links += alternates(request, asked.form, ITEMS, zh)
    start, end = asked.ask.start, asked.ask.start + len(page.features)
    if start > 0 or start < end < page.matched:
        bare = f"{address}?{_without(parts, _NO_PLACE)}token={page.version}-"
        if start < end < page.matched:
            links.append(link(f"{bare}{end}", "next", media))
        if start > 0:
            before = max(0, min(start, page.matched) - asked.ask.limit)
            links.append(link(f"{bare}{before}", "prev", media))
    here = f"{root}/collections/{asked.info.id}"
    links.append(link(here, "collection", title=asked.info.title(asked.language)))
    return links


def alternates(
    request: Request, form: Format, offered: Sequence[Format], zh: bool
) -> list[dict[str, str]]:
    """Links to the same in all other formats."""
    raw = request.scope["query_string"].decode("latin-1")
    kept = _without([part for part in raw.split("&") if part], _NO_FORMAT)
    bare = f"{base_url(request)}{request.scope['path']}?{kept}f="
    return [
        {"href": bare + other.name, "rel": "alternate", "type": other.media, "title": other.zh if zh else other.en}
        for other in offered
        if other is not form
    ]  # fmt: skip


def collection_parts(
    links: list[dict[str, str]], page: Page, features: Sequence[bytes | memoryview]
) -> tuple[bytes | memoryview, ...]:
    """A FeatureCollection around encoded features, in pieces that follow each other."""
    head = (
        b'{"type":"FeatureCollection","timeStamp":"%s","numberMatched":%d,"numberReturned":%d,"links":%s,"features":['
        % (str(instant(utc_now())).encode(), page.matched, len(features), orjson.dumps(links))
    )
    inside = features.joined() if isinstance(features, Pieces) else b",".join(features)
    return head, inside, b"]}"


def feature_links(
    root: str, collection: str, eid: str, title: str, form: Format, zh: bool, query: str = ""
) -> list[dict[str, str]]:
    """Links of one feature."""
    here = f"{root}/collections/{collection}"
    mine = f"{here}/items/{eid}"
    joint = f"{query}&" if query else "?"
    others = [
        link(f"{mine}{joint}f={other.name}", "alternate", other.media, other.zh if zh else other.en)
        for other in FEATURE
        if other is not form
    ]
    return [
        link(mine + query, "self", form.media),
        *others,
        link(here, "collection", title=title),
        link(f"{root}/entities/{eid}", "describedby", title="全部信息" if zh else "Everything about it"),
    ]  # fmt: skip


def feature_parts(
    feature: bytes | memoryview, links: list[dict[str, str]]
) -> tuple[bytes | memoryview, ...]:
    """An encoded feature with links put before its last brace, in pieces that follow each other."""
    return memoryview(feature)[:-1], b',"links":', orjson.dumps(links), b"}"


def state_of(feature: bytes | memoryview) -> str:
    """What tells one state of a thing from another, whatever it is shown as."""
    return blake2b(feature, digest_size=8).hexdigest()


def feature_tag(request: Request, feature: bytes | memoryview, form: Format, lang: str) -> str:
    """Strong ETag of a feature: its state, then how it is shown."""
    shown = f"{form.name} {lang} {base_url(request)} ".encode() + request.scope["query_string"]
    return f'"{state_of(feature)}.{crc32(shown):08x}"'


def page_tag(request: Request, asked: Question, version: int) -> str:
    """Weak ETag of a page: the version of its collection and how it is asked for; needs no query.

    The time asked about stands in the address. A page that is told to be of an older version never changes.
    """
    reach = b""
    if asked.ask.reach is not EVERYTHING:
        classes, area = asked.ask.reach.classes, asked.ask.reach.area
        reach = f"{classes and sorted(classes)} {area and shapely.to_wkt(area)}".encode()
    shown = f"{version} {asked.form.name} {asked.language} {request.scope['path']} {base_url(request)} ".encode()
    return (
        f'W/"{blake2b(shown + request.scope["query_string"] + reach, digest_size=10).hexdigest()}"'
    )


def is_known(request: Request, tag: str) -> bool:
    """Whether the client has this already (If-None-Match, weak comparison)."""
    given = request.headers.get("if-none-match")
    if given is None:
        return False
    bare = tag.removeprefix("W/")
    return given.strip() == "*" or any(
        part.strip().removeprefix("W/") == bare for part in given.split(",")
    )


def fresh(request: Request, tag: str, headers: Mapping[str, str]) -> Response | None:
    """304 where the client has this already."""
    if not is_known(request, tag):
        return None
    return Response(status_code=304, headers={**headers, "ETag": tag})
