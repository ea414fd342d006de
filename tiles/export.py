"""Tiles to carry away: a folder for any static host, one 3D Tiles archive, one PMTiles archive.

Each is written beside its place and put there whole; the same tiles give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from tiles.folder import read_manifest
from twin.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ExportReport", "export"]

INDEX = "@3dtilesIndex1@"
EPOCH = (1980, 1, 1, 0, 0, 0)
CATALOGUE = "catalogue.json"

ExportReport = dict[str, Any]
"""kind (folder, 3tz, pmtiles), path, files or tiles, bytes."""


def export(tiles: Path, out: Path) -> ExportReport:
    """Write the tiles of a city to a folder, or to one file by its ending ``.3tz`` or ``.pmtiles``.

    Parameters
    ----------
    tiles : Path
        A folder as :func:`tiles.build` writes it.
    out : Path
        A folder that is missing, empty or an earlier export; or a file.

    Raises
    ------
    InvalidRequestError
        If there is nothing to export, or ``out`` is something else.
    """
    manifest = read_manifest(tiles)
    if not manifest:
        raise InvalidRequestError(f"{tiles} holds no tiles; run `twin tile` first", "out")
    ending = out.suffix.lower()
    if ending in (".3tz", ".pmtiles"):
        if out.is_dir():
            raise InvalidRequestError(f"{out} is a folder; give the name of a file", "out")
        return (_archive if ending == ".3tz" else _pmtiles)(tiles, out, manifest)
    return _folder(tiles, out, manifest)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A place to write to; what lies there in the end becomes ``out``."""
    out.parent.mkdir(parents=True, exist_ok=True)
    place = out.with_name(f".{out.name}.writing")
    _remove(place)
    try:
        yield place
        if place.is_dir():
            _remove(out)
        place.replace(out)
    finally:
        _remove(place)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _folder(tiles: Path, out: Path, manifest: dict[str, Any]) -> ExportReport:
    """All layers as plain files: compressed twins are left out, a static host compresses by itself."""
    taken = out.is_file() or (
        out.is_dir() and any(out.iterdir()) and not (out / CATALOGUE).is_file()
    )
    if taken or out.resolve() == tiles.resolve() or tiles.resolve().is_relative_to(out.resolve()):
        text = f"{out} is in use; expected a folder that is missing, empty or an earlier export"
        raise InvalidRequestError(text, "out")
    count, size = 0, 0
    with _beside(out) as place:
        for layer, entry in sorted(manifest.items()):
            for name in entry["files"]:
                if name.endswith(".gz"):
                    continue
                target = place / layer / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tiles / layer / name, target)
                count, size = count + 1, size + target.stat().st_size
        place.mkdir(exist_ok=True)
        (place / CATALOGUE).write_bytes(
            orjson.dumps({"layers": _catalogue(manifest)}, option=orjson.OPT_INDENT_2)
        )
    return {"kind": "folder", "path": str(out), "files": count + 1, "bytes": size}


def _catalogue(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """What there is and where it begins, addresses relative to the catalogue."""
    kinds = {
        "tileset.json": "3d-tiles",
        "layer.json": "quantized-mesh",
        "tilejson.json": "tilejson",
    }
    return [
        {
            "id": layer,
            "kind": kind,
            "url": f"{layer}/{entry}",
            "features": manifest[layer]["features"],
        }
        for layer in sorted(manifest)
        for entry, kind in kinds.items()
        if entry in manifest[layer]["files"]
    ]


def _archive(tiles: Path, out: Path, manifest: dict[str, Any]) -> ExportReport:
    """The scene as a 3D Tiles archive.

    Source: https://github.com/erikdahlstrom/3tz-specification (version 1.3).
    """
    path = tiles / "scene" / "tileset.json"
    if not path.is_file():
        raise InvalidRequestError("there are no 3D tiles to put into an archive", "out")
    document = orjson.loads(path.read_bytes())
    layers = []
    for child in document["root"]["children"]:
        uri = child["content"]["uri"].removeprefix("../")
        child["content"]["uri"] = uri
        layers.append(uri.split("/")[0])
    names = [
        f"{layer}/{name}"
        for layer in layers
        for name in sorted(manifest[layer]["files"])
        if not name.endswith(".gz")
    ]
    index = []
    with _beside(out) as place:
        with zipfile.ZipFile(place, "w") as archive:
            for name in ["tileset.json", *names]:
                data = (tiles / name).read_bytes() if "/" in name else orjson.dumps(document)
                index.append((_digest(name), _add(archive, name, data)))
            index.sort(key=lambda entry: struct.unpack("<2Q", entry[0]))
            body = b"".join(digest + offset.to_bytes(8, "little") for digest, offset in index)
            _add(archive, INDEX, body, zipfile.ZIP_STORED)
        size = place.stat().st_size
    return {"kind": "3tz", "path": str(out), "files": len(names) + 1, "bytes": size}


def _digest(name: str) -> bytes:
    return hashlib.md5(name.encode(), usedforsecurity=False).digest()


def _add(
    archive: zipfile.ZipFile, name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED
) -> int:
    """Add a file; where its local header begins."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type, info.external_attr, info.create_system = method, 0o644 << 16, 3
    archive.writestr(info, data, method, 6)
    return info.header_offset


def _pmtiles(tiles: Path, out: Path, manifest: dict[str, Any]) -> ExportReport:
    """All vector layers in one archive: a tile holds what each layer has there.

    Source: https://github.com/protomaps/PMTiles (version 3).
    """
    layers = [n for n in sorted(manifest) if n.startswith("mvt/") and manifest[n]["tiles"]]
    if not layers:
        raise InvalidRequestError("there are no vector tiles to put into an archive", "out")
    indexes = [orjson.loads((tiles / layer / "tilejson.json").read_bytes()) for layer in layers]
    at: dict[int, list[Path]] = {}
    for layer in layers:
        for name in manifest[layer]["files"]:
            if name.endswith(".mvt"):
                z, x, y = (int(part) for part in name.removesuffix(".mvt").split("/"))
                at.setdefault(zxy_to_tileid(z, x, y), []).append(tiles / layer / name)
    with _beside(out) as place:
        with place.open("wb") as file:
            writer: Any = Writer(file)  # type: ignore[no-untyped-call]  # its methods have no types
            for number in sorted(at):
                # layers of a tile are fields of one message: joined messages are a message
                data = b"".join(path.read_bytes() for path in at[number])
                writer.write_tile(number, gzip.compress(data, 6, mtime=0))
            writer.finalize(_header(indexes), _about(indexes))
        size = place.stat().st_size
    return {"kind": "pmtiles", "path": str(out), "tiles": len(at), "bytes": size}


def _header(indexes: list[dict[str, Any]]) -> dict[str, Any]:
    west, south = (min(index["bounds"][k] for index in indexes) for k in (0, 1))
    east, north = (max(index["bounds"][k] for index in indexes) for k in (2, 3))
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": round(west * 1e7),
        "min_lat_e7": round(south * 1e7),
        "max_lon_e7": round(east * 1e7),
        "max_lat_e7": round(north * 1e7),
        "center_zoom": min(index["minzoom"] for index in indexes),
        "center_lon_e7": round((west + east) / 2 * 1e7),
        "center_lat_e7": round((south + north) / 2 * 1e7),
    }


def _about(indexes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "citytwin",
        "format": "pbf",
        "generator": "citytwin",
        "vector_layers": [layer for index in indexes for layer in index["vector_layers"]],
    }
