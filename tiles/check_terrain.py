"""Whether the terrain is what it claims: decodable, in range, watertight across tiles."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tiles.findings import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Mesh", "check_terrain", "decode_terrain"]

LARGEST = 32767


@dataclass(frozen=True, slots=True)
class Mesh:
    """A decoded quantized-mesh: u, v (0–32767), heights (metres), triangles, edge vertices."""

    u: NDArray[np.int64]
    v: NDArray[np.int64]
    height: NDArray[np.float64]
    triangles: NDArray[np.int64]
    edges: tuple[NDArray[np.int64], ...]
    normals: bool
    mask: bytes | None
    """Water mask: 1 or 65,536 bytes; None where the tile has none."""
    available: list[list[dict[str, int]]] | None
    """Ranges of the next levels; None where the tile does not tell."""


def decode_terrain(blob: bytes) -> Mesh:
    """Decode a tile of fewer than 65,536 vertices.

    Raises
    ------
    ValueError
        If the bytes are no such tile.
    """
    try:
        return _decode(blob)
    except struct.error as err:
        raise ValueError(f"cut short: {err}") from err


def _decode(blob: bytes) -> Mesh:
    low, high = struct.unpack_from("<2f", blob, 24)
    (n,) = struct.unpack_from("<I", blob, 88)
    at = 92
    coded = np.frombuffer(blob, "<u2", 3 * n, at).astype(np.int64).reshape(3, n)
    u, v, h = np.cumsum((coded >> 1) ^ -(coded & 1), axis=1)
    at += 6 * n
    (count,) = struct.unpack_from("<I", blob, at)
    codes = np.frombuffer(blob, "<u2", 3 * count, at + 4).astype(np.int64)
    at += 4 + 6 * count
    triangles = (np.cumsum(codes == 0) - (codes == 0) - codes).reshape(-1, 3)
    edges = []
    for _ in range(4):
        (m,) = struct.unpack_from("<I", blob, at)
        edges.append(np.frombuffer(blob, "<u2", m, at + 4).astype(np.int64))
        at += 4 + 2 * m
    kinds: dict[int, bytes] = {}
    while at < len(blob):
        kind, size = struct.unpack_from("<BI", blob, at)
        kinds[kind] = blob[at + 5 : at + 5 + size]
        at += 5 + size
    if at != len(blob):
        raise ValueError("an extension runs past the end")
    height = low + h * ((float(high) - float(low)) / LARGEST)
    normals = len(kinds.get(1, b"")) == 2 * n
    return Mesh(
        u, v, height, triangles, tuple(edges), normals, kinds.get(2), _available(kinds.get(4))
    )


def _available(body: bytes | None) -> list[list[dict[str, int]]] | None:
    if body is None:
        return None
    (size,) = struct.unpack_from("<I", body)
    if size + 4 != len(body):
        raise ValueError(f"metadata of {len(body) - 4} bytes says it has {size}")
    try:
        found: list[list[dict[str, int]]] = orjson.loads(body[4:])["available"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as err:
        raise ValueError(f"metadata without ranges: {err!r}") from err
    return found


def _profile(mesh: Mesh, edge: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(place along the edge, height) sorted by place; edges are west, south, east, north."""
    rows = mesh.edges[edge]
    along = (mesh.v if edge in (0, 2) else mesh.u)[rows]
    order = np.argsort(along)
    return along[order], mesh.height[rows][order]


def check_terrain(folder: Path, out: Path) -> list[Finding]:
    """Findings on ``terrain/``: every tile that is announced, and all common edges."""
    path = folder / "layer.json"
    name = path.relative_to(out).as_posix()
    try:
        layer: dict[str, Any] = orjson.loads(path.read_bytes())
        available = layer["available"]
    except (orjson.JSONDecodeError, KeyError) as err:
        return [Finding(name, "layer-json", f"not a layer: {err!r}")]
    findings = []
    for key, value in (
        ("format", "quantized-mesh-1.0"),
        ("scheme", "tms"),
        ("projection", "EPSG:4326"),
    ):
        if layer.get(key) != value:
            findings.append(Finding(name, "layer-json", f"{key} is {layer.get(key)!r}"))
    for z in range(len(available)):
        findings += _level(folder, out, z, layer)
    return findings


