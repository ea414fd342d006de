"""Which new building is which known one: candidates out of the base, decisions back into it."""

from collections import defaultdict
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin import fuse
from twin.ingest.source import Source
from twin.ingest.staging import Staging
from twin.store import Rows, run

__all__ = ["add_model_outlines", "decide_merges", "model_outlines", "write_merged"]

Row = dict[str, Any]
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_TOLERANCES = {"height_m": 0.5, "area_m2": 1.0, "elevation_m": 0.1}


def add_model_outlines(con: duckdb.DuckDBPyConnection, staging: Staging) -> None:
    """Give every modelled building or bridge without a footprint the outline of its parts.

    The outline is a representation of its own (role ``footprint``, LoD 0), derived, in EPSG:4490.
    """
    if not len(staging.meshes):
        return
    outlines = model_outlines(con, con.sql("FROM staged"), staging)
    if outlines is not None:
        run(con, "ingest_stage_representations", incoming=outlines)


def model_outlines(
    con: duckdb.DuckDBPyConnection, things: Rows, staging: Staging
) -> pa.Table | None:
    """Outlines of models without a footprint, as rows of the table ``staged_extra``.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    things : pyarrow.Table or duckdb relation
        Columns of the table ``staged``: the models and what belongs to them.
    staging : Staging
        Holds the meshes.
    """
    parts = run(con, "ingest_bare_models", incoming=things).to_arrow_table()
    if not parts.num_rows:
        return None
    roots = parts["root"].combine_chunks().dictionary_encode()
    family = roots.indices.to_numpy(zero_copy_only=False)
    keys, shapes = _united(staging, parts, family, len(roots.dictionary))
    if not len(keys):
        return None
    low, high = np.full(len(roots.dictionary), np.inf), np.full(len(roots.dictionary), -np.inf)
    np.minimum.at(low, family, parts["zmin"].to_numpy())
    np.maximum.at(high, family, parts["zmax"].to_numpy())
    n = len(keys)
    given = {
        "key": roots.dictionary.take(pa.array(keys)),
        "wkb": pa.array(shapely.to_wkb(shapes), pa.binary()),
        **dict(zip(_SIDES, shapely.bounds(shapes).T.copy(), strict=True)),
        "zmin": low[keys],
        "zmax": high[keys],
    }
    fixed = {"role": pa.array(["footprint"] * n), "lod": pa.array(["0"] * n)}
    empty = {
        "mesh_id": pa.nulls(n, pa.string()),
        "matrix": pa.nulls(n, pa.list_(pa.float64())),
        "hilbert": pa.nulls(n, pa.int64()),
    }
    return pa.table(given | fixed | empty)


def _united(
    staging: Staging, parts: pa.Table, family: NDArray[np.int32], n: int
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Families (of n) that have an outline, and it: the union of their parts' footprints and of what shapes without one cover."""
    shapes = shapely.from_wkb(parts["wkb"].to_numpy(zero_copy_only=False))
    drawn = ~shapely.is_missing(shapes)
    around: list[tuple[int, shapely.Polygon]] = []
    bare: dict[int, list[Row]] = defaultdict(list)
    rows = parts.filter(pa.array(~drawn)).to_pylist()
    for number, row in zip(family[~drawn].tolist(), rows, strict=True):
        bare[number].append(row)
    for number, some in bare.items():
        found = staging.outline(some)
        if found is not None:
            around.append((number, found))
    whole = np.concatenate([shapes[drawn], np.array([s for _, s in around], dtype=object)])
    of = np.concatenate([family[drawn], np.array([k for k, _ in around], np.int64)])
    order = np.argsort(of, kind="stable")
    united = np.full(n, None, dtype=object)
    shapely.geometrycollections(shapely.force_2d(whole[order]), indices=of[order], out=united)
    united = np.asarray(shapely.union_all(united[:, None], axis=1), dtype=object)
    kept = np.flatnonzero(np.isin(shapely.get_type_id(united), (3, 6)))
    return kept, united[kept]


def decide_merges(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Change the fate of new buildings that are known ones to ``merge`` and keep the reasons."""
    new = run(con, "fuse_new_buildings").to_arrow_table()
    if new.num_rows == 0:
        return
    bounds = [
        float(v)
        for v in shapely.total_bounds(shapely.from_wkb(new["wkb"].to_numpy(zero_copy_only=False)))
    ]
    box: dict[str, Any] = dict(zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True))
    old = run(con, "fuse_known_buildings", **box).to_arrow_table()
    if old.num_rows == 0:
        return
    shapes, known = (shapely.from_wkb(t["wkb"].to_numpy(zero_copy_only=False)) for t in (new, old))
    matches = fuse.match_footprints(
        shapes,
        known,
        old["eid"].to_numpy(zero_copy_only=False),
        new_height=new["height_m"].to_numpy(zero_copy_only=False),
        existing_height=old["height_m"].to_numpy(zero_copy_only=False),
        new_name=new["name"].to_numpy(zero_copy_only=False),
        existing_name=old["name"].to_numpy(zero_copy_only=False),
        new_code=new["code"].to_numpy(zero_copy_only=False),
        existing_code=old["code"].to_numpy(zero_copy_only=False),
    )
    keys = np.asarray(new["key"].to_numpy(zero_copy_only=False), dtype=object)[
        matches["new_index"].to_numpy()
    ]
    con.register("matches", matches.append_column("key", pa.array(keys, pa.string())))
    run(con, "fuse_apply", dataset_id=source.dataset_id, at_time=source.started)
    con.unregister("matches")


def write_merged(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Fill what merged things lack from the new record; where both speak, keep the old and note the conflict."""
    rows = run(con, "fuse_merged").to_arrow_table()
    if rows.num_rows == 0:
        return
    merged, conflicts = fuse.merge_json(
        rows["known"].to_pylist(), rows["offered"].to_pylist(), _TOLERANCES
    )
    table = rows.select(["eid", "key", "name", "known"]).append_column(
        "merged", pa.array(merged, pa.string())
    )
    eids = np.asarray(rows["eid"].to_numpy(zero_copy_only=False), dtype=object)
    conflicts = conflicts.append_column(
        "eid", pa.array(eids[conflicts["row"].to_numpy()], pa.string())
    )
    con.register("merged", table)
    con.register("conflicts", conflicts)
    run(con, "fuse_write", dataset_id=source.dataset_id, at_time=source.started)
    con.unregister("merged")
    con.unregister("conflicts")
