import json
import multiprocessing
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from address_town import table, town_rows

from address.arena import Arena
from address.index import AddressIndex
from address.model import LEVELS, RANK
from address.nodes import build_nodes
from twin.errors import SourceError

TEXTS = (
    "临江花园五号楼二单元十二层1203",
    "江北街道古墩路35号",
    "古敦路2号",
    "临江示范区人民路88号江南大厦A座1501室",
    "柳巷路366弄2号201",
    "人民路",
    "解放北路9号",
    "石桥村27号",
    "明湖中学实验楼",
    "三门路甲12号",
    "没有的路5号",
)
TYPED = ("古墩", "古墩路2", "gudun", "gdl17", "临江h", "江北街道古墩", "smzx", "临江花园5", "临")


def answers(index: AddressIndex) -> dict[str, Any]:
    """Everything the index says to a fixed set of questions."""
    return {
        "match": [index.match(text) for text in TEXTS],
        "geocode": [index.geocode(text) for text in TEXTS],
        "focus": [index.match("人民路", focus) for focus in ((114.12, 30.43), (114.15, 30.44))],
        "suggest": [index.suggest(typed, 10) for typed in TYPED],
        "near": [index.suggest(typed, 10, (114.12, 30.43)) for typed in TYPED],
        "reverse": [index.reverse(lon, 30.4201, 40.0) for lon in (114.083, 114.1041, 114.12)],
    }


@pytest.fixture(scope="module")
def path(index: AddressIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "town.addresses"
    index.save(path)
    return path


def test_a_mapped_index_answers_as_the_one_in_memory(index: AddressIndex, path: Path) -> None:
    mapped = AddressIndex.open(path)
    assert len(mapped) == len(index)
    assert answers(mapped) == answers(index)


def test_the_file_is_the_same_whatever_the_order_and_cut_of_the_rows(
    index: AddressIndex, path: Path, tmp_path: Path
) -> None:
    rows = town_rows()
    random.Random(3).shuffle(rows)
    cuts = [0, 7, 200, 201, len(rows)]
    batches = [table(rows[a:b]) for a, b in pairwise(cuts)]
    other = AddressIndex.build(batches)
    other.save(tmp_path / "other")
    assert answers(other) == answers(index)
    assert {
        name for name, array in other.arena.arrays.items()
        if not np.array_equal(array, index.arena[name], equal_nan=array.dtype.kind == "f")
    } == set()  # fmt: skip


def test_the_tree_comes_back_out_of_the_file(town: pa.Table, path: Path) -> None:
    assert AddressIndex.open(path).table().equals(town.sort_by("node_id"))


def test_ids_of_any_form_and_strings_of_any_make_are_kept() -> None:
    nodes = [
        ("城-1", None, "city", "云泽市", "云泽市"),
        ("b", "城-1", "county", "云泽市", "云泽市"),  # a city that is its own county
        ("c", "b", "road", "长路", "云泽市长路（旧称短路）"),
        ("d", "c", "number", "5号", "云泽市长路（旧称短路）5号"),
        ("e", "b", "poi", "云泽市政府", "云泽市政府"),
    ]
    keys = ("node_id", "parent_id", "level", "name", "full")
    rows = [dict(zip(keys, node, strict=True)) for node in nodes]
    schema = build_nodes(table([])).schema
    given = pa.table(
        [pa.array([r.get(f.name) for r in rows], f.type) for f in schema], schema=schema
    )
    index = AddressIndex.from_nodes(given)
    assert {i: index.full_of(index.row_of(i) or 0) for i, *_ in nodes} == {
        i: full for i, *_, full in nodes
    }
    assert index.match("云泽市长路5号").node_id == "d"
    assert index.row_of("x") is None


def test_children_are_one_slice_in_order(index: AddressIndex) -> None:
    parent, first = index.arena["parent"], index.arena["first"]
    for row in range(-1, len(index)):
        mine = np.flatnonzero(parent[: len(index)] == row).tolist()
        assert list(range(first[row + 1], first[row + 2])) == mine
        assert list(index.children(row)) == mine
        keys = [index.sibling_key(r) for r in mine]
        assert keys == sorted(keys)


def test_every_word_and_every_name_is_found(index: AddressIndex) -> None:
    for row in range(len(index)):
        level, core = index.level_of(row), index.core_of_row(row)
        assert row in index.child(index.parent[row], level, core)
        assert index.core(index.vocabulary.get(chr(RANK[level]) + core) or 0) == core
        for name in index.names_of_row(row):
            assert row in index.names.get(name)
            assert name in index.names.at(f"在{name}x", 1)
    assert index.vocabulary.get(chr(RANK["road"]) + "无此路") is None
    assert index.names.get("无此路") == []


def test_loops_and_unknown_parents_become_roots() -> None:
    rows = [("a", "b", "road", "甲路"), ("b", "a", "number", "5号"), ("c", "zz", "road", "乙路")]
    keys = ("node_id", "parent_id", "level", "name")
    plain = [dict(zip(keys, row, strict=True)) for row in rows]
    schema = build_nodes(table([])).schema
    given = pa.table(
        [pa.array([r.get(f.name) for r in plain], f.type) for f in schema], schema=schema
    )
    index = AddressIndex.from_nodes(given.drop_columns(["full"]))
    assert {index.parent[index.row_of(i) or 0] for i in ("a", "c")} == {-1}
    assert len(index) == 3


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda raw: raw[:100], "cut short|damaged"),
        (lambda raw: raw[:-70], "cut short"),
        (lambda raw: b"PK" + raw[2:], "not an address index"),
        (lambda raw: raw[:8] + b"\x63" + raw[9:], "format 99"),
        (lambda raw: raw[:60] + bytes([raw[60] ^ 1]) + raw[61:], "header is damaged"),
        (lambda raw: raw[:0], "not an address index"),
    ],
)
def test_a_damaged_file_is_refused_and_says_why(
    path: Path, tmp_path: Path, harm: Any, message: str
) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(harm(path.read_bytes()))
    with pytest.raises(SourceError, match=message) as raised:
        AddressIndex.open(bad)
    assert raised.value.path == bad


