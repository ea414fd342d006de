"""Shared shapes of a layer: digests, one asset file written as batches come, bounds of the placed instances."""

import hashlib
import os
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin import crs
from twin.crs.boxes import placed_boxes
from twin.rematch import surface_of
from twin.schema import IMAGES, MESH_EXTRAS, MESHES

__all__ = ["MeshArchive", "read_asset"]

_SCHEMA = pa.schema([*MESHES, *MESH_EXTRAS])


class _HashedFile:
    """A file under its final name only when all of it is there: what is written is hashed on the way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / f"{uuid.uuid4().hex}.part"
        self.file: BinaryIO = self.path.open("wb")
        self.digest = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Append; Arrow hands over buffers."""
        self.digest.update(data)
        self.size += self.file.write(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self.file.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """End writing; safe to call twice."""
        if not self.closed:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            self.closed = True

    def keep(self, ending: str) -> str:
        """Give the file its name, the hash of its content; returns it."""
        self.close()
        name = f"{self.digest.hexdigest()}{ending}"
        self.path.replace(self.folder / name)
        return name

    def drop(self) -> None:
        """Take the unfinished file away."""
        self.close()
        self.path.unlink(missing_ok=True)


class MeshArchive:
    """Meshes of one layer, kept once each, written as one content-addressed Arrow file.

    Parameters
    ----------
    folder : Path
        Where assets lie. Meshes go there batch by batch, so that memory does not grow with them; what
        stays is a name, a digest and a box of each.
    surfaces : bool
        Keep area and volume of each as well, to know shapes again (:mod:`twin.rematch`).
    """

    def __init__(self, folder: Path, surfaces: bool = False) -> None:
        self._folder = folder
        self._with_surfaces = surfaces
        self._surfaces: dict[str, tuple[float, float]] = {}
        self._sink: _HashedFile | None = None
        self._writer: pa.RecordBatchFileWriter | None = None
        self._index: dict[str, int] = {}
        self._digest: list[str] = []
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
        first: dict[str, int] = {}
        for i, name in enumerate(names):
            first.setdefault(name, i)
        fresh = [i for name, i in first.items() if name not in self._index]
        if len(fresh) < len(names):
            table = table.take(pa.array(fresh, pa.int64())).combine_chunks()
            names = [names[i] for i in fresh]
        if not names:
            return
        at, xyz = _rows(table["positions"])
        xyz = xyz.view("<f4").reshape(-1, 3)
        starts = at // 12
        boxes = np.empty((len(names), 6))
        boxes[:, :3] = np.minimum.reduceat(xyz, starts[:-1], axis=0)
        boxes[:, 3:] = np.maximum.reduceat(xyz, starts[:-1], axis=0)
        self._remember(names, boxes, _digests(table))
        for i, name in enumerate(names):
            if name in outlined:
                self._outline[name] = _thinned(xyz[starts[i] : starts[i + 1]].astype(np.float64))
        if self._with_surfaces:
            for name, points, corners in zip(
                names, np.split(xyz, starts[1:-1]), table["indices"].to_pylist(), strict=True
            ):
                triangles = np.frombuffer(corners, "<u4").reshape(-1, 3).astype(np.int64)
                self._surfaces[name] = surface_of(points.astype(np.float64), triangles)
        self._triangles += len(_rows(table["indices"])[1]) // 12
        self._append(table)

    def _remember(self, names: list[str], boxes: NDArray[np.float64], digests: list[str]) -> None:
        n = len(self._index)
        if n + len(names) > len(self._boxes):
            grown = np.empty((max(1024, 2 * (n + len(names))), 6))
            grown[:n] = self._boxes[:n]
            self._boxes = grown
        self._boxes[n : n + len(names)] = boxes
        self._index.update(zip(names, range(n, n + len(names)), strict=True))
        self._digest += digests

    def _append(self, table: pa.Table) -> None:
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sink = _HashedFile(self._folder)
            self._writer = pa.ipc.new_file(pa.PythonFile(self._sink, mode="w"), _SCHEMA)
        self._writer.write_table(table)

    def add_images(self, images: pa.Table | None) -> None:
        """Keep texture images (:data:`twin.schema.IMAGES`) among the assets, each once."""
        if images is None or images.num_rows == 0:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        for row in images.cast(IMAGES).to_pylist():
            content, stem, ending = row["content"], *_split(row["image"])
            if hashlib.sha256(content).hexdigest() == stem:
                _write_once(self._folder / f"{stem}{ending}", memoryview(content))

    def __contains__(self, mesh_id: str) -> bool:
        return mesh_id in self._index

    def __len__(self) -> int:
        return len(self._index)

    def places(self, mesh_ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
        """Which of the archive's meshes each id names, -1 for null and for one that is not there, shape (n,)."""
        known = self._index.get
        return np.array([known(name, -1) for name in mesh_ids.to_pylist()], np.int64)

    def digests(self, places: NDArray[np.int64]) -> pa.Array:
        """Content hash of each mesh, null where the place is -1."""
        texts = self._digest
        return pa.array([texts[i] if i >= 0 else None for i in places.tolist()], pa.string())

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
        if self._writer is None or self._sink is None:
            return None, 0, 0, 0
        self._writer.close()
        name, size = self._sink.keep(".arrow"), self._sink.size
        self._writer = self._sink = None
        return name, len(self._index), self._triangles, size

    def drop(self) -> None:
        """Take away what was written if the asset was not ended."""
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._sink.drop()
            self._writer = self._sink = None


def read_asset(folder: Path, name: str) -> pa.Table:
    """Meshes of an asset (columns :data:`twin.schema.MESHES`), memory-mapped."""
    with pa.memory_map(str(folder / name)) as source:
        return pa.ipc.open_file(source).read_all()


def _whole(meshes: pa.Table) -> pa.Table:
    """The meshes in one chunk with all columns of the asset."""
    columns = [
        meshes[f.name].cast(f.type)
        if f.name in meshes.column_names
        else pa.nulls(meshes.num_rows, f.type)
        for f in _SCHEMA
    ]
    return pa.table(columns, schema=_SCHEMA).combine_chunks()


def _rows(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets (n + 1,) and bytes of a binary column without nulls, the first offset 0."""
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    size = int(at[-1] - at[0])
    found = np.frombuffer(data, np.uint8, size, int(at[0])) if size else np.zeros(0, np.uint8)
    return at - at[0], found


def _digests(table: pa.Table) -> list[str]:
    """SHA-256 of positions, indices and colours of each mesh, and of its texture where it has one."""
    parts = [_rows(table[name]) for name in ("positions", "indices")]
    colors = table["colors"]
    if colors.null_count:
        colors = colors.fill_null(b"")
    parts.append(_rows(colors))
    if table["uv"].null_count < table.num_rows:
        parts += [_rows(table[name].fill_null(b"")) for name in ("uv", "texture")]
    views = [(at.tolist(), memoryview(data.data)) for at, data in parts]
    out = []
    for i in range(table.num_rows):
        digest = hashlib.sha256()
        for at, data in views:
            digest.update(data[at[i] : at[i + 1]])
        out.append(digest.hexdigest())
    return out


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


def _write_once(path: Path, content: memoryview) -> None:
    """Write a content-addressed file so that it is whole or absent."""
    if not path.exists():
        part = path.with_name(f"{uuid.uuid4().hex}.part")
        part.write_bytes(content)
        part.replace(path)
