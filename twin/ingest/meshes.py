"""Shared shapes of a layer: digests, one asset file, bounds of the placed instances."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin import crs
from twin.rematch import surface_of
from twin.schema import MESHES

__all__ = ["MeshArchive", "read_asset"]


class MeshArchive:
    """Meshes of one layer, kept once each, written as one content-addressed Arrow file."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._corners: dict[str, NDArray[np.float64]] = {}
        self._digest: dict[str, str] = {}
        self._outline: dict[str, NDArray[np.float64]] = {}
        self._centre: dict[str, NDArray[np.float64]] = {}
        self._row: dict[str, tuple[pa.Table, int]] = {}

    def add(self, meshes: pa.Table | None) -> None:
        """Take the meshes of one batch; a mesh id seen before keeps its first shape."""
        if meshes is None or meshes.num_rows == 0:
            return
        fresh = [
            i for i, name in enumerate(meshes["mesh_id"].to_pylist()) if name not in self._digest
        ]
        table = meshes.take(pa.array(fresh, pa.int64())).cast(MESHES)
        columns = [
            table[name].to_pylist() for name in ("mesh_id", "positions", "indices", "colors")
        ]
        for name, positions, indices, colors in zip(*columns, strict=True):
            xyz = np.frombuffer(positions, "<f4").reshape(-1, 3).astype(np.float64)
            low, high = xyz.min(axis=0), xyz.max(axis=0)
            self._corners[name] = (
                np.array(np.meshgrid(*np.stack([low, high], axis=1))).reshape(3, -1).T
            )
            self._outline[name] = _thinned(xyz)
            self._centre[name] = (low + high) / 2
            self._digest[name] = hashlib.sha256(positions + indices + (colors or b"")).hexdigest()
        self._tables.append(table)
        self._row.update((name, (table, row)) for row, name in enumerate(columns[0]))

    def __contains__(self, mesh_id: str) -> bool:
        return mesh_id in self._digest

    def __len__(self) -> int:
        return len(self._digest)

    def digest(self, mesh_id: str | None) -> str | None:
        """Content hash of one mesh, null for none."""
        return None if mesh_id is None else self._digest.get(mesh_id)

    def surface(self, mesh_id: str | None) -> tuple[float, float] | None:
        """Area (m²) and volume (m³) of one mesh, null for none."""
        if mesh_id is None or mesh_id not in self._row:
            return None
        table, row = self._row[mesh_id]
        points = np.frombuffer(table["positions"][row].as_buffer(), "<f4").reshape(-1, 3)
        triangles = np.frombuffer(table["indices"][row].as_buffer(), "<u4").reshape(-1, 3)
        return surface_of(points.astype(np.float64), triangles.astype(np.int64))

    def centres(self, mesh_ids: Sequence[str]) -> NDArray[np.float64]:
        """Middle of each mesh's box, local metres, shape (n, 3)."""
        return np.stack([self._centre[name] for name in mesh_ids])

    def placed_bounds(
        self, mesh_ids: Sequence[str], to_ecef: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Boxes of placed instances.

        Parameters
        ----------
        mesh_ids : sequence of str, length n
        to_ecef : ndarray of float64, shape (n, 16)
            Mesh-local metres to EPSG:4978.

        Returns
        -------
        ndarray of float64, shape (n, 6)
            xmin, ymin, zmin, xmax, ymax, zmax in degrees and ellipsoidal metres.
        """
        local = np.stack([self._corners[name] for name in mesh_ids])
        placed = _apply(to_ecef.reshape(-1, 4, 4), local)
        lon, lat, z = crs.ecef_to_geographic(*placed.reshape(-1, 3).T)
        geo = np.stack([lon, lat, z], axis=1).reshape(len(mesh_ids), 8, 3)
        return np.concatenate([geo.min(axis=1), geo.max(axis=1)], axis=1)

    def outline(
        self, mesh_ids: Sequence[str], to_ecef: NDArray[np.float64]
    ) -> shapely.Polygon | None:
        """Outline on the map of all instances together (EPSG:4490), null where they span no area."""
        parts = [
            _apply(matrix.reshape(1, 4, 4), self._outline[name][None])[0]
            for name, matrix in zip(mesh_ids, to_ecef, strict=True)
        ]
        lon, lat, _ = crs.ecef_to_geographic(*np.concatenate(parts).T)
        hull = shapely.concave_hull(
            shapely.multipoints(np.unique(np.stack([lon, lat], axis=1).round(7), axis=0)),
            ratio=0.25,
        )
        return hull if isinstance(hull, shapely.Polygon) and not hull.is_empty else None

    def write(self, folder: Path) -> tuple[str | None, int, int, int]:
        """Write the asset; returns (name, meshes, triangles, bytes), name null where there is nothing."""
        if not self._tables:
            return None, 0, 0, 0
        table = pa.concat_tables(self._tables).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        content = sink.getvalue()
        name = f"{hashlib.sha256(memoryview(content)).hexdigest()}.arrow"
        _write_once(folder / name, memoryview(content))
        triangles = sum(len(b) // 12 for b in table["indices"].to_pylist())
        return name, table.num_rows, triangles, content.size


def read_asset(folder: Path, name: str) -> pa.Table:
    """Meshes of an asset (columns :data:`twin.schema.MESHES`), memory-mapped."""
    with pa.memory_map(str(folder / name)) as source:
        return pa.ipc.open_file(source).read_all()


def _apply(matrices: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-major 4 × 4 matrices (n, 4, 4) on points (n, m, 3)."""
    moved = np.einsum("nij,nmj->nmi", matrices[:, :3, :3], points) + matrices[:, None, :3, 3]
    return np.asarray(moved, dtype=np.float64)


def _thinned(points: NDArray[np.float64], most: int = 64) -> NDArray[np.float64]:
    """Points that carry the outline: unique on a 10 cm raster, at most ``most`` and the extremes."""
    unique = np.unique(points.round(1), axis=0)
    extremes = unique[np.concatenate([unique.argmin(axis=0), unique.argmax(axis=0)])]
    return np.concatenate([unique[:: max(1, len(unique) // most)], extremes])


def _write_once(path: Path, content: memoryview) -> None:
    """Write a content-addressed file so that it is whole or absent."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.replace(path)
