"""A delta frame of 10,000 changes among a million features: bytes and CPU, beside plain JSON of the same changes.

``python tests/bench/live/scene.py``
"""

import sys
import time

import numpy as np
import orjson
import pyarrow as pa

from twin.live.catalogue import Catalogue
from twin.live.channels import Channel, Question
from twin.live.events import Changes, Event
from twin.live.frames import opened
from twin.live.scene import Picture, SceneStates

FEATURES, CHANGES, ROUNDS = 1_000_000, 10_000, 30


def catalogue(n):
    """``n`` streams on a raster, in grids of a thousand."""
    ids, none = np.arange(1, n + 1), np.full(n, np.nan)
    text = pa.nulls(n, pa.string())
    grid = pa.array(np.char.add("429871001", (ids // 1000 + 100_000).astype(str)))
    names = {
        "stream_id": ids,
        "key": pa.array(ids.astype(str)),
        "eid": text,
        "grid_code": grid,
        "subject": text,
        "z": none,
    }
    lon, lat = 114 + ids % 1000 / 1e4, 30 + ids // 1000 / 1e4
    return Catalogue(pa.table(names), ids, {}, np.full((n, 4), np.nan), np.full(n, 60.0), lon, lat)


def measured(work, rounds=ROUNDS):
    """CPU-milliseconds of each call, the middle of some."""
    spent = []
    for nth in range(rounds):
        begun = time.process_time_ns()
        work(nth)
        spent.append((time.process_time_ns() - begun) / 1e6)
    return float(np.median(spent))


def say(line):
    sys.stdout.write(f"{line}\n")


def main():
    rng = np.random.default_rng(1)
    streams = catalogue(FEATURES)
    state = np.zeros(FEATURES, np.uint8)
    picture = Picture(streams, state, np.zeros(FEATURES), [], [], 1, 0)
    states = SceneStates(picture, lambda _: {})
    channel = Channel(states, Question("streams"))
    part = Channel(states, Question("streams", bbox=(114.0, 30.0, 114.05, 30.05)))
    channel.frames(None, None, 0, 0), part.frames(None, None, 0, 0)
    sizes, json_sizes = [], []

    def change(nth):
        rows = np.sort(rng.choice(FEATURES, CHANGES, replace=False))
        new = (states._reading[rows] + rng.integers(1, 3, CHANGES)).astype(np.uint8) % 3
        zero = np.zeros(CHANGES)
        states.apply(
            Event(nth + 2, "state", changes=Changes(rows + 1, zero, new, zero.astype(np.int64)))
        )

    def frame(nth):
        change(nth)
        begun = time.process_time_ns()
        (made,) = channel.frames(nth + 1, channel.index, 0, 0)
        spent.append((time.process_time_ns() - begun) / 1e6)
        sizes.append(len(made))
        found = opened(made)
        assert found["k"] == CHANGES
        begun = time.process_time_ns()
        ids = streams.ids[found["changed"]].tolist()
        text = orjson.dumps(
            [{"id": i, "state": int(s)} for i, s in zip(ids, found["state"], strict=True)]
        )
        json_spent.append((time.process_time_ns() - begun) / 1e6)
        json_sizes.append(len(text))
        begun = time.process_time_ns()
        part.frames(nth + 1, part.index, 0, 0)
        part_spent.append((time.process_time_ns() - begun) / 1e6)

    spent, json_spent, part_spent = [], [], []
    both = measured(frame)
    say(
        f"delta of {CHANGES:,} among {FEATURES:,}: {max(sizes):,} bytes, {np.median(spent):.2f} ms CPU"
    )
    say(
        f"  JSON of the same: {np.median(json_sizes):,.0f} bytes, {np.median(json_spent):.2f} ms CPU"
    )
    say(
        f"  of a quarter of them in a box: {np.median(part_spent):.2f} ms CPU; with applying the event {both:.2f}"
    )
    begun = time.process_time_ns()
    full = channel.frames(None, channel.index, 0, 0)[0]
    say(f"full frame: {len(full):,} bytes, {(time.process_time_ns() - begun) / 1e6:.1f} ms CPU")


if __name__ == "__main__":
    main()
