"""Kill processes of a running server at random while it is read and written, and see that nothing acknowledged is lost.

    python tests/bench/api/kills.py CITY [--kills 200] [--workers 2] [--seed 1]

CITY is written to: give a copy. One thread opens cases, one changes the name of a thing back and forth, two read it. Fails
where an acknowledged write is not there afterwards, where a change is seen that was not written, or where anything is
answered but 200, 201 or 503 (a connection that breaks is none; a change may also find that one before it was done).
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

TOKEN = "kills-kills-kills-kills-kills-00"  # noqa: S105 -- of this run
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
GONE = (httpx.TransportError,)


def started(city: Path, port: int, workers: int) -> subprocess.Popen:
    """A server with workers."""
    command = [Path(sys.executable).with_name("twin"), "serve", "--city", city, "--port", str(port), "--workers", str(workers)]  # fmt: skip
    return subprocess.Popen(command, env=os.environ | {"TWIN_TOKENS": json.dumps({"admin": TOKEN})}, stdout=sys.stderr)  # fmt: skip


def workers_of(server: int) -> list[int]:
    """Processes that serve, the one that writes last: those that listen, below the one that forks them."""
    parents, found = {}, []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])  # fmt: skip
        except OSError:
            continue
    forking = {pid for pid, parent in parents.items() if parent == server}
    for pid, parent in parents.items():
        if parent in forking:
            found.append((_holds_base(pid), pid))
    return [pid for _, pid in sorted(found)]


def _holds_base(pid: int) -> bool:
    try:
        return any(fd.readlink().name == "base.duckdb" for fd in Path(f"/proc/{pid}/fd").iterdir())  # fmt: skip
    except OSError:
        return False


class Load:
    """What is asked and written meanwhile, and what went wrong."""

    def __init__(self, root: str, thing: str) -> None:
        self.root, self.thing = root, thing
        self.stop = threading.Event()
        self.acknowledged: list[str] = []
        self.names: list[str] = []
        self.wrong: list[str] = []
        self.read = 0
        self._threads = [threading.Thread(target=run) for run in (self._open, self._look, self._look, self._rename)]  # fmt: skip

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def progress(self, most_s: float = 300) -> None:
        """Wait until something more was written and acknowledged."""
        before, end = len(self.acknowledged), time.monotonic() + most_s
        while len(self.acknowledged) == before:
            assert time.monotonic() < end, "nothing is written any more"
            time.sleep(0.01)

    def _asked(self, method: str, path: str, **given) -> httpx.Response | None:
        try:
            found = httpx.request(
                method, self.root + path, timeout=40, **{"headers": HEADERS} | given
            )
        except GONE:
            return None
        taken = (200, 201, 204, 503)
        if method == "PATCH":  # one before it, whose answer was lost, was done in the meantime
            taken = (*taken, 412)
        if found.status_code not in taken:
            self.wrong.append(f"{method} {path}: {found.status_code} {found.text[:200]}")
        return found if found.status_code < 300 else None

    def _open(self) -> None:
        number = 0
        while not self.stop.wait(0.05):
            number += 1
            body = {"title": f"第{number}件", "lon": 114.0002, "lat": 30.4002, "actor": "a"}
            found = self._asked("POST", "/cases", json=body)
            if found is not None:
                self.acknowledged.append(found.json()["id"])

    def _rename(self) -> None:
        number = 0
        path = f"/collections/buildings/items/{self.thing}"
        while not self.stop.wait(0.05):
            number += 1
            name = f"楼{number}"
            self.names.append(name)
            now = self._asked("GET", path)
            if now is None:
                continue
            heads = {
                "content-type": "application/merge-patch+json",
                "if-match": now.headers["etag"],
            }
            body = {"properties": {"name": name, "renamed": name}}
            self._asked("PATCH", path, json=body, headers=HEADERS | heads)

    def _look(self) -> None:
        path = f"/collections/buildings/items/{self.thing}"
        while not self.stop.wait(0.01):
            found = self._asked("GET", path)
            if found is None:
                continue
            self.read += 1
            told = found.json()["properties"]
            if "renamed" in told and (told["name"] != told["renamed"] or told["name"] not in self.names):  # fmt: skip
                self.wrong.append(f"half a change: {told['name']} {told['renamed']}")


def killed(city: Path, port: int, kills: int, workers: int, seed: int) -> dict[str, int]:
    """Run it; what was done.

    Raises
    ------
    AssertionError
        If anything was lost or half done.
    """
    rng = random.Random(seed)
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
    root = f"http://127.0.0.1:{port}"
    server = started(city, port, workers)
    try:
        up(root, server)
        first = httpx.get(f"{root}/collections/buildings/items?limit=1", headers=HEADERS).json()
        writers = 0
        with Load(root, first["features"][0]["id"]) as load:
            for _ in range(kills):
                load.progress()
                time.sleep(rng.random() * 0.5)
                found = workers_of(server.pid)
                if not found:
                    continue
                pid = found[-1] if rng.random() < 0.4 else rng.choice(found)
                writers += pid == found[-1]
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
            up(root, server)
        assert not load.wrong, load.wrong[:5]
        for case in load.acknowledged:
            assert httpx.get(f"{root}/cases/{case}", headers=HEADERS).status_code == 200, case
        assert server.poll() is None
        return {
            "kills": kills,
            "writers": writers,
            "cases": len(load.acknowledged),
            "reads": load.read,
        }
    finally:
        server.terminate()
        server.wait(60)


def up(root: str, server: subprocess.Popen, most_s: float = 300) -> None:
    """Wait until all of it answers."""
    end = time.monotonic() + most_s
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"{root}/readyz", headers=HEADERS, timeout=20).status_code == 200:
                return
        except GONE:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"no answer from {root}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("city", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=8799)
    given = parser.parse_args()
    begun = time.monotonic()
    done = killed(given.city, given.port, given.kills, given.workers, given.seed)
    sys.stdout.write(f"{done}, nothing lost, {time.monotonic() - begun:.0f} s; load {os.getloadavg()[0]:.1f}\n")  # fmt: skip


if __name__ == "__main__":
    main()
