import time
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import InvalidRequestError
from twin.ids import uuid7, uuid7_array, uuid7_millis


def test_every_id_is_an_rfc_9562_version_7_uuid_in_canonical_text():
    for text in uuid7_array(500):
        parsed = uuid.UUID(text)
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
        assert str(parsed) == text


def test_the_first_48_bits_are_the_milliseconds_given():
    ids = uuid7_array(3, at=1_780_000_000.125)
    assert {uuid.UUID(i).int >> 80 for i in ids} == {1_780_000_000_125}
    assert uuid7_millis(ids[0]) == 1_780_000_000_125


def test_without_a_time_ids_carry_the_present():
    before = time.time_ns() // 1_000_000
    stamped = uuid7_millis(uuid7())
    assert before <= stamped <= time.time_ns() // 1_000_000


@given(st.integers(0, 3000), st.floats(0, 2**47 / 1000))
def test_ids_of_one_call_rise_strictly_and_never_repeat(n, at):
    ids = uuid7_array(n, at)
    assert len(set(ids)) == n == len(ids)
    assert list(ids) == sorted(ids)


def test_calls_in_the_same_millisecond_do_not_collide():
    many = np.concatenate([uuid7_array(2000, at=1.0) for _ in range(50)])
    assert len(set(many)) == 100_000


def test_ids_that_cannot_be_made_are_refused():
    with pytest.raises(InvalidRequestError, match=r"0 … 2\*\*31"):
        uuid7_array(-1)
    with pytest.raises(InvalidRequestError, match="Unix seconds"):
        uuid7_array(1, at=-5.0)
