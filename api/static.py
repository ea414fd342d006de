"""Files from a folder over HTTP: no way out of the folder, ETags, ranges, compressed variants."""

import gzip
import re
import stat
from collections.abc import Callable, Mapping
from functools import partial
from os import stat_result
from pathlib import Path
from typing import Final, TypeAlias

from fastapi import Request
from starlette.responses import FileResponse, Response

from api.standing.encodings import weights
from twin.errors import NotFoundError

__all__ = ["MEDIA_TYPES", "answer_bytes", "is_known", "safe_path", "serve"]

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".b3dm": "application/octet-stream",
    ".bin": "application/octet-stream",
    ".cmpt": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".czml": "application/json",
    ".geojson": "application/geo+json",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".html": "text/html; charset=utf-8",
    ".i3dm": "application/octet-stream",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".ktx2": "image/ktx2",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mvt": "application/vnd.mapbox-vector-tile",
    ".png": "image/png",
    ".pnts": "application/octet-stream",
    ".subtree": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".terrain": "application/vnd.quantized-mesh",
    ".topojson": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",  # types of the browser client
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
"""What may be served, and as what; a file of another kind is not found."""

SEGMENT = re.compile(r"[\w\-+~@][\w.\-+~@]*")
IN_MEMORY = 4 << 20
Hash: TypeAlias = Callable[[str, int], str | None]
GZIP_MAGIC = b"\x1f\x8b"


def safe_path(root: Path, relative: str) -> Path:
    """Path below ``root`` for a path given from outside.

    Every segment must be an ordinary file name: no empty, hidden or ``..`` segment, no backslash,
    colon, percent sign or control character; a link that leads out of ``root`` is not followed.

    Raises
    ------
    NotFoundError
        If the path could mean anything else.
    """
    segments = relative.split("/")
    if not all(_is_plain(segment) for segment in segments) or len(segments) > 24:
        raise NotFoundError(f"No file {relative[:120]!r} here.")
    path = root.joinpath(*segments)
    if not path.resolve().is_relative_to(root.resolve()):
        raise NotFoundError(f"No file {relative[:120]!r} here.")
    return path


def serve(
    request: Request, root: Path, relative: str, cache: str, hashes: Hash | None = None
) -> Response:
    """Serve one file.

    Parameters
    ----------
    request : Request
        Its If-None-Match, Range and Accept-Encoding are heeded.
    root : Path
        Folder nothing leads out of.
    relative : str
        Path below it, as given from outside.
    cache : str
        Cache-Control of the answer.
    hashes : callable, optional
        Gives the hash of a file of that path and size, which is then its ETag; else its time and size are.

    Raises
    ------
    NotFoundError
        If there is no such file, or it is of a kind that is not served.
    """
    path = safe_path(root, relative)
    media = MEDIA_TYPES.get(path.suffix.lower())
    if media is None:
        raise NotFoundError(f"No file {relative[:120]!r} here.")
    plain, packed = _file(path), _file(path.with_name(f"{path.name}.gz"))
    takes_gzip = _takes_gzip(request)
    if packed is not None and (plain is None or (takes_gzip and "range" not in request.headers)):
        twin, mark = path.with_name(f"{path.name}.gz"), "-gz" if takes_gzip else "-un"
        tag = partial(_etag, packed, mark, f"{relative}.gz", hashes)
        return _packed(request, twin, tag, media, cache, takes_gzip)
    if plain is None:
        raise NotFoundError(f"No file {relative[:120]!r} here.")
    tag = partial(_etag, plain, "", relative, hashes)
    headers = {"ETag": tag(), "Cache-Control": cache}
    if packed is not None:
        headers["Vary"] = "Accept-Encoding"
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if "range" in request.headers or plain.st_size > IN_MEMORY:
        return FileResponse(path, headers=headers, media_type=media, stat_result=plain)
    content = _read(path, tag, headers)
    if content[:2] == GZIP_MAGIC:  # some builders write tiles compressed under their plain name
        return _unpacked(content, headers, media, takes_gzip)
    return Response(content, headers={**headers, "Accept-Ranges": "bytes"}, media_type=media)


def answer_bytes(
    request: Request, content: bytes, digest: str, media: str, cache: str, packed: bytes = b""
) -> Response:
    """Bytes that were just made; their hash is the ETag.

    Parameters
    ----------
    request : Request
        Its If-None-Match is heeded.
    content : bytes
    digest : str
        Hash of the content.
    media, cache : str
        Content-Type and Cache-Control of the answer.
    packed : bytes
        The content as gzip, for a client that takes it so; empty where there is none.
    """
    headers = {"ETag": f'"{digest}"', "Cache-Control": cache}
    if packed:
        headers["Vary"] = "Accept-Encoding"
        if _takes_gzip(request):
            headers |= {"ETag": f'"{digest}-gz"', "Content-Encoding": "gzip"}
            content = packed
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media)


def _takes_gzip(request: Request) -> bool:
    """Whether the client takes gzip, by its weight."""
    given = weights(request.headers.get("accept-encoding", ""))
    return given.get("gzip", given.get("x-gzip", given.get("*", 0.0))) > 0


def _is_plain(segment: str) -> bool:
    return len(segment.encode("utf-8", "replace")) < 200 and SEGMENT.fullmatch(segment) is not None


def _file(path: Path) -> stat_result | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _etag(found: stat_result, mark: str, relative: str, hashes: Hash | None) -> str:
    known = hashes(relative, found.st_size) if hashes is not None else None
    if known is not None:
        return f'"{known}{mark}"'
    return f'"{found.st_mtime_ns:x}-{found.st_size:x}{mark}"'


def is_known(request: Request, etag: str) -> bool:
    """Whether the client has a representation of that ETag already."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag in [
        entry.strip().removeprefix("W/") for entry in given.split(",")
    ]


def _packed(
    request: Request, path: Path, tag: Callable[[], str], media: str, cache: str, takes_gzip: bool
) -> Response:
    headers = {"ETag": tag(), "Cache-Control": cache, "Vary": "Accept-Encoding"}
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return _unpacked(_read(path, tag, headers), headers, media, takes_gzip)


def _read(path: Path, tag: Callable[[], str], headers: dict[str, str]) -> bytes:
    """Content of a file; without an ETag where it was built again meanwhile, and whose bytes these are is not known."""
    content = path.read_bytes()
    if tag() != headers["ETag"]:
        del headers["ETag"]
    return content


def _unpacked(content: bytes, headers: dict[str, str], media: str, takes_gzip: bool) -> Response:
    """Compressed content as it stands, or unpacked for a client that does not take it so."""
    headers = headers | {"Vary": "Accept-Encoding"}
    if takes_gzip:
        return Response(content, headers=headers | {"Content-Encoding": "gzip"}, media_type=media)
    return Response(gzip.decompress(content), headers=headers, media_type=media)
