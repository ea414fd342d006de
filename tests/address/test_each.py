"""Many texts at once are answered as one by one, also by names that are no longer used."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from address.history import History
from address.index import AddressIndex
from api.addresses import match_texts, plain

sys.path.insert(0, str(Path(__file__).parent / "noise"))

import examine
from noise_city import city_nodes
from noise_world import World


@pytest.fixture(scope="module")
def nodes() -> pa.Table:
    return city_nodes(3, 3, 5, seed=11)


@pytest.fixture(scope="module")
def history(nodes: pa.Table) -> History:
    index = AddressIndex.from_nodes(nodes)
    roads = [row for row in range(index.built) if index.level_of(row) == "road"][::4]
    names = [
        {
            "node_id": index.id_of(row),
            "name": f"蓬莱{'甲乙丙丁戊己庚辛'[at % 8]}旧街",
            "core": f"蓬莱{'甲乙丙丁戊己庚辛'[at % 8]}旧街",
            "kind": "former",
            "level": "road",
            "parent_id": index.id_of(index.parent[row]),
            "full": index.full_of(row),
        }
        for at, row in enumerate(roads)
    ]
    doors = [row for row in range(index.built) if index.level_of(row) == "number"][:20]
    gone = [
        {
            "node_id": f"gone{at}",
            "level": "number",
            "name": f"{8000 + at}号",
            "core": f"{8000 + at}",
            "parent_id": index.id_of(index.parent[row]),
            "full": index.full_of(index.parent[row]) + f"{8000 + at}号",
            "replaced_by": [index.id_of(row)],
        }
        for at, row in enumerate(doors)
    ]
    return History(index, pa.Table.from_pylist(names), pa.Table.from_pylist(gone))


@pytest.fixture(scope="module")
def texts(nodes: pa.Table, history: History) -> list[str]:
    """Several hundred noisy texts, and some that use what is no longer so."""
    index = history.index
    told = [sample.text for sample in examine.draw(World(nodes), seed=2, each=5)]
    roads = [row for row in range(index.built) if index.level_of(row) == "road"]
    doors = [row for row in range(index.built) if index.level_of(row) == "number"]
    told += [f"蓬莱{c}旧街{n}号" for c in "甲乙丙丁" for n in (1, 5, 8)]
    told += [index.full_of(index.parent[doors[at]]) + f"{8000 + at}号" for at in range(20)]
    told += [index.full_of(row) + "7777号" for row in roads[::5]]
    return [*told, *told[:30], "", "不知道"]


def test_a_list_is_answered_as_one_by_one(history: History, texts: list[str]) -> None:
    index = history.index
    for text, found in zip(texts, match_texts(index, texts), strict=True):
        assert plain(text, found) == plain(text, index.geocode(text)), text


def test_a_list_is_answered_by_former_names_too(history: History, texts: list[str]) -> None:
    codes = set()
    for text, found in zip(texts, match_texts(history, texts), strict=True):
        assert plain(text, found) == plain(text, history.geocode(text)), text
        codes |= {fault.code for fault in found.faults}
    assert {"ROAD.renamed", "NUMBER.renamed", "ROAD.spelling", "NUMBER.missing"} <= codes


def test_a_short_list_does_without_compiled_code(nodes: pa.Table) -> None:
    index = AddressIndex.from_nodes(nodes)
    some = [index.full_of(row) for row in range(0, index.built, 1 + index.built // 20)]
    assert [found.node_id for found in match_texts(index, some)] == [
        index.match(text).node_id for text in some
    ]
    assert match_texts(index, []) == []
