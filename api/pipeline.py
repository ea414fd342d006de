"""The way of the data, a stage a line: scan, load, fuse, bind, number, anchor, tile.

Fusing happens as each layer is loaded (:mod:`twin.ingest`), inside the layer's transaction, so the
base is never half-written.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

import tiles
from api.address_anchors import NOWHERE, named_place
from api.address_binding import bind_addresses
from api.address_book import AddressBook
from api.address_tree import number_addresses
from api.loading import Progress, load_layers
from api.planning import planned_layers
from api.report import LoadReport
from tiles.export import ExportReport
from tiles.export import export as write_export
from twin.city import City
from twin.heights import Heights
from twin.ingest import anchor_everything, anchors_pending
from twin.ingest.anchoring import MATCHED
from twin.store import Store
from twin.store.scene import Scene

__all__ = ["export", "heights_of", "load", "tile"]


def load(
    city: City,
    paths: Sequence[Path],
    plan: Path | None = None,
    *,
    root: Path | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> LoadReport:
    """Load sources into the base of ``city``: load and fuse layer by layer, bind addresses, anchor everything.

    Parameters
    ----------
    city : City
    paths : sequence of Path
        Files and folders; ignored where a plan names the files.
    plan : Path, optional
        Plan file as ``twin scan --plan`` writes it.
    root : Path, optional
        Folder the plan's paths are relative to; the plan's own folder where None.
    dry_run : bool
        Do it all on a copy and throw the copy away: the report is the real one, the base stays as
        it is.
    progress : callable, optional
        Told the layer, the records done and the records expected.

    Returns
    -------
    LoadReport

    Raises
    ------
    TwinError
        If nothing can be done at all (no such file, a plan that contradicts itself, a base in use).
    """
    clock = _Clock()
    planned = planned_layers(paths, plan, root)
    clock.mark("scan")
    with _target(city, dry_run) as target, Store.open(target) as store:
        heights = heights_of(city)
        layers = load_layers(store, heights, planned, progress, proposed=plan is None)
        clock.mark("load")
        report = LoadReport(layers, {}, {}, {}, dry_run)
        if report.changed or anchors_pending(store):
            bound = bind_addresses(store)
            clock.mark("bind")
            number_addresses(store)
            clock.mark("number")
            book = AddressBook.of(store, progress)
            clock.mark("index")
            anchors = anchor_everything(store, heights, _matcher(book))
            clock.mark("anchor")
            report = replace(report, bound=bound, anchors=anchors)
    return replace(report, timings=clock.seconds)


def tile(
    city: City,
    layers: Sequence[str] | None = None,
    *,
    full: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
) -> tiles.TileReport:
    """Build or refresh the tiles of ``city``; only what changed is built, everything with ``full``.

    ``jobs`` processes, or the workers of a Dask ``scheduler``, make the tiles of buildings.
    """
    if full and layers is None:
        shutil.rmtree(city.tiles, ignore_errors=True)
    with Store.open(city) as store:
        return tiles.build(
            Scene(store), city.tiles, layers, progress, jobs=jobs, scheduler=scheduler
        )


def export(city: City, out: Path) -> ExportReport:
    """Write the tiles of ``city`` to a folder or a ``.3tz`` or ``.pmtiles`` file; see :func:`tiles.export.export`."""
    return write_export(city.tiles, out)


def heights_of(city: City) -> Heights:
    """Relation of 1985 heights and the ellipsoid in this city."""
    return Heights(city.undulation)


def _matcher(book: AddressBook) -> Callable[[Sequence[str]], pa.Table] | None:
    """What finds the place of a case's address text; None without a gazetteer."""
    if not len(book.index):
        return None
    index = book.history

    def match(texts: Sequence[str]) -> pa.Table:
        rows = [named_place(index.geocode(text)) if text.strip() else NOWHERE for text in texts]
        return pa.Table.from_pylist(rows, schema=MATCHED)

    return match


@contextmanager
def _target(city: City, dry_run: bool) -> Iterator[City]:
    """The city, or for a dry run a copy of its base beside nothing else."""
    if not dry_run:
        yield city
        return
    with tempfile.TemporaryDirectory(prefix="citytwin-dry-run-") as folder:
        copy = replace(city, path=Path(folder))
        copy.assets.mkdir()
        for name in (city.base_path, city.base_path.with_suffix(".duckdb.wal")):
            if name.exists():
                shutil.copy2(name, copy.path / name.name)
        for asset in city.assets.glob("*"):
            (copy.assets / asset.name).symlink_to(asset.resolve())
        yield copy


class _Clock:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
