"""What whole answers cost over HTTP: CPU-milliseconds a request of all server processes, peers in the same run.

    python tests/bench/api/over_http.py [--buildings 500000] [--peers DIR --postgres URL]

500,000 seeded buildings (those of ``arena.py``); requests over eight kept connections, each for another place; our server
asks for a key and gives the full answer with its links. Medians of three rounds, the sides taking turns. How to get the peers
stands in ``peers.py``; without them ours is measured alone. The client's own CPU is not counted, PostgreSQL's is.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import numpy as np
import shapely

sys.path.insert(0, str(Path(__file__).parent))
from arena import SIDE, fill
from peers import PEERS, filled, postmaster

from twin.arena import ArenaKeeper
from twin.city import City
from twin.store import Store

CONNECTIONS, ROUNDS = 8, 3
KEY = "0123456789abcdef0123456789abcdef"
TICK = os.sysconf("SC_CLK_TCK")
CONDITION = "usage='住宅' AND year>1990"
ROWS = {
    # kind: (what, most ms, times tipg, times pygeoapi, our requests a round, theirs)
    "bbox": ("bbox, 200 features", 0.45, 40, 120, 2000, 60),
    "item": ("item by id", 0.15, 15, 25, 4000, 300),
    "cql2": ("attribute + bbox (CQL2)", 0.40, 25, 110, 2000, 60),
    "polygon": ("polygon intersects", 0.80, 16, None, 1000, 60),
    "page": ("page of 1,000 at any offset", 0.40, 900, 450, 2000, 10),
    "tile": ("MVT z14, 5,400 things", 1.0, 14, 10_000, 36, 24),
    "tile15": ("MVT z15, 1,380 things", 1.0, 14, 10_000, 120, 24),
}


class Ours:
    """``twin serve`` with keys."""

    name = "citytwin"
    ready = "/readyz"
    items = "/collections/buildings/items"

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def start(self, city: Path, port: int) -> subprocess.Popen:
        """Start it on a port."""
        env = os.environ | {"TWIN_TOKENS": json.dumps({"viewer": KEY})}
        return subprocess.Popen(
            [Path(sys.executable).with_name("twin"), "serve", "--city", city, "--port", str(port),
             "--workers", str(self.workers)],
            env=env, stdout=sys.stderr,
        )  # fmt: skip

    def path(self, kind: str, given: dict) -> str:
        """Address of a request."""
        if kind == "item":
            return f"{self.items}/{given['id']}"
        if kind == "tile":
            return f"/collections/buildings/tiles/WebMercatorQuad/{given['z']}/{given['y']}/{given['x']}"
        if kind == "bbox":
            return f"{self.items}?limit=1000&bbox={given['bbox']}"
        if kind == "page":
            return f"{self.items}?limit=1000&offset={given['offset']}"
        if kind == "cql2":
            return f"{self.items}?limit=1000&bbox={given['bbox']}&filter={quote(given['filter'])}"
        text = quote("S_INTERSECTS(geometry," + given["wkt"] + ")")
        return f"{self.items}?limit=1000&filter={text}"


class Bare:
    """The floor: an ASGI application of five lines under the same server, which answers as many bytes and looks at nothing."""

    name = "bare"
    ready = "/"
    sizes = {"item": 1_500, "bbox": 112_000, "cql2": 25_000, "polygon": 72_000, "page": 551_000}  # noqa: RUF012 -- read alone
    program = """
import sys, uvicorn
async def app(scope, receive, send):
    body = b"x" * int(scope["query_string"] or 1)
    heads = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": heads})
    await send({"type": "http.response.body", "body": body})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
