"""What a tile's file is, by its first bytes, and what its features carry."""

import gzip
import json
import struct
import zlib
from typing import Any

from loaders.tileset.members import Members

__all__ = ["fault_of", "properties_of", "read_json"]

_MAGIC = {
    b"b3dm": "b3dm", b"i3dm": "i3dm", b"pnts": "pnts", b"cmpt": "cmpt", b"glTF": "glb", b"subt": "subtree",
    b"geom": "geom", b"vctr": "vctr",
}  # fmt: skip
MAX_JSON = 256 << 20


def read_json(members: Members, name: str) -> Any:  # noqa: ANN401 -- any JSON value
    """A JSON document, packed or not.

    Raises
    ------
    ValueError
        If it is none, or larger than ``MAX_JSON``.
    """
    with members.open(name) as file:
        data = file.read(MAX_JSON + 1)
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(31).decompress(data, MAX_JSON + 1)
        except zlib.error as err:
            raise ValueError(f"{name}: {err}") from err
    if len(data) > MAX_JSON:
        raise ValueError(f"{name} is larger than {MAX_JSON >> 20} MiB")
    return json.loads(data.decode("utf-8-sig"))


def fault_of(members: Members, name: str) -> tuple[str, str | None]:
    """(kind, what is wrong): kind by the first bytes, and a fault where they or the length do not fit."""
    with members.open(name) as file:
        head = file.read(12)
    size = members.size(name)
    if head[:2] == b"\x1f\x8b":
        with members.open(name) as file, gzip.open(file) as unpacked:
            try:
                head, size = unpacked.read(12), -1
            except (OSError, EOFError, zlib.error):
                return "unknown", "is packed and cannot be unpacked"
    kind = _MAGIC.get(head[:4])
    if kind is None:
        text = head.lstrip(b"\xef\xbb\xbf \r\n\t")
        if text.startswith(b"{"):
            return "gltf", None
        return "unknown", f"begins with {head[:4]!r}, which is no tile content"
    if kind != "subtree" and len(head) == 12 and size >= 0:
        told = struct.unpack_from("<I", head, 8)[0]
        if told > size:
            return kind, f"says it is {told:,} bytes long and is {size:,}"
    return kind, None


def properties_of(members: Members, name: str) -> list[str]:
    """Names of what the features of a content carry: its batch table, or its structural metadata."""
    try:
        with members.open(name) as file:
            head = file.read(28)
            if head[:4] in (b"b3dm", b"pnts", b"i3dm") and len(head) == 28:
                feature_json, feature_bin, batch_json = struct.unpack_from("<III", head, 12)
                file.read(
                    min(feature_json + feature_bin + (4 if head[:4] == b"i3dm" else 0), 1 << 30)
                )
                table = json.loads(file.read(min(batch_json, 1 << 24)) or b"{}")
                return sorted(table) if isinstance(table, dict) else []
            if head[:4] == b"glTF":
                length = struct.unpack_from("<I", head, 12)[0]
                document = json.loads((head[20:] + file.read(min(length, 1 << 26)))[:length])
                classes = document["extensions"]["EXT_structural_metadata"]["schema"]["classes"]
                return sorted({p for c in classes.values() for p in c.get("properties", {})})
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, OSError):
        return []
    return []
