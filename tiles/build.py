"""All layers of a city into its tiles folder; what did not change is left alone."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from tiles.buildings import refresh_buildings
from tiles.features import Layer, Progress, Write
from tiles.folder import (
    FORMAT,
    Patch,
    Pending,
    Staging,
    digest_of,
    digest_pixels,
    digest_table,
    is_tile,
    read_manifest,
    swap,
    write_manifest,
)
from tiles.furniture import build_furniture
from tiles.imagery import Photo, build_imagery
from tiles.models import ROOM_ALPHA, build_models
from tiles.mvt import build_mvt
from tiles.outlines import BuildingRows, EditedRows, StreamedSource, TableRows
from tiles.patch import commit, recover
from tiles.pipes import build_pipes
from tiles.points import build_points
from tiles.records import Shelf
from tiles.retile import retile
from tiles.scene import scene_tileset
from tiles.terrain import build_terrain
from tiles.tree import Tile, walk
from tiles.workers import Workers, workers
from twin.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from tiles.source import TileSource
    from twin.terrain import Surface

PATCHED = "patched"
"""Folder of files that take the place of single others."""

__all__ = ["LAYERS", "LayerReport", "TileReport", "build"]

LAYERS = (
    "buildings", "models", "rooms", "pipes", "furniture", "points", "scene", "terrain", "imagery", "mvt",
)  # fmt: skip
SCENE = ("buildings", "models", "pipes", "furniture", "points")
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
    staged: Callable[[Staging, Shelf, Progress], Layer] | None = None
    """In place of ``run``, where parts of the old layer are taken over."""
    patched: Callable[[Path, Patch], Layer | None] | None = None
    """Tried before, where the layer is there: renews some files of it, or gives None."""


def _nothing(name: str) -> _Job:
    """A layer the city does not have: an older one is taken away."""
    return _Job(name, "nothing", lambda _w, _p: Layer(None))


@dataclass(slots=True)
class _Inputs:
    """Reads the source, and hashes the rasters once."""

    source: TileSource
    rows: BuildingRows
    crew: Workers
    ground: str = field(default="")
    _surface: list[Surface | None] = field(default_factory=list)

    def terrain(self) -> Surface | None:
        """The ground, asked for once."""
        if not self._surface:
            self._surface.append(self.source.terrain())
        return self._surface[0]

    def terrain_digest(self) -> str:
        if not self.ground:
            terrain = self.terrain()
            self.ground = "none" if terrain is None else terrain.digest()
        return self.ground

    def jobs(self, layers: Sequence[str]) -> Iterator[_Job]:
        """Jobs of the layers in the order of :data:`LAYERS`; the scene comes later, by itself."""
        makers: dict[str, Callable[[], _Job]] = {
            "buildings": self._buildings,
            "models": self._models,
            "rooms": self._rooms,
            "pipes": self._pipes,
            "furniture": self._furniture,
            "points": self._points,
            "terrain": self._terrain,
            "imagery": self._imagery,
        }
        for layer, make in makers.items():
            if layer in layers:
                yield make()
        if "mvt" in layers:
            for collection in self.source.collections():
                yield self._flat(collection)

    def _buildings(self) -> _Job:
        ground = digest_of(str(FORMAT), self.terrain_digest())

        def staged(staging: Staging, shelf: Shelf, progress: Progress) -> Layer:
            return refresh_buildings(
                self.rows, self.terrain(), ground, staging, shelf, self.crew, progress
            )

        def patched(layer: Path, patch: Patch) -> Layer | None:
            if not isinstance(self.rows, EditedRows):
                return None
            return retile(self.rows, self.terrain(), ground, layer, patch)

        digest = digest_of(self.rows.stamp(), self.terrain_digest())
        return _Job("buildings", digest, lambda _w, _p: Layer(None), staged, patched)

    def _meshes(self, *, rooms: bool) -> pa.Table:
        table = self.source.meshes()
        is_room = pc.fill_null(pc.equal(table["class_code"], "room"), False)
        return table.filter(is_room if rooms else pc.invert(is_room))

    def _models(self) -> _Job:
        table, read, image = self._meshes(rooms=False), self.source.asset, self.source.image
        digest = digest_table(table)
        return _Job("models", digest, lambda w, p: build_models(table, read, w, p, image))

    def _rooms(self) -> _Job:
        table, read = self._meshes(rooms=True), self.source.asset

        def run(write: Write, progress: Progress) -> Layer:
            return build_models(table, read, write, progress, exterior=0.0, alpha=ROOM_ALPHA)

        return _Job("rooms", digest_table(table), run)

    def _pipes(self) -> _Job:
        table = self.source.pipes()
        return _Job("pipes", digest_table(table), lambda w, p: build_pipes(table, w, p))

    def _furniture(self) -> _Job:
        table = self.source.furniture()
        digest = digest_of(digest_table(table), self.terrain_digest())

        def run(write: Write, progress: Progress) -> Layer:
            return build_furniture(table, self.source.terrain(), write, progress)

        return _Job("furniture", digest, run)

    def _points(self) -> _Job:
        clouds = self.source.clouds()
        digest = digest_of(*(cloud.digest() for cloud in clouds))
        return _Job("points", digest, lambda w, p: build_points(clouds, w, p))

    def _terrain(self) -> _Job:
        terrain = self.terrain()
        if terrain is None:
            return _nothing("terrain")
        water = self.source.flat("water")
        digest = digest_of(self.terrain_digest(), digest_table(water))
        return _Job("terrain", digest, lambda w, p: build_terrain(terrain, "terrain", w, p, water))

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
        table, version = self.source.flat(collection), self.source.version(collection)

        def run(write: Write, progress: Progress) -> Layer:
            return build_mvt(table, collection, write, progress, version)

        return _Job(f"mvt/{collection}", digest_table(table), run)


def build(
    source: TileSource,
    out: Path,
    layers: Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
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
    jobs : int
        Processes that make tiles of buildings.
    scheduler : str, optional
        Address of a Dask scheduler whose workers make them instead.

    Returns
    -------
    TileReport

    Raises
    ------
    InvalidRequestError
        If a layer is unknown, or the workers are (:func:`tiles.workers.workers`).
    """
    started = time.perf_counter()
    wanted = LAYERS if layers is None else tuple(layers)
    unknown = sorted(set(wanted) - set(LAYERS))
    if unknown:
        text = f"no such layer: {', '.join(unknown)}; expected some of {', '.join(LAYERS)}"
        raise InvalidRequestError(text, "layers")
    out.mkdir(parents=True, exist_ok=True)
    recover(out)
    staging, left = out.with_name(f".{out.name}.building"), out.with_name(f".{out.name}.left")
    if staging.exists():  # of a run that was killed: what it finished is used
        shutil.rmtree(left, ignore_errors=True)
        staging.rename(left)
    run = _Run(out, staging, left, read_manifest(out), progress)
    with workers(jobs, scheduler) as crew, _rows(source) as rows:
        for job in _Inputs(source, rows, crew).jobs(wanted):
            run.make(job)
    if "mvt" in wanted:
        run.forget("mvt/")
    run.scene()
    run.finish()
    return TileReport(tuple(run.reports), time.perf_counter() - started)


