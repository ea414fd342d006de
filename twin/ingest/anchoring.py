"""After every load: tie each thing, stream and case to a place, the ground, a grid cell and an address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from twin.anchor import Grids, anchor_points, inherit_anchors
from twin.cim_level import cim_level
from twin.heights import Heights
from twin.ingest.source import utc_now
from twin.store import Store, run
from twin.store.rasters import terrain_of
from twin.terrain import Surface

__all__ = [
    "MATCHED",
    "AddressMatcher",
    "anchor_everything",
    "anchors_pending",
    "grids_of",
    "representative",
]

NEAR_DOOR_M = 300.0
"""A door farther away than this is no address of a thing."""

MATCHED = pa.schema(
    [
        ("node_id", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("confidence", pa.float64()),
        ("evidence", pa.string()),
    ]
)
"""What an address matcher answers, one row per text; all null where it found nothing."""

AddressMatcher = Callable[[Sequence[str]], pa.Table]
Text = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What anchors are computed against."""

    terrain: Surface | None
    grids: Grids | None
    doors: tuple[Text, NDArray[np.float64]]
    heights: Heights


def anchors_pending(store: Store) -> bool:
    """Whether a load changed the base and its places were not computed afterwards."""
    return bool(store.scalar("SELECT count(*) FROM anchor_pending"))


def anchor_everything(
    store: Store, heights: Heights, match: AddressMatcher | None = None
) -> dict[str, int]:
    """Compute the anchors of all things, streams and cases anew.

    Parameters
    ----------
    store : Store
    heights : Heights
        Of the city.
    match : callable, optional
        Address texts of cases in, rows of :data:`MATCHED` out.

    Returns
    -------
    dict of str to int
        Anchored and unanchored subjects by kind, e.g. ``{"entity": 71200, "entity_without": 0, …}``. Those
        without have a row in ``anchor`` that says why.
    """
    terrain = terrain_of(store)
    with store.transaction() as con:
        _lift_pipes(con, terrain)
        _set_levels(con)
        setting = _Setting(terrain, grids_of(con), _doors(con), heights)
        things = _things(con, setting)
        tables = {
            "entity": things,
            "datastream": _streams(con, setting, things, match),
            "case": _cases(con, setting, match),
        }
        counts: dict[str, int] = {}
        for kind, table in tables.items():
            con.register("anchors", table)
            run(con, "anchor_write", kind=kind, at_time=utc_now())
            con.unregister("anchors")
            without = pc.sum(pc.is_valid(table["reason"])).as_py() or 0
            counts |= {kind: table.num_rows - without, f"{kind}_without": without}
        con.execute("DELETE FROM anchor_pending")
    return counts


def _things(con: duckdb.DuckDBPyConnection, setting: _Setting) -> pa.Table:
    """Anchors of all entities: from their geometry, their parts, or what they belong to."""
    rows = run(con, "anchor_entities").to_arrow_table()
    lon, lat, z = representative(rows)
    own = anchor_points(
        lon,
        lat,
        z,
        np.where(np.isnan(z), "ground", "ellipsoid"),
        setting.terrain,
        setting.grids,
        setting.heights,
    )
    subjects, parents = (
        np.asarray(rows[c].to_numpy(zero_copy_only=False), dtype=object) for c in ("eid", "parent")
    )
    anchors = inherit_anchors(own, subjects, parents)
    bound = dict(
        con.execute(
            "SELECT eid::VARCHAR, min(node_id) FROM address_node WHERE eid IS NOT NULL GROUP BY eid"
        ).fetchall()
    )
    return _addressed(anchors, subjects, setting, _node_chain(subjects, parents, bound))


