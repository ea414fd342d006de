"""Counting words against a dictionary."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.tally import Tally

word = st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1))


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.lists(word, max_size=40), max_size=5))
def test_counts_are_those_of_a_dictionary(batches):
    tally, seen = Tally(), Counter()

    for batch in batches:
        expected = []
        for w in batch:
            seen[w] += 1
            expected.append(seen[w])
        assert tally.add(np.array(batch, np.uint64)).tolist() == expected


def test_a_table_that_grows_forgets_nothing():
    tally = Tally()
    words = np.arange(30_000, dtype=np.uint64) * np.uint64(2**40 + 1)

    for part in np.array_split(words, 7):
        assert (tally.add(part) == 1).all()
    assert (tally.add(words[::-1]) == 2).all()
