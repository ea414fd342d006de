"""A compact writer of binary glTF 2.0 with feature ids and a property table.

One call makes one tile content: a mesh with one primitive per material, ``EXT_mesh_features``
(attribute 0) and
``EXT_structural_metadata`` (class ``feature``). Positions are float32 on a grid of about a
millimetre, normals rounded int8 and colours uint8 linear RGBA (``KHR_mesh_quantization``), all
vertices and indices compressed (``EXT_meshopt_compression``, without a plain copy). The same input
gives the same bytes.

Sources: glTF 2.0 specification; EXT_mesh_features and EXT_structural_metadata of CesiumGS/glTF.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.meshopt import exponent_for, to_exponential
from tiles.views import MESHOPT, Views

__all__ = ["GENERATOR", "Column", "Primitive", "Texture", "container", "write_glb"]

NO_FLOAT = -9999.0
"""Written where a float property is NaN (JSON has none), and declared as ``noData``."""
NO_INT = -32768
FINEST_STEP = -10
"""Positions are multiples of 2^-10 m, so they move by half a millimetre at most; beyond 8 km from
the tile's origin of twice that, and so on."""
FINEST_UV = -14
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
    buffer = Views()
    materials: list[dict[str, Any]] = []
    pictures: list[Texture] = []
    entries = [_primitive(buffer, p, n_features, materials, pictures) for p in primitives]
    metadata = _metadata(buffer, columns, n_features)
    images = [{"bufferView": buffer.view(t.png), "mimeType": "image/png"} for t in pictures]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "extensionsUsed": [
            "EXT_mesh_features",
            MESHOPT,
            "EXT_structural_metadata",
            "KHR_mesh_quantization",
        ],
        "extensionsRequired": [MESHOPT, "KHR_mesh_quantization"],
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
        "buffers": buffer.buffers(),
    }
    return container(orjson.dumps(document), b"".join(buffer.parts))


def container(text: bytes, binary: bytes) -> bytes:
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
    buffer: Views,
    p: Primitive,
    n_features: int,
    materials: list[dict[str, Any]],
    pictures: list[Texture],
) -> dict[str, Any]:
    n = len(p.positions)
    packed, positions = to_exponential(p.positions, exponent_for(p.positions, FINEST_STEP))
    whole = n_features <= 1 << 16
    attributes = {
        "POSITION": buffer.accessor(
            buffer.elements(packed, filter_="EXPONENTIAL"), 5126, "VEC3", n,
            min=positions.min(axis=0).tolist(), max=positions.max(axis=0).tolist(),
        ),
        "NORMAL": buffer.accessor(
            buffer.elements(_int8_normals(p.normals)), 5120, "VEC3", n, normalized=True
        ),
        "COLOR_0": buffer.accessor(buffer.elements(p.colors), 5121, "VEC4", n, normalized=True),
        "_FEATURE_ID_0": buffer.accessor(
            buffer.elements(_feature_ids(p.feature_ids, whole=whole)), 5123 if whole else 5126,
            "SCALAR", n,
        ),
    }  # fmt: skip
    if p.uv is not None:
        uv, _ = to_exponential(p.uv, exponent_for(p.uv, FINEST_UV))
        attributes["TEXCOORD_0"] = buffer.accessor(
            buffer.elements(uv, filter_="EXPONENTIAL"), 5126, "VEC2", n
        )
    narrow = n < 65_535
    view = buffer.triangles(np.asarray(p.indices, dtype="<u2" if narrow else "<u4"))
    materials.append(_material(p, pictures))
    return {
        "attributes": attributes,
        "indices": buffer.accessor(view, 5123 if narrow else 5125, "SCALAR", len(p.indices)),
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


def _int8_normals(normals: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    """Rounded, not truncated: truncation leaves vectors that are not of unit length."""
    padded = np.zeros((len(normals), 4), dtype=np.int8)
    padded[:, :3] = np.rint(np.asarray(normals) * 127.0)
    return padded


def _feature_ids(ids: NDArray[np.integer[Any]], *, whole: bool) -> NDArray[Any]:
    """Rows of the property table, four bytes each: uint16 where that is enough, else float32."""
    if not whole:
        return np.asarray(ids, dtype="<f4").reshape(-1, 1)
    padded = np.zeros((len(ids), 2), dtype="<u2")
    padded[:, 0] = ids
    return padded


_NUMERIC = {"float32": ("FLOAT32", "<f4", NO_FLOAT), "int16": ("INT16", "<i2", NO_INT)}


def _metadata(buffer: Views, columns: Sequence[Column], n_features: int) -> dict[str, Any]:
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