"""

    def start(self, port: int) -> subprocess.Popen:
        """Start it on a port."""
        return subprocess.Popen([sys.executable, "-c", self.program, str(port)])

    def path(self, kind: str, _given: dict) -> str:
        """Address of a request."""
        return f"/?{self.sizes[kind]}"


def asked(kind: str, n: int, buildings: int, eids: list[str], turn: int):
    """Seeded requests of a kind; those of a turn differ from each other, tiles from those of all turns."""
    rng = np.random.default_rng([turn, list(ROWS).index(kind)])
    reach = 0.3 * np.sqrt(buildings / 1e6)
    zoom = 15 if kind == "tile15" else 14
    places = tiles_of(zoom, reach * 0.95)
    for k in range(n):
        x, y = 114 + rng.random() * reach * 0.9, 30 + rng.random() * reach * 0.8
        box = f"{x:.6f},{y:.6f},{x + SIDE:.6f},{y + SIDE:.6f}"
        circle = shapely.Point(x + SIDE / 2, y + SIDE / 2).buffer(SIDE / 2, quad_segs=4)
        column, row = places[(turn * n + k) % len(places)]
        yield {
            "bbox": box, "id": eids[rng.integers(len(eids))], "offset": int(rng.integers(buildings - 1000)),
            "filter": CONDITION, "wkt": shapely.to_wkt(circle, rounding_precision=6), "z": zoom, "x": column, "y": row,
        }  # fmt: skip


def tiles_of(zoom: int, reach: float) -> list[tuple[int, int]]:
    """Columns and rows of the tiles over a square of so many degrees, in no order."""
    across = 2**zoom
    lons, lats = np.array([114.0, 114 + reach]), np.array([30 + 0.85 * reach, 30.0])
    x = np.floor((lons + 180) / 360 * across).astype(int)
    y = np.floor((1 - np.arcsinh(np.tan(np.radians(lats))) / np.pi) / 2 * across).astype(int)
    every = [(i, j) for i in range(x[0], x[1] + 1) for j in range(y[0], y[1] + 1)]
    return [every[k] for k in np.random.default_rng(zoom).permutation(len(every))]


def cpu_s(roots: list[int]) -> float:
    """CPU-seconds of processes and all below them so far; of those that ended, where they were waited for."""
    parents, ticks = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parts = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(parts[1])
        ticks[pid] = sum(map(int, parts[11:15]))
    total = 0
    for pid, spent in ticks.items():
        above = pid
        while above in parents and above not in roots:
            above = parents[above]
        total += spent if above in roots else 0
    return total / TICK


async def fetched(port: int, paths: list[str]) -> tuple[int, list[float]]:
    """Ask for all paths over some connections; bytes that came, and the seconds each took.

    Raises
    ------
    RuntimeError
        If one is not answered with 200.
    """
    waiting, taken, size = iter(paths), [], 0

    async def one() -> None:
        nonlocal size
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        for path in waiting:
            begun = time.perf_counter()
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {KEY}\r\n\r\n".encode()
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"content-length:" in head:
                body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(None, 1)[0]))  # fmt: skip
            else:
                body = b""
                while more := int((await reader.readuntil(b"\r\n")), 16):
                    body += (await reader.readexactly(more + 2))[:-2]
                await reader.readexactly(2)
            if not head.startswith((b"http/1.1 200", b"http/1.1 204")):
                raise RuntimeError(f"{path}: {head[:40]!r} {body[:300]!r}")
            size += len(body)
            taken.append(time.perf_counter() - begun)
            if b"connection: close" in head:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return size, taken


def wait_for(port: int, path: str, process: subprocess.Popen) -> float:
    """Seconds until a server answers; it must within two minutes."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < 120 and process.poll() is None:
        try:
            request = Request(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": KEY})
            with urlopen(request, timeout=5):  # noqa: S310 -- of this machine
                return time.perf_counter() - begun
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"no answer from {path} on port {port}")


def settle(roots: list[int], most_s: float = 300.0) -> float:
    """Seconds until processes rest: what a server does beside, once it answers, is no part of a request."""
    begun, quiet = time.perf_counter(), 0
    while quiet < 3 and time.perf_counter() - begun < most_s:
        before = cpu_s(roots)
        time.sleep(1)
        quiet = quiet + 1 if cpu_s(roots) - before < 0.1 else 0
    return time.perf_counter() - begun


