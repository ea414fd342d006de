"""Finished tilesets into the base: their files into the assets, their box among the things."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from twin.errors import InvalidRequestError
from twin.heights import Heights
from twin.ingest.records import OneRecord, load_records
from twin.ingest.source import Balance, Source
from twin.store import Store

__all__ = ["Files", "Tileset", "load_tileset", "tilesets_of"]

BLOCK = 1 << 20


class Files(Protocol):
    """Files of a set by names that lead nowhere else (see ``loaders.tileset.members``)."""

    def names(self) -> Iterator[str]:
        """Names with forward slashes, in a fixed order."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """One file."""
        ...


class Tileset(Protocol):
    """What a loader hands over (see ``loaders.tileset.loader.TilesetFiles``)."""

    @property
    def members(self) -> Files:
        """Its files."""
        ...

    @property
    def entry(self) -> str:
        """Name of its first document."""
        ...

    @property
    def kind(self) -> str:
        """``3d-tiles`` or ``terrain``."""
        ...

    @property
    def title(self) -> str:
        """As a person calls it."""
        ...

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north, degrees."""
        ...

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found when it was checked."""
        ...


def load_tileset(
    store: Store, source: Source, tileset: Tileset, record: pa.Table, heights: Heights
) -> Balance:
    """Load one tileset: a copy of its files, so that the city folder stays whole, and its record.

    Parameters
    ----------
    store : Store
    source : Source
    tileset : Tileset
    record : pyarrow.Table
        One row of :data:`twin.schema.RECORDS`, EPSG:4326; one with a fault goes to quarantine and no
        file is copied.
    heights : Heights

    Returns
    -------
    Balance
        One record in.
    """
    source = replace(source, findings=list(dict.fromkeys([*source.findings, *tileset.findings])))
    sound = pc.is_null(record["fault"]).to_pylist()[0]
    if sound and tileset.box is not None:
        asset, n, size = _copied(store.assets, tileset.members)
        record = _with_asset(record, asset)
        with store.transaction() as con:
            con.execute("DELETE FROM tileset_asset WHERE source_key = $k", {"k": source.key})
            west, south, east, north = tileset.box
            con.execute(
                "INSERT INTO tileset_asset VALUES ($asset, $key, $entry, $kind, $title, $n, $bytes, $x0, $y0, $x1, $y1)",
                {
                    "asset": asset, "key": source.key, "entry": tileset.entry, "kind": tileset.kind,
                    "title": tileset.title, "n": n, "bytes": size,
                    "x0": west, "y0": south, "x1": east, "y1": north,
                },
            )  # fmt: skip
    return load_records(store, source, [OneRecord(record)], heights)


def _with_asset(record: pa.Table, asset: str) -> pa.Table:
    """The record with the folder's name among its attributes: other content is another state of the thing."""
    text = str(record["attributes"][0].as_py())
    joined = f'{{"asset":"{asset}",{text[1:]}' if text != "{}" else f'{{"asset":"{asset}"}}'
    at = record.schema.get_field_index("attributes")
    return record.set_column(at, record.schema.field(at), pa.array([joined], pa.string()))


def _copied(assets: Path, members: Files) -> tuple[str, int, int]:
    """(folder, files, bytes): a folder named by names and contents, whole or absent."""
    digest, n, size = hashlib.sha256(), 0, 0
    part = Path(tempfile.mkdtemp(dir=assets, prefix=".tileset-"))
    try:
        for name in members.names():
            target = part / name
            if not target.resolve().is_relative_to(part.resolve()):
                raise InvalidRequestError(f"a tileset names a file outside of itself: {name!r}")
            target.parent.mkdir(parents=True, exist_ok=True)
            digest.update(name.encode() + b"\0")
            with members.open(name) as file, target.open("wb") as out:
                while block := file.read(BLOCK):
                    digest.update(block)
                    out.write(block)
                    size += len(block)
            n += 1
        folder = f"{digest.hexdigest()}.tileset"
        if not (assets / folder).exists():
            part.chmod(0o755)
            part.rename(assets / folder)
        return folder, n, size
    finally:
        shutil.rmtree(part, ignore_errors=True)


def tilesets_of(store: Store) -> list[dict[str, Any]]:
    """Finished tilesets of the city by title: ``asset``, ``entry``, ``kind``, ``title``, box in degrees."""
    rows: list[dict[str, Any]] = store.table(
        "SELECT * FROM tileset_asset ORDER BY title, source_key"
    ).to_pylist()
    return rows
