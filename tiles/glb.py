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

from tiles.materials import WEBP, Materials, Texture
from tiles.meshopt import exponent_for, to_exponential
from tiles.properties import NO_FLOAT, NO_INT, Column, property_table
from tiles.repeats import INSTANCE_FEATURES, INSTANCING, Repeat, instance_node
from tiles.views import MESHOPT, Views

__all__ = [
    "GENERATOR",
    "NO_FLOAT",
    "NO_INT",
    "Column",
    "Packed",
    "Primitive",
    "Texture",
    "container",
    "feature_elements",
    "write_glb",
]

FINEST_STEP = -10
"""Positions are multiples of 2^-10 m, so they move by half a millimetre at most; beyond 8 km from
the tile's origin of twice that, and so on."""
FINEST_UV = -14
GENERATOR = "citytwin"


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
        Row of the property table; empty where instances have it.
    indices : ndarray of uint32, shape (3 m,)
        Counter-clockwise seen from outside.
    blend : bool
        Alpha blending; otherwise opaque.
    double_sided : bool
        Draw back faces as well.
    uv : ndarray of float32, shape (n, 2), optional
        Texture coordinates; needs ``texture``.
    texture : Texture, optional
    cutout : bool
        The picture's clear pixels are not drawn at all (alpha mask).
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
    cutout: bool = False


@dataclass(frozen=True, slots=True)
class Packed:
    """Triangles of one material as the file holds them.

    Parameters
    ----------
    positions : ndarray of uint32, shape (n, 3)
        As :func:`tiles.meshopt.to_exponential` packs them.
    low, high : sequence of float
        Least and greatest coordinates, as a reader gets them.
    normals : ndarray of int8, shape (n, 4)
        127 is one; the fourth is 0.
    colors : ndarray of uint8, shape (n, 4)
        Linear RGBA.
    features : ndarray, shape (n, 1) or (n, 2)
        As :func:`feature_elements` gives them.
    indices : ndarray of uint32, shape (3 m,)
    uv : ndarray of uint32, shape (n, 2), optional
        Packed like positions; needs ``texture``.
    texture : Texture, optional
    blend, double_sided, cutout, in_sequence : bool
        See :class:`Primitive`; ``in_sequence`` packs the indices as a sequence, which suits long
        repeats of one step, not as triangles.
    """

    positions: NDArray[np.uint32]
    low: Sequence[float]
    high: Sequence[float]
    normals: NDArray[np.int8]
    colors: NDArray[np.uint8]
    features: NDArray[Any]
    indices: NDArray[np.integer[Any]]
    uv: NDArray[np.uint32] | None = None
    texture: Texture | None = None
    blend: bool = False
    double_sided: bool = False
    in_sequence: bool = False
    cutout: bool = False


