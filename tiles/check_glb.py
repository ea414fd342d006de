"""Whether a ``.glb`` is what it claims: container, accessors, feature ids, property table."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tiles.check_instances import placed
from tiles.check_pictures import check_pictures
from tiles.meshopt import (
    MeshoptError,
    decode_attributes,
    decode_sequence,
    decode_triangles,
    from_exponential,
)
from tiles.placement import from_y_up
from tiles.views import MESHOPT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BadTileError", "Content", "read_content"]

_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_NUMBERS = {"FLOAT32": "<f4", "INT16": "<i2"}
_CARRIED = {"UINT8": 5121, "UINT16": 5123, "FLOAT32": 5126}
POINTS = 0


class BadTileError(ValueError):
    """A content that cannot be read on; ``rule`` names the rule it breaks."""

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Content:
    """A content that was read: ``points`` (n, 3) local east, north, up metres; ids of features.

    ``eid`` is empty where the features are blocks of a massing, which are no entities, and then
    ``stands_for`` is the number of buildings they show;
    ``attributes`` are what points of a cloud carry, by the name of the property, shape (n,).
    """

    points: NDArray[np.float64]
    eid: list[str]
    triangles: int
    attributes: dict[str, NDArray[Any]] = field(default_factory=dict)
    stands_for: int = 0


def _require(holds: bool, rule: str, message: str) -> None:
    if not holds:
        raise BadTileError(rule, message)


def read_content(blob: bytes) -> Content:
    """Read and check one content.

    Parameters
    ----------
    blob : bytes
        A ``.glb`` as :func:`tiles.glb.write_glb` or :func:`tiles.points.content.content` makes it.

    Returns
    -------
    Content

    Raises
    ------
    BadTileError
        At the first rule that is broken.
    """
    document, binary = _container(blob)
    reader = _Reader(document, binary)
    node = document["nodes"][0]
    mesh = document["meshes"][node["mesh"]]
    if mesh["primitives"][0].get("mode") == POINTS:
        return _cloud(reader, document, mesh["primitives"], node)
    table = document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
    count = table["count"]
    points, triangles, used = [], 0, np.zeros(count, dtype=bool)
    for node in document["nodes"]:
        instances = placed(reader, node, count, _require)
        for primitive in document["meshes"][node["mesh"]]["primitives"]:
            xyz, ids, n = _primitive(reader, primitive, count, own=instances is None)
            if instances is not None:
                ids = instances.ids
                xyz, n = instances.moved(xyz), n * len(instances.ids)
            points.append(xyz)
            used[ids] = True
            triangles += n
    _require(bool(used.all()), "feature-unused", f"{int((~used).sum())} features have no vertex")
    check_pictures(document, lambda i: reader.view(i)[0], _require)
    columns = _properties(reader, document, table)
    place = from_y_up(np.concatenate(points)).astype(np.float64)
    return Content(place, _ids(columns), triangles, stands_for=_stands_for(reader, table))


def _stands_for(reader: _Reader, table: dict[str, Any]) -> int:
    """Buildings that a massing shows."""
    entry = table["properties"].get("buildings")
    if entry is None or "eid" in table["properties"]:
        return 0
    return round(float(np.frombuffer(reader.view(entry["values"])[0], "<f4").sum(dtype=float)))


def _ids(columns: dict[str, list[str]]) -> list[str]:
    """Ids of entities; a massing has unique names of blocks instead."""
    if "eid" in columns or "block" not in columns:
        return columns["eid"]
    names = columns["block"]
    _require(len(set(names)) == len(names), "block-twice", "two blocks have the same name")
    return []


def _container(blob: bytes) -> tuple[dict[str, Any], bytes]:
    _require(len(blob) >= 28, "glb-length", f"{len(blob)} bytes are no glb")
    magic, version, length = struct.unpack_from("<4sII", blob)
    _require(magic == b"glTF" and version == 2, "glb-header", f"magic {magic!r}, version {version}")
    _require(length == len(blob), "glb-length", f"says {length} bytes, has {len(blob)}")
    json_size, kind = struct.unpack_from("<I4s", blob, 12)
    _require(kind == b"JSON" and json_size % 4 == 0, "glb-chunk", "first chunk is no aligned JSON")
    _require(28 + json_size <= len(blob), "glb-chunk", "the JSON chunk runs past the end")
    try:
        document: dict[str, Any] = orjson.loads(blob[20 : 20 + json_size])
    except orjson.JSONDecodeError as err:
        raise BadTileError("glb-json", str(err)) from err
    size, kind = struct.unpack_from("<I4s", blob, 20 + json_size)
    start = 28 + json_size
    whole = kind == b"BIN\0" and start % 8 == 0 and start + size == len(blob)
    _require(whole, "glb-chunk", "the binary chunk is missing, misplaced or cut")
    return document, blob[start : start + size]


class _Reader:
    """Views and accessors of a document, with their bounds checked."""

    def __init__(self, document: dict[str, Any], binary: bytes) -> None:
        self.document, self.binary = document, binary

    def view(self, index: int) -> tuple[bytes, int]:
        """(bytes, stride or 0) of a buffer view."""
        views = self.document["bufferViews"]
        _require(0 <= index < len(views), "view-missing", f"no buffer view {index}")
        v = views[index]
        packed = v.get("extensions", {}).get(MESHOPT)
        place = v if packed is None else packed
        start, size = place.get("byteOffset", 0), place["byteLength"]
        inside = start + size <= len(self.binary) and start % 8 == 0 and place["buffer"] == 0
        _require(inside, "view-range", f"buffer view {index}: bytes {start}+{size} misplaced")
        data = self.binary[start : start + size]
        if packed is not None:
            data = self._unpacked(index, v, packed, data)
        return data, v.get("byteStride", 0)

    def _unpacked(
        self, index: int, view: dict[str, Any], packed: dict[str, Any], stream: bytes
    ) -> bytes:
        """The bytes of a compressed view, which must be as many as the view says."""
        count, stride = packed["count"], packed["byteStride"]
        room = self.document["buffers"][view["buffer"]]["byteLength"]
        fits = view["byteLength"] == count * stride and view["byteOffset"] + count * stride <= room
        same = view.get("byteStride", stride) == stride
        _require(fits and same, "view-range", f"buffer view {index} is not what is compressed")
        try:
            if packed["mode"] == "TRIANGLES":
                return decode_triangles(stream, count).astype(f"<u{stride}").tobytes()
            if packed["mode"] == "INDICES":
                return decode_sequence(stream, count).astype(f"<u{stride}").tobytes()
            rows = decode_attributes(stream, count, stride)
        except MeshoptError as error:
            raise BadTileError("meshopt", f"buffer view {index}: {error}") from error
        if packed.get("filter") == "EXPONENTIAL":
            return from_exponential(rows.view("<u4")).astype("<f4").tobytes()
        return rows.tobytes()

    def accessor(self, index: int) -> NDArray[Any]:
        """Values (count, width) of an accessor; min and max must be what the data has."""
        a = self.document["accessors"][index]
        data, stride = self.view(a["bufferView"])
        dtype, width = np.dtype(_TYPES[a["componentType"]]), _WIDTHS[a["type"]]
        stride = stride or dtype.itemsize * width
        fits = (a["count"] - 1) * stride + dtype.itemsize * width <= len(data)
        _require(fits, "accessor-range", f"accessor {index} runs past its view")
        values = np.ndarray((a["count"], width), dtype, data, strides=(stride, dtype.itemsize))
        for key, found in (("min", values.min(axis=0)), ("max", values.max(axis=0))):
            if key in a:
                same = np.array_equal(np.array(a[key], dtype=np.float64), found.astype(np.float64))
                _require(same, "accessor-bounds", f"accessor {index}: {key} is {found.tolist()}")
        return values


def _primitive(
    reader: _Reader, primitive: dict[str, Any], count: int, *, own: bool
) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
    """(positions, feature ids in use, triangles) of one primitive."""
    attributes = {k: reader.accessor(v) for k, v in primitive["attributes"].items()}
    position = attributes["POSITION"]
    n = len(position)
    _require(bool(np.isfinite(position).all()), "position-finite", "a position is no number")
    for name, values in attributes.items():
        _require(len(values) == n, "attribute-count", f"{name} has {len(values)} of {n} vertices")
    length = np.linalg.norm(attributes["NORMAL"].astype(np.float64) / 127.0, axis=1)
    unit = bool((np.abs(length - 1.0) < 0.02).all())
    _require(unit, "normal-unit", f"normals are {length.min():.3f}–{length.max():.3f} long")
    _coordinates(reader.document, primitive, attributes)
    index = reader.accessor(primitive["indices"]).ravel()
    whole = len(index) % 3 == 0 and len(index) > 0 and int(index.max()) < n
    _require(whole, "index-range", f"indices up to {int(index.max(initial=0))} for {n} vertices")
    if not own:  # its instances are the features
        return position, np.zeros(0, np.int64), len(index) // 3
    declared = primitive["extensions"]["EXT_mesh_features"]["featureIds"][0]
    _require(declared["featureCount"] == count, "feature-count", "featureCount is not the table's")
    ids = attributes[f"_FEATURE_ID_{declared['attribute']}"].ravel()
    inside = bool(((ids >= 0) & (ids < count) & (ids == np.floor(ids))).all())
    _require(inside, "feature-id", f"feature ids {ids.min()}–{ids.max()} for {count} features")
    return position, np.unique(ids).astype(np.int64), len(index) // 3


def _coordinates(
    document: dict[str, Any], primitive: dict[str, Any], attributes: dict[str, NDArray[Any]]
) -> None:
    """A textured primitive has coordinates; those of a picture that does not go on lie within it."""
    surface = document["materials"][primitive["material"]].get("pbrMetallicRoughness", {})
    if "baseColorTexture" not in surface:
        return
    _require("TEXCOORD_0" in attributes, "texture-coordinates", "a texture without TEXCOORD_0")
    uv = attributes["TEXCOORD_0"]
    _require(bool(np.isfinite(uv).all()), "texture-coordinates", "a coordinate is no number")


def _cloud(
    reader: _Reader,
    document: dict[str, Any],
    primitives: list[dict[str, Any]],
    node: dict[str, Any],
) -> Content:
    """Points of a cloud, which its node may move, and what they carry."""
    _require(len(primitives) == 1, "points-primitive", f"{len(primitives)} primitives, expected 1")
    attributes = {k: reader.accessor(v) for k, v in primitives[0]["attributes"].items()}
    position = attributes["POSITION"].astype(np.float64)
    _require(bool(np.isfinite(position).all()), "position-finite", "a position is no number")
    for name, values in attributes.items():
        said = f"{name} has {len(values)} of {len(position)} points"
        _require(len(values) == len(position), "attribute-count", said)
    opaque = attributes["COLOR_0"].shape[1] == 4 and bool(
        (attributes["COLOR_0"][:, 3] == 255).all()
    )
    _require(opaque, "points-color", "COLOR_0 is no opaque RGBA")
    carried = {}
    metadata = document.get("extensions", {}).get("EXT_structural_metadata", {})
    said = primitives[0].get("extensions", {}).get("EXT_structural_metadata", {})
    for index in said.get("propertyAttributes", ()):
        entry = metadata["propertyAttributes"][index]
        declared = metadata["schema"]["classes"][entry["class"]]["properties"]
        for name, use in entry["properties"].items():
            kind = document["accessors"][primitives[0]["attributes"][use["attribute"]]]
            same = _CARRIED.get(declared[name]["componentType"]) == kind["componentType"]
            _require(same and kind["type"] == "SCALAR", "schema", f"{name} is not of its type")
            carried[name] = attributes[use["attribute"]].ravel()
    place = np.array(node.get("translation", (0.0, 0.0, 0.0)))
    return Content(from_y_up(position + place).astype(np.float64), [], 0, carried)


def _properties(
    reader: _Reader, document: dict[str, Any], table: dict[str, Any]
) -> dict[str, list[str]]:
    """Texts of the property table; numbers are checked for their length only."""
    schema = document["extensions"]["EXT_structural_metadata"]["schema"]
    declared = schema["classes"][table["class"]]["properties"]
    out: dict[str, list[str]] = {}
    count = table["count"]
    for name, entry in table["properties"].items():
        _require(name in declared, "schema", f"property {name} is not in the schema")
        data, _ = reader.view(entry["values"])
        if declared[name]["type"] != "STRING":
            width = np.dtype(_NUMBERS[declared[name]["componentType"]]).itemsize
            _require(len(data) == count * width, "property-length", f"{name}: {len(data)} bytes")
            continue
        offsets = np.frombuffer(reader.view(entry["stringOffsets"])[0], "<u4").astype(np.int64)
        ordered = len(offsets) == count + 1 and bool((np.diff(offsets) >= 0).all())
        whole = ordered and offsets[0] == 0 and int(offsets[-1]) == len(data)
        _require(whole, "property-length", f"{name}: string offsets do not fit the values")
        try:
            ends = offsets.tolist()
            out[name] = [data[a:b].decode() for a, b in itertools.pairwise(ends)]
        except UnicodeDecodeError as err:
            raise BadTileError("property-text", f"{name}: {err}") from err
    for name in (k for k, v in declared.items() if v.get("required")):
        _require(name in out and all(out[name]), "property-required", f"{name} is missing or empty")
    return out
