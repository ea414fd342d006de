"""Noise of every kind over a small made-up city: the answer a person would give."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "noise"))  # its modules are shared with the bench

import examine
from noise_city import city_nodes
from noise_operators import OPERATORS
from noise_world import World

from address.index import AddressIndex


@pytest.fixture(scope="module")
def marks() -> dict[str, examine.Mark]:
    nodes = city_nodes(6, 4, 8, seed=7)
    index = AddressIndex.from_nodes(nodes)
    return examine.examine(index.match, examine.draw(World(nodes), seed=3, each=8))


def test_sixty_operators_and_more_are_drawn(marks: dict[str, examine.Mark]) -> None:
    assert len(OPERATORS) >= 95
    assert sum(mark.rows > 0 for mark in marks.values()) >= 90


def test_nearly_every_answer_is_right(marks: dict[str, examine.Mark]) -> None:
    rows, right = sum(m.rows for m in marks.values()), sum(m.right for m in marks.values())
    wrong = [(s.kind, s.text, f.full) for m in marks.values() for s, f in m.wrong or []]
    assert right / rows >= 0.985, wrong


def test_no_operator_fails_more_than_once_or_twice(marks: dict[str, examine.Mark]) -> None:
    weak = {
        name: (mark.right, mark.rows, [s.text for s, _ in mark.wrong or []])
        for name, mark in marks.items()
        if mark.rows - mark.right > 2
    }
    assert weak == {}


def test_places_that_do_not_exist_are_not_answered(marks: dict[str, examine.Mark]) -> None:
    assert examine.invented(marks) <= 0.01
