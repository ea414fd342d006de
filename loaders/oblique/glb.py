"""Textured triangles as one glTF 2.0 binary, z up turned to glTF's y up."""

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from loaders.oblique.scenegraph import Mesh

__all__ = ["glb_of"]

QUALITY = 85
WEBP = "EXT_texture_webp"


def glb_of(meshes: Sequence[Mesh]) -> bytes:
    """One GLB of meshes with local metres (x east, y north, z up); textures as WebP, unlit."""
    binary = bytearray()
    views: list[dict[str, int]] = []
    accessors: list[dict[str, Any]] = []
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "citytwin"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": []}],
        "materials": [],
        "bufferViews": views,
        "accessors": accessors,
    }

    def view(data: bytes) -> int:
        binary.extend(b"\0" * (-len(binary) % 4))
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
        binary.extend(data)
        return len(views) - 1

    def accessor(values: Any, kind: str, component: int) -> int:  # noqa: ANN401 -- an array
        entry: dict[str, Any] = {
            "bufferView": view(values.tobytes()),
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if kind == "VEC3":
            entry |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        accessors.append(entry)
        return len(accessors) - 1

    for mesh in meshes:
        up = np.ascontiguousarray(mesh.positions[:, [0, 2, 1]] * np.array([1, 1, -1], np.float32))
        attributes = {"POSITION": accessor(up, "VEC3", 5126)}
        material: dict[str, Any] = {"extensions": {"KHR_materials_unlit": {}}, "doubleSided": True}
        if mesh.uv is not None and mesh.texture is not None:
            flipped = np.column_stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]]).astype(np.float32)
            attributes["TEXCOORD_0"] = accessor(flipped, "VEC2", 5126)
            picture = io.BytesIO()
            Image.fromarray(mesh.texture).save(picture, "WEBP", quality=QUALITY)
            images = document.setdefault("images", [])
            document.setdefault("samplers", [{}])
            source = {"extensions": {WEBP: {"source": len(images)}}, "sampler": 0}
            document.setdefault("textures", []).append(source)
            images.append({"bufferView": view(picture.getvalue()), "mimeType": "image/webp"})
            material["pbrMetallicRoughness"] = {"baseColorTexture": {"index": len(images) - 1}, "metallicFactor": 0}  # fmt: skip
        indices = accessor(mesh.triangles.ravel(), "SCALAR", 5125)
        document["materials"].append(material)
        document["meshes"][0]["primitives"].append(
            {"attributes": attributes, "indices": indices, "material": len(document["materials"]) - 1, "mode": 4}
        )  # fmt: skip
    if "images" in document:
        document["extensionsUsed"].append(WEBP)
        document["extensionsRequired"] = [WEBP]
    binary.extend(b"\0" * (-len(binary) % 4))
    document["buffers"] = [{"byteLength": len(binary)}]
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    return (
        struct.pack("<4sII", b"glTF", 2, total)
        + struct.pack("<I4s", len(text), b"JSON") + text
        + struct.pack("<I4s", len(binary), b"BIN\0") + bytes(binary)
    )  # fmt: skip
