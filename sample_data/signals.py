"""What is measured in the district and how it runs over a day.

One table says, for each of the 14 monitored subjects, which properties are observed, in which UCUM
unit, between which thresholds, and along which daily curve; sensors, history and the live simulator
all read it.
"""

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIGNALS", "SUBJECTS", "Signal", "curve", "signal_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Signal:
    """One observed property of one subject.

    ``base`` + ``swing`` × daily shape (0 … 1) ± ``noise`` is the value in ``unit``; None thresholds
    do not apply. ``host`` says what carries the device: a 5-digit component code,
    ``building:<use>``, ``pipe:<layer>``, ``road:<name>``. ``peak`` is the value an incident drives
    the reading to; ``spread`` how far the base of one device lies off, as a share.
    """

    subject: str
    name: str
    unit: str
    count: int
    base: float
    swing: float
    shape: str
    noise: float
    warn_low: float | None
    warn_high: float | None
    alarm_low: float | None
    alarm_high: float | None
    interval: int
    host: str
    peak: float
    decimals: int = 2
    spread: float = 0.06


SUBJECTS: Final = (
    "燃气",
    "供水",
    "排水",
    "供热",
    "环卫",
    "内涝",
    "照明",
    "管廊",
    "路面塌陷",
    "建筑施工",
    "危房",
    "桥梁",
    "隧道",
    "人员密集场所",
)


def _read() -> tuple[Signal, ...]:
    text = files("sample_data").joinpath("signals.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        Signal(
            subject=row["subject"],
            name=row["name"],
            unit=row["unit"],
            count=int(row["count"]),
            base=float(row["base"]),
            swing=float(row["swing"]),
            shape=row["shape"],
            noise=float(row["noise"]),
            warn_low=_level(row["warn_low"]),
            warn_high=_level(row["warn_high"]),
            alarm_low=_level(row["alarm_low"]),
            alarm_high=_level(row["alarm_high"]),
            interval=int(row["interval"]),
            host=row["host"],
            peak=float(row["peak"]),
            decimals=int(row["decimals"]),
            spread=float(row["spread"]),
        )
        for row in rows
    )


def _level(text: str) -> float | None:
    return float(text) if text else None


SIGNALS: Final = _read()
"""600 datastreams in all."""

_BY_NAME = {(s.subject, s.name): s for s in SIGNALS}


def signal_of(subject: str, name: str) -> Signal:
    """Entry of :data:`SIGNALS`.

    Raises
    ------
    KeyError
        If the pair is not in the table.
    """
    return _BY_NAME[subject, name]


def _bump(hour: Floats, at: float, width: float) -> Floats:
    """Bell around an hour of the day, round the clock."""
    gap = np.abs((hour - at + 12.0) % 24.0 - 12.0)
    return np.exp(-((gap / width) ** 2))


def _shape(kind: str, hour: Floats) -> Floats:
    """Daily shape between 0 and 1."""
    if kind == "meal":
        return np.minimum(
            0.75 * _bump(hour, 7.3, 1.4) + 0.7 * _bump(hour, 12.0, 1.3) + _bump(hour, 19.0, 2.0),
            1.0,
        )
    if kind == "traffic":
        return np.minimum(
            0.95 * _bump(hour, 8.2, 1.5) + 0.45 * _bump(hour, 13.5, 3.5) + _bump(hour, 18.2, 1.8),
            1.0,
        )
    if kind == "lamp":
        return 1.0 / (1.0 + np.exp(-(np.abs(hour - 12.4) - 6.9) * 6.0))
    if kind == "work":
        return _bump(hour, 9.5, 2.2) + (1 - _bump(hour, 9.5, 2.2)) * _bump(hour, 15.5, 2.6)
    if kind == "crowd":
        return np.minimum(
            0.55 * _bump(hour, 12.3, 2.2) + _bump(hour, 19.3, 2.4) + 0.2 * _bump(hour, 9.0, 2.0),
            1.0,
        )
    if kind == "fill":
        return ((hour - 5.5) % 12.0) / 12.0
    if kind == "night":
        return 0.5 + 0.5 * np.cos((hour - 3.5) * np.pi / 12.0)
    if kind == "day":
        return 0.5 - 0.5 * np.cos((hour - 2.0) * np.pi / 12.0)
    return np.zeros_like(hour)


def _hash01(a: Floats, b: Floats) -> Floats:
    """Repeatable pseudo-random numbers in [0, 1) from two columns."""
    mixed = np.sin(a * 12.9898 + b * 78.233 + 0.5) * 43758.5453
    return mixed - np.floor(mixed)


def curve(
    subject: str, name: str, seconds: Floats | float, stream_no: NDArray[np.int64] | int
) -> Floats:
    """Value of a property at a time of day, undisturbed by incidents.

    Parameters
    ----------
    subject, name : str
        Entry of :data:`SIGNALS`.
    seconds : float or ndarray of float64
        Seconds since local midnight; broadcast against ``stream_no``.
    stream_no : int or ndarray of int64
        Number of the stream: shifts level, timing and noise of each device a little.

    Returns
    -------
    ndarray of float64
        In the signal's unit, rounded to its decimals; stays between its thresholds.
    """
    signal = signal_of(subject, name)
    t, k = np.broadcast_arrays(np.asarray(seconds, dtype=float), np.asarray(stream_no, dtype=float))
    own, late = _hash01(k, k * 0 + 3.0), _hash01(k, k * 0 + 11.0)
    hour = (t / 3600.0 + 0.7 * (late - 0.5)) % 24.0
    level = (
        signal.base * (1.0 + signal.spread * (2.0 * own - 1.0))
        if signal.shape != "lamp"
        else np.full(t.shape, signal.base)
    )
    slow = np.sin(t / 611.0 + 40.0 * own) + 0.6 * np.sin(t / 173.0 + 17.0 * late)
    quick = _hash01(k + 0.37, np.floor(t / 5.0)) - 0.5
    value = (
        level
        + signal.swing * (0.75 + 0.35 * late) * _shape(signal.shape, hour)
        + signal.noise * (0.5 * slow + 0.8 * quick)
    )
    floor = 0.0 if signal.base >= 0 else -np.inf
    return np.asarray(np.round(np.maximum(value, floor), signal.decimals))
