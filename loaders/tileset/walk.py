"""The tree of a tileset: how many tiles, how deep, where, and what is missing."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.tileset.content import fault_of, properties_of, read_json
from loaders.tileset.implicit import available
from loaders.tileset.members import Members, inside
from loaders.tileset.volumes import Box, box_of, matrix_of

__all__ = ["Survey", "survey"]

MOST_TILES = 5_000_000
MOST_DOCUMENTS = 100_000
DEEPEST = 512


@dataclass(slots=True)
class Survey:
    """What a tileset is; ``kinds`` counts contents that are there by kind."""

    version: str = ""
    tiles: int = 0
    depth: int = 0
    contents: int = 0
    documents: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    properties: list[str] = field(default_factory=list)
    box: Box | None = None
    geometric_error: float | None = None

    def findings(self) -> list[str]:
        """All of it as sentences."""
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(self.kinds.items()))
        out = [f"{self.tiles:,} tiles, {self.depth} levels, {self.contents:,} contents ({kinds or 'none'})"]  # fmt: skip
        if self.documents > 1:
            out.append(f"{self.documents:,} tileset documents")
        for texts, what in (
            (self.missing, "contents are missing"),
            (
                self.outside,
                "contents lie outside of the set or on the network and are not followed",
            ),
            (self.faults, "files are damaged"),
        ):
            if texts:
                out.append(f"{len(texts):,} {what}: {', '.join(texts[:5])}" + (" …" if len(texts) > 5 else ""))  # fmt: skip
        if self.extensions:
            out.append(f"extensions {', '.join(self.extensions)}")
        if self.properties:
            out.append(f"features carry {', '.join(self.properties[:40])}")
        return out


def survey(members: Members, entry: str) -> Survey:
    """Walk a tileset and its external tilesets, checking every content.

    Raises
    ------
    ValueError
        If the first document is no tileset.
    """
    found = Survey()
    document = read_json(members, entry)
    if not isinstance(document, dict) or not isinstance(document.get("root"), dict):
        raise ValueError("it has no root tile")
    asset = document.get("asset")
    found.version = str(asset.get("version", "?")) if isinstance(asset, dict) else "?"
    error = document.get("geometricError")
    found.geometric_error = float(error) if isinstance(error, int | float) else None
    root = document["root"]
    found.box = box_of(root.get("boundingVolume") or {}, matrix_of(root))
    _Walk(members, found).document(entry, document, np.eye(4), 1)
    return found


class _Walk:
    """Documents and contents seen so far."""

    def __init__(self, members: Members, found: Survey) -> None:
        self.members, self.found = members, found
        self.documents: set[str] = set()
        self.seen: set[str] = set()

    def document(
        self, name: str, document: dict[str, Any], matrix: NDArray[np.float64], depth: int
    ) -> None:
        """One tileset document; every one is walked once."""
        self.documents.add(name)
        self.found.documents += 1
        used = document.get("extensionsUsed")
        if isinstance(used, list):
            self.found.extensions = sorted({*self.found.extensions, *(str(e) for e in used)})
        waiting = [(document.get("root"), matrix, depth)]
        while waiting:
            tile, outer, level = waiting.pop()
            if not isinstance(tile, dict):
                self.found.faults.append(f"{name}: a tile that is no object")
                continue
            if level > DEEPEST or self.found.tiles >= MOST_TILES:
                raise ValueError(f"more than {DEEPEST} levels or {MOST_TILES:,} tiles")
            own = outer @ matrix_of(tile)
            self._tile(name, tile, own, level)
            children = tile.get("children")
            waiting += [
                (c, own, level + 1) for c in (children if isinstance(children, list) else [])
            ]

    def _tile(
        self, name: str, tile: dict[str, Any], matrix: NDArray[np.float64], level: int
    ) -> None:
        self.found.depth = max(self.found.depth, level)
        uris = _uris(tile)
        if isinstance(tile.get("implicitTiling"), dict):
            self._implicit(name, tile, uris, level)
            return
        self.found.tiles += 1
        for uri in uris:
            self._content(name, uri, matrix, level)

    def _implicit(self, name: str, tile: dict[str, Any], uris: list[str], level: int) -> None:
        try:
            for place, has_content in available(self.members, name, tile, self.found.missing):
                self.found.tiles += 1
                self.found.depth = max(self.found.depth, level + place[0])
                if self.found.tiles >= MOST_TILES:
                    raise ValueError(f"more than {MOST_TILES:,} tiles")
                for template in uris if has_content else []:
                    uri = template
                    for key, value in zip(("{level}", "{x}", "{y}", "{z}"), place, strict=True):
                        uri = uri.replace(key, str(value))
                    self._content(name, uri, np.eye(4), level + place[0])
        except (ValueError, KeyError, TypeError, IndexError, OSError) as err:
            self.found.faults.append(f"{name}: implicit tiling cannot be followed ({err})")

    def _content(self, base: str, uri: str, matrix: NDArray[np.float64], level: int) -> None:
        self.found.contents += 1
        name = inside(base, uri)
        if name is None:
            self.found.outside.append(uri)
            return
        if not self.members.exists(name):
            self.found.missing.append(uri)
            return
        if name in self.seen or name in self.documents:
            return
        self.seen.add(name)
        if name.lower().endswith((".json", ".json.gz")) and self._external(name, matrix, level):
            return
        kind, fault = fault_of(self.members, name)
        self.found.kinds[kind] += 1
        if fault is not None:
            self.found.faults.append(f"{name} {fault}")
        elif not self.found.properties:
            self.found.properties = properties_of(self.members, name)

    def _external(self, name: str, matrix: NDArray[np.float64], level: int) -> bool:
        """Walk an external tileset; False where the file is none."""
        if len(self.documents) >= MOST_DOCUMENTS:
            raise ValueError(f"more than {MOST_DOCUMENTS:,} documents")
        try:
            inner = read_json(self.members, name)
        except (ValueError, OSError) as err:
            self.found.faults.append(f"{name} cannot be read ({err})")
            return True
        if not isinstance(inner, dict) or "root" not in inner:
            return False
        self.found.kinds["tileset"] += 1
        self.document(name, inner, matrix, level + 1)
        return True


def _uris(tile: dict[str, Any]) -> list[str]:
    """URIs of a tile's contents: ``content``, ``contents`` and the extension of 1.0."""
    given = [tile.get("content"), *_listed(tile.get("contents"))]
    extensions = tile.get("extensions")
    extension = (
        extensions.get("3DTILES_multiple_contents") if isinstance(extensions, dict) else None
    )
    if isinstance(extension, dict):
        given += _listed(extension.get("contents") or extension.get("content"))
    out = []
    for content in given:
        if isinstance(content, dict):
            uri = content.get("uri", content.get("url"))
            if isinstance(uri, str):
                out.append(uri)
    return out


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 -- any JSON value
    return value if isinstance(value, list) else []