def write_glb(
    primitives: Sequence[Primitive | Packed],
    columns: Sequence[Column],
    n_features: int,
    *,
    repeats: Sequence[Repeat] = (),
    compiled: bool = True,
) -> bytes:
    """Serialise one tile content.

    Parameters
    ----------
    primitives : sequence of Primitive or Packed
        Each with at least one triangle; at least one, or one repeat.
    columns : sequence of Column
        Properties of the features, each of length ``n_features``.
    n_features : int
        Rows of the property table.
    repeats : sequence of Repeat
        Shapes placed many times.
    compiled : bool
        Whether compiled loops pack the streams; the bytes are the same.

    Returns
    -------
    bytes
        A ``.glb`` file.
    """
    buffer = Views(compiled=compiled)
    looks = Materials()
    packed = [_packed(p, n_features) if isinstance(p, Primitive) else p for p in primitives]
    meshes = [[_primitive(buffer, p, n_features, looks) for p in packed]] if packed else []
    nodes: list[dict[str, Any]] = [{"mesh": 0}] if packed else []
    for repeat in repeats:
        own = [_packed(p, n_features) for p in repeat.primitives]
        ids = feature_elements(repeat.feature_ids, n_features)
        nodes.append(instance_node(buffer, repeat, len(meshes), ids, n_features))
        meshes.append([_primitive(buffer, p, n_features, looks) for p in own])
    metadata = property_table(buffer, columns, n_features)
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
        "scenes": [{"nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": [{"primitives": entries} for entries in meshes],
        **looks.described(buffer),
    }
    if looks.webp:
        document["extensionsUsed"].append(WEBP)
        document["extensionsRequired"].append(WEBP)
    if repeats:
        document["extensionsUsed"] += [INSTANCING, INSTANCE_FEATURES]
        document["extensionsRequired"].append(INSTANCING)
        if not packed:
            document["extensionsUsed"].remove("EXT_mesh_features")
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


def _packed(p: Primitive, n_features: int) -> Packed:
    """Numbers as the file holds them."""
    positions, decoded = to_exponential(p.positions, exponent_for(p.positions, FINEST_STEP))
    uv = None if p.uv is None else to_exponential(p.uv, exponent_for(p.uv, FINEST_UV))[0]
    return Packed(
        positions, decoded.min(axis=0).tolist(), decoded.max(axis=0).tolist(),
        _int8_normals(p.normals), p.colors, feature_elements(p.feature_ids, n_features),
        p.indices, uv, p.texture, p.blend, p.double_sided, cutout=p.cutout,
    )  # fmt: skip


def _primitive(
    buffer: Views,
    p: Packed,
    n_features: int,
    looks: Materials,
) -> dict[str, Any]:
    n = len(p.positions)
    attributes = {
        "POSITION": buffer.accessor(
            buffer.elements(p.positions, filter_="EXPONENTIAL"), 5126, "VEC3", n,
            min=list(p.low), max=list(p.high),
        ),
        "NORMAL": buffer.accessor(buffer.elements(p.normals), 5120, "VEC3", n, normalized=True),
        "COLOR_0": buffer.accessor(buffer.elements(p.colors), 5121, "VEC4", n, normalized=True),
    }  # fmt: skip
    if len(p.features):
        ids = 5126 if p.features.dtype.kind == "f" else 5123
        attributes["_FEATURE_ID_0"] = buffer.accessor(buffer.elements(p.features), ids, "SCALAR", n)
    if p.uv is not None:
        attributes["TEXCOORD_0"] = buffer.accessor(
            buffer.elements(p.uv, filter_="EXPONENTIAL"), 5126, "VEC2", n
        )
    narrow = n < 65_535
    indices = np.asarray(p.indices, dtype="<u2" if narrow else "<u4")
    view = buffer.sequence(indices) if p.in_sequence else buffer.triangles(indices)
    look = looks.add(p.texture, p.blend, p.cutout, p.double_sided)
    entry: dict[str, Any] = {
        "attributes": attributes,
        "indices": buffer.accessor(view, 5123 if narrow else 5125, "SCALAR", len(p.indices)),
        "material": look,
        "mode": 4,
    }
    if len(p.features):
        declared = {
            "featureCount": n_features,
            "attribute": 0,
            "propertyTable": 0,
            "label": "entity",
        }
        entry["extensions"] = {"EXT_mesh_features": {"featureIds": [declared]}}
    return entry


def _int8_normals(normals: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    """Rounded, not truncated: truncation leaves vectors that are not of unit length."""
    padded = np.zeros((len(normals), 4), dtype=np.int8)
    padded[:, :3] = np.rint(np.asarray(normals) * 127.0)
    return padded


def feature_elements(ids: NDArray[np.integer[Any]], n_features: int) -> NDArray[Any]:
    """Rows of the property table, four bytes each: uint16 where that is enough, else float32.

    Parameters
    ----------
    ids : ndarray of int, shape (n,)
    n_features : int
    """
    if n_features > 1 << 16:
        return np.asarray(ids, dtype="<f4").reshape(-1, 1)
    padded = np.zeros((len(ids), 2), dtype="<u2")
    padded[:, 0] = ids
    return padded
