"""Terrain and vector tiles: tiles per CPU-second beside peers, size, and what a tile costs when it is asked for.

Run: ``python tests/bench/tiles/ground.py [--things 300000] [--only terrain|vector]``. Synthetic and seeded: fractal
ground of 2048 × 2048 cells of 10 m; a town of buildings (footprints of 8 corners, five attributes) in a base of its
own. Peers (pymartini with quantized-mesh-encoder) run where they are installed. CPU-seconds of this process, medians of
three; latencies are CPU-milliseconds of the whole process, server and client together.
"""

import argparse
import gzip
import http.client
import json
import socket
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
import uvicorn

sys.path.insert(0, str(Path(__file__).parent))
from plan import settle

from api.app import create_app
from tiles.mvt import build_mvt
from tiles.terrain import build_terrain
from twin.city import City
from twin.hilbert import hilbert_key
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.flat import flat_rows
from twin.terrain import Terrain


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fractal(n: int, seed: int, smooth: float) -> np.ndarray:
    """Ground whose spectrum falls with the power ``smooth``; deviation 1."""
    rng = np.random.default_rng(seed)
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    f[0, 0] = 1
    a = f**-smooth * np.exp(2j * np.pi * rng.random(f.shape))
    a[0, 0] = 0
    z = np.fft.irfft2(a, (n, n))
    return z / z.std()


