"""Keys of a layer across batches, and the fingerprints they rest on."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.fingerprint import fingerprints
from twin.ingest.ledger import KeyLedger
from twin.schema import ALIAS


def prints(*texts):
    return fingerprints([pa.array(texts, pa.string())], len(texts))


def test_a_repeated_id_is_found_within_and_across_batches():
    ledger = KeyLedger()

    first = ledger.settle(pa.array(["a", "b", "a"]), prints("1", "2", "3"))
    second = ledger.settle(pa.array(["c", "b"]), prints("4", "5"))

    assert first[1].tolist() == [False, False, True]
    assert second[1].tolist() == [False, True]
    assert second[0].to_pylist() == ["c", "b"]


def test_identical_records_without_id_are_numbered_in_their_order():
    ledger = KeyLedger()

    one = ledger.settle(pa.array([None, None, None], pa.string()), prints("x", "y", "x"))[
        0
    ].to_pylist()
    two = ledger.settle(pa.array(["k", None], pa.string()), prints("x", "x"))[0].to_pylist()

    assert one[2] == one[0] + "#2"
    assert two == ["k", one[0] + "#3"]
    assert one[0].startswith("content:")
    assert one[1] != one[0]


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(st.text(), st.one_of(st.none(), st.text())), min_size=1, max_size=30))
def test_rows_have_one_fingerprint_exactly_if_they_say_the_same(rows):
    columns = [pa.array([r[i] for r in rows], pa.string()) for i in (0, 1)]

    found = [bytes(row) for row in fingerprints(columns, len(rows))]

    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            assert (found[i] == found[j]) == (a == b)


def test_where_one_text_ends_and_the_next_begins_counts():
    a = fingerprints([pa.array(["ab"]), pa.array(["c"])], 1)
    b = fingerprints([pa.array(["a"]), pa.array(["bc"])], 1)
    c = fingerprints([pa.array(["ab"]), pa.array([None], pa.string())], 1)

    assert len({bytes(x[0]) for x in (a, b, c)}) == 3


def test_aliases_and_matrices_count():
    def alias(*pairs):
        return pa.array([[{"scheme": s, "value": v} for s, v in pairs]], pa.list_(ALIAS))

    def matrix(last):
        return pa.array([[0.0] * 15 + [last]], pa.list_(pa.float64()))

    variants = [
        [alias(("a", "1")), matrix(1.0)],
        [alias(("a", "2")), matrix(1.0)],
        [alias(("a", "1"), ("b", "2")), matrix(1.0)],
        [alias(("a", "1")), matrix(1.1)],
    ]
    assert len({bytes(fingerprints(v, 1)[0]) for v in variants}) == 4
    assert bytes(fingerprints([matrix(1.0)], 1)[0]) == bytes(
        fingerprints([matrix(1.0 + 1e-9)], 1)[0]
    )


def test_lists_of_a_slice_have_the_prints_they_have_in_the_whole():
    for kind in (pa.list_(pa.float64()), pa.list_(pa.float64(), 2)):
        lists = pa.array([[1.0, 2.0], None, [3.0, 4.0], [5.0, 6.0], None, [7.0, 8.0], None], kind)
        whole = fingerprints([lists], 7)
        for k in range(1, 6):
            assert (fingerprints([lists.slice(k)], 7 - k) == whole[k:]).all()
