"""Working time and the limits of cases, against counting minute by minute."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from twin.cases import CaseDesk, NewCase
from twin.cases.calendar import calendar_of, working_calendar
from twin.cases.stages import steps_from
from twin.city import City
from twin.errors import CityError
from twin.store import Store

EAST = timezone(timedelta(hours=8))


def beijing(text):
    return datetime.fromisoformat(text).replace(tzinfo=EAST)


def utc64(moment):
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def after(text, hours):
    found = working_calendar().after(np.array([utc64(beijing(text))]), np.array([hours * 3600.0]))
    return found[0].item().replace(tzinfo=UTC).astimezone(EAST).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-03-03 09:00", 1, "2026-03-03 10:00:00"),
        ("2026-03-03 11:30", 1, "2026-03-03 14:30:00"),  # over noon
        ("2026-03-03 12:30", 1, "2026-03-03 15:00:00"),
        ("2026-03-03 17:00", 1, "2026-03-04 09:00:00"),  # over night
        ("2026-03-06 17:00", 1, "2026-03-09 09:00:00"),  # over a weekend
        ("2026-02-13 17:00", 1, "2026-02-14 09:00:00"),  # that Saturday was worked
        ("2026-02-14 17:00", 1, "2026-02-24 09:00:00"),  # 春节
        ("2026-09-30 17:00", 7.5, "2026-10-08 17:30:00"),  # 国庆节, to the end of a day's work
        ("2026-03-03 03:00", 7, "2026-03-03 17:30:00"),
    ],
)
def test_hours_of_work_by_hand(begin, hours, end):
    assert after(begin, hours) == end


def test_work_is_what_counting_minutes_gives():
    calendar, rng = working_calendar(), np.random.default_rng(11)
    start = utc64(beijing("2026-01-01 00:00"))
    minutes = start + np.arange(120 * 1440).astype("m8[m]")
    local = minutes + np.timedelta64(8, "h")
    off = {np.datetime64(d) for d in ("2026-01-01", "2026-01-02", "2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20", "2026-02-23", "2026-04-06")}  # fmt: skip
    extra = {np.datetime64(d) for d in ("2026-01-04", "2026-02-14", "2026-02-28")}
    days = local.astype("M8[D]")
    works = (np.is_busday(days) & ~np.isin(days, list(off))) | np.isin(days, list(extra))
    of_day = (local - days).astype("m8[m]").astype(int)
    works &= ((of_day >= 510) & (of_day < 720)) | ((of_day >= 840) & (of_day < 1050))
    counted = np.concatenate([[0], np.cumsum(works)])
    a, b = np.sort(rng.integers(0, len(minutes), (2, 500)), axis=0)
    found = calendar.worked(minutes[b]) - calendar.worked(minutes[a])
    np.testing.assert_allclose(found / 60, counted[b] - counted[a])
    again = calendar.worked(calendar.moment(calendar.worked(minutes[a])))
    np.testing.assert_allclose(again, calendar.worked(minutes[a]))


def test_what_lies_outside_the_calendar_has_no_limit():
    odd = np.array(["2050-01-01", "1999-01-01", "NaT"], "M8[us]")
    assert np.isnan(working_calendar().worked(odd)).all()
    assert np.isnat(working_calendar().after(odd, np.full(3, 60.0))).all()


def test_a_city_has_its_own_hours_and_days(tmp_path):
    city = City.init(tmp_path / "city", name="test")
    settings = city.path / "city.toml"
    plain = settings.read_text(encoding="utf-8")
    own = '[cases]\nhours = ["9:00-12:00", "13:00-18:30"]\ndays_off = ["2026-03-04"]\ndays_worked = [2026-03-07]\n'
    settings.write_text(plain + own, encoding="utf-8")
    calendar = calendar_of(City.open(city.path))
    begun = np.array([utc64(beijing(day)) for day in ("2026-03-03 12:30", "2026-03-03 18:00", "2026-03-06 18:00")])  # fmt: skip
    ended = [m.item().replace(tzinfo=UTC).astimezone(EAST).strftime("%m-%d %H:%M") for m in calendar.after(begun, np.full(3, 3600.0))]  # fmt: skip
    assert ended == ["03-03 14:00", "03-05 09:30", "03-07 09:30"]  # Wednesday off, Saturday worked
    assert calendar.day_s == 8.5 * 3600
    for wrong in ('["12:00-9:00"]', '["9-12"]', '["9:00-25:00"]', '["9:00-12:00", "11:00-15:00"]'):
        settings.write_text(f"{plain}[cases]\nhours = {wrong}\n", encoding="utf-8")
        with pytest.raises(CityError, match=r"city\.toml"):
            City.open(city.path)


def test_urgency_shortens_limits_and_a_grant_moves_them(desk):
    case = desk.open(NewCase("管道爆裂", urgency="特急"), "热线")
    told = clock(desk, case)
    assert (told["stage_due"], told["due"]) == ("03-06 16:15", "03-07 00:00")
    plain = desk.open(NewCase("暴露垃圾"), "热线")
    for action in ("accept", "register", "dispatch", "handle"):
        desk.step(plain["id"], action, "x")
    desk.step(plain["id"], "extend", "x", "雨天", hours=7)
    assert clock(desk, plain)["stage_due"] == "03-12 10:00"
    desk.step(plain["id"], "grant", "x", hours=3.5)
    told = clock(desk, plain)
    assert (told["stage_due"], told["due"]) == ("03-12 15:30", "03-16 17:30")  # half a day of work
    desk.at("2026-03-12 14:30")
    assert plain["id"] not in desk.overdue().to_pylist()
    desk.at("2026-03-12 15:31")
    assert plain["id"] in desk.overdue().to_pylist()
    desk.at("2026-03-12 14:30")
    desk.step(plain["id"], "report", "x")
    desk.step(plain["id"], "rework", "x", "不合格")
    assert clock(desk, plain)["stage_due"] == "03-17 17:30"  # a stay of its own: 24 h, no more


@pytest.fixture
def desk(tmp_path):
    with Store.open(City.init(tmp_path / "city", name="test")) as store:
        yield _desk(store)


class Desk(CaseDesk):
    """A desk at which everybody takes steps as one who may."""

    def step(self, case_id, action, actor, note=None, **said):
        (may, *_) = (s.roles for s in steps_from(self.get(case_id)["stage"]) if s.action == action)
        return super().step(case_id, action, actor, note, may[0], **said)


def _desk(store):
    now = [beijing("2026-03-06 16:00")]
    made = Desk(store, lambda: now[0])
    made.at = lambda text: now.__setitem__(0, beijing(text))
    return made


def clock(desk, case):
    told = desk.get(case["id"])["clock"]
    shown = {
        name: value.replace(tzinfo=UTC).astimezone(EAST).strftime("%m-%d %H:%M")
        for name, value in told.items()
        if isinstance(value, datetime)
    }
    return {**told, **shown}


def test_a_case_has_its_limits_and_is_late_after_them(desk):
    case = desk.open(NewCase("暴露垃圾", code="06010"), "市民热线")
    told = clock(desk, case)
    assert (told["stage_since"], told["stage_due"], told["overdue"]) == ("03-06 16:00", "03-06 17:00", False)  # fmt: skip
    assert told["due"] == "03-16 12:00"  # 40 h: 1.5 on Friday, five days of 7, 3.5 on Monday
    assert desk.listed(overdue=True).matched == 0
    desk.at("2026-03-09 08:00")
    assert clock(desk, case)["overdue"]
    assert [c["id"] for c in desk.listed(overdue=True).cases] == [case["id"]]
    desk.step(case["id"], "accept", "操作员")
    assert clock(desk, case)["stage_due"] == "03-09 09:30"
    assert desk.listed(overdue=True).matched == 0
    assert desk.listed(overdue=False).matched == 1


def test_the_clock_stands_while_a_case_is_suspended_and_ends_with_it(desk):
    case = desk.open(NewCase("暴露垃圾"), "市民热线")
    for action in ("accept", "register", "dispatch", "handle"):
        desk.step(case["id"], action, "x")
    told = clock(desk, case)
    assert (
        told["stage_due"] == "03-12 10:00"
    )  # 24 h: 1.5 on Friday, three days of 7, 1.5 on Thursday
    before = told["due"]
    desk.at("2026-03-09 09:00")
    desk.step(case["id"], "suspend", "值班长", "等材料")
    told = clock(desk, case)
    assert (told["paused"], told["stage_due"], told["overdue"]) == (True, None, False)
    desk.at("2026-03-11 09:00")
    desk.step(case["id"], "resume", "值班长")
    assert (before, clock(desk, case)["due"]) == ("03-16 12:00", "03-18 12:00")  # two days of work later  # fmt: skip
    assert (
        clock(desk, case)["stage_due"] == "03-16 10:00"
    )  # what was left of the stage's time, no more
    for action in ("report", "verify", "close"):
        desk.step(case["id"], action, "x", "done")
    told = clock(desk, case)
    assert (told["due"], told["stage_due"], told["overdue"]) == (None, None, False)
