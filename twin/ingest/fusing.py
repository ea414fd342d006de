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
from twin.store import run

__all__ = ["add_model_outlines", "decide_merges", "write_merged"]

Row = dict[str, Any]
_TOLERANCES = {"height_m": 0.5, "area_m2": 1.0, "elevation_m": 0.1}


def add_model_outlines(con: duckdb.DuckDBPyConnection, staging: Staging) -> None:
    """Give every modelled building or bridge without a footprint the outline of its parts.

    The outline is a representation of its own (role ``footprint``, LoD 0), derived, in EPSG:4490.
    """
    if not len(staging.meshes):
        return
    rows = run(con, "ingest_bare_models").to_arrow_table().to_pylist()
    families: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        families[row["root"]].append(row)
    outlines = []
    for key, parts in families.items():
        shape = _outline(staging, parts)
        if shape is not None:
            outlines.append(
                {
                    "key": key,
                    "wkb": shapely.to_wkb(shape),
                    "zmin": min(p["zmin"] for p in parts),
                    "zmax": max(p["zmax"] for p in parts),
                    **dict(
                        zip(
                            ("xmin", "ymin", "xmax", "ymax"),
                            shapely.bounds(shape).tolist(),
                            strict=True,
                        )
                    ),
                }
            )
    if outlines:
        con.register("outlines", pa.Table.from_pylist(outlines))
        con.execute(
            "INSERT INTO staged_extra SELECT key, 'footprint', '0', wkb, NULL, NULL, "
            "xmin, ymin, zmin, xmax, ymax, zmax, NULL FROM outlines"
        )
        con.unregister("outlines")


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
