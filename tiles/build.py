"""All layers of a city into its tiles folder; what did not change is left alone."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from tiles.buildings import build_buildings
from tiles.features import Layer, Progress, Write
from tiles.folder import (
    FORMAT,
    Staging,
    digest_of,
    digest_pixels,
    digest_table,
    read_manifest,
    swap,
    write_manifest,
)
from tiles.imagery import Photo, build_imagery
from tiles.models import ROOM_ALPHA, build_models
from tiles.mvt import ZOOMS, build_mvt
from tiles.pipes import build_pipes
from tiles.points import build_points
from tiles.scene import scene_tileset
from tiles.terrain import build_terrain
from tiles.tree import Tile, walk
from twin.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from tiles.source import TileSource

__all__ = ["LAYERS", "LayerReport", "TileReport", "build"]

LAYERS = ("buildings", "models", "rooms", "pipes", "points", "scene", "terrain", "imagery", "mvt")
SCENE = ("buildings", "models", "pipes", "points")
"""Layers the scene shows together."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer of one run; ``skipped``: its input was unchanged, nothing was written."""

    layer: str
    tiles: int
    features: int
    bytes: int
    seconds: float
    skipped: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TileReport:
    """What one run of :func:`build` did."""

    layers: tuple[LayerReport, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return asdict(self)


@dataclass(slots=True)
class _Job:
    """A folder to make: hash of all it depends on, and how it is made."""

    name: str
    digest: str
    run: Callable[[Write, Progress], Layer]


def _nothing(name: str) -> _Job:
    """A layer the city does not have: an older one is taken away."""
    return _Job(name, "nothing", lambda _w, _p: Layer(None))


@dataclass(slots=True)
class _Inputs:
    """Reads the source, and hashes the rasters once."""

    source: TileSource
    ground: str = field(default="")

    def terrain_digest(self) -> str:
        if not self.ground:
            terrain = self.source.terrain()
            self.ground = "none" if terrain is None else terrain.digest()
        return self.ground

    def jobs(self, layers: Sequence[str]) -> Iterator[_Job]:
        """Jobs of the layers in the order of :data:`LAYERS`; the scene comes later, by itself."""
        makers: dict[str, Callable[[], _Job]] = {
            "buildings": self._buildings,
            "models": self._models,
            "rooms": self._rooms,
            "pipes": self._pipes,
            "points": self._points,
            "terrain": self._terrain,
            "imagery": self._imagery,
        }
        for layer, make in makers.items():
            if layer in layers:
                yield make()
        if "mvt" in layers:
            for collection in ZOOMS:
                yield self._flat(collection)

    def _buildings(self) -> _Job:
        table, terrain = self.source.buildings(), self.source.terrain()
        digest = digest_of(digest_table(table), self.terrain_digest())
        return _Job("buildings", digest, lambda w, p: build_buildings(table, terrain, w, p))

    def _meshes(self, *, rooms: bool) -> pa.Table:
        table = self.source.meshes()
        is_room = pc.fill_null(pc.equal(table["class_code"], "room"), False)
        return table.filter(is_room if rooms else pc.invert(is_room))

    def _models(self) -> _Job:
        table, read = self._meshes(rooms=False), self.source.asset
        return _Job("models", digest_table(table), lambda w, p: build_models(table, read, w, p))

    def _rooms(self) -> _Job:
        table, read = self._meshes(rooms=True), self.source.asset

        def run(write: Write, progress: Progress) -> Layer:
            return build_models(table, read, write, progress, exterior=0.0, alpha=ROOM_ALPHA)

        return _Job("rooms", digest_table(table), run)

    def _pipes(self) -> _Job:
        table = self.source.pipes()
        return _Job("pipes", digest_table(table), lambda w, p: build_pipes(table, w, p))

    def _points(self) -> _Job:
        clouds = self.source.clouds()
        digest = digest_of(*(cloud.digest() for cloud in clouds))
        return _Job("points", digest, lambda w, p: build_points(clouds, w, p))

    def _terrain(self) -> _Job:
        terrain = self.source.terrain()
        if terrain is None:
            return _nothing("terrain")
        return _Job(
            "terrain", self.terrain_digest(), lambda w, p: build_terrain(terrain, "terrain", w, p)
        )

    def _imagery(self) -> _Job:
        found = self.source.imagery()
        if not found:
            return _nothing("imagery")
        digest = digest_of(
            *(
                digest_of(digest_pixels(data), repr([float(v) for v in transform]), crs)
                for data, transform, crs in found
            )
        )
        photos = [Photo(data, tuple(transform), crs) for data, transform, crs in found]
        return _Job("imagery", digest, lambda w, p: build_imagery(photos, "imagery", w, p))

    def _flat(self, collection: str) -> _Job:
        table = self.source.flat(collection)
        name = f"mvt/{collection}"
        return _Job(name, digest_table(table), lambda w, p: build_mvt(table, collection, w, p))


def build(
    source: TileSource,
    out: Path,
    layers: Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> TileReport:
    """Bring a tiles folder up to date.

    Layers are built in a sibling folder and swapped in; a layer whose input (and the format) is the
    same as last time is left as it is. The same input gives the same bytes, the manifest included.

    Parameters
    ----------
    source : TileSource
    out : Path
        The tiles folder; created where missing.
    layers : sequence of str, optional
        Some of :data:`LAYERS`; all when absent. ``scene`` follows whatever changes.
    progress : callable, optional
        Takes the layer's name, done and total.

    Returns
    -------
    TileReport

    Raises
    ------
    InvalidRequestError
        If a layer is unknown.
    """
    started = time.perf_counter()
    wanted = LAYERS if layers is None else tuple(layers)
    unknown = sorted(set(wanted) - set(LAYERS))
    if unknown:
        text = f"no such layer: {', '.join(unknown)}; expected some of {', '.join(LAYERS)}"
        raise InvalidRequestError(text, "layers")
    out.mkdir(parents=True, exist_ok=True)
    staging = out.with_name(f".{out.name}.building")
    shutil.rmtree(staging, ignore_errors=True)
    run = _Run(out, staging, read_manifest(out), progress)
    for job in _Inputs(source).jobs(wanted):
        run.make(job)
    run.scene()
    run.finish()
    return TileReport(tuple(run.reports), time.perf_counter() - started)


class _Run:
    """One run over a tiles folder."""

    def __init__(
        self, out: Path, staging: Path, manifest: dict[str, Any],
        progress: Callable[[str, int, int], None] | None,
    ) -> None:  # fmt: skip
        self.out, self.staging, self.progress = out, staging, progress
        self.manifest = manifest
        self.changed: dict[str, dict[str, Any]] = {}
        self.reports: list[LayerReport] = []

    def make(self, job: _Job) -> None:
        """Build one layer, unless nothing it depends on has changed."""
        started = time.perf_counter()
        digest = digest_of(str(FORMAT), job.digest)
        entry = self.manifest.get(job.name)
        skipped = entry is not None and entry["input"] == digest and self._present(job.name, entry)
        if not skipped:
            folder = Staging(self.staging / job.name)
            layer = job.run(folder.write, self._told(job.name))
            entry = _entry(digest, folder, layer)
            self.changed[job.name] = entry
        assert entry is not None  # noqa: S101 - either found or just made
        self.reports.append(
            LayerReport(
                job.name, entry["tiles"], entry["features"], entry["bytes"],
                time.perf_counter() - started, skipped, tuple(entry["notes"]),
            )
        )  # fmt: skip

    def _told(self, name: str) -> Progress:
        def tell(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(name, done, total)

        return tell

    def _present(self, name: str, entry: dict[str, Any]) -> bool:
        """Whether the files of the manifest lie where they should."""
        return all((self.out / name / f).is_file() for f in entry["files"])

    def scene(self) -> None:
        """The tileset over the 3D layers as they will be."""
        found: dict[str, bytes] = {}
        for name in SCENE:
            home = self.staging if name in self.changed else self.out
            path = home / name / "tileset.json"
            if path.is_file():
                found[name] = path.read_bytes()
        texts = [f"{n}:{b.hex()}" for n, b in found.items()]

        def run(write: Write, _: Progress) -> Layer:
            if found:
                write("tileset.json", scene_tileset(found))
            return Layer(None, len(found))

        self.make(_Job("scene", digest_of(*texts), run))

    def finish(self) -> None:
        """Swap in what was built; the manifest never speaks of files that are not there."""
        kept = {k: v for k, v in self.manifest.items() if k not in self.changed}
        if self.changed:
            write_manifest(self.out, kept)
        for name in self.changed:
            swap(self.staging / name, self.out / name, self.staging / "old" / name)
        if self.changed or not (self.out / "manifest.json").is_file():
            write_manifest(self.out, kept | self.changed)
        shutil.rmtree(self.staging, ignore_errors=True)


def _entry(digest: str, folder: Staging, layer: Layer) -> dict[str, Any]:
    """What the manifest says about a layer."""
    plain = ("tileset.json", "tilejson.json", "layer.json")
    tiles = [f for f in folder.files if f not in plain and not f.startswith("page_")]
    return {
        "input": digest,
        "output": folder.digest(),
        "features": layer.features,
        "tiles": len(tiles),
        "bytes": folder.bytes,
        "geometric_errors": _errors(layer.root),
        "notes": layer.notes,
        "files": {name: list(folder.files[name]) for name in sorted(folder.files)},
    }


def _errors(root: Tile | None) -> list[float]:
    """Distinct geometric errors of a tree, falling."""
    if root is None:
        return []
    return sorted({round(t.omitted, 3) for t in walk(root)}, reverse=True)
