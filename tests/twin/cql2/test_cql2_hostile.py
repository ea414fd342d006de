"""Filters made to harm are refused or answered, at once, in a process that lives on."""

import time

import pytest
from cql2_hostile import FILTERS
from cql2_rows import DictRows, fields_of

from twin.cql2 import parse
from twin.cql2.reading import MAX_LENGTH
from twin.errors import InvalidRequestError
from twin.features.asking import Kind

FIELDS = fields_of({"floors": Kind.WHOLE, "rank": Kind.NUMBER, "geometry": Kind.SHAPE, "name": Kind.TEXT, "seen": Kind.INSTANT, "built": Kind.DATE,
                    "flag": Kind.TRUTH, "tags": Kind.LIST})  # fmt: skip
_ROW = {
    "floors": 1,
    "rank": 1.0,
    "geometry": None,
    "name": "a" * 200,
    "seen": None,
    "built": None,
    "flag": True,
    "tags": ["a"],
    "_low": None,
    "_high": None,
}
ROWS = DictRows([_ROW, dict.fromkeys(_ROW)], FIELDS)


def _yardstick() -> float:
    """CPU seconds of an honest filter of 100 conditions."""
    text = " AND ".join(["floors > 5"] * 100)
    spent = []
    for _ in range(5):
        begun = time.process_time()
        parse(text, "cql2-text", FIELDS)
        spent.append(time.process_time() - begun)
    return sorted(spent)[2]


def test_there_are_three_hundred_and_more() -> None:
    assert len(FILTERS) >= 300


def test_each_is_refused_or_answered_for_little_work() -> None:
    """No more than 25 honest filters of a hundred conditions, which are 50 ms where one is 2 ms."""
    unit, slow = _yardstick(), []
    answered = 0
    for language, text in FILTERS:
        best = 1e9
        for _ in range(5):
            begun = time.process_time()
            try:
                found = parse(text, language, FIELDS)
                assert found.holds(ROWS).shape == (2,)
                answered += 1
            except InvalidRequestError as err:
                assert err.parameter in ("filter", "filter-lang")
                assert 20 < len(str(err)) < 2_000
            spent = time.process_time() - begun
            if spent >= 25 * unit:
                unit = _yardstick()  # as slow as the machine is now
            best = min(best, spent / unit)
            if best < 25:
                break
        if best >= 25:
            slow.append((best, text[:60]))
    assert not slow
    assert answered < len(FILTERS) / 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flors = 1", "did you mean 'floors'"),
        ("colour = 'red'", "there are built, flag, floors"),
        ("name = 5", "/: = cannot compare string with number"),
        ("floors > 1 AND ABS(name) = 1", "/args/1/args/0/args/0: ABS takes"),
        ("ABS(1, 2) = 1", r"takes 1 argument\(s\) \(number\); 2 given"),
        ("pg_sleep(10) IS NULL", "no function 'pg_sleep'"),
        ("floors = 1 AND (name = 'x'", "the bracket at character 16 is never closed"),
        ("floors = 1 AND name = 'x", "character 23.*quote is never closed"),
        ("floors = 1 AND (name ! 'x')", "character 22"),
        ("floors = 1 AND (name name)", "no CQL2 near '.name name' "),
        ("built = DATE('2020-02-31')", "is no date; expected one like"),
        ("S_TOUCHES(geometry, BBOX(1,1,1,2,2,2))", "does not look at heights"),
        ("name LIKE name", "the pattern of LIKE must be a text"),
        ("floors = null", "write IS NULL"),
        ("a" * (MAX_LENGTH + 1), "at most 131,072"),
    ],
)
def test_refusals_say_where_and_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        parse(text, "cql2-text", FIELDS)
