"""The demo as a whole: one command prints the address, the page and the readings are there, Ctrl-C ends it."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from twin.city import City
from twin.live.history import readings
from twin.store import Store

ROOT = Path(__file__).resolve().parents[2]
TWIN = [sys.executable, "-c", "from api.cli import main; main()"]


def started(*arguments, errors):
    """The command with Ctrl-C working, even where the test run itself was started in the background."""
    return subprocess.Popen(
        [*TWIN, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def printed_address(process):
    """What the command printed up to its address, and the address; the command is killed after a minute."""
    guard = threading.Timer(60, process.kill)
    guard.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            guard.cancel()
            return "".join(lines), found[0]
    pytest.fail(f"no address was printed: {''.join(lines)}")


@pytest.fixture(scope="module")
def shown(demo_city, tmp_path_factory):
    """``twin demo`` over a finished city: folder, process, what it printed, address, file of its errors."""
    folder = tmp_path_factory.mktemp("shown") / "city"
    shutil.copytree(demo_city, folder)
    errors = folder.parent / "errors.txt"
    with errors.open("w") as file:
        process = started("demo", folder, "--port", "0", errors=file)
        words, address = printed_address(process)
        try:
            yield folder, process, words, address, errors
        finally:
            process.kill()
            process.wait(20)


def test_a_finished_demo_city_is_not_built_again(shown):
    folder, _, words, _, _ = shown

    assert f"{folder}: built already by this version" in words
    assert "临江示范区" in words
    assert not (folder / "base.duckdb.tmp").exists()


def test_the_printed_address_is_a_working_page(shown):
    address = shown[3]
    with httpx.Client(base_url=address, timeout=20) as web:
        page = web.get("/", headers={"Accept": "text/html"})
        named = re.findall(r'(?:src|href)="([^":#]+)"', page.text)
        scene = web.get("/tiles/scene/tileset.json").json()
        child = web.get(urljoin("/tiles/scene/", scene["root"]["children"][0]["content"]["uri"]))
        health = web.get("/healthz").json()

        assert page.headers["content-type"].startswith("text/html")
        assert named
        for name in named:
            wanted = urljoin(str(page.url), name)
            if "vendor" not in wanted or (ROOT / "api/page/vendor/cesium/Cesium.js").is_file():
                assert web.get(wanted).status_code == 200, wanted
    assert child.status_code == 200
    assert child.json()["asset"]["version"] == "1.1"
    assert health["status"] == "ok"
    assert health["base"]["entities"] > 70_000


def test_readings_move_within_seconds(shown):
    seen = {}
    moved = set()
    until = time.monotonic() + 20
    with httpx.stream("GET", urljoin(shown[3], "/live"), timeout=20) as events:
        kind = ""
        for line in events.iter_lines():
            name, _, value = line.partition(": ")
            kind = value if name == "event" else kind
            if name == "data" and kind == "state":
                for one in json.loads(value)["changes"]:
                    before = seen.setdefault(one["id"], one)
                    if (before["value"], before["time"]) != (one["value"], one["time"]):
                        moved.add(one["id"])
            if len(moved) >= 20 or time.monotonic() > until:
                break

    assert len(moved) >= 20


def test_a_second_command_on_a_served_city_is_told_so_in_one_sentence(shown):
    folder, _, _, address, _ = shown
    port = address.rstrip("/").rpartition(":")[2]

    loading = _ended("load", folder / "inbox/sample/道路.gpkg", "--city", folder)
    serving = _ended("serve", "--city", folder, "--port", "0")
    taken = _ended("demo", folder, "--port", port)

    for done in (loading, serving):
        assert done.returncode == 2
        assert "twin serve" in done.stderr
        assert "http://" not in done.stdout
    assert taken.returncode == 2
    assert f"port {port}" in taken.stderr
    assert all("Traceback" not in done.stderr for done in (loading, serving, taken))


def test_ctrl_c_ends_it_cleanly_and_the_readings_are_kept(shown):
    folder, process, _, _, errors = shown

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert "Traceback" not in rest + errors.read_text()
    with Store.open(City.open(folder), read_only=True) as store:
        yesterday = int((time.time() - 86_400) * 1e6)
        assert len(readings(store, None, yesterday)) > 0


def test_the_demo_takes_another_port_where_its_own_is_taken():
    from api.serving import listen_near

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with listen_near("127.0.0.1", taken) as listener:
            assert listener.getsockname()[1] not in (0, taken)


def _ended(*arguments):
    return subprocess.run(
        [*TWIN, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False, cwd=ROOT, timeout=60
    )  # fmt: skip
