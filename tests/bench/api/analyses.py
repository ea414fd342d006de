"""CPU of the analyses in space: within 30 m of a pipe among 1,000,000 things, a viewshed of 500 m among 5,000 buildings.

    python tests/bench/api/analyses.py [--things 1000000]

Medians of process CPU, answers encoded as they are sent; each beside a floor in the same run: the same question put to
shapely (boxes in an STRtree, then distances in plan), and the bare sight lines without a grid or polygons around them.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import shapely

from twin.analysis import SceneBook, Study, run
from twin.analysis.scene import Scene
from twin.city import City
from twin.crs.local import LocalFrame
from twin.store import Store
from twin.terrain import Terrain

LON, LAT = 114.3, 30.6
FRAME = LocalFrame(LON, LAT, 20.0)


def uuids(start: int, n: int) -> pa.Array:
    return pa.array([f"018f0000-0000-7000-8000-{k:012x}" for k in range(start, start + n)])


def place(x, y):
    lon, lat = FRAME.inverse(x, y)
    return np.stack([lon, lat], axis=-1)


def rows(
    collection: str,
    code: str,
    role: str,
    shapes,
    start: int,
    z=None,
    ground=None,
    height=None,
    attributes=None,
):
    n = len(shapes)
    box = shapely.bounds(shapes)
    return pa.table(
        {
            "eid": uuids(start, n), "class_code": [code] * n, "collection": [collection] * n, "role": [role] * n,
            "wkb": pa.array(shapely.to_wkb(shapes, output_dimension=3, flavor="iso"), pa.binary()),
            "xmin": box[:, 0], "ymin": box[:, 1], "xmax": box[:, 2], "ymax": box[:, 3],
            "zmin": pa.array(np.full(n, np.nan) if z is None else z[0], from_pandas=True), "zmax": pa.array(np.full(n, np.nan) if z is None else z[1], from_pandas=True),
            "ground_z": pa.array(np.full(n, np.nan) if ground is None else ground, from_pandas=True),
            "height_m": pa.array(np.full(n, np.nan) if height is None else height, from_pandas=True),
            "attributes": [attributes or "{}"] * n,
        }
    )  # fmt: skip


def seeded(things: int, rng: np.random.Generator, side: float):
    """Half buildings, a tenth pipes, the rest components, spread over a square; 7,000 things a km² at 12 km and 1 M."""
    n = things // 2
    across = int(np.ceil(n**0.5))  # a house a lot, with room around it; none on the middle
    lot = side / across
    k = np.arange(n)
    w, h = rng.uniform(0.45, 0.75, (2, n)) * min(lot, 30.0)
    x = (k % across - across / 2) * lot + rng.uniform(0, 1, n) * (lot - w)
    y = (k // across - across / 2) * lot + rng.uniform(0, 1, n) * (lot - h)
    corners = np.stack([place(x, y), place(x + w, y), place(x + w, y + h), place(x, y + h)], axis=1)
    ground = 20 + rng.normal(0, 0.5, n)
    yield rows("buildings", "building", "footprint", shapely.polygons(corners), 0, ground=ground, height=rng.choice([6.0, 18, 33, 60], n))  # fmt: skip
    m = things // 10
    at = np.cumsum(np.concatenate([rng.uniform(-side / 2, side / 2, (m, 1, 2)), rng.normal(0, 15, (m, 4, 2))], axis=1), axis=1)  # fmt: skip
    z = rng.uniform(16, 19, (m, 5))
    axes = shapely.linestrings(
        np.concatenate([place(at[..., 0], at[..., 1]), z[..., None]], axis=2)
    )
    yield rows(
        "pipes",
        "pipe_gas",
        "centreline",
        axes,
        n,
        z=(z.min(axis=1), z.max(axis=1)),
        attributes='{"diameter_mm":300}',
    )
    k = things - n - m
    spots = shapely.points(place(*rng.uniform(-side / 2, side / 2, (2, k))))
    yield rows("components", "01001", "point", spots, n + m, ground=20 + rng.normal(0, 0.5, k))


def base(folder: Path, things: int, side: float) -> Store:
    store = Store.open(City.init(folder, name="bench", admin_code="420000"))
    rng = np.random.default_rng(11)
    with store.transaction() as con:
        for table in seeded(things, rng, side):
            con.register("t", table)
            con.execute(
                "INSERT INTO entity SELECT eid::UUID, class_code, 'x', collection, collection || ' ' || right(eid, 6), height_m, NULL, "
                "attributes::JSON, 'active', NULL, NULL, TIMESTAMP '2026-01-01', NULL, NULL FROM t"
            )
            con.execute(
                "INSERT INTO geometry SELECT uuid(), eid::UUID, role, '1', NULL, wkb, NULL, NULL, NULL, zmin, zmax, xmin, ymin, xmax, ymax, 0, NULL FROM t"
            )
            con.execute(
                "INSERT INTO anchor (subject_kind, subject_id, akind, ground_z, method, at_time) "
                "SELECT 'entity', eid, 'entity', ground_z, 'terrain', TIMESTAMP '2026-01-01' FROM t WHERE ground_z IS NOT NULL"
            )
            con.unregister("t")
        con.execute("INSERT INTO change (kind, subject_kind) VALUES ('load', 'dataset')")
    return store


def median_ms(act, times: int) -> tuple[float, float]:
    spent = []
    for k in range(times):
        start = time.process_time()
        act(k)
        spent.append(1000 * (time.process_time() - start))
    return float(np.median(spent)), float(np.percentile(spent, 95))


def within(store: Store, book: SceneBook, scene: Scene, times: int) -> dict:
    pipes = np.flatnonzero(scene.things.collection == scene.things.collections.index("pipes"))
    chosen = np.random.default_rng(3).choice(pipes, times + 1)
    names = [scene.things.eid[row].decode() for row in chosen]
    found = []

    def ask(k):
        study = Study(book.now(), store)
        answer = run("within", {"thing": names[k], "distance_m": 30.0}, study)
        found.append(answer["numberMatched"])
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

    ask(times)
    ours = median_ms(ask, times)
    houses = np.flatnonzero(scene.solids.kind == 2)
    shapes = scene.solids.footprints(houses)
    tree = shapely.STRtree(shapes)
    lines = [
        shapely.LineString(scene.solids.take(scene.bodies_of(int(row))).xyz[:, :2])
        for row in chosen
    ]

    def floor(k):
        return tree.query(lines[k], predicate="dwithin", distance=30.0)

    return {
        "ms": ours[0],
        "p95_ms": ours[1],
        "things": float(np.median(found)),
        "shapely_plan_buildings_only_ms": median_ms(floor, times)[0],
    }


def viewsheds(folder: Path) -> dict:
    store = base(folder, 10_000, 1000.0)  # 5,000 buildings in 1 km²
    book = SceneBook(store)
    scene = book.now()
    lon, lat = (
        LON - 0.01 + (np.arange(400) + 0.5) * 5e-5,
        LAT + 0.01 - (np.arange(400) + 0.5) * 5e-5,
    )
    heights = 19 + np.sin(lon[None] * 3000) + np.cos(lat[:, None] * 4000)
    scene.terrain = Terrain(heights.astype(np.float32), (5e-5, 0, LON - 0.01, 0, -5e-5, LAT + 0.01))
    out = {}
    for step in (5.0, 2.0):
        for z in (None, 50.0, 100.0):
            at = [
                *place(np.array([7.04]), np.array([7.04]))[0].tolist(),
                *([] if z is None else [z]),
            ]
            for output in ("raster", "polygons"):
                asked = {"at": at, "radius_m": 500.0, "resolution_m": step, "output": output}
                seen = []

                def ask(_, asked=asked, seen=seen):
                    answer = run("viewshed", asked, Study(scene, store))
                    assert not answer["inside"]
                    seen.append(answer["visible_m2"] / answer["looked_at_m2"])
                    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

                ask(0)
                name = f"{step:g} m cells, eye {'on the street' if z is None else f'at {z:g} m'}, {output}"
                out[name] = {"ms": median_ms(ask, 5)[0], "seen": round(seen[0], 3)}
    store.close()
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--things", type=int, default=1_000_000)
    things = parser.parse_args().things
    with tempfile.TemporaryDirectory() as folder:
        store = base(Path(folder) / "city", things, 12_000.0 * (things / 1e6) ** 0.5)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        book = SceneBook(store)
        start = time.process_time()
        scene = book.now()
        result = {
            "scene": {
                "things": len(scene.things), "built_cpu_s": time.process_time() - start,
                "arrays_MB": sum(a.nbytes for a in (*scene.solids.columns, scene.thing, scene.tree.boxes, scene.tree.nodes, scene.things.eid)) / 1e6,
                "peak_MB_over_loading": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3,
            },
            "within 30 m of a pipe": within(store, book, scene, 300),
        }  # fmt: skip
        start = time.process_time()
        with store.transaction() as con:
            con.execute(
                "UPDATE entity SET height_m = 99 WHERE eid = '018f0000-0000-7000-8000-000000000005'"
            )
            con.execute(
                "INSERT INTO change (kind, subject_kind, subject_id) VALUES ('change', 'entity', '018f0000-0000-7000-8000-000000000005')"
            )
        edit = time.process_time()
        book.now()
        result["scene"]["follow_one_edit_cpu_s"] = time.process_time() - edit
        store.close()
        result["viewshed 500 m, 5,000 buildings"] = viewsheds(Path(folder) / "small")
    print(json.dumps(result, indent=1, ensure_ascii=False))  # noqa: T201 -- a bench prints


if __name__ == "__main__":
    main()
