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
    kinds = {}
    while at < len(blob):
        kind, size = struct.unpack_from("<BI", blob, at)
        kinds[kind] = size
        at += 5 + size
    if at != len(blob):
        raise ValueError("an extension runs past the end")
    height = low + h * ((float(high) - float(low)) / LARGEST)
    return Mesh(u, v, height, triangles, tuple(edges), kinds.get(1) == 2 * n)


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
    for z, ranges in enumerate(available):
        findings += _level(folder, out, z, ranges)
    return findings


def _level(folder: Path, out: Path, z: int, ranges: list[dict[str, int]]) -> list[Finding]:
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
    if not mesh.normals:
        faults.append(("terrain-normals", "no normals, though the layer announces them"))
    return faults
