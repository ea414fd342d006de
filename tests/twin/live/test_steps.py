"""A million readings and the steps of operators, with restarts, against a model that knows nothing of the engine."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from twin.errors import ConflictError
from twin.live import alarms
from twin.live.conditions import Conditions, evaluate
from twin.live.life_cycle import ANSWERS, SILENT_STATES, Draft
from twin.live.rules import ALWAYS, Rules
from twin.live.state import NO_TIME, moment_of

STREAMS, ROUNDS = 1000, 1000
NORMAL, UNACKED, ACKED, RETURNED, LATCHED, SHELVED, SUPPRESSED, OUT = range(8)
NAMES = [
    "closed",
    "active",
    "acknowledged",
    "returned",
    "latched",
    "shelved",
    "suppressed",
    "out_of_service",
]


class Model:
    """ISA-18.2 by columns: one alarm a stream, all streams a round at a time."""

    def __init__(self, rules, latched):
        n = STREAMS
        self.rules, self.latched = rules, latched
        self.holds, self.since = np.zeros(n, bool), np.full(n, -1, np.int64)
        self.state = np.zeros(n, np.int64)
        self.before = np.full(n, np.nan)
        self.steps = 0

    def read(self, now, value):
        """One reading of every stream at a second; rates are per minute, readings a second apart."""
        r = self.rules
        seen = np.where(r.kind == 1, (value - self.before) * 60, value)
        self.before = value
        over = (seen - r.threshold) * r.sign
        towards = np.where(self.holds, over <= -r.dead_band, over > 0) & ~np.isnan(over)
        self.since = np.where(towards, np.where(self.since < 0, now, self.since), -1)
        waits = np.where(self.holds, r.off_us, r.on_us) // 1_000_000
        turned = towards & (now - self.since >= waits)
        self.since[turned] = -1
        self.holds ^= turned
        begins, ends = turned & self.holds, turned & ~self.holds
        raised = begins & np.isin(self.state, (NORMAL, RETURNED, LATCHED))
        over_acked, over_unacked = ends & (self.state == ACKED), ends & (self.state == UNACKED)
        self.state[raised] = UNACKED
        self.state[over_unacked] = RETURNED
        self.state[over_acked] = np.where(self.latched, LATCHED, NORMAL)[over_acked]
        self.steps += int((raised | over_acked | over_unacked).sum())

    def answer(self, i, step):
        """State after a person's step, or None where it is refused."""
        state, revived = self.state[i], UNACKED if self.holds[i] else NORMAL
        calm = LATCHED if self.latched[i] else NORMAL
        silenced = {"shelve": SHELVED, "suppress": SUPPRESSED, "remove_from_service": OUT}
        known = {
            UNACKED: {"acknowledge": ACKED, "close": NORMAL},
            ACKED: {"close": NORMAL},
            RETURNED: {"acknowledge": calm, "close": NORMAL},
            LATCHED: {"reset": NORMAL},
            SHELVED: {"unshelve": revived},
            SUPPRESSED: {"unsuppress": revived},
            OUT: {"return_to_service": revived},
        }.get(state, {})
        silent = step in silenced and (silenced[step] != state or step == "shelve")
        target = silenced[step] if silent else known.get(step)
        if target is not None:
            self.state[i] = target
            self.steps += 1
        return target


def rules_of(rng):
    n = STREAMS
    kind = rng.choice([0, 0, 0, 1], n).astype(np.int8)
    ids = [f"r{i}" for i in range(n)]
    latched = rng.random(n) < 0.3
    table = pa.table({
        "rule_id": ids, "stream_id": np.arange(n), "version": np.ones(n, np.int32), "kind": ["rate" if k else "level" for k in kind],
        "name": ids, "level": ["alarm"] * n, "comparison": ["above"] * n, "threshold": np.ones(n), "latched": latched,
        "suppressed_by": pa.nulls(n, pa.string()),
    })  # fmt: skip
    rules = Rules(
        table, np.arange(n + 1), kind, rng.choice([-1.0, 1.0], n), np.where(kind == 1, 20.0, rng.uniform(-0.5, 0.5, n)),
        rng.choice([0.0, 0.3], n), rng.choice([0, 2_000_000, 5_000_000], n), rng.choice([0, 3_000_000], n),
        np.tile(ALWAYS, (n, 1)), np.full(n, NO_TIME),
    )  # fmt: skip
    return rules, latched


