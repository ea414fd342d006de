"""Typed attributes against DuckDB's own reading of the JSON."""

import math

import duckdb
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.ingest.hot import hot_columns

ASKED = (
    "SELECT try_cast(a ->> 'height_m' AS DOUBLE) AS height_m, "
    "try_cast(try_cast(a ->> 'floors' AS DOUBLE) AS INTEGER) AS floors FROM (SELECT unnest($texts)::JSON AS a)"
)


def by_duckdb(texts: list[str | None]) -> list[tuple[float | None, int | None]]:
    return duckdb.connect().execute(ASKED, {"texts": texts}).fetchall()


def by_columns(texts: list[str | None]) -> list[tuple[float | None, int | None]]:
    height, floors = hot_columns(duckdb.connect(), pa.array(texts, pa.string()))
    return list(zip(height.to_pylist(), floors.to_pylist(), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{}",
        '{"floors":3}',
        '{"height_m":3}',
        '{"height_m":9.5,"floors":3}',
        '{"floors":2.5,"height_m":-0.25}',
        '{"floors":3.5}',
        '{"floors":2147483647,"height_m":2147483648}',
        '{"floors":2147483648}',
        '{"floors":-2147483649}',
        '{"height_m":"12.5","floors":"4"}',
        '{"height_m":"tall","floors":null}',
        '{"height_m":true,"floors":[1,2]}',
        '{"height_m":{"floors":7}}',
        '{"a":{"height_m":7,"b":"}\\"],"},"height_m":8}',
        '{"a":[1,{"floors":2}],"floors":5}',
        '{"height_m":1,"height_m":2}',
        '{"height_m":1e2,"floors":1E1}',
        '{"height_m":0.1,"floors":1}',
        '{"height_m":123456789.123456789}',
        '{"height_m":0.1234567890123456789012345}',
        '{"height_m":9007199254740993}',
        '{"heights_m":1,"xfloors":2,"floors_below":1}',
        '{"height_\\u006d":4,"名":"\\"floors\\":9","floors":6}',
        ' { "height_m" : 5 , "floors" : 6 } ',
    ],
)
def test_reads_what_duckdb_reads(text):
    assert by_columns([text, '{"height_m":1,"floors":1}']) == [*by_duckdb([text]), (1.0, 1)]


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["height_m", "floors", "名称", "a\\b", "x"]),
            st.one_of(
                st.floats(-1e6, 1e6),
                st.integers(-(10**12), 10**12),
                st.text(max_size=5),
                st.none(),
                st.lists(st.integers(0, 9), max_size=2),
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_object_is_read_as_duckdb_reads_it(objects):
    texts = [orjson.dumps(each).decode() for each in objects]
    plain = [
        tuple(None if v is None or (isinstance(v, float) and math.isnan(v)) else v for v in row)
        for row in by_duckdb(texts)
    ]

    assert by_columns(texts) == plain


def test_a_slice_is_read_from_its_beginning():
    column = pa.array(['{"floors":1}', '{"floors":2}', None, '{"floors":"4"}']).slice(1)

    assert hot_columns(duckdb.connect(), column)[1].to_pylist() == [2, None, 4]
