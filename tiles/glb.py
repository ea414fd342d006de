"""A compact writer of binary glTF 2.0 with feature ids and a property table.

One call makes one tile content: a mesh with one primitive per material, ``EXT_mesh_features``
(attribute 0) and
``EXT_structural_metadata`` (class ``feature``). Positions are float32, normals rounded int8 and
colours uint8 linear RGBA (``KHR_mesh_quantization``). The same input gives the same bytes.

Sources: glTF 2.0 specification; EXT_mesh_features and EXT_structural_metadata of CesiumGS/glTF.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["Column", "Primitive", "Texture", "write_glb"]

NO_FLOAT = -9999.0
"""Written where a float property is NaN (JSON has none), and declared as ``noData``."""
NO_INT = -32768
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
GENERATOR = "citytwin"


@dataclass(frozen=True, slots=True)
class Texture:
    """An image that multiplies the vertex colour: PNG bytes, repeated in both directions."""

    png: bytes


@dataclass(frozen=True, slots=True)
class Primitive:
    """Triangles of one material.

    Parameters
    ----------
    positions : ndarray of float32, shape (n, 3)
        glTF axes (y up), metres from the tile's origin.
    normals : ndarray of float, shape (n, 3)
        Unit vectors, same axes.
    colors : ndarray of uint8, shape (n, 4)
        Linear RGBA.
    feature_ids : ndarray of int, shape (n,)
        Row of the property table.
    indices : ndarray of uint32, shape (3 m,)
        Counter-clockwise seen from outside.
    blend : bool
        Alpha blending; otherwise opaque.
    double_sided : bool
        Draw back faces as well.
    uv : ndarray of float32, shape (n, 2), optional
        Texture coordinates; needs ``texture``.
    texture : Texture, optional
    """

    positions: NDArray[np.float32]
    normals: NDArray[np.floating[Any]]
    colors: NDArray[np.uint8]
    feature_ids: NDArray[np.integer[Any]]
    indices: NDArray[np.integer[Any]]
    blend: bool = False
    double_sided: bool = False
    uv: NDArray[np.float32] | None = None
    texture: Texture | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One property of all features.

    ``kind`` is ``string``, ``float32`` or ``int16``; "", NaN and NO_INT mean missing.
    """

    name: str
    kind: str
    values: NDArray[Any]
    required: bool = False