@contextmanager
def _rows(source: TileSource) -> Iterator[BuildingRows]:
    """The buildings by rows, from a source that can give them so, else from its table."""
    if isinstance(source, StreamedSource):
        with source.building_rows() as rows:
            yield rows
    else:
        yield TableRows(source.buildings())


class _Run:
    """One run over a tiles folder."""

    def __init__(
        self, out: Path, staging: Path, left: Path, manifest: dict[str, Any],
        progress: Callable[[str, int, int], None] | None,
    ) -> None:  # fmt: skip
        self.out, self.staging, self.left, self.progress = out, staging, left, progress
        self.manifest = manifest
        self.changed: dict[str, dict[str, Any]] = {}
        self.patched: dict[str, dict[str, Any]] = {}
        self.pending = Pending(staging / PATCHED)
        self.reports: list[LayerReport] = []

    def make(self, job: _Job) -> None:
        """Build one layer, unless nothing it depends on has changed."""
        started = time.perf_counter()
        digest = digest_of(str(FORMAT), job.digest)
        entry = self.manifest.get(job.name)
        skipped = entry is not None and entry["input"] == digest and self._present(job.name, entry)
        if not skipped and not self._patch(job, digest, entry):
            old = self.out / job.name
            folder = Staging(self.staging / job.name, old, (entry or {}).get("files"))
            told = self._told(job.name)
            if job.staged is None:
                layer = job.run(folder.write, told)
            else:
                shelf = Shelf(self.left / job.name, self.left / "old" / job.name, old)
                layer = job.staged(folder, shelf, told)
            self.changed[job.name] = _entry(digest, folder, layer)
        entry = self.patched.get(job.name) or self.changed.get(job.name) or entry
        assert entry is not None  # noqa: S101 - either found or just made
        self.reports.append(
            LayerReport(
                job.name, entry["tiles"], entry["features"], entry["bytes"],
                time.perf_counter() - started, skipped, tuple(entry["notes"]),
            )
        )  # fmt: skip

    def _patch(self, job: _Job, digest: str, entry: dict[str, Any] | None) -> bool:
        """Renew single files of a layer, where that is possible."""
        if job.patched is None or entry is None or not (self.out / job.name).is_dir():
            return False
        folder = Patch(self.pending, job.name, entry["files"])
        layer = job.patched(self.out / job.name, folder)
        if layer is None:
            self.pending.drop(f"{job.name}/")
            return False
        self.patched[job.name] = _said(digest, layer) | folder.settled(entry)
        return True

    def forget(self, start: str) -> None:
        """Take away older layers of a name that begins so and that were not made in this run."""
        made = {report.layer for report in self.reports}
        for name in sorted(self.manifest):
            if name.startswith(start) and name not in made:
                self.make(_nothing(name))

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
        whole = self.manifest | self.changed | self.patched
        tilesets = {n: whole[n]["files"].get("tileset.json") for n in SCENE if n in whole}
        texts = [f"{n}:{said[0]}" for n, said in tilesets.items() if said]

        def layer(write: Write) -> Layer:
            found = {n: self._new(f"{n}/tileset.json") for n, said in tilesets.items() if said}
            if found:
                write("tileset.json", scene_tileset(found))
            return Layer(None, len(found))

        def patched(_layer: Path, patch: Patch) -> Layer | None:
            return layer(patch.write) if texts else None

        self.make(_Job("scene", digest_of(*texts), lambda w, _: layer(w), patched=patched))

    def _new(self, name: str) -> bytes:
        """A file of the tiles folder as it will be."""
        if name in self.pending.names:
            return self.pending.read(name)
        home = self.staging if name.split("/")[0] in self.changed else self.out
        return (home / name).read_bytes()

    def finish(self) -> None:
        """Swap in what was built; the manifest never speaks of files that are not there."""
        kept = {k: v for k, v in self.manifest.items() if k not in self.changed}
        if self.changed:
            write_manifest(self.out, kept)
        for name in self.changed:
            swap(self.staging / name, self.out / name, self.staging / "old" / name)
        if self.changed or not (self.out / "manifest.json").is_file():
            write_manifest(self.out, kept | self.changed)
        if self.patched:
            commit(self.pending, self.out, self.patched)
        for folder in (self.staging, self.left):
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)


def _entry(digest: str, folder: Staging, layer: Layer) -> dict[str, Any]:
    """What the manifest says about a layer."""
    found = {"files": dict(sorted(folder.files.items())), "bytes": folder.bytes}
    return _said(digest, layer) | found | {"tiles": sum(map(is_tile, folder.files))}


def _said(digest: str, layer: Layer) -> dict[str, Any]:
    """What a layer says of itself."""
    return {
        "input": digest,
        "features": layer.features,
        "geometric_errors": layer.errors or _errors(layer.root),
        "notes": layer.notes,
    }


def _errors(root: Tile | None) -> list[float]:
    """Distinct geometric errors of a tree, falling."""
    if root is None:
        return []
    return sorted({round(t.omitted, 3) for t in walk(root)}, reverse=True)
