"""The machine of a case against a small model read from the table: many steps, none illegal, also after restarts."""

import csv
from pathlib import Path

import numpy as np
import pytest

import twin.cases
from twin.cases import CaseDesk, NewCase
from twin.cases.machine import Standing, judge, moved, possible, replay
from twin.city import City
from twin.errors import ConflictError, TwinError
from twin.store import Store
from twin.verify import verify

STEPS = 1_000_000


def table():
    """Rows of the file, read without the code under test."""
    path = Path(twin.cases.__file__).parent / "transitions.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()[1:]))


class Model:
    """A case as a dict of counts: what may be done is asked of the rows, one after the other."""

    def __init__(self, rows):
        self.rows, self.stage, self.events = rows, "上报", []

    def step(self, action):
        """The stage it leads to, or None where it is not possible."""
        for row in self.rows:
            if (row["from"], row["action"]) == (self.stage, action) and self.may(row):
                self.events.append((action, row["to"]))
                self.stage = row["to"]
                return self.stage
        return None

    def may(self, row):
        names = [event for event, _ in self.events]
        if row["most"] and names.count(row["action"]) >= int(row["most"]):
            return False
        if not row["answers"]:
            return True
        answers = {r["action"] for r in self.rows if r["answers"] == row["answers"]}
        about = [name for name in names if name in answers | {row["answers"]}]
        return about[-1:] == [row["answers"]]


@pytest.fixture(scope="module")
def rows():
    return table()


def test_of_many_random_steps_none_is_illegal(rows):
    """Half of the steps are drawn of those the machine offers, half of all words; a restart replays the events."""
    rng = np.random.default_rng(31)
    words = sorted({row["action"] for row in rows})
    draw = rng.integers(0, 1 << 30, STEPS).tolist()
    restart = (rng.random(STEPS) < 0.01).tolist()
    model, standing, taken, refused = Model(rows), Standing(), 0, 0
    offered = {}
    for number, again in zip(draw, restart, strict=True):
        if again:
            standing = replay(model.events)
        if standing not in offered:
            offered[standing] = possible(standing)
        now = offered[standing]
        if not now or len(model.events) > 30:
            model, standing = Model(rows), Standing()
            continue
        action = now[number >> 1].action if (number >> 1) < len(now) else words[number % len(words)]
        if number & 1:
            action = now[(number >> 1) % len(now)].action
        step = next((step for step in now if step.action == action), None)
        target = model.step(action)
        assert (None if step is None else step.target) == target, (model.events, action)
        if step is None:
            refused += 1
            continue
        standing = moved(standing, action, target)
        taken += 1
    assert min(taken, refused) > STEPS // 5
    assert len(offered) > 40  # stages with what stands and what is used up


def test_a_step_that_is_refused_says_what_is_possible(rows):
    standing = replay([("open", "上报"), ("accept", "受理"), ("register", "立案"), ("dispatch", "派遣"), ("handle", "处置")])  # fmt: skip
    with pytest.raises(ConflictError, match=r"extend \(申请延期\)") as told:
        judge(standing, "grant", "值班长", None)
    assert "grant (" not in str(told.value)
    asked = moved(standing, "extend", "处置")
    assert judge(asked, "批准延期", "值班长", None).action == "grant"
    with pytest.raises(ConflictError, match="not possible"):
        judge(asked, "extend", "责任单位", "雨天")


class Clockless(CaseDesk):
    """A desk that takes every step as one who may, with all the step needs."""

    def take(self, case, step, others):
        said = {"hours": 2, "unit": f"单位{len(others)}", "into": others[0] if others else case}
        said = {name: said[name] for name in step.takes}
        return self.step(case, step.action, "抽查", "原因", step.roles[-1], **said)


def test_walks_at_the_desk_with_restarts_obey_the_law(rows, tmp_path):
    city, rng = City.init(tmp_path / "city", name="test"), np.random.default_rng(5)
    models = {}
    for _ in range(3):  # each time the base is closed and opened
        with Store.open(city) as store:
            desk = Clockless(store)
            for _ in range(3):
                models[desk.open(NewCase("抽查"), "市民")["id"]] = Model(rows)
            for _ in range(40):
                case = str(rng.choice(list(models)))
                standing = replay(models[case].events or [("open", "上报")])
                steps = [s for s in possible(standing) if s.action not in ("void", "close")]
                wrong = str(rng.choice([row["action"] for row in rows]))
                if rng.random() < 0.3 and wrong not in {s.action for s in possible(standing)}:
                    assert models[case].step(wrong) is None
                    with pytest.raises(TwinError):
                        desk.step(case, wrong, "抽查", "原因", "值班长")
                if not steps:
                    continue
                step = steps[rng.integers(len(steps))]
                others = [each for each in models if each != case and models[each].stage != "作废"]
                if step.action == "merge" and not others:
                    continue
                assert desk.take(case, step, others)["stage"] == models[case].step(step.action)
            for case, model in models.items():
                told = [row for row in desk.events(case) if row["event"] not in ("open", "merged")]
                assert [(row["event"], row["to_stage"]) for row in told] == model.events
            (law,) = [each for each in verify(store) if each.law == "case_life_cycle"]
            assert (law.broken, law.examples) == (0, ())
            assert law.checked >= sum(len(model.events) + 2 for model in models.values())


BREAKS = {
    "a stage no event leads to": "UPDATE case_file SET stage = '结案'",
    "a step the table does not have": "UPDATE case_event SET event = 'close' WHERE event = 'accept'",
    "a step out of another stage": "UPDATE case_event SET from_stage = '立案' WHERE event = 'accept'",
    "somebody who may not": "UPDATE case_event SET role = '监督员' WHERE event = 'accept'",
    "nobody": "UPDATE case_event SET role = NULL WHERE event = 'accept'",
    "a hole": "DELETE FROM case_event WHERE event = 'register'",
    "no reason": "UPDATE case_event SET note = ' ' WHERE event = 'extend'",
    "an answer to nothing": "DELETE FROM case_event WHERE event = 'extend'",
    "more than once": "INSERT INTO case_event (case_id, event, from_stage, to_stage, role, note) "
    "SELECT case_id, event, from_stage, to_stage, role, note FROM case_event WHERE event = 'extend'",
    "closed without a time": "UPDATE case_file SET closed_at = TIMESTAMP '2026-07-01'",
    "no events": "DELETE FROM case_event",
}


def test_the_law_finds_every_kind_of_break(tmp_path):
    with Store.open(City.init(tmp_path / "city", name="test")) as store:
        desk = CaseDesk(store)
        case = desk.open(NewCase("抽查"), "市民")["id"]
        for action, role in (("accept", "操作员"), ("register", "值班长"), ("dispatch", "派遣员"), ("handle", "责任单位")):  # fmt: skip
            desk.step(case, action, "x", role=role)
        desk.step(case, "extend", "x", "雨天", "责任单位", hours=8)
        desk.step(case, "grant", "x", role="值班长")
        assert _broken(store) == 0
        kept = {name: store.table(f"FROM {name}") for name in ("case_file", "case_event")}
        for name, statement in BREAKS.items():
            with store.transaction() as con:
                con.execute(statement)
            assert _broken(store) > 0, name
            with store.transaction() as con:
                for table_, rows_ in kept.items():
                    con.register("rows_kept", rows_)
                    con.execute(f"DELETE FROM {table_}")  # noqa: S608 -- two names
                    con.execute(f"INSERT INTO {table_} BY NAME FROM rows_kept")
                    con.unregister("rows_kept")
            assert _broken(store) == 0


def _broken(store):
    return next(each.broken for each in verify(store) if each.law == "case_life_cycle")
