"""A folder of OSGB tiles as 3D Tiles 1.1: a tile a file, the same tree, every tile of ``Data`` in its own frame."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loaders.oblique.glb import glb_of
from loaders.oblique.place import Place, place_of
from loaders.oblique.scenegraph import Node, read_node
from loaders.tileset.loader import TilesetFiles
from loaders.tileset.members import FolderMembers
from loaders.tileset.volumes import box_of
from twin.crs import enu_matrix, local_to_ecef_matrices
from twin.errors import SourceError
from twin.heights import Heights

__all__ = ["convert", "data_tiles", "osgconv_path"]

INSTALL = "install it (Debian, Ubuntu: apt-get install openscenegraph) and load again"
MOST_FILES = 500_000
DEEPEST = 40


def osgconv_path() -> str | None:
    """The converter, None where it is not installed."""
    return shutil.which("osgconv")


def data_tiles(folder: Path) -> list[Path]:
    """First file of every tile of ``Data``, by name."""
    data = next((p for p in sorted(folder.iterdir()) if p.is_dir() and p.name.lower() == "data"), None)  # fmt: skip
    if data is None:
        return []
    tiles = sorted(p for p in data.iterdir() if p.is_dir() and not p.is_symlink())
    found = [t / f"{t.name}.osgb" for t in tiles if (t / f"{t.name}.osgb").is_file()]
    return found or sorted(data.glob("*.osgb"))


def convert(folder: Path, out: Path, crs: str, heights: Heights) -> TilesetFiles:
    """Convert a model.

    Parameters
    ----------
    folder : Path
        With ``metadata.xml`` and ``Data``.
    out : Path
        An empty folder for ``tileset.json`` and the contents.
    crs : str
        System of the origin; not looked at for a model in a tangent plane (ENU).
    heights : Heights
        The origin's height stands above the geoid, except in a tangent plane.

    Returns
    -------
    TilesetFiles
        Files that could not be converted are left out and told in ``findings``; the coarser level
        stays in their place.

    Raises
    ------
    SourceError
        If ``osgconv`` is missing, or no file can be converted.
    """
    program = osgconv_path()
    if program is None:
        raise SourceError(folder, f"an oblique model in OSGB needs the program osgconv; {INSTALL}")
    run = _Run(folder, out, program)
    frame = _frame(place_of(folder), crs, heights)
    children = []
    with tempfile.TemporaryDirectory() as work:
        for path in data_tiles(folder):
            tile = run.tile(path, Path(work), 1)
            if tile is not None:
                middle = np.array(tile["boundingVolume"]["box"][:3])
                children.append(tile | {"transform": [float(v) for v in frame(middle).T.ravel()]})
    if not children:
        why = "; ".join(run.faults[:3]) or "there are none"
        raise SourceError(folder, f"none of its files can be converted: {why}")
    document, box = _document(children)
    (out / "tileset.json").write_text(json.dumps(document), encoding="utf-8")
    attributes: dict[str, Any] = {
        "format": "OSGB", "tiles": run.done, "contents": run.done, "missing": len(run.faults), "levels": run.depth,
    }  # fmt: skip
    told = [f"{run.done:,} files converted to 3D Tiles"]
    if run.faults:
        told.append(
            f"{len(run.faults):,} files could not be converted: {'; '.join(run.faults[:3])}"
        )
    if run.left_out:
        told.append(f"left out: {', '.join(sorted(set(run.left_out))[:5])}")
    return TilesetFiles(
        FolderMembers(out), "tileset.json", "3d-tiles", folder.name, box, attributes, tuple(told)
    )


def _frame(
    place: Place, crs: str, heights: Heights
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """From a point of the model the matrix (4, 4) that maps the model's local metres around it to ECEF."""
    shift = np.array(place.origin)
    if place.enu is not None:
        tangent = np.asarray(enu_matrix(place.enu[1], place.enu[0], 0.0)).reshape(4, 4)
        moved = np.eye(4)
        moved[:3, 3] = shift
        whole = tangent @ moved
        return lambda _: whole

    def undulation(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        return heights.to_ellipsoid(np.zeros_like(lon), lon, lat, "1985")

    def around(middle: NDArray[np.float64]) -> NDArray[np.float64]:
        local = np.eye(4)
        local[:3, 3] = shift
        found = local_to_ecef_matrices(crs, local.reshape(1, 16), undulation, centres=middle[None])
        return np.asarray(found).reshape(4, 4)

    return around


def _document(
    children: list[dict[str, Any]],
) -> tuple[dict[str, Any], tuple[float, float, float, float] | None]:
    """The tileset over all tiles of ``Data``, and its box."""
    boxes = []
    for child in children:
        matrix = np.array(child["transform"]).reshape(4, 4).T
        boxes.append(box_of(child["boundingVolume"], matrix))
    known = np.array([b for b in boxes if b is not None])
    error = max(float(c["geometricError"]) for c in children) * 2 + 1
    if not len(known):
        region, box = [-np.pi, -np.pi / 2, np.pi, np.pi / 2, -500.0, 9000.0], None
    else:
        west, south = known[:, :2].min(axis=0)
        east, north = known[:, 2:4].max(axis=0)
        low, high = float(known[:, 4].min()), float(known[:, 5].max())
        region = [*np.deg2rad([west, south, east, north]).tolist(), low, high]
        box = float(west), float(south), float(east), float(north)
    root = {
        "boundingVolume": {"region": region}, "geometricError": error, "refine": "ADD", "children": children,
    }  # fmt: skip
    asset = {"version": "1.1", "generator": "citytwin"}
    return {"asset": asset, "geometricError": error, "root": root}, box


class _Run:
    """One conversion: what was done and what was not."""

    def __init__(self, folder: Path, out: Path, program: str) -> None:
        self.folder, self.out, self.program = folder.resolve(), out, program
        self.done = self.depth = 0
        self.faults: list[str] = []
        self.left_out: list[str] = []
        self.seen: set[Path] = set()

    def tile(self, path: Path, work: Path, level: int) -> dict[str, Any] | None:
        """A file and the finer ones it leads to, None where it cannot be read."""
        node = self._node(path, work, level)
        if node is None:
            return None
        finer = [self.tile(path.parent / name, work, level + 1) for name in node.finer]
        children = [tile for tile in finer if tile is not None]
        if not node.meshes and not children:
            return None
        tile: dict[str, Any] = {"refine": "REPLACE", "geometricError": 0.0}
        corners = []
        if node.meshes:
            name = f"{len(self.seen)}.glb"
            (self.out / name).write_bytes(glb_of(node.meshes))
            tile["content"] = {"uri": name}
            points = np.concatenate([m.positions for m in node.meshes]).astype(np.float64)
            corners += [points.min(axis=0), points.max(axis=0)]
        for child in children:
            numbers = np.array(child["boundingVolume"]["box"])
            half = numbers[[3, 7, 11]]
            corners += [numbers[:3] - half, numbers[:3] + half]
        low, high = np.min(corners, axis=0), np.max(corners, axis=0)
        half = np.maximum((high - low) / 2, 0.01)
        tile["boundingVolume"] = {"box": [*((low + high) / 2).tolist(), half[0], 0, 0, 0, half[1], 0, 0, 0, half[2]]}  # fmt: skip
        if children:
            worst = max(float(c["geometricError"]) for c in children)
            tile["geometricError"] = max(2 * worst, float(np.linalg.norm(high - low)) / 32)
            whole = len(children) == len(node.finer)
            tile["refine"] = "REPLACE" if whole else "ADD"
            tile["children"] = children
        return tile

    def _node(self, path: Path, work: Path, level: int) -> Node | None:
        resolved = path.resolve()
        if not resolved.is_relative_to(self.folder) or not path.is_file():
            self.faults.append(f"{path.name} is missing or lies outside of the model")
            return None
        if resolved in self.seen or level > DEEPEST or len(self.seen) >= MOST_FILES:
            self.faults.append(f"{path.name} is named twice or too deep")
            return None
        self.seen.add(resolved)
        try:
            node = read_node(path, self.program, work)
        except SourceError as err:
            self.faults.append(f"{path.name}: {err.reason}")
            return None
        self.done += 1
        self.depth = max(self.depth, level)
        self.left_out += node.left_out
        return node
