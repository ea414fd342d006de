"""A model delivered again under new GlobalIds: its elements keep their eids, old and new ids resolve."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from twin.ingest.meshes import MeshArchive, read_asset
from twin.ingest.source import Source
from twin.rematch import Elements, same_shape, surface_of
from twin.store import run

__all__ = ["count_moved", "keep_rekeyed"]

_BOX = ("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")


def keep_rekeyed(
    con: duckdb.DuckDBPyConnection, source: Source, meshes: MeshArchive, assets: Path
) -> int:
    """Give new records of a model the eids of records that are gone but were the same thing.

    The fates of those records become ``change``; the decision is kept in ``fusion``. Aliases of the
    old ids stay valid.

    Returns
    -------
    int
        How many records were recognised.
    """
    if source.kind != "model":
        return 0
    gone = run(con, "rekey_gone", source_key=source.key).to_arrow_table()
    if gone.num_rows == 0:
        return 0
    fresh = run(con, "rekey_new").to_arrow_table()
    pairs = same_shape(
        _elements(fresh, [meshes.surface(m) for m in fresh["mesh_id"].to_pylist()]),
        _elements(gone, _old_surfaces(gone, assets)),
    )
    if not pairs:
        return 0
    new_keys, old_keys = fresh["key"].to_pylist(), gone["key"].to_pylist()
    eids = gone["eid"].to_pylist()
    table = pa.table(
        {
            "key": [new_keys[i] for i, _, _ in pairs],
            "old_key": [old_keys[j] for _, j, _ in pairs],
            "eid": [eids[j] for _, j, _ in pairs],
            "score": [score for _, _, score in pairs],
            "evidence": [orjson.dumps({"old_key": old_keys[j]}).decode() for _, j, _ in pairs],
        }
    )
    con.register("rekeyed", table)
    run(
        con,
        "rekey_apply",
        source_key=source.key,
        dataset_id=source.dataset_id,
        at_time=source.started,
    )
    con.unregister("rekeyed")
    return len(pairs)


def count_moved(con: duckdb.DuckDBPyConnection, source: Source) -> int:
    """Changed records whose shape stands elsewhere than before (more than a centimetre)."""
    row = run(con, "rekey_moved", source_key=source.key).fetchone()
    return int(row[0]) if row else 0


def _elements(table: pa.Table, surfaces: Sequence[tuple[float, float] | None]) -> Elements:
    boxes = np.stack(
        [np.asarray(table[c].to_numpy(zero_copy_only=False), dtype=np.float64) for c in _BOX],
        axis=1,
    ).reshape(-1, 6)
    unknown = (np.nan, np.nan)
    flat = np.array([s or unknown for s in surfaces], dtype=np.float64).reshape(-1, 2)
    columns: Mapping[str, list[Any]] = {c: table[c].to_pylist() for c in ("kind", "name", "tag")}
    return Elements(columns["kind"], columns["name"], columns["tag"], boxes, flat)


def _old_surfaces(gone: pa.Table, assets: Path) -> list[tuple[float, float] | None]:
    """Area and volume of the stored shapes, each computed once."""
    wanted = list(zip(gone["asset"].to_pylist(), gone["mesh_id"].to_pylist(), strict=True))
    known: dict[tuple[str, str], tuple[float, float]] = {}
    for asset in sorted({a for a, m in wanted if a and m}):
        if not (assets / asset).exists():
            continue
        table = read_asset(assets, asset, drawn=False)
        place = {name: row for row, name in enumerate(table["mesh_id"].to_pylist())}
        for name in {m for a, m in wanted if a == asset and m in place}:
            row = place[name]
            points = np.frombuffer(table["positions"][row].as_buffer(), "<f4").reshape(-1, 3)
            triangles = np.frombuffer(table["indices"][row].as_buffer(), "<u4").reshape(-1, 3)
            known[asset, name] = surface_of(points.astype(np.float64), triangles.astype(np.int64))
    return [known.get((a, m)) for a, m in wanted]