def test_a_flipped_byte_is_found_when_all_is_read(path: Path, tmp_path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    bad = tmp_path / "bad"
    bad.write_bytes(raw)
    with pytest.raises(SourceError, match=r"section \w+ is damaged"):
        Arena.open(bad, verify=True)
    Arena.open(path, verify=True)


def test_an_absent_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        AddressIndex.open(tmp_path / "none")


def test_a_failed_write_leaves_the_old_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(path.read_bytes())

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        AddressIndex.open(path).save(kept)
    assert kept.read_bytes() == path.read_bytes()
    assert list(tmp_path.iterdir()) == [kept]


def _ask(path: Path, text: str) -> str | None:
    return AddressIndex.open(path).match(text).full


def test_processes_share_one_file(index: AddressIndex, path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        told = pool.starmap(_ask, [(path, text) for text in TEXTS])
    assert told == [index.match(text).full for text in TEXTS]


def test_opening_reads_the_header_alone(path: Path) -> None:
    code = (
        "import sys, json\nfrom pathlib import Path\nfrom address.index import AddressIndex\n"
        "def read(): return sum(int(l.split()[1]) for l in open('/proc/self/io') if l[:5] == 'rchar')\n"
        "a = read()\ni = AddressIndex.open(Path(sys.argv[1]))\nprint(json.dumps([read() - a, len(i)]))"
    )
    if not Path("/proc/self/io").exists():
        pytest.skip("the count of bytes read needs Linux")
    out = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, check=True, text=True
    ).stdout
    read, count = json.loads(out)
    assert count > 400
    assert read < path.stat().st_size / 10
    assert len(LEVELS) == len(RANK)
