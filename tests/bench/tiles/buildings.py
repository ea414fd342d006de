"""Content of building tiles: buildings per CPU-second, step by step, and bytes per building.

Footprints are synthetic and seeded: rectangles, Ls, eight-cornered ones, courtyards and pairs (``--corners 8``:
all with eight corners), turned by block, 30 m apart, with eid, class, name, height and storeys. Peers and floors
run in the same process: what the same numbers cost to copy, earcut of the same footprints one by one, zlib
level 6 beside the product's packing; with ``--peer``, ``py3dtiles export`` of 1,000 of them (where py3dtiles is
installed: ``pip install py3dtiles`` in an environment of its own, named by ``--peer PATH-TO-ITS-BIN``); with
``--wasm FOLDER``, the official encoder (a folder where ``npm ci`` of tests/clients was run) on the same streams.

Run: ``python tests/bench/tiles/buildings.py [COUNT] [--corners 8] [--peer BIN] [--wasm FOLDER]`` (default 100,000).
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mapbox_earcut
import numpy as np
import pyarrow as pa
import shapely

from tiles.blocks import Blocks, content, prepare
from tiles.packing import pack
from tiles.placement import frame_at

ROUNDS = 5
TILE = 800
LON, LAT, METRE = 113.9, 30.4, 1 / 111_320.0
UNIT = {
    "rectangle": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "L": [(0, 0), (1, 0), (1, 0.5), (0.45, 0.5), (0.45, 1), (0, 1)],
    "eight": [(0, 0), (1, 0), (1, 1), (0.8, 1), (0.8, 0.5), (0.3, 0.5), (0.3, 1), (0, 1)],
    "court": [(0.3, 0.3), (0.3, 0.7), (0.7, 0.7), (0.7, 0.3)],
    "left": [(0, 0), (0.4, 0), (0.4, 1), (0, 1)],
    "right": [(0.6, 0.2), (1, 0.2), (1, 1), (0.6, 1)],
}


def city(n: int, corners: int, seed: int = 7) -> pa.Table:
    """Buildings as the tiler asks for them."""
    rng = np.random.default_rng(seed)
    side, at = int(np.ceil(np.sqrt(n))), np.arange(n)
    east, north = (
        at % side * 30.0 + rng.uniform(-3, 3, n),
        at // side * 30.0 + rng.uniform(-3, 3, n),
    )
    turn = np.sin((at % side // 8 + at // side // 8 * 1000) * 12.9898) * 43758.5453 % 1 * np.pi / 2
    extent = np.column_stack([rng.uniform(8, 22, n), rng.uniform(7, 14, n)])

    def rings(name: str, rows: Any) -> Any:
        p = (np.array(UNIT[name]) - 0.5) * extent[rows, None]
        c, s = np.cos(turn[rows])[:, None], np.sin(turn[rows])[:, None]
        x, y = p[..., 0] * c - p[..., 1] * s, p[..., 0] * s + p[..., 1] * c
        lat = LAT + (y + north[rows, None]) * METRE
        lon = LON + (x + east[rows, None]) * METRE / np.cos(np.deg2rad(LAT))
        return shapely.linearrings(np.stack([lon, lat], axis=-1))

    kind = rng.choice(5, n, p=[0, 0, 1, 0, 0] if corners == 8 else [0.45, 0.25, 0.2, 0.05, 0.05])
    shapes = np.empty(n, dtype=object)
    for k, name in enumerate(("rectangle", "L", "eight")):
        shapes[kind == k] = shapely.polygons(rings(name, np.flatnonzero(kind == k)))
    rows = np.flatnonzero(kind == 3)
    shapes[rows] = shapely.polygons(rings("rectangle", rows), holes=rings("court", rows)[:, None])
    rows = np.flatnonzero(kind == 4)
    pairs = [shapely.polygons(rings(name, rows)) for name in ("left", "right")]
    shapes[rows] = shapely.multipolygons(np.stack(pairs, axis=1))
    floors = rng.integers(1, 34, n)
    words = rng.integers(0, 2**32, (n, 3)).tolist()
    eid = [
        f"01930f2a-{i // 4000 & 0xFFFF:04x}-7{a & 0xFFF:03x}-{0x8000 | b & 0x3FFF:04x}-{c:08x}{b >> 16:04x}"
        for i, (a, b, c) in enumerate(words)
    ]
    return pa.table(
        {
            "eid": eid,
            "class_code": ["building"] * n,
            "name": pa.array([f"{i % 997}号楼" for i in range(n)], mask=rng.random(n) < 0.6),
            "height_m": pa.array(
                np.round(floors * 3.0 + rng.uniform(0, 1, n), 1), mask=rng.random(n) < 0.05
            ),
            "floors": pa.array(floors.astype(np.int32), mask=rng.random(n) < 0.1),
            "base_z": np.round(12 + 8 * np.sin(east / 900) * np.cos(north / 700), 2),
            "wkb": pa.array(shapely.to_wkb(shapes), pa.binary()),
            "usage": np.array(["住宅", "办公", "工业", "商业", ""], object)[rng.choice(5, n)],
        }
    )


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)


def tiles_of(blocks: Blocks) -> list[tuple[Any, Any]]:
    """Rows and frame of each tile: squares of about :data:`TILE` buildings."""
    cell = np.sqrt(TILE) * 30.0 * METRE
    x, y = (blocks.lon - LON) // (cell / np.cos(np.deg2rad(LAT))), (blocks.lat - LAT) // cell
    order = np.lexsort((np.arange(len(x)), x, y))
    cuts = np.flatnonzero(np.diff(x[order]) + 1e6 * np.diff(y[order])) + 1
    out = []
    for part in np.split(order, cuts):
        rows = np.sort(part)
        box = blocks.box[rows]
        middle = (box[:, :2].min(axis=0) + box[:, 2:].max(axis=0)) / 2
        out.append((rows, frame_at(middle[0], middle[1], float(blocks.base[rows].min()))))
    return out


def cost(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Median CPU-seconds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def earcut_each(table: pa.Table) -> None:
    """The usual way to triangulate: one call a footprint."""
    for ring in shapely.get_parts(shapely.from_wkb(table["wkb"].to_numpy())):
        xy = shapely.get_coordinates(shapely.get_exterior_ring(ring))[:-1]
        mapbox_earcut.triangulate_float64(xy, np.array([len(xy)], np.uint32))


def wasm(folder: Path, blobs: list[bytes]) -> float:
    """CPU-seconds of the official encoder over the attribute streams of some tiles, decoded first."""
    script = """
    import {readFileSync} from "node:fs"; import {MeshoptEncoder, MeshoptDecoder} from "meshoptimizer";
    await MeshoptEncoder.ready; await MeshoptDecoder.ready; const jobs = [];
    for (const file of process.argv.slice(2)) { const b = readFileSync(file), n = b.readUInt32LE(12);
      const d = JSON.parse(b.subarray(20, 20 + n)), at = 28 + n;
      for (const v of d.bufferViews) { const m = v.extensions?.EXT_meshopt_compression; if (m?.mode !== "ATTRIBUTES") continue;
        const raw = new Uint8Array(m.count * m.byteStride);
        MeshoptDecoder.decodeGltfBuffer(raw, m.count, m.byteStride, new Uint8Array(b.subarray(at + m.byteOffset, at + m.byteOffset + m.byteLength)), m.mode);
        jobs.push([raw, m.count, m.byteStride]); } }
    for (let i = 0; i < 3; i++) for (const j of jobs) MeshoptEncoder.encodeVertexBuffer(...j);
    const taken = []; for (let i = 0; i < 5; i++) { const s = process.cpuUsage(); for (const j of jobs) MeshoptEncoder.encodeVertexBuffer(...j);
      const e = process.cpuUsage(s); taken.push((e.user + e.system) / 1e6); }
    console.log(JSON.stringify(taken.sort()[2]));"""
    with tempfile.TemporaryDirectory() as scratch:
        files = []
        for i, blob in enumerate(blobs):
            files.append(Path(scratch) / f"{i}.glb")
            files[-1].write_bytes(blob)
        path = folder / "encode_bench.mjs"
        path.write_text(script)
        done = subprocess.run(
            ["node", str(path), *map(str, files)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        path.unlink()
    return float(json.loads(done.stdout))


def ours_encoding(blobs: list[bytes]) -> float:
    """CPU-seconds of our encoder over the same streams."""
    from tiles.check_glb import _container
    from tiles.meshopt import decode_attributes, encode_attributes

    rows = []
    for blob in blobs:
        document, binary = _container(blob)
        for v in document["bufferViews"]:
            said = v.get("extensions", {}).get("EXT_meshopt_compression", {})
            if said.get("mode") == "ATTRIBUTES":
                stream = binary[said["byteOffset"] : said["byteOffset"] + said["byteLength"]]
                rows.append(decode_attributes(stream, said["count"], said["byteStride"]))
    return cost(lambda: [encode_attributes(r) for r in rows])


def peer(binary: Path, table: pa.Table) -> float:
    """CPU-seconds of ``py3dtiles export`` of a folder of extruded footprints in WKB."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "wkb"
        source.mkdir()
        for i, shape in enumerate(shapely.from_wkb(table["wkb"].to_numpy())):
            flat = shapely.transform(
                shapely.get_parts(shape)[0], lambda p: (p - [LON, LAT]) / METRE
            )
            ring = shapely.get_coordinates(flat.exterior)[:-1]
            low, high = (np.column_stack([ring, np.full(len(ring), z)]) for z in (0.0, 20.0))
            nxt = np.roll(np.arange(len(ring)), -1)
            walls = np.stack([low, low[nxt], high[nxt], high], axis=1)
            solid = shapely.multipolygons([shapely.Polygon(f) for f in [high, low[::-1], *walls]])
            (source / f"{i}.wkb").write_bytes(shapely.to_wkb(solid, output_dimension=3))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = [str(binary / "py3dtiles"), "export", "-d", str(source), "--out", f"{scratch}/out"]
        subprocess.run(words, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print one line a step."""
    ask = argparse.ArgumentParser()
    ask.add_argument("count", type=int, nargs="?", default=100_000)
    ask.add_argument("--corners", type=int, default=0)
    ask.add_argument("--peer", type=Path)
    ask.add_argument("--wasm", type=Path)
    args = ask.parse_args()
    n, table = args.count, city(args.count, args.corners)
    start = time.process_time()
    blocks = prepare(table, None)
    tiles = tiles_of(blocks)
    content(blocks, *tiles[0])
    say(
        f"first tile with compiled loops from the cache or anew: {time.process_time() - start:.2f} CPU-s"
    )
    steps = {"prepare": cost(lambda: prepare(table, None))}
    blobs = [content(blocks, *t)[0] for t in tiles]
    steps["content"] = cost(lambda: [content(blocks, *t) for t in tiles])
    steps["pack"] = cost(lambda: [pack(b) for b in blobs])
    packed = sum(len(pack(b)) for b in blobs)
    for name, seconds in steps.items():
        say(f"{name:8} {n / seconds:12,.0f} buildings/CPU-s")
    total = sum(steps.values())
    say(f"{'together':8} {n / total:12,.0f} buildings/CPU-s over {len(tiles)} tiles")
    plain = sum(map(len, blobs))
    say(f"bytes a building: plain {plain / n:.1f}, packed {packed / n:.1f}, ", end="")
    say(
        f"zlib level 6 in one piece {sum(len(zlib.compress(b, 6)) for b in blobs[:20]) / sum(len(t[0]) for t in tiles[:20]):.1f}"
    )
    some = table.slice(0, min(n, 10_000))
    each = cost(lambda: earcut_each(some), 3) / len(some)
    buffer = np.zeros(64 << 20, np.uint8)
    copied = cost(buffer.copy) / buffer.nbytes
    few = tiles[: max(1, 8000 // TILE)]
    columns = cost(lambda: [content(blocks, *t, compiled=False) for t in few], 3) / sum(
        len(r) for r, _ in few
    )
    say(f"all our steps / earcut one by one of the same footprints: {total / n / each:.2f}")
    say(
        f"all our steps / copying what the tiles unpack to: {total / n / (copied * unpacked(blobs) / n):.0f}"
    )
    say(f"content in NumPy columns / compiled: {columns / (steps['content'] / n):.0f}")
    if args.wasm:
        say(
            f"our attribute encoder / official WASM encoder: {ours_encoding(blobs[:20]) / wasm(args.wasm, blobs[:20]):.2f}"
        )
    if args.peer:
        say(
            f"py3dtiles export / all our steps, each building: {peer(args.peer, table.slice(0, 1000)) / 1000 / (total / n):.0f}"
        )


def unpacked(blobs: list[bytes]) -> int:
    """Bytes of all vertices and indices."""
    total = 0
    for blob in blobs:
        document = json.loads(blob[20 : 20 + int.from_bytes(blob[12:16], "little")])
        total += document["buffers"][-1]["byteLength"]
    return total


if __name__ == "__main__":
    main()
