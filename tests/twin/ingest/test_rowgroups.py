"""Cut as the base stores rows, ordered, and nothing lost on the way."""

import numpy as np
import pyarrow as pa

from twin.ingest.records import _whole_groups
from twin.ingest.rowgroups import ROW_GROUP, in_row_groups, ordered


def test_pieces_are_row_groups_whatever_the_batches_were():
    n = 2 * ROW_GROUP + 7
    table = pa.table({"a": np.arange(n)})
    batches = pa.concat_tables([table.slice(at, 65_536) for at in range(0, n, 65_536)])

    cut = in_row_groups(batches)

    assert [len(piece) for piece in cut["a"].chunks] == [ROW_GROUP, ROW_GROUP, 7]
    assert cut.equals(table)


def test_no_rows_stay_no_rows():
    assert in_row_groups(pa.table({"a": pa.array([], pa.int64())})).num_rows == 0


def test_rows_are_ordered_and_equal_ones_stay_as_they_are():
    table = pa.table(
        {
            "by": [3, 1, 3, 2],
            "text": ["a", "b", "c", None],
            "none": pa.nulls(4, pa.list_(pa.float64())),
        }
    )

    assert ordered(table, "by").to_pylist() == [
        {"by": 1, "text": "b", "none": None},
        {"by": 2, "text": None, "none": None},
        {"by": 3, "text": "a", "none": None},
        {"by": 3, "text": "c", "none": None},
    ]


def test_only_whole_groups_are_written_while_more_comes():
    held = [7, ROW_GROUP - 1, ROW_GROUP + 1, 3 * ROW_GROUP, 4 * ROW_GROUP + 65_536]

    assert [_whole_groups(n) for n in held] == [
        7,
        ROW_GROUP - 1,
        ROW_GROUP,
        3 * ROW_GROUP,
        4 * ROW_GROUP,
    ]
