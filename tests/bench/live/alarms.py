"""Alarm evaluations per core-second, and how far from the floor.

    python tests/bench/live/alarms.py [rounds]

10,000 streams with two rules each (dead band, delays of 5 s), groups of 30,000 readings as the hub forms them under load. The floor
that nothing could beat is one comparison of each reading with each threshold (NumPy, no state).
"""

import sys
import time

import numpy as np
import pyarrow as pa

from twin.live.conditions import Conditions, evaluate
from twin.live.rules import ALWAYS, Rules
from twin.live.state import NO_TIME

STREAMS, RULES, GROUP = 10_000, 2, 30_000


def rules() -> Rules:
    """Two thresholds a stream."""
    m = STREAMS * RULES
    return Rules(
        pa.table({"rule_id": [str(i) for i in range(m)]}), np.arange(0, m + 1, RULES), np.zeros(m, np.int8), np.ones(m),
        np.tile([1.0, 2.0], STREAMS), np.full(m, 0.1), np.full(m, 5_000_000), np.full(m, 5_000_000), np.tile(ALWAYS, (m, 1)),
        np.full(m, NO_TIME),
    )  # fmt: skip


def main() -> None:
    """Print millions of evaluations per CPU-second, and the share of the floor."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rng = np.random.default_rng(1)
    table, never = rules(), np.full(STREAMS, NO_TIME)
    last = np.zeros(STREAMS)
    evaluate(
        table, Conditions.calm(len(table)), *(np.zeros(1, np.int64),) * 2, np.zeros(1), never, last
    )  # compiles
    for name, spread in (
        ("calm (nothing near a threshold)", 0.0),
        ("busy (a third beyond it)", 0.6),
    ):
        conditions = Conditions.calm(len(table))
        spent = floor = 0.0
        steps = 0
        for n in range(rounds):
            position = np.sort(rng.integers(0, STREAMS, GROUP))
            value = 0.7 + rng.normal(0, spread, GROUP)
            time_us = np.arange(GROUP) + n * 1_000_000
            start = time.process_time()
            outcome = evaluate(table, conditions, position, time_us, value, never, last)
            conditions.follow(outcome)
            spent += time.process_time() - start
            start = time.process_time()
            for rule in range(RULES):
                np.count_nonzero(value > table.threshold[table.first[position] + rule])
            floor += time.process_time() - start
            steps += len(outcome.transitions.rule)
        n = rounds * GROUP * RULES / 1e6
        sys.stdout.write(
            f"{name}: {n / spent:.1f} M/s, {spent / floor:.1f} x the floor ({n / floor:.0f} M/s), {steps} transitions"
        )


if __name__ == "__main__":
    main()