def _told(layer: dict[str, Any], z: int, x: int, y: int) -> list[list[dict[str, int]]] | None:
    """What a tile's metadata should say, from the ranges of the whole layer."""
    every = layer.get("metadataAvailability")
    if not every or z % every:
        return None
    out = []
    for k, ranges in enumerate(layer["available"][z + 1 : z + 1 + every], 1):
        here = []
        for r in ranges:
            cut = {
                "startX": max(r["startX"], x << k), "startY": max(r["startY"], y << k),
                "endX": min(r["endX"], ((x + 1) << k) - 1), "endY": min(r["endY"], ((y + 1) << k) - 1),
            }  # fmt: skip
            if cut["startX"] <= cut["endX"] and cut["startY"] <= cut["endY"]:
                here.append(cut)
        out.append(here)
    return out


def _level(folder: Path, out: Path, z: int, layer: dict[str, Any]) -> list[Finding]:
    ranges: list[dict[str, int]] = layer["available"][z]
    meshes: dict[tuple[int, int], Mesh] = {}
    findings = []
    for r in ranges:
        for x in range(r["startX"], r["endX"] + 1):
            for y in range(r["startY"], r["endY"] + 1):
                path = folder / str(z) / str(x) / f"{y}.terrain"
                name = path.relative_to(out).as_posix()
                if not path.is_file():
                    findings.append(Finding(name, "terrain-missing", "announced as available"))
                    continue
                try:
                    meshes[x, y] = decode_terrain(path.read_bytes())
                except ValueError as err:
                    findings.append(Finding(name, "terrain-decode", str(err)))
                    continue
                findings += [Finding(name, *f) for f in _faults(meshes[x, y])]
                if meshes[x, y].available != _told(layer, z, x, y):
                    text = "its metadata does not say what there is below it"
                    findings.append(Finding(name, "terrain-metadata", text))
    return findings + _edge_faults(z, meshes)


def _edge_faults(z: int, meshes: dict[tuple[int, int], Mesh]) -> list[Finding]:
    """Common edges of tiles that do not fit."""
    findings = []
    for (x, y), mesh in meshes.items():
        for other, mine, theirs in (((x + 1, y), 2, 0), ((x, y + 1), 3, 1)):
            if other in meshes:
                a, b = _profile(mesh, mine), _profile(meshes[other], theirs)
                if not (np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])):
                    text = f"the common edge with {other[0]}/{other[1]} differs"
                    findings.append(Finding(f"terrain/{z}/{x}/{y}.terrain", "terrain-edge", text))
    return findings


def _faults(mesh: Mesh) -> list[tuple[str, str]]:
    faults = []
    n = len(mesh.u)
    for label, values in (("u", mesh.u), ("v", mesh.v)):
        if values.min() < 0 or values.max() > LARGEST:
            faults.append(("terrain-range", f"{label} runs from {values.min()} to {values.max()}"))
    if not np.isfinite(mesh.height).all():
        faults.append(("terrain-range", "a height is no number"))
    if mesh.triangles.min() < 0 or mesh.triangles.max() >= n:
        faults.append(("terrain-index", f"indices up to {mesh.triangles.max()} for {n} vertices"))
        return faults
    x, y = mesh.u[mesh.triangles], mesh.v[mesh.triangles]
    twice = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    if twice.min() <= 0 or twice.sum() != 2 * LARGEST**2:
        faults.append(("terrain-cover", "triangles do not cover the tile once, looking up"))
    if mesh.mask is not None and len(mesh.mask) not in (1, 65_536):
        faults.append(("terrain-mask", f"a water mask of {len(mesh.mask)} bytes"))
    if not mesh.normals:
        faults.append(("terrain-normals", "no normals, though the layer announces them"))
    return faults
