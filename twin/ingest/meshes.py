"""Shared shapes of a layer: fingerprints, one asset file written as batches come, bounds of the placed instances."""

import filecmp
import hashlib
import os
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin import crs
from twin.crs.boxes import placed_boxes, spanned
from twin.durable import sync_folder, write_once
from twin.fingerprint import fingerprints
from twin.rematch import surface_of
from twin.schema import IMAGES, MESH_EXTRAS, MESHES
from twin.shading import rows, shaded

__all__ = ["MeshArchive", "read_asset"]

_SCHEMA = pa.schema([*MESHES, *MESH_EXTRAS])
_DRAWN = ("positions", "indices", "colors", "faces", "paint", "uv", "texture")
"""What a mesh is known by; a record that points at another one has changed."""
_BESIDE = ("normals", "surfaces", "surface", "textures")


class _Asset:
    """An Arrow file that gets its name only when all of it is there: the hash of the fingerprints of what it holds.

    Content is fingerprinted mesh by mesh, once, not a second time as a file; where the name is taken already, the
    files are compared.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / f"{uuid.uuid4().hex}.part"
        self._digest = hashlib.sha256()
        self._sink = pa.OSFile(str(self._path), "wb")
        self._writer = pa.ipc.new_file(self._sink, _SCHEMA)

    def append(self, table: pa.Table, names: Sequence[str], prints: NDArray[np.uint8]) -> None:
        """Write meshes (columns of the asset), ``prints`` (n, 16) of what they are drawn by."""
        beside = fingerprints([table[name] for name in _BESIDE], table.num_rows)
        self._digest.update("\0".join(names).encode())
        self._digest.update(np.hstack([prints, beside]).tobytes())
        self._writer.write_table(table)

    def _end(self) -> None:
        self._writer.close()
        self._sink.close()

    def keep(self) -> tuple[str, int]:
        """Give the file its name; returns it and the bytes."""
        self._end()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        size = self._path.stat().st_size
        name = f"{self._digest.hexdigest()}.arrow"
        there = self._folder / name
        if there.exists():
            if filecmp.cmp(self._path, there, shallow=False):
                self._path.unlink()
                return name, size
            with self._path.open("rb") as file:
                name = f"{hashlib.file_digest(file, 'sha256').hexdigest()}.arrow"
        self._path.replace(self._folder / name)
        sync_folder(self._folder)
        return name, size

    def drop(self) -> None:
        """Take the unfinished file away."""
        self._end()
        self._path.unlink(missing_ok=True)


class MeshArchive:
    """Meshes of one layer, kept once each, written as one content-addressed Arrow file.

    Parameters
    ----------
    folder : Path
        Where assets lie. Meshes go there batch by batch, so that memory does not grow with them; what
        stays is a name, a fingerprint and a box of each.
    surfaces : bool
        Keep area and volume of each as well, to know shapes again (:mod:`twin.rematch`).
    """

    def __init__(self, folder: Path, surfaces: bool = False) -> None:
        self._folder = folder
        self._with_surfaces = surfaces
        self._surfaces: dict[str, tuple[float, float]] = {}
        self._asset: _Asset | None = None
        self._index: dict[str, int] = {}
        self._prints: NDArray[np.uint8] = np.zeros((0, 16), np.uint8)
        self._boxes: NDArray[np.float64] = np.zeros((0, 6))
        self._outline: dict[str, NDArray[np.float64]] = {}
        self._triangles = 0

    def add(self, meshes: pa.Table | None, outlined: Collection[str] = ()) -> None:
        """Take the meshes of one batch; a mesh id seen before keeps its first shape.

        Parameters
        ----------
        meshes : pyarrow.Table or None
            Columns of MESHES, then any of MESH_EXTRAS.
        outlined : collection of str
            Meshes whose outline may be asked for later.
        """
        if meshes is None or meshes.num_rows == 0:
            return
        table = _whole(meshes)
        names = table["mesh_id"].to_pylist()
        if len(set(names)) < len(names) or not self._index.keys().isdisjoint(names):
            first: dict[str, int] = {}
            for i, name in enumerate(names):
                first.setdefault(name, i)
            fresh = [i for name, i in first.items() if name not in self._index]
            table = table.take(pa.array(fresh, pa.int64())).combine_chunks()
            names = [names[i] for i in fresh]
        if not names:
            return
        at, xyz = rows(table["positions"])
        corners: NDArray[np.float32] = xyz.view("<f4").reshape(-1, 3)
        starts = at // 12
        boxes = spanned(corners, starts)
        prints = fingerprints([table[name] for name in _DRAWN], table.num_rows)
        self._remember(names, boxes, prints)
        for i, name in enumerate(names):
            if name in outlined:
                self._outline[name] = _thinned(
                    corners[starts[i] : starts[i + 1]].astype(np.float64)
                )
        if self._with_surfaces:
            for name, points, joined in zip(
                names, np.split(corners, starts[1:-1]), table["indices"].to_pylist(), strict=True
            ):
                triangles = np.frombuffer(joined, "<u4").reshape(-1, 3).astype(np.int64)
                self._surfaces[name] = surface_of(points.astype(np.float64), triangles)
        self._triangles += len(rows(table["indices"])[1]) // 12
        self._asset = self._asset or _Asset(self._folder)
        self._asset.append(table, names, prints)

    def _remember(
        self, names: list[str], boxes: NDArray[np.float64], prints: NDArray[np.uint8]
    ) -> None:
        n = len(self._index)
        if n + len(names) > len(self._boxes):
            room = max(1024, 2 * (n + len(names)))
            grown, more = np.empty((room, 6)), np.zeros((room, 16), np.uint8)
            grown[:n], more[:n] = self._boxes[:n], self._prints[:n]
            self._boxes, self._prints = grown, more
        self._boxes[n : n + len(names)] = boxes
        self._prints[n : n + len(names)] = prints
        self._index.update(zip(names, range(n, n + len(names)), strict=True))

    def add_images(self, images: pa.Table | None) -> None:
        """Keep texture images (:data:`twin.schema.IMAGES`) among the assets, each once."""
        if images is None or images.num_rows == 0:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for row in images.cast(IMAGES).to_pylist():
            content, stem, ending = row["content"], *_split(row["image"])
            if hashlib.sha256(content).hexdigest() == stem:
                write_once(self._folder / f"{stem}{ending}", memoryview(content))

    def __contains__(self, mesh_id: str) -> bool:
        return mesh_id in self._index

    def __len__(self) -> int:
        return len(self._index)

    def places(self, mesh_ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
        """Which of the archive's meshes each id names, -1 for null and for one that is not there, shape (n,)."""
        known = self._index.get
        return np.array([known(name, -1) for name in mesh_ids.to_pylist()], np.int64)

    def digests(self, places: NDArray[np.int64]) -> pa.Array:
        """Fingerprint of each mesh, 16 bytes, null where the place is -1."""
        if not self._index:
            return pa.nulls(len(places), pa.binary())
        there = places >= 0
        raw = self._prints[np.where(there, places, 0)]
        mask = pa.py_buffer(np.packbits(there, bitorder="little"))
        fixed = pa.Array.from_buffers(
            pa.binary(16), len(places), [mask, pa.py_buffer(raw.reshape(-1))]
        )
        return fixed.cast(pa.binary())

    def surface(self, mesh_id: str | None) -> tuple[float, float] | None:
        """Area (m²) and volume (m³) of one mesh, null for none; only where they are kept."""
        return None if mesh_id is None else self._surfaces.get(mesh_id)

    def centres(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Middle of the box of each mesh, local metres, shape (n, 3)."""
        box = self._boxes[places]
        return np.asarray((box[:, :3] + box[:, 3:]) / 2)

    def placed_bounds(
        self, places: NDArray[np.int64], to_ecef: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Boxes of placed instances.

        Parameters
        ----------
        places : ndarray of int64, shape (n,)
            Their meshes, see :meth:`places`.
        to_ecef : ndarray of float64, shape (n, 16)
            Mesh-local metres to EPSG:4978.

        Returns
        -------
        ndarray of float64, shape (n, 6)
            xmin, ymin, zmin, xmax, ymax, zmax in degrees and ellipsoidal metres.
        """
        return placed_boxes(self._boxes[places], to_ecef)

    def outline(
        self, mesh_ids: Sequence[str], to_ecef: NDArray[np.float64]
    ) -> shapely.Polygon | None:
        """Outline on the map of all instances together (EPSG:4490), null where they span no area."""
        parts = [
            _apply(matrix.reshape(1, 4, 4), self._outline[name][None])[0]
            for name, matrix in zip(mesh_ids, to_ecef, strict=True)
            if name in self._outline
        ]
        if not parts:
            return None
        lon, lat, _ = crs.ecef_to_geographic(*np.concatenate(parts).T)
        hull = shapely.concave_hull(
            shapely.multipoints(np.unique(np.stack([lon, lat], axis=1).round(7), axis=0)),
            ratio=0.25,
        )
        return hull if isinstance(hull, shapely.Polygon) and not hull.is_empty else None

    def write(self) -> tuple[str | None, int, int, int]:
        """End the asset; returns (name, meshes, triangles, bytes), name null where there is nothing."""
        if self._asset is None:
            return None, 0, 0, 0
        (name, size), self._asset = self._asset.keep(), None
        return name, len(self._index), self._triangles, size

    def drop(self) -> None:
        """Take away what was written if the asset was not ended."""
        if self._asset is not None:
            self._asset.drop()
            self._asset = None


def read_asset(folder: Path, name: str, drawn: bool = True) -> pa.Table:
    """Meshes of an asset.

    Parameters
    ----------
    folder : Path
        Where assets lie.
    name : str
    drawn : bool
        With normals and colours at their vertices (:func:`twin.shading.shaded`), else as they are kept, memory-mapped.

    Returns
    -------
    pyarrow.Table
        Columns of :data:`twin.schema.MESHES` and :data:`twin.schema.MESH_EXTRAS`.
    """
    with pa.memory_map(str(folder / name)) as source:
        table = pa.ipc.open_file(source).read_all()
    return shaded(table) if drawn else table


def _whole(meshes: pa.Table) -> pa.Table:
    """The meshes in one chunk with all columns of the asset."""
    columns = [
        meshes[f.name].cast(f.type)
        if f.name in meshes.column_names
        else pa.nulls(meshes.num_rows, f.type)
        for f in _SCHEMA
    ]
    return pa.table(columns, schema=_SCHEMA).combine_chunks()


def _split(name: str) -> tuple[str, str]:
    """Stem and ending of an image's name; what is neither hash nor known ending becomes empty."""
    stem, _, ending = name.partition(".")
    return stem, f".{ending}" if ending.isalnum() else ""


def _apply(matrices: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-major 4 × 4 matrices (n, 4, 4) on points (n, m, 3)."""
    moved = np.einsum("nij,nmj->nmi", matrices[:, :3, :3], points) + matrices[:, None, :3, 3]
    return np.asarray(moved, dtype=np.float64)


def _thinned(points: NDArray[np.float64], most: int = 64) -> NDArray[np.float64]:
    """Points that carry the outline: unique on a 10 cm raster, at most ``most`` and the extremes."""
    unique = np.unique(points.round(1), axis=0)
    extremes = unique[np.concatenate([unique.argmin(axis=0), unique.argmax(axis=0)])]
    return np.concatenate([unique[:: max(1, len(unique) // most)], extremes])