def _streams(
    con: duckdb.DuckDBPyConnection,
    setting: _Setting,
    things: pa.Table,
    match: AddressMatcher | None,
) -> pa.Table:
    """Anchors of all datastreams: at their own coordinates, where the thing they watch is, or by an address text."""
    rows = run(con, "anchor_streams").to_arrow_table()
    lon, lat, z = (
        np.asarray(rows[c].to_numpy(zero_copy_only=False), dtype=float) for c in ("lon", "lat", "z")
    )
    alone = np.isnan(lon) & ~pc.is_valid(rows["host"]).to_numpy(zero_copy_only=False)
    texts = [t if lone else "" for t, lone in zip(rows["text"].to_pylist(), alone, strict=True)]
    found, by_text = _by_text(texts, alone, match)
    lon = np.where(by_text, found["lon"].to_numpy(zero_copy_only=False), lon)
    lat = np.where(by_text, found["lat"].to_numpy(zero_copy_only=False), lat)
    reference = np.array(rows["z_reference"].to_pylist(), dtype=object)
    own = anchor_points(lon, lat, z, reference, setting.terrain, setting.grids, setting.heights)
    hosts = np.asarray(rows["host"].to_numpy(zero_copy_only=False), dtype=object)
    subjects = np.array([str(i) for i in rows["stream_id"].to_pylist()], dtype=object)
    host_columns = things.select(own.column_names)
    anchors = inherit_anchors(
        own,
        subjects,
        hosts,
        method="host",
        hosts=host_columns,
        host_ids=things["subject_id"].to_pylist(),
    )
    table = _addressed(anchors, subjects, setting, found["node_id"].to_pylist())
    akind = np.where(
        pc.is_valid(rows["host"]).to_numpy(zero_copy_only=False),
        "entity",
        table["akind"].to_numpy(zero_copy_only=False),
    )
    akind = np.where(table["method"].to_numpy(zero_copy_only=False) == "none", "none", akind)
    table = table.set_column(
        table.schema.get_field_index("eid"), "eid", pa.array(hosts, pa.string())
    )
    table = table.set_column(
        table.schema.get_field_index("akind"), "akind", pa.array(akind, pa.string())
    )
    return _told_by_text(table, by_text, found)


def _by_text(
    texts: Sequence[str], wanted: NDArray[np.bool_], match: AddressMatcher | None
) -> tuple[pa.Table, NDArray[np.bool_]]:
    """What address texts name (:data:`MATCHED`, a row each), and for which of the wanted ones there is a place."""
    found = match(texts) if match is not None and any(texts) else MATCHED.empty_table()
    if found.num_rows == 0:
        found = pa.table({f.name: pa.nulls(len(texts), f.type) for f in MATCHED}, schema=MATCHED)
    there = np.isfinite(np.asarray(found["lon"].to_numpy(zero_copy_only=False), dtype=float))
    return found, np.asarray(wanted & there)


def _told_by_text(table: pa.Table, by_text: NDArray[np.bool_], found: pa.Table) -> pa.Table:
    """The anchors with kind, method, confidence and evidence of those that were placed by a text."""
    patch = {
        "akind": np.where(by_text, "address", table["akind"].to_numpy(zero_copy_only=False)),
        "method": np.where(by_text, "address", table["method"].to_numpy(zero_copy_only=False)),
        "confidence": np.where(
            by_text,
            found["confidence"].to_numpy(zero_copy_only=False),
            table["confidence"].to_numpy(),
        ),
        "evidence": np.where(
            by_text,
            found["evidence"].to_numpy(zero_copy_only=False),
            table["evidence"].to_numpy(zero_copy_only=False),
        ),
    }
    for name, values in patch.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(
            at,
            table.schema.field(at),
            pa.array(values, table.schema.field(at).type, from_pandas=True),
        )
    return table


