"""One process, a pool and a Dask cluster make the same bytes."""

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

import tiles
from twin.errors import InvalidRequestError


def hashes(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*") if p.is_file()
    }  # fmt: skip


@pytest.fixture(scope="module")
def alone(tmp_path_factory, make_city):
    out = tmp_path_factory.mktemp("alone") / "tiles"
    tiles.build(make_city(900), out, ["buildings"])
    return out


@pytest.mark.slow
def test_a_pool_of_processes_makes_the_same_bytes(alone, tmp_path, make_city):
    tiles.build(make_city(900), tmp_path / "t", ["buildings"], jobs=2)
    assert hashes(tmp_path / "t") == hashes(alone)


@pytest.fixture
def scheduler(tmp_path):
    """Address of a Dask scheduler with two workers, all processes of their own."""
    pytest.importorskip("distributed")
    found = tmp_path / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    words = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    words += ["--no-dashboard", "--no-show", "--scheduler-file", str(found)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(found)]
    worker += [
        "--nthreads",
        "1",
        "--no-dashboard",
        "--local-directory",
        str(tmp_path),
        "--no-nanny",
    ]
    running = [subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)]
    try:
        for _ in range(600):
            if found.is_file() and found.read_text().rstrip().endswith("}"):  # written to its end
                break
            time.sleep(0.1)
        running += [
            subprocess.Popen(worker, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)
        ]
        address = json.loads(found.read_text())["address"]
        from distributed import Client

        with Client(address, timeout="60s", set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address
    finally:
        for process in running[::-1]:
            process.kill()
            process.wait(60)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of a library that is not ours, and of sockets closed late
def test_two_dask_workers_make_the_same_bytes(alone, tmp_path, make_city, scheduler):
    tiles.build(make_city(900), tmp_path / "t", ["buildings"], scheduler=scheduler)
    assert hashes(tmp_path / "t") == hashes(alone)


@pytest.mark.parametrize("asked", [{"jobs": 0}, {"jobs": 2, "scheduler": "tcp://127.0.0.1:1"}])
def test_workers_that_make_no_sense_are_refused(tmp_path, city, asked):
    with pytest.raises(InvalidRequestError, match="expected 1 to 256 processes, or a scheduler"):
        tiles.build(city, tmp_path / "t", ["buildings"], **asked)
