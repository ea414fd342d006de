"""The codecs of EXT_meshopt_compression: what goes in comes out, here and in the official decoder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tiles.meshopt import (
    MeshoptError,
    decode_attributes,
    decode_sequence,
    decode_triangles,
    encode_attributes,
    encode_sequence,
    encode_triangles,
)

STRIDES = st.sampled_from([4, 8, 12, 16, 64, 256])


def turned(triangles: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """One number a triangle that does not change with the corner it starts at."""
    corners = triangles.reshape(-1, 3).astype(np.float64)
    keys = [np.roll(corners, i, axis=1) @ [2.0**34, 2.0**17, 1.0] for i in range(3)]
    return np.asarray(np.min(keys, axis=0))


def walls(n: int) -> np.ndarray[Any, Any]:
    """Indices of ``n`` walls with four corners each."""
    corners = np.arange(n)[:, None] * 4 + np.array([0, 1, 2, 0, 2, 3])
    return np.asarray(corners.ravel())


@settings(deadline=None)  # the first call compiles
@given(st.data())
def test_elements_come_back_byte_for_byte(data: st.DataObject) -> None:
    count, stride = data.draw(st.integers(0, 600)), data.draw(STRIDES)
    highest = data.draw(st.sampled_from([1, 3, 20, 255]))
    seed = data.draw(st.integers(0, 2**32 - 1))
    steps = np.random.default_rng(seed).integers(0, highest + 1, (count, stride))
    rows = (np.cumsum(steps, axis=0) if data.draw(st.booleans()) else steps).astype(np.uint8)
    stream = encode_attributes(rows)
    assert stream == encode_attributes(rows, compiled=False)
    assert np.array_equal(decode_attributes(stream, count, stride), rows)


@settings(deadline=None)  # the first call compiles
@given(hnp.arrays(np.uint32, st.integers(0, 200).map(lambda n: 3 * n), elements=st.integers(0, 90)))
def test_triangles_come_back_in_order_and_sense(indices: np.ndarray[Any, Any]) -> None:
    back = decode_triangles(encode_triangles(indices), len(indices))
    assert np.array_equal(turned(back), turned(indices))


@settings(deadline=None)  # the first call compiles
@given(hnp.arrays(np.uint32, st.integers(0, 300), elements=st.integers(0, 2**30 - 1)))
def test_sequences_come_back(numbers: np.ndarray[Any, Any]) -> None:
    assert np.array_equal(decode_sequence(encode_sequence(numbers), len(numbers)), numbers)


def test_a_wall_costs_two_bytes_and_steady_growth_next_to_nothing() -> None:
    assert len(encode_triangles(walls(1000))) == 1 + 2000 + 16
    assert len(encode_sequence(np.arange(1000))) == 1 + 1000 + 4
    assert len(encode_attributes(np.zeros((1024, 4), np.uint8))) == 1 + 4 * 4 * 4 + 32


def test_the_baseline_and_the_modes_are_those_of_the_text() -> None:
    deltas = [-1, -4, -3, 26, -91, 0, -6, 6, -4, -4, 5, -5, 1, -1, 0, 0]  # the text's own example
    rows = np.zeros((17, 4), np.uint8)
    rows[1:, 0] = np.cumsum(deltas).astype(np.uint8)
    shifted = np.ascontiguousarray(np.concatenate([rows[1:], rows[16:]])[:16])
    stream = encode_attributes(shifted)
    assert stream[0] == 0xA0
    assert stream[-4:] == shifted[0].tobytes(), "the first element stands at the very end"
    first = bytes.fromhex("075ff0bc77a9210034b5")  # the first difference is from the element itself
    assert stream[1:12] == b"\x02" + first


@pytest.mark.parametrize(
    "broken",
    [
        lambda: decode_attributes(encode_attributes(np.ones((40, 4), np.uint8))[:-3], 40, 4),
        lambda: decode_attributes(encode_attributes(np.ones((40, 4), np.uint8)), 400, 4),
        lambda: decode_attributes(b"", 1, 4),
        lambda: decode_triangles(encode_triangles(walls(5))[:-20], 30),
        lambda: decode_triangles(encode_triangles(np.array([0, 900, 50])) + b"\0", 3),
        lambda: decode_sequence(b"\xd1" + b"\xff" * 9 + b"\0" * 4, 1),
        lambda: encode_attributes(np.zeros((3, 6), np.uint8)),
        lambda: encode_triangles(np.zeros(4, np.uint32)),
        lambda: encode_sequence(np.array([2**30])),
    ],
)
def test_a_broken_stream_and_data_that_do_not_fit_are_refused(broken: Any) -> None:
    with pytest.raises(MeshoptError):
        broken()


def test_the_official_decoder_gives_the_same_bytes(clients: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    streams: list[dict[str, Any]] = []

    def put(mode: str, stride: int, stream: bytes, wanted: np.ndarray[Any, Any]) -> None:
        name = str(len(streams))
        count = wanted.nbytes // stride
        streams.append({"name": name, "mode": mode, "count": count, "stride": stride})
        (tmp_path / f"{name}.enc").write_bytes(stream)
        (tmp_path / f"{name}.raw").write_bytes(wanted.tobytes())

    for count in (1, 15, 16, 17, 255, 256, 257, 3000):
        for stride in (4, 8, 12, 64, 256):
            steps = rng.integers(0, (2, 4, 17, 256)[count % 4], (count, stride))
            rows = np.cumsum(steps, axis=0).astype(np.uint8)
            put("ATTRIBUTES", stride, encode_attributes(rows), rows)
    for count, most in ((1, 1), (10, 5), (1000, 60), (5000, 40000), (3000, 7)):
        indices = rng.integers(0, most, 3 * count).astype("<u4")
        stream = encode_triangles(indices)
        put("TRIANGLES", 4, stream, decode_triangles(stream, len(indices)))
    stream = encode_triangles(walls(4000))
    put("TRIANGLES", 2, stream, decode_triangles(stream, 24_000).astype("<u2"))
    for numbers in (rng.integers(0, 2**29, 500), np.arange(900) * 3, rng.integers(0, 9, 50)):
        put("INDICES", 4, encode_sequence(numbers), numbers.astype("<u4"))
    (tmp_path / "streams.json").write_text(json.dumps(streams))
    node = Path(sys.executable).parent / "node"
    words = [str(node), "decode_meshopt.mjs", str(tmp_path)]
    done = subprocess.run(words, cwd=clients, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-2000:]
    for s in streams:
        decoded = (tmp_path / f"{s['name']}.out").read_bytes()
        assert decoded == (tmp_path / f"{s['name']}.raw").read_bytes(), s