def _cases(
    con: duckdb.DuckDBPyConnection, setting: _Setting, match: AddressMatcher | None
) -> pa.Table:
    """Anchors of all cases: their coordinates, else what their address text names."""
    rows = con.execute(
        "SELECT case_id::VARCHAR AS id, lon, lat, coalesce(address_text, '') AS text "
        "FROM case_file WHERE alarm_id IS NULL ORDER BY case_id"
    ).to_arrow_table()
    lon, lat = (
        np.asarray(rows[c].to_numpy(zero_copy_only=False), dtype=float) for c in ("lon", "lat")
    )
    texts = rows["text"].to_pylist()
    found, by_text = _by_text(texts, np.isnan(lon), match)
    lon = np.where(by_text, found["lon"].to_numpy(zero_copy_only=False), lon)
    lat = np.where(by_text, found["lat"].to_numpy(zero_copy_only=False), lat)
    anchors = anchor_points(
        lon, lat, None, "ground", setting.terrain, setting.grids, setting.heights
    )
    table = _addressed(
        anchors,
        np.array(rows["id"].to_pylist(), dtype=object),
        setting,
        found["node_id"].to_pylist(),
    )
    table = _told_by_text(table, by_text, found)
    reasons = [
        r
        and (
            "the case has neither coordinates nor an address text"
            if not t.strip()
            else f"no coordinates, and no place in the gazetteer matches {t!r}"
        )
        for r, t in zip(table["reason"].to_pylist(), texts, strict=True)
    ]
    return table.set_column(
        table.schema.get_field_index("reason"), "reason", pa.array(reasons, pa.string())
    )