class Engine:
    """The engine's parts as the hub puts them together, over a base that outlives restarts."""

    def __init__(self, store, rules):
        self.store, self.rules = store, rules
        self.last_us, self.last = np.full(STREAMS, NO_TIME), np.full(STREAMS, np.nan)
        self.restart()

    def restart(self):
        """Forget all but the base (newest readings come from the log)."""
        with self.store.cursor() as con:
            self.standing = alarms.open_alarms(con)
            rows = con.execute(
                "SELECT rule_id, active, epoch_us(since) FROM alarm_condition"
            ).fetchall()
        self.conditions = Conditions.calm(STREAMS)
        for rule_id, active, since in rows:
            at = int(rule_id[1:])
            self.conditions.active[at], self.conditions.since[at] = (
                active,
                NO_TIME if since is None else since,
            )
        self.draft, self.moved = Draft(self.standing), set()

    def write(self):
        """What has happened since, in one transaction."""
        at = np.array(sorted(self.moved), np.int64)
        columns = [
            [f"r{i}" for i in at],
            self.conditions.active[at],
            self.conditions.since[at].view("M8[us]"),
        ]
        moved = pa.table(columns, names=alarms.CONDITION_COLUMNS.names).cast(
            alarms.CONDITION_COLUMNS
        )
        with self.store.transaction() as con:
            alarms.write(con, self.draft, moved, datetime(2026, 7, 1))
        self.draft, self.moved = Draft(self.draft.standing_after()), set()

    def read(self, first, values):
        """Rounds of readings as one group."""
        rounds = len(values)
        position = np.repeat(np.arange(STREAMS), rounds)
        time_us = np.tile((first + np.arange(rounds)) * 1_000_000, STREAMS)
        outcome = evaluate(
            self.rules,
            self.conditions,
            position,
            time_us,
            values.T.ravel(),
            self.last_us,
            self.last,
        )
        self.conditions.follow(outcome)
        self.moved.update(outcome.rules.tolist())
        self.last_us = np.full(STREAMS, (first + rounds - 1) * 1_000_000)
        self.last = values[-1].copy()
        found = outcome.transitions
        columns = (found.rule, found.time_us, found.value, found.begins)
        for row, when, value, begins in zip(*(c.tolist() for c in columns), strict=True):
            if begins:
                self.draft.begin(self.rules.row(row), {}, moment_of(when), value)
            else:
                self.draft.end(f"r{row}", moment_of(when), value)

    def answer(self, i, step, now):
        """Whether a person's step was taken."""
        moment = moment_of(now * 1_000_000)
        until = moment + timedelta(hours=1) if step == "shelve" else None
        alarm = self.draft.of_rule(f"r{i}")
        try:
            if alarm is None:
                self.draft.silence(self.rules.row(i), {}, step, moment, "甲", "n", until)
            else:
                self.draft.answer(
                    alarm, step, moment, "甲", "n", bool(self.conditions.active[i]), until
                )
        except ConflictError:
            return False
        return True


def test_a_million_steps_are_those_of_the_model(store):
    rng = np.random.default_rng(17)
    rules, latched = rules_of(rng)
    with store.transaction() as con:
        con.execute("DELETE FROM datastream")
        con.execute(
            "INSERT INTO datastream BY NAME SELECT i AS stream_id, 's' || i AS key FROM range(1000) t(i)"
        )
    model, engine = Model(rules, latched), Engine(store, rules)
    values = np.cumsum(rng.normal(0, 0.12, (ROUNDS, STREAMS)), axis=0) % 4 - 2
    done = answered = refused = restarts = 0
    while done < ROUNDS:
        rounds = int(rng.integers(1, 25))
        part = values[done : done + rounds]
        for k, row in enumerate(part):
            model.read(done + k, row)
        engine.read(done, part)
        done += len(part)
        for i in rng.integers(0, STREAMS, 60).tolist():
            step = ANSWERS[rng.integers(len(ANSWERS))]
            target = model.answer(i, step)
            assert engine.answer(i, step, done) == (target is not None), (i, step)
            answered, refused = answered + (target is not None), refused + (target is None)
        engine.write()
        if rng.random() < 0.2:
            engine.restart()
            restarts += 1
    standing = {f"r{i}": NAMES[s] for i, s in enumerate(model.state.tolist()) if s != NORMAL}
    engine.restart()
    assert {rule: alarm.state for rule, alarm in engine.standing.items()} == standing
    assert engine.conditions.active.tolist() == model.holds.tolist()
    assert store.scalar("SELECT count(*) FROM alarm_event") == model.steps
    assert min(answered, refused) > 1000
    assert restarts > 5
    assert set(standing.values()) > set(SILENT_STATES)
