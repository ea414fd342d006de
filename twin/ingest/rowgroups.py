"""Tables cut as DuckDB stores them.

Rows that arrive in pieces of another size than a row group are copied once more by each thread that writes them
(pieces are joined to full groups) and again when the file is checked: a million footprints took twice the processor time.
"""

import numpy as np
import pyarrow as pa

__all__ = ["ROW_GROUP", "in_row_groups", "ordered"]

ROW_GROUP = 122_880
"""Rows of a row group of DuckDB."""


def in_row_groups(table: pa.Table) -> pa.Table:
    """The same rows, in pieces of a row group each (of less only where Arrow cannot hold so much text in one)."""
    whole = table.combine_chunks()
    pieces = [
        piece
        for at in range(0, whole.num_rows, ROW_GROUP)
        for piece in whole.slice(at, ROW_GROUP).to_batches()
    ]
    return pa.Table.from_batches(pieces, schema=whole.schema)


def ordered(table: pa.Table, by: str) -> pa.Table:
    """Rows in rising order of a column of whole numbers without nulls; equal ones stay as they are."""
    order = np.argsort(table[by].to_numpy(), kind="stable")
    if (order[1:] > order[:-1]).all():
        return table
    places = pa.array(order)
    whole = table.combine_chunks()
    columns = [c if c.null_count == len(order) else c.take(places) for c in whole.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)
