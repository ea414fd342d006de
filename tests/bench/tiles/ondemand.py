"""What a content that was never built costs through HTTP, from a planned base, each one asked for once.

Run: ``python tests/bench/tiles/ondemand.py [buildings] [requests] [spread]``. The base is that of ``plan.py`` (``spread`` 1.64: buildings so far apart that contents hold some 500); the server runs in a
thread of this process, so CPU is that of server and client together. Contents of 200 to 1,600 buildings are asked for in
a random order after the plan and the kernels are warm. The floor is the same connection asking for what the cache holds.
"""

import http.client
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn

sys.path.insert(0, str(Path(__file__).parent))
from plan import fill, settle

from api.app import create_app
from api.state import CityState
from tiles.membership import LAST_LEVEL, unmorton
from tiles.outlines import Plan, plan_of
from twin.city import City
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.scene import Scene

FEWEST, MOST = 200, 1_600


def contents(plan: Plan) -> list[tuple[str, int]]:
    """Path and number of buildings of every content."""
    found, m = [], plan.membership
    for i in range(len(m.district_level)):
        cell, own = m.cell(i), plan.rows_of(i)
        key, level = m.key[own], m.tile_level[own].astype(np.int64)
        where = key >> (2 * (LAST_LEVEL - level))
        for depth, k in sorted(set(zip(level.tolist(), where.tolist(), strict=True))):
            count = int(((level == depth) & (where == k)).sum())
            down = depth - cell[0]
            x, y = (int(v[0]) for v in unmorton(np.array([k])))
            name = f"{down}_{x - (cell[1] << down)}_{y - (cell[2] << down)}" if down else "top"
            found.append(("buildings/{}_{}_{}/".format(*cell) + f"{name}.glb", count))
    return found


def asked(connection: http.client.HTTPConnection, name: str) -> tuple[float, float, int]:
    """CPU-seconds, seconds and bytes of one request."""
    cpu, wall = time.process_time(), time.perf_counter()
    connection.request("GET", f"/tiles/{name}")
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (name, answer.status)
    return time.process_time() - cpu, time.perf_counter() - wall, len(body)


def told(label: str, rows: list[tuple[float, float, int]]) -> None:
    """Print medians and 95th percentiles, milliseconds."""
    cpu, wall, size = (np.array(v) for v in zip(*rows, strict=True))
    sys.stdout.write(
        f"{label}: CPU {np.median(cpu) * 1e3:.1f} (p95 {np.percentile(cpu, 95) * 1e3:.1f}) ms, "
        f"wall {np.median(wall) * 1e3:.1f} (p95 {np.percentile(wall, 95) * 1e3:.1f}) ms, {np.median(size) / 1e3:.0f} kB\n"
    )


def main(n: float = 200_000, requests: float = 150, spread: float = 1.0) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city")
        with Store.open(city) as store:
            fill(store, int(n), spread)
        measure(city, int(requests))


def measure(city: City, requests: int) -> None:
    """Measure one base."""
    settings = ServerSettings(city=city.path)
    with CityState.open(settings) as state, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(settings, state), log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        while not server.started:
            time.sleep(0.05)
        with Scene(state.store).building_rows() as rows:
            plan = plan_of(rows.outlines())
            assert plan is not None
            found = [c for c in contents(plan) if FEWEST <= c[1] <= MOST]
        order = np.random.default_rng(1).permutation(len(found))[: requests + 5].tolist()
        connection = http.client.HTTPConnection(*listener.getsockname())
        first = asked(connection, found[order[0]][0])
        sys.stdout.write(f"first (plan, kernels): CPU {first[0]:.2f} s\n")
        settle()
        connection.close()  # the server has let it go by now
        for i in order[1:5]:
            asked(connection, found[i][0])
        cold = [asked(connection, found[i][0]) for i in order[5:]]
        count = np.median([found[i][1] for i in order[5:]])
        told(f"cold, {len(cold)} contents of {count:.0f} buildings", cold)
        told("from the cache", [asked(connection, found[i][0]) for i in order[5:]])
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main(*(float(a) for a in sys.argv[1:4]))