class _Buffer:
    """The binary chunk under construction: every view starts at a multiple of 8 bytes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, target: int | None = None, stride: int | None = None) -> int:
        entry: dict[str, Any] = {"buffer": 0, "byteOffset": self.size, "byteLength": len(data)}
        if stride is not None:
            entry["byteStride"] = stride
        if target is not None:
            entry["target"] = target
        padding = -len(data) % 8
        self.parts += [data, b"\0" * padding]
        self.size += len(data) + padding
        self.views.append(entry)
        return len(self.views) - 1

    def accessor(self, view: int, component: int, kind: str, count: int, **more: Any) -> int:  # noqa: ANN401
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": count, "type": kind, **more}
        )
        return len(self.accessors) - 1


def write_glb(primitives: Sequence[Primitive], columns: Sequence[Column], n_features: int) -> bytes:
    """Serialise one tile content.

    Parameters
    ----------
    primitives : sequence of Primitive
        At least one, each with at least one triangle.
    columns : sequence of Column
        Properties of the features, each of length ``n_features``.
    n_features : int
        Rows of the property table.

    Returns
    -------
    bytes
        A ``.glb`` file.
    """
    buffer = _Buffer()
    materials: list[dict[str, Any]] = []
    pictures: list[Texture] = []
    entries = [_primitive(buffer, p, n_features, materials, pictures) for p in primitives]
    metadata = _metadata(buffer, columns, n_features)
    images = [{"bufferView": buffer.view(t.png), "mimeType": "image/png"} for t in pictures]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata", "KHR_mesh_quantization"],
        "extensionsRequired": ["KHR_mesh_quantization"],
        "extensions": {"EXT_structural_metadata": metadata},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": entries}],
        "materials": materials,
    }
    if images:
        document["images"] = images
        document["samplers"] = [
            {"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}
        ]
        document["textures"] = [{"source": i, "sampler": 0} for i in range(len(images))]
    document |= {
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": buffer.size}],
    }
    return _container(orjson.dumps(document), b"".join(buffer.parts))


def _container(text: bytes, binary: bytes) -> bytes:
    """Header and the two chunks; the whole file is a multiple of 8 bytes long."""
    text += b" " * (-(20 + len(text)) % 8)
    binary += b"\0" * (-(8 + len(binary)) % 8)
    total = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join((
        struct.pack("<4sII", b"glTF", 2, total),
        struct.pack("<I4s", len(text), b"JSON"), text,
        struct.pack("<I4s", len(binary), b"BIN\0"), binary,
    ))  # fmt: skip


def _primitive(
    buffer: _Buffer,
    p: Primitive,
    n_features: int,
    materials: list[dict[str, Any]],
    pictures: list[Texture],
) -> dict[str, Any]:
    n = len(p.positions)
    positions = np.ascontiguousarray(p.positions, dtype="<f4")
    ids = np.asarray(p.feature_ids, dtype="<f4")
    colors = np.ascontiguousarray(p.colors)
    attributes = {
        "POSITION": buffer.accessor(
            buffer.view(positions.tobytes(), ARRAY_BUFFER, 12), 5126, "VEC3", n,
            min=positions.min(axis=0).tolist(), max=positions.max(axis=0).tolist(),
        ),
        "NORMAL": buffer.accessor(
            buffer.view(_int8_normals(p.normals), ARRAY_BUFFER, 4), 5120, "VEC3", n, normalized=True
        ),
        "COLOR_0": buffer.accessor(
            buffer.view(colors.tobytes(), ARRAY_BUFFER, 4), 5121, "VEC4", n, normalized=True
        ),
        "_FEATURE_ID_0": buffer.accessor(
            buffer.view(ids.tobytes(), ARRAY_BUFFER, 4), 5126, "SCALAR", n
        ),
    }  # fmt: skip
    if p.uv is not None:
        uv = np.ascontiguousarray(p.uv, dtype="<f4")
        attributes["TEXCOORD_0"] = buffer.accessor(
            buffer.view(uv.tobytes(), ARRAY_BUFFER, 8), 5126, "VEC2", n
        )
    narrow = n < 65_535
    indices = np.asarray(p.indices, dtype="<u2" if narrow else "<u4")
    view = buffer.view(indices.tobytes(), ELEMENT_ARRAY_BUFFER)
    materials.append(_material(p, pictures))
    return {
        "attributes": attributes,
        "indices": buffer.accessor(view, 5123 if narrow else 5125, "SCALAR", len(indices)),
        "material": len(materials) - 1,
        "mode": 4,
        "extensions": {
            "EXT_mesh_features": {
                "featureIds": [
                    {
                        "featureCount": n_features,
                        "attribute": 0,
                        "propertyTable": 0,
                        "label": "entity",
                    }
                ]
            }
        },
    }


def _material(p: Primitive, pictures: list[Texture]) -> dict[str, Any]:
    surface: dict[str, Any] = {
        "metallicFactor": 0,
        "roughnessFactor": 1 if p.texture is None else 0.85,
    }
    if p.texture is not None:
        if p.texture not in pictures:
            pictures.append(p.texture)
        surface["baseColorTexture"] = {"index": pictures.index(p.texture)}
    material: dict[str, Any] = {"pbrMetallicRoughness": surface, "doubleSided": p.double_sided}
    if p.blend:
        material["alphaMode"] = "BLEND"
    return material


def _int8_normals(normals: NDArray[np.floating[Any]]) -> bytes:
    """Rounded, not truncated: truncation leaves vectors that are not of unit length."""
    padded = np.zeros((len(normals), 4), dtype=np.int8)
    padded[:, :3] = np.rint(np.asarray(normals) * 127.0)
    return padded.tobytes()


_NUMERIC = {"float32": ("FLOAT32", "<f4", NO_FLOAT), "int16": ("INT16", "<i2", NO_INT)}


def _metadata(buffer: _Buffer, columns: Sequence[Column], n_features: int) -> dict[str, Any]:
    """The property table and its schema."""
    declared: dict[str, Any] = {}
    table: dict[str, Any] = {}
    for c in columns:
        if c.kind == "string":
            encoded = [str(v).encode() for v in c.values.tolist()]
            offsets = np.concatenate(
                [[0], np.cumsum([len(b) for b in encoded], dtype=np.uint32)]
            ).astype("<u4")
            if offsets[-1]:  # a view may not be empty: a column without any text is left out
                values = buffer.view(b"".join(encoded))
                table[c.name] = {"values": values, "stringOffsets": buffer.view(offsets.tobytes())}
            declared[c.name] = {"type": "STRING"} | (
                {"required": True} if c.required else {"noData": ""}
            )
        else:
            component, dtype, missing = _NUMERIC[c.kind]
            numbers = np.where(
                np.isfinite(np.asarray(c.values, dtype=float)), c.values, missing
            ).astype(dtype)
            table[c.name] = {"values": buffer.view(numbers.tobytes())}
            declared[c.name] = {"type": "SCALAR", "componentType": component, "noData": missing}
    return {
        "schema": {"id": "citytwin", "classes": {"feature": {"properties": declared}}},
        "propertyTables": [{"class": "feature", "count": n_features, "properties": table}],
    }
