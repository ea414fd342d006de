"""What is measured in the district and how it runs over a day.

One table says, for each of the 14 monitored subjects, which properties are observed, in which UCUM
unit, between which
thresholds, and along which daily curve; sensors, history and the live simulator all read it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIGNALS", "SUBJECTS", "Signal", "curve", "signal_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Signal:
    """One observed property of one subject.

    ``base`` + ``swing`` × daily shape (0 … 1) ± ``noise`` is the value in ``unit``; None thresholds
    do not apply.
    ``host`` says what carries the device: a 5-digit component code, ``building:<use>``,
    ``pipe:<layer>``, ``road:<name>``.
    ``peak`` is the value an incident drives the reading to; ``spread`` how far the base of one
    device lies off, as a share.
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

SIGNALS: Final[tuple[Signal, ...]] = (
    Signal(
        "燃气",
        "甲烷浓度",
        "%",
        50,
        0.15,
        0.35,
        "meal",
        0.08,
        None,
        10.0,
        None,
        25.0,
        30,
        "01011",
        38.0,
    ),
    Signal(
        "燃气",
        "燃气压力",
        "kPa",
        20,
        212.0,
        -14.0,
        "meal",
        1.2,
        180.0,
        240.0,
        160.0,
        260.0,
        60,
        "pipe:gas",
        148.0,
        1,
    ),
    Signal(
        "供水",
        "供水压力",
        "MPa",
        30,
        0.34,
        -0.06,
        "meal",
        0.004,
        0.24,
        0.45,
        0.18,
        0.55,
        60,
        "pipe:water",
        0.11,
        3,
    ),
    Signal(
        "供水",
        "供水流量",
        "m3/h",
        15,
        160.0,
        420.0,
        "meal",
        12.0,
        None,
        760.0,
        None,
        900.0,
        60,
        "01001",
        1040.0,
        1,
    ),
    Signal(
        "供水", "余氯", "mg/L", 15, 0.52, -0.1, "day", 0.02, 0.2, 1.0, 0.05, 2.0, 300, "01001", 0.03
    ),
    Signal(
        "排水", "管道液位", "m", 40, 0.45, 0.5, "meal", 0.03, None, 1.6, None, 2.2, 60, "01002", 2.7
    ),
    Signal(
        "排水",
        "硫化氢浓度",
        "mg/m3",
        20,
        1.2,
        1.6,
        "day",
        0.25,
        None,
        6.6,
        None,
        10.0,
        60,
        "01002",
        15.0,
    ),
    Signal(
        "供热",
        "供水温度",
        "Cel",
        25,
        88.0,
        9.0,
        "night",
        0.6,
        70.0,
        110.0,
        60.0,
        120.0,
        120,
        "pipe:heat",
        52.0,
        1,
    ),
    Signal(
        "供热",
        "供热压力",
        "MPa",
        15,
        0.82,
        0.06,
        "night",
        0.008,
        0.6,
        1.05,
        0.5,
        1.2,
        120,
        "01010",
        0.41,
        3,
    ),
    Signal(
        "环卫",
        "满溢度",
        "%",
        50,
        12.0,
        62.0,
        "fill",
        2.0,
        None,
        85.0,
        None,
        95.0,
        300,
        "03005",
        100.0,
        1,
    ),
    Signal(
        "内涝",
        "积水深度",
        "cm",
        50,
        0.2,
        0.6,
        "flat",
        0.25,
        None,
        15.0,
        None,
        27.0,
        30,
        "01004",
        46.0,
        1,
    ),
    Signal(
        "照明",
        "回路功率",
        "kW",
        25,
        0.4,
        36.0,
        "lamp",
        0.5,
        None,
        48.0,
        None,
        60.0,
        120,
        "01060",
        68.0,
    ),
    Signal(
        "照明",
        "漏电电流",
        "mA",
        15,
        6.0,
        8.0,
        "lamp",
        1.0,
        None,
        30.0,
        None,
        60.0,
        120,
        "01060",
        84.0,
        1,
    ),
    Signal(
        "管廊",
        "氧气浓度",
        "%",
        20,
        20.7,
        -0.3,
        "day",
        0.05,
        19.5,
        23.0,
        18.0,
        23.5,
        60,
        "01074",
        16.9,
        2,
        0.006,
    ),
    Signal(
        "管廊",
        "相对湿度",
        "%",
        20,
        66.0,
        9.0,
        "night",
        1.2,
        None,
        85.0,
        None,
        92.0,
        60,
        "01074",
        96.0,
        1,
    ),
    Signal(
        "路面塌陷",
        "地表沉降",
        "mm",
        30,
        2.1,
        0.8,
        "traffic",
        0.15,
        None,
        8.0,
        None,
        15.0,
        300,
        "road",
        21.0,
    ),
    Signal(
        "建筑施工",
        "PM10",
        "ug/m3",
        12,
        58.0,
        55.0,
        "work",
        7.0,
        None,
        150.0,
        None,
        250.0,
        60,
        "03010",
        310.0,
        1,
    ),
    Signal(
        "建筑施工",
        "噪声",
        "dB",
        10,
        46.0,
        17.0,
        "work",
        1.4,
        None,
        70.0,
        None,
        80.0,
        60,
        "site",
        87.0,
        1,
    ),
    Signal(
        "建筑施工",
        "塔吊力矩比",
        "%",
        8,
        12.0,
        50.0,
        "work",
        4.0,
        None,
        90.0,
        None,
        100.0,
        30,
        "site",
        108.0,
        1,
    ),
    Signal(
        "危房",
        "倾斜角",
        "deg",
        18,
        0.21,
        0.03,
        "day",
        0.006,
        None,
        0.5,
        None,
        0.8,
        600,
        "building:old",
        0.97,
        3,
    ),
    Signal(
        "危房",
        "裂缝宽度",
        "mm",
        12,
        0.8,
        0.15,
        "day",
        0.03,
        None,
        2.0,
        None,
        3.0,
        600,
        "building:old",
        3.8,
        3,
    ),
    Signal(
        "桥梁",
        "应变",
        "um/m",
        20,
        85.0,
        95.0,
        "traffic",
        9.0,
        None,
        260.0,
        None,
        320.0,
        30,
        "bridge",
        378.0,
        1,
    ),
    Signal(
        "桥梁",
        "挠度",
        "mm",
        10,
        6.0,
        12.0,
        "traffic",
        1.0,
        None,
        32.0,
        None,
        42.0,
        30,
        "bridge",
        51.0,
    ),
    Signal(
        "桥梁",
        "振动加速度",
        "m/s2",
        10,
        0.03,
        0.09,
        "traffic",
        0.01,
        None,
        0.3,
        None,
        0.5,
        30,
        "bridge",
        0.66,
        3,
    ),
    Signal(
        "隧道",
        "一氧化碳",
        "mg/m3",
        15,
        4.0,
        14.0,
        "traffic",
        1.0,
        None,
        30.0,
        None,
        60.0,
        60,
        "02044",
        74.0,
        1,
    ),
    Signal(
        "隧道",
        "能见度",
        "m",
        15,
        310.0,
        -90.0,
        "traffic",
        8.0,
        120.0,
        None,
        70.0,
        None,
        60,
        "02044",
        45.0,
        0,
    ),
    Signal(
        "人员密集场所",
        "人数",
        "{person}",
        20,
        40.0,
        760.0,
        "crowd",
        22.0,
        None,
        1500.0,
        None,
        2000.0,
        60,
        "building:crowd",
        2350.0,
        0,
    ),
    Signal(
        "人员密集场所",
        "人群密度",
        "{person}/m2",
        10,
        0.1,
        1.3,
        "crowd",
        0.05,
        None,
        2.5,
        None,
        4.0,
        60,
        "building:crowd",
        4.7,
    ),
)
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
