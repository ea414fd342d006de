"""After edits the compiled path still answers, and what the reference answers."""

import random
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from address.batch import match_batch
from address.beside import beside
from address.geocode import _placed_match
from address.index import AddressIndex
from address.late import Late, text_hash
from address.match import match_by_reference, read_query, ways
from address.walk import code_points, word_hash
from twin.errors import ConflictError

sys.path.insert(0, str(Path(__file__).parent / "noise"))

import examine
from noise_city import city_nodes
from noise_world import World

_NEW = {
    "street": ["望江街道", "新河镇"],
    "road": ["蓬莱新造路", "蓬莱新造街", "新造三路", "望江西路"],
    "number": ["7771号", "3号", "12号之3", "399弄"],
    "compound": ["望江新苑", "蓬莱小区"],
    "poi": ["望江中心", "蓬莱大厦"],
    "building": ["3号楼", "77号楼", "望江楼", "丙座"],
    "unit": ["1单元", "19单元"],
    "floor": ["2层", "77层"],
    "room": ["201室", "7703室", "会议室", "20F室"],
}


def _edit(index: AddressIndex, rng: random.Random) -> list[str]:
    """Make an edit; texts that have to do with it, before and after."""
    live = [r for r in index.rows().tolist() if index.level_of(r) not in ("province", "city")]
    level = rng.choice(sorted({index.level_of(r) for r in live} & set(_NEW)))
    of_level = [r for r in live if index.level_of(r) == level]
    row = rng.choice(of_level)
    node, texts = index.id_of(row), [index.full_of(row), index.written_of(row)]
    op = rng.choice(["insert", "insert", "rename", "rename", "retire", "alias", "move"])
    names = rng.choice([_NEW[level], [index.written_of(r) for r in rng.sample(of_level, 1)]])
    name = rng.choice(names)
    with suppress(ConflictError):
        if op == "insert":
            parent = index.parent[row]
            place = (114.3 + rng.random() / 100, 30.5)
            node = index.insert(index.id_of(parent), level, name, lon=place[0], lat=place[1])
        elif op == "rename":
            index.rename(node, name)
        elif op == "retire" and level not in ("street",):
            index.retire(node)
        elif op == "alias":
            index.alias(node, rng.choice(["望江老宅", name]))
        elif op == "move":
            index.move(node, 114.31, 30.51)
    if (now := index.row_of(node)) is not None:
        full = index.full_of(now)
        texts += [full, full + "9999室", index.written_of(now), full.replace("新", "心")]
        below = [r for r in live if index.flags[r] == 0 and index.is_below(r, now)]
        texts += [index.full_of(r) for r in rng.sample(below, min(3, len(below)))]
    return texts


def _alone(index: AddressIndex, text: str) -> dict[str, object]:
    """What the reference says, as a row of a column."""
    found = beside(index, text, _placed_match(index, match_by_reference(index, text)))
    at = found.location
    return {
        "status": found.status, "node_id": found.node_id, "full": found.full, "level": found.level,
        "confidence": found.confidence, "missing": found.missing,
        "faults": " ".join(sorted(fault.code for fault in found.faults)),
        "lon": at and at.lon, "lat": at and at.lat,
        "method": at and at.method, "error_m": at and at.error_m,
    }  # fmt: skip


def _read(index: AddressIndex, texts: list[str]) -> int:
    """How many texts the compiled path reads, each as the reference does."""
    count = 0
    for text in texts:
        found = index.fast.read(text)
        if found is None:
            continue
        count += 1
        told = [(w.row, round(w.cost, 9), w.missing, w.given, w.anchor) for w in found[1]]
        wanted = ways(index, read_query(index, text))
        assert told == [(w.row, round(w.cost, 9), w.missing, w.given, w.anchor) for w in wanted], (
            text
        )
    return count


@pytest.mark.parametrize("seed", range(4))
def test_answers_after_edits_are_those_of_the_reference(seed: int) -> None:
    rng = random.Random(seed)
    nodes = city_nodes(3, 3, 5)
    index = AddressIndex.from_nodes(nodes)
    samples = examine.draw(World(nodes), 20 + seed, 3)
    texts = [sample.text for sample in samples]
    index.warm()
    before = _read(index, texts)
    own: list[str] = []
    for n in range(6):
        own += _edit(index, rng)
        if n % 2 == 0:
            _read(index, own)  # with edits between the questions
    asked = [*texts, *own]
    assert _read(index, asked) > before // 3
    table = match_batch(index, pa.array(asked))
    for text, row in zip(asked, table.to_pylist(), strict=True):
        row["faults"] = " ".join(sorted(row["faults"]))
        assert row == pytest.approx(_alone(index, text)), (text, seed)


def test_only_what_an_edit_touches_is_left_to_the_reference() -> None:
    nodes = city_nodes(3, 3, 5)
    index = AddressIndex.from_nodes(nodes)
    index.warm()
    rooms = [r for r in range(index.built) if index.level_of(r) == "room"]
    texts = [index.full_of(r) for r in random.Random(1).sample(rooms, 300)]
    texts += [text.replace("号", "弄") for text in texts[:50]]
    before = _read(index, texts)
    road, other = [r for r in range(index.built) if index.level_of(r) == "road"][:2]
    index.insert(index.id_of(road), "number", "7771号")
    index.insert(index.id_of(index.parent[other]), "road", "蓬莱新造路")
    assert _read(index, texts) > before - 40
    assert index.fast.read("蓬莱新造路") is None
    assert index.match("蓬莱新造路").status == "exact"


def test_a_node_that_was_inserted_is_told_in_a_column() -> None:
    index = AddressIndex.from_nodes(city_nodes(3, 3, 5))
    street = next(r for r in range(index.built) if index.level_of(r) == "street")
    node = index.insert(index.id_of(street), "road", "蓬莱新造路")
    table = match_batch(index, pa.array(["蓬莱新造路", index.full_of(street)]))
    assert table["node_id"].to_pylist() == [node, index.id_of(street)]
    assert table["full"].to_pylist() == [
        index.full_of(street) + "蓬莱新造路",
        index.full_of(street),
    ]


def test_hashes_without_compiled_code_are_those_of_the_index() -> None:
    for level, text in ((0, "新桥路"), (13, "12-3"), (16, ""), (0, "s xin qiao")):
        assert text_hash(level, text) == int(word_hash(level, code_points(text), 0, len(text)))


def test_what_came_late_is_found_however_much_it_is() -> None:
    index = AddressIndex.from_nodes(city_nodes(3, 3, 5))
    late = Late()
    assert not late.follow(index)
    street = next(r for r in range(index.built) if index.level_of(r) == "street")
    for n in range(40):
        index.insert(index.id_of(street), "road", f"望江{n}路")
        late.follow(index)
    held = set(late.table.tolist())
    assert {text_hash(0, f"望江{n}路") for n in range(40)} <= held
    assert late.heads[ord("望")] >= len("望江39路")
    assert len(late.table) >= 2 * (len(held) - 1)
