"""Which new building is which known one: candidates out of the base, decisions back into it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import shapely

from twin import fuse
from twin.ingest.source import Source
from twin.ingest.staging import Staging
from twin.store import Rows, run

__all__ = ["add_model_outlines", "decide_merges", "model_outlines", "write_merged"]

Row = dict[str, Any]
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_OUTLINE = (
    ("key", pa.string()),
    ("wkb", pa.binary()),
    *((name, pa.float64()) for name in (*_SIDES, "zmin", "zmax")),
)
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
    families: dict[str, list[Row]] = defaultdict(list)
    for row in run(con, "ingest_bare_models", incoming=things).to_arrow_table().to_pylist():
        families[row["root"]].append(row)
    outlines: list[Row] = []
    for key, parts in families.items():
        shape = _outline(staging, parts)
        if shape is not None:
            box = dict(zip(_SIDES, shapely.bounds(shape).tolist(), strict=True))
            heights = {
                "zmin": min(p["zmin"] for p in parts),
                "zmax": max(p["zmax"] for p in parts),
            }
            outlines.append({"key": key, "wkb": shapely.to_wkb(shape), **box, **heights})
    if not outlines:
        return None
    given = [pa.array([o[name] for o in outlines], kind) for name, kind in _OUTLINE]
    n = len(outlines)
    fixed = {"role": pa.array(["footprint"] * n), "lod": pa.array(["0"] * n)}
    empty = {
        "mesh_id": pa.nulls(n, pa.string()),
        "matrix": pa.nulls(n, pa.list_(pa.float64())),
        "hilbert": pa.nulls(n, pa.int64()),
    }
    return pa.table(dict(zip((c for c, _ in _OUTLINE), given, strict=True)) | fixed | empty)


def _outline(staging: Staging, parts: Sequence[Row]) -> shapely.Geometry | None:
    """Union of the parts' own footprints and of the outline of the shapes that have none."""
    drawn = [p["wkb"] for p in parts if p["wkb"] is not None]
    bare = [p for p in parts if p["wkb"] is None]
    shapes = list(shapely.from_wkb(drawn)) if drawn else []
    around = staging.outline(bare) if bare else None
    shapes += [around] if around is not None else []
    if not shapes:
        return None
    whole: shapely.Geometry = shapely.union_all(shapely.force_2d(np.array(shapes, dtype=object)))
    return whole if shapely.get_type_id(whole) in (3, 6) else None


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
