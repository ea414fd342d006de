"""The city breathing: daily curves for every stream, and incidents that come at fixed moments.

The simulator is a pure function of its start, its seed and the times it is asked for: two runs that
step at the same offsets give the same readings.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sample_data.signals import SIGNALS, curve, signal_of

__all__ = ["LOCAL", "STORY", "Incident", "Simulator", "curve"]

LOCAL = timezone(timedelta(hours=8))

STORY: tuple[tuple[float, str, str, int, str], ...] = (
    (45.0, "燃气", "甲烷浓度", 3, "井室燃气泄漏：甲烷浓度持续上升"),
    (150.0, "内涝", "积水深度", 4, "短时强降雨：下穿路段积水"),
    (270.0, "桥梁", "应变", 2, "超载货车通过，主梁应变突增"),
    (390.0, "人员密集场所", "人数", 2, "广场活动人流聚集"),
    (510.0, "供水", "供水压力", 3, "主管爆裂，管网压力骤降"),
    (620.0, "环卫", "满溢度", 5, "早市后垃圾箱满溢"),
    (730.0, "路面塌陷", "地表沉降", 1, "地铁施工段路面沉降加速"),
    (820.0, "管廊", "氧气浓度", 2, "管廊通风故障，氧气不足"),
    (930.0, "排水", "管道液位", 3, "管道淤堵，液位上涨"),
    (1040.0, "建筑施工", "塔吊力矩比", 1, "塔吊超力矩作业"),
    (1120.0, "隧道", "一氧化碳", 2, "隧道拥堵，一氧化碳超标"),
    (1200.0, "危房", "倾斜角", 1, "老旧房屋倾斜加剧"),
)
"""(seconds after the start, subject, property, streams touched, what happened); the story repeats every 22 minutes."""

PERIOD = 1320.0
RISE, HOLD, FALL = 24.0, 75.0, 60.0


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that drives ``streams`` (row numbers) to ``peak``; ``start`` is seconds after the simulator's start."""

    start: float
    subject: str
    property: str
    streams: tuple[int, ...]
    peak: float
    text: str

    def strength(self, elapsed: float) -> float:
        """0 before and after, rising to 1 in between."""
        t = elapsed - self.start
        if t <= 0.0 or t >= RISE + HOLD + FALL:
            return 0.0
        if t < RISE:
            return t / RISE
        return 1.0 if t < RISE + HOLD else 1.0 - (t - RISE - HOLD) / FALL


class Simulator:
    """Readings of all streams at the moments it is asked for.

    Parameters
    ----------
    streams : pyarrow.Table
        At least ``key``, ``subject``, ``property`` (schema :data:`twin.schema.STREAMS`, or what the
        base lists); rows whose pair is not in :data:`sample_data.signals.SIGNALS` are left out.
    seed : int
        Chooses which streams the incidents touch.
    """

    def __init__(self, streams: pa.Table, seed: int) -> None:
        known = {(s.subject, s.name): i for i, s in enumerate(SIGNALS)}
        pairs = zip(streams["subject"].to_pylist(), streams["property"].to_pylist(), strict=True)
        signal = np.array([known.get(pair, -1) for pair in pairs], dtype=np.int64)
        keys = np.array(streams["key"].to_pylist(), dtype=object)[signal >= 0]
        order = np.argsort(keys.astype(str), kind="stable")
        self.keys: NDArray[np.object_] = keys[order]
        self._signal = signal[signal >= 0][order]
        self._seed = seed
        self._start: datetime | None = None
        self._told = -1
        self._forced = 0
        self.incidents: list[Incident] = []

    def _touched(self, subject: str, name: str, count: int, salt: int) -> tuple[int, ...]:
        at = np.flatnonzero(
            np.array(
                [(SIGNALS[i].subject, SIGNALS[i].name) == (subject, name) for i in self._signal]
            )
        )
        rng = np.random.default_rng([self._seed, salt])
        return tuple(int(i) for i in np.sort(rng.permutation(at)[:count]))

    def _add(
        self, start: float, subject: str, name: str, count: int, text: str, salt: int
    ) -> Incident | None:
        rows = self._touched(subject, name, count, salt)
        if not rows:
            return None
        incident = Incident(start, subject, name, rows, signal_of(subject, name).peak, text)
        self.incidents.append(incident)
        return incident

    def _tell(self, elapsed: float) -> None:
        """Put the story's next round on the list when its time has come."""
        while self._told < int(elapsed // PERIOD):
            self._told += 1
            for i, (offset, subject, name, count, text) in enumerate(STORY):
                self._add(
                    self._told * PERIOD + offset, subject, name, count, text, 1000 * self._told + i
                )
        self.incidents = [i for i in self.incidents if i.start + RISE + HOLD + FALL > elapsed]

    def force_incident(self, subject: str, now: datetime | None = None) -> Incident:
        """Start an incident of a subject at once.

        Parameters
        ----------
        subject : str
            One of the 14 subjects.
        now : datetime, optional
            With zone; default the moment of the last step.

        Raises
        ------
        KeyError
            If no stream watches the subject.
        """
        elapsed = (
            0.0 if self._start is None else ((now or self._last) - self._start).total_seconds()
        )
        name, count, text = next(
            ((n, c, t) for _, s, n, c, t in STORY if s == subject),
            (next((s.name for s in SIGNALS if s.subject == subject), ""), 2, f"{subject}突发事件"),
        )
        self._forced += 1
        incident = (
            self._add(elapsed, subject, name, count, text, -self._forced % 100_000 + 500_000)
            if name
            else None
        )
        if incident is None:
            raise KeyError(subject)
        return incident

    def step(
        self, now: datetime
    ) -> tuple[NDArray[np.object_], NDArray[np.datetime64], NDArray[np.float64]]:
        """Readings of all streams at one moment.

        Parameters
        ----------
        now : datetime
            With zone; the first call sets the start of the story.

        Returns
        -------
        keys : ndarray of str, shape (n,)
        times : ndarray of datetime64[us], shape (n,)
            UTC.
        values : ndarray of float64, shape (n,)
            In the unit of each stream.
        """
        if self._start is None:
            self._start = now
        self._last = now
        elapsed = (now - self._start).total_seconds()
        self._tell(elapsed)
        local = now.astimezone(LOCAL)
        seconds = local.hour * 3600.0 + local.minute * 60.0 + local.second + local.microsecond / 1e6
        values = np.empty(self.keys.size)
        for i in np.unique(self._signal):
            at = np.flatnonzero(self._signal == i)
            values[at] = curve(SIGNALS[i].subject, SIGNALS[i].name, seconds, at)
        for incident in self.incidents:
            share = incident.strength(elapsed)
            if share > 0.0:
                rows = np.array(incident.streams)
                weight = share * (0.97 + 0.03 * np.cos(rows))
                values[rows] += (incident.peak - values[rows]) * np.minimum(weight, 1.0)
        digits = np.array([SIGNALS[i].decimals for i in self._signal])
        scale = 10.0**digits
        stamp = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us")
        return self.keys, np.full(self.keys.size, stamp), np.round(values * scale) / scale
