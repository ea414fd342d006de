"""One tile's points as binary glTF 2.0: mode POINTS, colours, class and intensity, compressed.

Positions are whole steps from the tile's middle (``EXT_meshopt_compression``, filter EXPONENTIAL),
which a node moves to its place in the cloud's frame; colours are ``COLOR_0`` (uint8, normalised,
linear RGBA). Class and intensity are the vertex attributes ``_CLASSIFICATION`` and ``_INTENSITY``,
explained by a property attribute of ``EXT_structural_metadata`` so that clients style by them.
"""

# mypy: disable-error-code="no-untyped-def"

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numba import njit
from numpy.typing import NDArray

from tiles.glb import GENERATOR, container
from tiles.meshopt import MANTISSA
from tiles.points.keys import Rows
from tiles.points.placing import STEP_M
from tiles.views import MESHOPT, Views

__all__ = ["Attributes", "content"]

Floats = NDArray[np.float64]
FINEST = -10
"""Exponent of :data:`tiles.points.placing.STEP_M`."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the points of a cloud carry besides a place and a colour; ``real``: intensity is float32."""

    classified: bool
    intense: bool
    real: bool = False

    def schema(self) -> dict[str, Any]:
        """The extension's object for the document."""
        declared: dict[str, Any] = {}
        if self.classified:
            declared["classification"] = {
                "name": "Classification", "description": "ASPRS class, LAS 1.4", "type": "SCALAR",
                "componentType": "UINT8", "required": True,
            }  # fmt: skip
        if self.intense:
            kind = "FLOAT32" if self.real else "UINT16"
            declared["intensity"] = {
                "name": "Intensity", "description": "as the scanner gave it", "type": "SCALAR",
                "componentType": kind, "required": True,
            }  # fmt: skip
        used = {name: {"attribute": f"_{name.upper()}"} for name in declared}
        return {
            "schema": {"id": "citytwin_points", "classes": {"point": {"properties": declared}}},
            "propertyAttributes": [{"class": "point", "properties": used}],
        }


def content(rows: Rows, attributes: Attributes) -> tuple[bytes, Floats, Floats]:
    """One tile's points.

    Parameters
    ----------
    rows : ndarray of uint32, shape (n, 5)
        As :data:`tiles.points.keys.Rows`; at least one. Neighbours in a row pack well.
    attributes : Attributes

    Returns
    -------
    glb : bytes
        Same points, same bytes.
    low, high : ndarray of float64, shape (3,)
        Corners of the points' box, metres in the cloud's frame (east, north, up).
    """
    n = len(rows)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    _ends(rows, low, high)
    middle, size = (low + high) >> 1, int((high - low).max())
    coarser = 0
    while size >> (coarser + 1) >= MANTISSA:
        coarser += 1
    packed = np.empty((n, 3), np.uint32)
    _pack(rows, middle, coarser, (FINEST + coarser) & 0xFF, packed, low, high)
    buffer = Views()
    step = STEP_M * (1 << coarser)
    near, far = [(v * step).tolist() for v in (low, high)]
    # glTF axes: east, up, -north
    used = {
        "POSITION": buffer.accessor(
            buffer.elements(packed, filter_="EXPONENTIAL"), 5126, "VEC3", n,
            min=[near[0], near[1], near[2]], max=[far[0], far[1], far[2]],
        ),
        "COLOR_0": buffer.accessor(
            buffer.elements((rows[:, 3:4] | np.uint32(0xFF000000)).view(np.uint8)), 5121, "VEC4", n,
            normalized=True,
        ),
    }  # fmt: skip
    if attributes.classified:
        used["_CLASSIFICATION"] = buffer.accessor(
            buffer.elements((rows[:, 3:4] >> np.uint32(24)).view(np.uint8)), 5121, "SCALAR", n
        )
    if attributes.intense:
        used["_INTENSITY"] = buffer.accessor(
            buffer.elements(np.ascontiguousarray(rows[:, 4:5])), 5126 if attributes.real else 5123, "SCALAR", n
        )  # fmt: skip
    east, north, up = (middle * STEP_M).tolist()
    glb = _document(buffer, used, [east, up, -north], attributes)
    # back to east, north, up
    low_m = np.array([near[0], -far[2], near[1]]) + middle * STEP_M
    high_m = np.array([far[0], -near[2], far[1]]) + middle * STEP_M
    return glb, low_m, high_m


def _document(
    buffer: Views, used: dict[str, int], place: list[float], attributes: Attributes
) -> bytes:
    primitive: dict[str, Any] = {"attributes": used, "material": 0, "mode": 0}
    extensions = [MESHOPT, "KHR_materials_unlit"]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": GENERATOR},
        "extensionsUsed": extensions,
        "extensionsRequired": [MESHOPT],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": place}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{
            "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 1},
            "extensions": {"KHR_materials_unlit": {}},
        }],
    }  # fmt: skip
    if attributes.classified or attributes.intense:
        extensions.append("EXT_structural_metadata")
        document["extensions"] = {"EXT_structural_metadata": attributes.schema()}
        primitive["extensions"] = {"EXT_structural_metadata": {"propertyAttributes": [0]}}
    document |= {
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": buffer.buffers(),
    }
    return container(orjson.dumps(document), b"".join(buffer.parts))


@njit(cache=True, nogil=True)
def _ends(rows, low, high):  # noqa: ANN001, ANN202 -- compiled
    low[:], high[:] = 1 << 40, -(1 << 40)
    for i in range(len(rows)):
        for a in range(3):
            steps = np.int64(np.int32(rows[i, a]))
            low[a], high[a] = min(low[a], steps), max(high[a], steps)


@njit(cache=True, nogil=True)
def _pack(rows, middle, coarser, exponent, packed, low, high):  # noqa: ANN001, ANN202 -- compiled
    """Mantissas and exponent of the places in glTF axes, and the ends of the mantissas."""
    half = (1 << coarser) >> 1
    low[:], high[:] = 1 << 40, -(1 << 40)
    for i in range(len(rows)):
        for a in range(3):
            b, sign = (0, 1) if a == 0 else (2, 1) if a == 1 else (1, -1)
            steps = sign * (np.int64(np.int32(rows[i, b])) - middle[b])
            steps = (steps + half) >> coarser
            low[a], high[a] = min(low[a], steps), max(high[a], steps)
            packed[i, a] = np.uint32(steps & 0xFFFFFF) | np.uint32(exponent << 24)