def seconds(run, times: int = 3) -> float:
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return sorted(taken)[len(taken) // 2]


def terrain() -> None:
    grounds = {
        "hills, 60 m": 60 * fractal(2048, 1, 2.2),
        "plain, 5 m": 5 * fractal(2048, 2, 2.0),
        "noise, 0.2 m": np.random.default_rng(3).normal(0, 0.2, (2048, 2048)),
    }
    for name, z in grounds.items():
        surface = Terrain(z.astype(np.float32), (1e-4, 0.0, 114.0, 0.0, -1e-4, 30.6))
        files: dict[str, bytes] = {}
        build_terrain(surface, name, files.__setitem__)
        taken = seconds(lambda s=surface, f=files: build_terrain(s, "g", f.__setitem__))
        tiles = [b for n, b in files.items() if n.endswith(".terrain")]
        size = np.mean([len(b) for b in tiles])
        packed = np.mean([len(gzip.compress(b, 6)) for b in tiles[-300:]])
        say(
            f"terrain {name}: {len(tiles) / taken:.0f} tiles per CPU-second, {size / 1e3:.1f} kB, gzip {packed / 1e3:.1f} kB"
        )
    with suppress(ImportError):
        peers(grounds["hills, 60 m"])


def peers(z: np.ndarray) -> None:
    """The same cut into 257 × 257 posts (16 of our tiles each): mesh alone, and encoding with normals."""
    import io

    import quantized_mesh_encoder
    from pymartini import Martini, rescale_positions

    cut = z[:257, :257].astype(np.float32)
    martini = Martini(257)
    vertices, triangles = martini.create_tile(cut).get_mesh(0.15)
    positions = rescale_positions(vertices, cut, bounds=(114.0, 30.4, 114.0257, 30.4257))
    mesh = seconds(lambda: [martini.create_tile(cut).get_mesh(0.15) for _ in range(20)]) / 20
    normals = quantized_mesh_encoder.VertexNormalsExtension(indices=triangles, positions=positions)

    def encode():
        for _ in range(5):
            quantized_mesh_encoder.encode(io.BytesIO(), positions, triangles, extensions=[normals])

    coded = seconds(encode) / 5
    say(
        f"peer pymartini + quantized-mesh-encoder with normals: {16 / (mesh + coded):.0f} of our tile areas per CPU-second"
    )


def town(city: City, n: int) -> None:
    """Buildings in Hilbert order, straight into the tables."""
    rng = np.random.default_rng(5)
    lon, lat = (
        114.0 + rng.random(n) * 0.3 * (n / 1e6) ** 0.5,
        30.4 + rng.random(n) * 0.26 * (n / 1e6) ** 0.5,
    )
    order = np.argsort(hilbert_key(lon, lat), kind="stable")
    lon, lat = lon[order], lat[order]
    corner = (
        np.array([(0, 0), (20, 0), (20, 9), (14, 9), (14, 16), (7, 16), (7, 9), (0, 9), (0, 0)])
        / 111_320
    )
    rings = np.stack([lon, lat], 1)[:, None] + corner[None] * rng.uniform(0.6, 1.8, (n, 1, 1))
    shape = shapely.polygons(rings)
    box = shapely.bounds(shape)
    eid = [str(uuid.UUID(int=(0x0190_0000 << 96) + (7 << 76) + (2 << 62) + i)) for i in range(n)]
    text = [json.dumps({"usage": "住宅" if i % 3 else "商业", "year_built": 1980 + i % 40, "code": f"{i:014d}", "owner": f"业主{i % 977}"}, ensure_ascii=False) for i in range(n)]  # fmt: skip
    rows = pa.table(
        {
            "eid": eid, "name": [f"{i}号楼" for i in range(n)], "floors": pa.array(rng.integers(1, 30, n), pa.int32()),
            "attributes": text, "wkb": shapely.to_wkb(shape), "x0": box[:, 0], "y0": box[:, 1], "x1": box[:, 2], "y1": box[:, 3],
        }
    )  # fmt: skip
    with Store.open(city) as store, store.transaction() as con:
        con.register("rows", rows)
        con.execute(
            "INSERT INTO entity SELECT eid::UUID, 'building', 'x', 'buildings', name, floors * 3.0, floors, attributes, 'active', "
            "now()::TIMESTAMP, NULL, now()::TIMESTAMP, NULL, NULL FROM rows"
        )
        con.execute(
            "INSERT INTO geometry SELECT uuid(), eid::UUID, 'footprint', '0', 'CIM2', wkb, NULL, NULL, NULL, NULL, NULL, "
            "x0, y0, x1, y1, 0, NULL FROM rows"
        )
        con.execute(
            "INSERT INTO change (kind, subject_kind, subject_id, collection) SELECT 'create', 'entity', eid, 'buildings' FROM rows"
        )


def vector(n: int, folder: Path) -> None:
    city = City.init(folder / "city", name="bench")
    town(city, n)
    files: dict[str, bytes] = {}
    with Store.open(city) as store:
        start = time.process_time()
        table = flat_rows(store, "buildings")
        read = time.process_time() - start
    start = time.process_time()
    build_mvt(table, "buildings", files.__setitem__)
    taken = time.process_time() - start
    size = sum(map(len, files.values()))
    say(f"vector batch, {n} buildings: read {read:.1f} s, {len(files)} files of {size / 1e6:.1f} MB in {taken:.1f} CPU-s "
          f"({n / taken:.0f} buildings per CPU-second over four zooms)")  # fmt: skip
    names = [k for k in files if k.startswith("14/")]
    rng = np.random.default_rng(1)
    chosen = [names[k] for k in rng.permutation(len(names))[:200]]
    cold, warm, wall = asked(city, chosen)
    things = n / len(names)
    for label, times in (("cold", cold), ("cold, wall clock", wall), ("warm", warm)):
        p50, p95 = np.percentile(times, [50, 95])
        say(
            f"vector z14 through HTTP, about {things:.0f} buildings, {label}: p50 {p50:.1f} ms, p95 {p95:.1f} ms"
        )


def asked(city: City, names: list[str]) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of CPU a tile costs at first and afterwards, and of the clock at first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(create_app(ServerSettings(city=city.path)), port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    client = http.client.HTTPConnection("127.0.0.1", port)

    def get(name: str) -> None:
        client.request("GET", f"/mvt/buildings/{name}")
        client.getresponse().read()

    get("16/0/0.mvt")
    settle()
    client.close()  # the server has let it go by now
    rounds: list[list[float]] = [[], []]
    wall = []
    for times in rounds:
        for name in names:
            start, clock = time.process_time(), time.perf_counter()
            get(name)
            times.append((time.process_time() - start) * 1e3)
            if times is rounds[0]:
                wall.append((time.perf_counter() - clock) * 1e3)
    server.should_exit = True
    thread.join()
    return rounds[0], rounds[1], wall


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--things", type=int, default=300_000)
    parser.add_argument("--only", choices=("terrain", "vector"))
    given = parser.parse_args()
    if given.only != "vector":
        terrain()
    if given.only != "terrain":
        with tempfile.TemporaryDirectory() as folder:
            vector(given.things, Path(folder))


if __name__ == "__main__":
    main()