def representative(
    rows: pa.Table,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A point on each thing (degrees) and the height of its foot (ellipsoidal metres, NaN where unknown)."""
    geoms = shapely.from_wkb(rows["wkb"].to_numpy(zero_copy_only=False))
    lon, lat, z = (
        np.asarray(rows[c].to_numpy(zero_copy_only=False), dtype=float).copy()
        for c in ("cx", "cy", "zmin")
    )
    kinds = shapely.get_type_id(geoms)
    line = kinds == 1
    surface = (kinds >= 0) & ~line
    points = np.full(len(geoms), None, dtype=object)
    points[line] = shapely.line_interpolate_point(geoms[line], 0.5, normalized=True)
    points[surface] = shapely.point_on_surface(geoms[surface])
    there = kinds >= 0
    lon[there], lat[there] = shapely.get_x(points[there]), shapely.get_y(points[there])
    return lon, lat, z


def _node_chain(subjects: Text, parents: Text, bound: dict[str, str]) -> list[str | None]:
    """Address node bound to each thing or to the nearest thing above it."""
    above = {s: p for s, p in zip(subjects, parents, strict=True) if p is not None}
    out: list[str | None] = []
    for subject in subjects:
        node, at, depth = bound.get(subject), above.get(subject), 0
        while node is None and at is not None and depth < 8:
            node, at, depth = bound.get(at), above.get(at), depth + 1
        out.append(node)
    return out


def _addressed(
    anchors: pa.Table, subjects: Text, setting: _Setting, nodes: Sequence[str | None]
) -> pa.Table:
    """Anchors with subject and address: the node bound, else the nearest door with its distance as evidence."""
    node = np.array(list(nodes), dtype=object)
    lon, lat = (
        np.asarray(anchors[c].to_numpy(zero_copy_only=False), dtype=float) for c in ("lon", "lat")
    )
    names, doors = setting.doors
    wanted = np.flatnonzero(
        np.array([n is None for n in node], dtype=bool) & np.isfinite(lon) & np.isfinite(lat)
    )
    evidence = anchors["evidence"].to_pylist()
    if len(wanted) and len(names):
        scale = np.cos(np.deg2rad(float(lat[wanted].mean())))
        tree = shapely.STRtree(np.asarray(shapely.points(doors[:, 0] * scale, doors[:, 1])))
        spots = shapely.points(lon[wanted] * scale, lat[wanted])
        (i, j), distance = tree.query_nearest(
            spots, max_distance=NEAR_DOOR_M / 111_320.0, return_distance=True, all_matches=False
        )
        node[wanted[i]] = names[j]
        for row, metres in zip(wanted[i], distance * 111_320.0, strict=True):
            evidence[row] = orjson.dumps(
                {**orjson.loads(evidence[row] or "{}"), "nearest_door_m": round(float(metres), 1)}
            ).decode()
    at = anchors.schema.get_field_index("evidence")
    table = anchors.set_column(at, anchors.schema.field(at), pa.array(evidence, pa.string()))
    table = table.append_column("subject_id", pa.array(subjects, pa.string())).append_column(
        "node_id", pa.array(node, pa.string())
    )
    return table.append_column("eid", pa.nulls(table.num_rows, pa.string()))


def grids_of(con: duckdb.DuckDBPyConnection) -> Grids | None:
    """The 单元网格 of the city."""
    rows = run(con, "anchor_grids").to_arrow_table()
    if rows.num_rows == 0:
        return None
    eid, code = (
        np.asarray(rows[c].to_numpy(zero_copy_only=False), dtype=object) for c in ("eid", "code")
    )
    return shapely.from_wkb(rows["wkb"].to_numpy(zero_copy_only=False)), eid, code


def _doors(con: duckdb.DuckDBPyConnection) -> tuple[Text, NDArray[np.float64]]:
    """Address nodes that stand for a door or a building, with their places (degrees)."""
    rows = con.execute(
        "SELECT node_id, lon, lat FROM address_node WHERE level IN ('number', 'building') AND lon IS NOT NULL "
        "AND coalesce(status, 'active') <> 'retired' ORDER BY node_id"
    ).to_arrow_table()
    lonlat = (
        np.stack([rows["lon"].to_numpy(), rows["lat"].to_numpy()], axis=1)
        if rows.num_rows
        else np.empty((0, 2))
    )
    return np.asarray(rows["node_id"].to_numpy(zero_copy_only=False), dtype=object), lonlat


def _lift_pipes(con: duckdb.DuckDBPyConnection, terrain: Surface | None) -> None:
    """Give pipes without heights a 3D axis: ground minus cover depth, at every vertex."""
    rows = run(con, "anchor_flat_pipes").to_arrow_table()
    con.execute("DELETE FROM geometry WHERE role = 'centreline' AND lod = 'lifted'")
    if terrain is None or rows.num_rows == 0:
        return
    geoms = shapely.segmentize(
        shapely.force_3d(shapely.from_wkb(rows["wkb"].to_numpy(zero_copy_only=False))), 20 / 111_320
    )
    xyz, index = shapely.get_coordinates(geoms, include_z=True, return_index=True)
    depth = np.asarray(rows["depth_m"].to_numpy(zero_copy_only=False), dtype=float)
    xyz[:, 2] = terrain.height(xyz[:, 0], xyz[:, 1]) - depth[index]
    whole = np.bincount(index, np.isnan(xyz[:, 2]), minlength=len(geoms)) == 0
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    lifted = pa.table(
        {
            "eid": rows["eid"],
            "wkb": pa.array(
                shapely.to_wkb(
                    shapely.set_coordinates(geoms, xyz), output_dimension=3, flavor="iso"
                ),
                pa.binary(),
            ),
            "zmin": np.minimum.reduceat(xyz[:, 2], starts),
            "zmax": np.maximum.reduceat(xyz[:, 2], starts),
        }
    ).filter(pa.array(whole))
    con.register("lifted", lifted)
    run(con, "anchor_write_pipes")
    con.unregister("lifted")


def _set_levels(con: duckdb.DuckDBPyConnection) -> None:
    """CIM level of every representation that has none yet, computed from what it contains."""
    rows = run(con, "anchor_levels_wanted").to_arrow_table()
    if rows.num_rows == 0:
        return
    columns = [
        rows[c].to_numpy(zero_copy_only=False)
        for c in ("role", "lod", "class_code", "height_m", "storeys")
    ]
    levels = rows.append_column("cim_level", pa.array(cim_level(*columns), pa.string()))
    con.register("levels", levels.select(["gid", "cim_level"]))
    con.execute(
        "UPDATE geometry SET cim_level = levels.cim_level FROM levels WHERE geometry.gid = levels.gid::UUID"
    )
    con.unregister("levels")
