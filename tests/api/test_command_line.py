"""What a tired person meets at the command line: plain sentences, exit codes, whole documents."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TWIN = [sys.executable, "-c", "from api.cli import main; main()"]


def twin(*arguments, **more):
    options = {"capture_output": True, "check": False, "cwd": ROOT, "timeout": 60}
    return subprocess.run([*TWIN, *map(str, arguments)], **{**options, **more})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("info", "--city", "{tmp}/nowhere"), "twin init"),
        (("scan", "{tmp}/nothing.shp"), "no such file or folder"),
        (("scan", "{city}/city.toml", "--plan", "{tmp}/no/plan.toml"), "check the path"),
        (("init", "{city}/city.toml/deeper"), "a file, not a folder"),
        (("load", "--plan", "{tmp}/empty.toml", "--city", "{city}"), "names no layers"),
        (("demo", "{city}/other", "--port", "70000"), "65535"),
        (("serve", "--city", "{tmp}/nowhere", "--port", "0"), "twin init"),
    ],
)
def test_what_cannot_be_done_ends_with_two_and_one_sentence(arguments, expected, city, tmp_path):
    (tmp_path / "empty.toml").write_text("")
    given = [word.format(tmp=tmp_path, city=city.path) for word in arguments]

    done = twin(*given, encoding="utf-8")

    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_sample_is_never_mixed_into_another_city(tmp_path):
    twin("init", tmp_path / "real", "--name", "江城", "--admin-code", "420100")

    done = twin("demo", tmp_path / "real", "--no-serve", encoding="utf-8")

    assert done.returncode == 2
    assert "江城" in done.stderr
    assert list((tmp_path / "real" / "inbox").iterdir()) == []


def test_settings_that_cannot_be_read_are_named():
    done = twin(
        "serve",
        "--city",
        "x",
        "--port",
        "0",
        encoding="utf-8",
        env={**os.environ, "TWIN_MAX_LIMIT": "none"},
    )

    assert done.returncode == 2
    assert "TWIN_MAX_LIMIT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_behind_the_output_is_told(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = twin(
            "init",
            tmp_path / "city",
            stdout=full,
            stderr=subprocess.PIPE,
            capture_output=False,
            encoding="utf-8",
        )

    assert done.returncode == 2
    assert (
        done.stderr
        == "✗ the output: the disk is full; make room, then run the same command again.\n"
    )


def test_a_console_of_another_encoding_gets_what_it_can_show(tmp_path):
    done = twin("init", tmp_path / "临江", env={**os.environ, "PYTHONIOENCODING": "gbk"})

    assert done.returncode == 0
    assert "临江" in done.stdout.decode("gbk")


def test_a_reader_that_leaves_early_ends_the_command_without_a_traceback(city):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = twin(
            "scan",
            ROOT / "twin" / "codes",
            "--json",
            stdout=pipe,
            stderr=subprocess.PIPE,
            capture_output=False,
        )

    assert done.returncode == 1
    assert done.stderr == b""


def test_lines_of_a_table_stay_whole_in_a_pipe(tmp_path):
    long = tmp_path / f"{'长名字' * 20}.csv"
    long.write_text("经度,纬度\n114.1,30.5\n", encoding="utf-8")

    done = twin("scan", long, encoding="utf-8")

    assert long.name in done.stdout


def test_ctrl_c_says_what_became_of_the_work(demo_city, tmp_path):
    twin("init", tmp_path / "city", "--crs", "EPSG:4547")
    process = subprocess.Popen(
        [*TWIN, "load", "--plan", str(demo_city / "inbox/sample/plan.toml"), "--city", str(tmp_path / "city")],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    for line in process.stderr:
        if "建筑物" in line:
            break
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "the same command again goes on from there" in errors
    assert "Traceback" not in errors
    assert out == ""
    laws = json.loads(twin("verify", "--city", tmp_path / "city", "--json").stdout)["laws"]
    assert [
        law["law"] for law in laws if law["broken"] and not law["law"].startswith("nothing_floats")
    ] == []


def test_help_needs_none_of_the_heavy_libraries():
    told = "import sys, api.cli; print(*sorted({n.split('.')[0] for n in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, check=True, cwd=ROOT, encoding="utf-8"
    ).stdout.split()

    heavy = {
        "duckdb",
        "pyarrow",
        "numpy",
        "pandas",
        "shapely",
        "pyproj",
        "fastapi",
        "uvicorn",
        "ifcopenshell",
        "rasterio",
        "numba",
    }
    assert heavy & set(loaded) == set()
    assert {"typer", "rich"} <= set(loaded)