def measured(side, port: int, roots: list[int], kind: str, paths: list[str]) -> dict:
    """CPU-milliseconds a request, bytes and the median time."""
    before = cpu_s(roots)
    size, taken = asyncio.run(fetched(port, paths))
    spent = cpu_s(roots) - before
    return {"ms": 1000 * spent / len(paths), "bytes": size // len(paths), "p50": 1000 * statistics.median(taken)}  # fmt: skip


def compared(sides: list, buildings: int, eids: list[str], slow: bool) -> None:
    """Measure every row of every side, and print ours beside the aim and the peers'."""
    for kind, (what, most, *rest) in ROWS.items():
        times, (mine, theirs) = rest[:2], rest[2:]
        found: dict[str, list[dict]] = {}
        for turn in range(ROUNDS):
            for side, port, roots in sides:
                n = mine if side.name in ("citytwin", "bare") else theirs
                if side.name == "bare" and kind not in side.sizes:
                    continue
                if kind.startswith("tile") and side.name == "pygeoapi":
                    if not slow or turn:
                        continue
                    n = 2  # half a minute each
                name = "tile" if kind.startswith("tile") else kind
                paths = [side.path(name, g) for g in asked(kind, n, buildings, eids, turn)]
                try:
                    found.setdefault(side.name, []).append(measured(side, port, roots, kind, paths))
                except (RuntimeError, asyncio.IncompleteReadError, TimeoutError) as error:
                    sys.stderr.write(f"{side.name}, {what}: {str(error)[:300]}\n")
        told(what, most, dict(zip(("tipg", "pygeoapi"), times, strict=True)), found)


def told(what: str, most: float, times: dict, found: dict[str, list[dict]]) -> None:
    """Print a row."""
    middle = {n: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for n, rs in found.items()}
    if "citytwin" not in middle:
        return
    mine = middle.pop("citytwin")
    line = f"{what}: {mine['ms']:.3f} ms (most {most:g}), {mine['bytes'] / 1e3:.0f} kB, p50 {mine['p50']:.1f} ms"
    for name, other in middle.items():
        aim = f" (aim {times[name]})" if times.get(name) else ""
        line += f"; {name} {other['ms']:.1f} ms, {other['bytes'] / 1e3:.0f} kB = {other['ms'] / mine['ms']:.{0 if other['ms'] > mine['ms'] else 2}f} ×{aim}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def memory(process: subprocess.Popen) -> str:
    """Proportional set of a process."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return f"{sizes['Rss'] / 1024:.0f} MiB resident, of which {sizes['Private_Dirty'] / 1024:.0f} its own"


def main() -> None:
    """Make or take the city, start everything, measure, end everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--buildings", type=int, default=500_000)
    parser.add_argument("--city", type=Path, help="keep the city here, and take it from there")
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--postgres", default="postgresql://bench:bench@127.0.0.1:5432/bench")
    parser.add_argument(
        "--slow", action="store_true", help="ask pygeoapi for tiles too (half a minute each)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes of ours that read")
    given = parser.parse_args()
    started: list[subprocess.Popen] = []
    with tempfile.TemporaryDirectory() as folder:
        path = given.city or Path(folder) / "city"
        made = not path.exists()
        city = City.init(path) if made else City.open(path)
        with Store.open(city) as store:
            if made:
                fill(store, given.buildings)
                keeper = ArenaKeeper(store, city.arenas)
                keeper.start()
                keeper.wait()
                keeper.close()
            found = store.cursor().execute("SELECT eid::VARCHAR FROM entity ORDER BY hash(eid) LIMIT 50000").fetchall()  # fmt: skip
            eids = [row[0] for row in found]
            peers = [p for p in PEERS if given.peers and (given.peers / p.name / "bin").is_dir()]
            for peer in PEERS:
                if peer not in peers:
                    sys.stderr.write(f"{peer.name} is left out: peers.py says how to get it\n")
            if peers:
                filled(store.cursor(), given.postgres)
        try:
            sides = []
            for at, side in enumerate((Ours(given.workers), Bare(), *peers)):
                port = 8790 + at
                args = {"citytwin": (path, port), "bare": (port,)}.get(side.name, (given.peers, given.postgres, port))  # fmt: skip
                process = side.start(*args)
                started.append(process)
                seconds = wait_for(port, side.ready, process)
                roots = [process.pid] + ([] if side.name in ("citytwin", "bare") else [postmaster()])  # fmt: skip
                sides.append((side, port, roots))
                sys.stderr.write(f"{side.name} answers after {seconds:.1f} s\n")
            for kind in (
                "tile",
                "tile15",
            ):  # the layer is made ready beside when a tile of it is first asked for
                asyncio.run(
                    fetched(
                        8790,
                        [
                            Ours(1).path("tile", g)
                            for g in asked(kind, 1, given.buildings, eids, 97)
                        ],
                    )
                )
                settle(sides[0][2])
                asyncio.run(
                    fetched(
                        8790,
                        [
                            Ours(1).path("tile", g)
                            for g in asked(kind, 1, given.buildings, eids, 97)
                        ],
                    )
                )
            for side, _, roots in sides:
                sys.stderr.write(f"{side.name} rests after {settle(roots):.0f} s more\n")
            compared(sides, given.buildings, eids, given.slow)
            sys.stdout.write(f"memory after it: {memory(started[0])}; load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()


if __name__ == "__main__":
    main()
