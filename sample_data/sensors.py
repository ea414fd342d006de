"""600 sensing devices on what they watch, and the last day of their readings."""

import uuid
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from sample_data.city import City
from sample_data.components import Components
from sample_data.district import BRIDGE, SEED, ground_height
from sample_data.networks import Pipes
from sample_data.signals import SIGNALS, SUBJECTS, Signal, curve

__all__ = ["HISTORY_END", "Sensors", "build_sensors", "history"]

HISTORY_END = np.datetime64("2026-07-01T00:00:00")
"""Local time (UTC+8) at which the history ends."""


@dataclass(frozen=True, slots=True)
class Sensors:
    """One entry per datastream; ``z`` is metres above ground, or 1985 height where ``z_reference`` says so."""

    key: NDArray[np.object_]
    device: NDArray[np.object_]
    name: NDArray[np.object_]
    signal: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    z_reference: NDArray[np.object_]
    host_scheme: NDArray[np.object_]
    host: NDArray[np.object_]


@dataclass(slots=True)
class _Hosts:
    """Where devices of one kind can hang."""

    xyz: NDArray[np.float64]
    reference: str
    scheme: str
    value: NDArray[np.object_]
    label: NDArray[np.object_]


def _spread(xy: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of ``count`` points that cover the area: the point nearest to each of a jittered lattice's cells."""
    order = rng.permutation(len(xy))
    side = 250.0
    while True:
        cell = np.floor(xy[order] / side).astype(np.int64)
        _, first = np.unique(cell, axis=0, return_index=True)
        if first.size >= count or side < 1.0:
            break
        side /= 1.35
    first = np.sort(first)
    if first.size < count:
        return np.resize(order, count)
    return order[first[:count]]


def _hosts(
    city: City,
    parts: Components,
    pipes: list[Pipes],
    signal: Signal,
    count: int,
    rng: np.random.Generator,
) -> _Hosts:
    kind, _, detail = signal.host.partition(":")
    if kind == "pipe":
        net = next(p for p in pipes if p.layer == detail)
        middle = shapely.get_coordinates(
            shapely.line_interpolate_point(net.geometry, 0.5, normalized=True)
        )
        at = _spread(middle, count, rng)
        return _Hosts(
            np.column_stack([middle[at], -net.depth[at]]),
            "ground",
            f"source:管线.gpkg#{detail}",
            net.key[at],
            net.name[at],
        )
    if kind == "building":
        return _building_hosts(city, detail, count, rng)
    if kind in ("road", "site"):
        return _road_hosts(city, kind, count, rng)
    if kind == "bridge":
        return _bridge_hosts(count)
    use = np.flatnonzero(parts.code == signal.host)
    xy = np.column_stack([parts.x, parts.y])[use]
    at = _spread(xy, count, rng)
    height = (
        -0.6 if signal.host.startswith("010") and signal.host not in ("01060", "01074") else 1.5
    )
    grid = city.admin.community_name[city.admin.grid_community[city.admin.locate(*xy[at].T)]]
    return _Hosts(
        np.column_stack([xy[at], np.full(at.size, height)]),
        "ground",
        "gbt47678.component",
        parts.identifier[use][at],
        grid + parts.name[use][at],
    )


def _building_hosts(city: City, detail: str, count: int, rng: np.random.Generator) -> _Hosts:
    b = city.buildings
    fits = (
        (b.usage == "住宅") & (b.year < 1992) & (b.floors < 7)
        if detail == "old"
        else np.isin(b.usage.astype(str), ["商业", "交通", "文化", "教育"])
        & (shapely.area(b.geometry) > 1500)
    )
    use = np.flatnonzero(fits)
    centre = b.centres()[use]
    at = _spread(centre, count, rng)
    top = b.height[use][at] if detail == "old" else np.full(at.size, 3.5)
    return _Hosts(
        np.column_stack([centre[at], top]),
        "ground",
        "building.code",
        b.code[use][at],
        b.name[use][at],
    )


def _road_hosts(city: City, kind: str, count: int, rng: np.random.Generator) -> _Hosts:
    roads = city.roads
    use = np.flatnonzero(~roads.bridge & (roads.grade != "local"))
    middle = shapely.get_coordinates(
        shapely.line_interpolate_point(roads.geometry[use], 0.37, normalized=True)
    )
    at = _spread(middle, count, rng)
    label = roads.name[use][at] + ("路基" if kind == "road" else "工地")
    z = 0.0 if kind == "road" else 2.5
    return _Hosts(
        np.column_stack([middle[at], np.full(at.size, z)]),
        "ground",
        "source:道路.gpkg#roads",
        roads.key[use][at],
        label,
    )


def _bridge_hosts(count: int) -> _Hosts:
    """Stations along the deck of the hero bridge, 1985 heights; the host is the bridge in its IFC model."""
    import ifcopenshell.guid  # heavy, and only needed here

    from sample_data import bim_bridge, ifc_writing

    guid = ifcopenshell.guid.compress(
        uuid.uuid5(ifc_writing.NAMESPACE, f"{BRIDGE.name}/IfcBridge/bridge").hex
    )
    share = (np.arange(count) + 0.5) / count
    x = BRIDGE.easting + share * BRIDGE.width
    y = BRIDGE.northing + np.where(np.arange(count) % 2 == 0, 4.0, BRIDGE.depth - 4.0)
    z = bim_bridge.deck_height(x - BRIDGE.easting) - 0.4
    label = np.array([f"{BRIDGE.name}{i + 1}号测点" for i in range(count)], dtype=object)
    return _Hosts(
        np.column_stack([x, y, z]), "1985", "ifc.guid", np.full(count, guid, dtype=object), label
    )


def build_sensors(city: City, parts: Components, pipes: list[Pipes]) -> Sensors:
    """Devices in the order of :data:`sample_data.signals.SIGNALS`; keys like ``LJ-RQ-0001`` number within the subject."""
    letters = dict(
        zip(
            SUBJECTS,
            ("RQ", "GS", "PS", "GR", "HW", "NL", "ZM", "GL", "TX", "SG", "WF", "QL", "SD", "RY"),
            strict=True,
        )
    )
    serial = dict.fromkeys(SUBJECTS, 0)
    rows: list[_Hosts] = []
    keys, names, signals = [], [], []
    for i, signal in enumerate(SIGNALS):
        found = _hosts(
            city, parts, pipes, signal, signal.count, np.random.default_rng([SEED, 70, i])
        )
        rows.append(found)
        for label in found.label:
            serial[signal.subject] += 1
            keys.append(f"LJ-{letters[signal.subject]}-{serial[signal.subject]:04d}")
            names.append(f"{label}{signal.name}监测")
        signals += [i] * len(found.label)
    xyz = np.vstack([r.xyz for r in rows]).round(3)
    size = [len(r.label) for r in rows]
    key = np.array(keys, dtype=object)
    return Sensors(
        key,
        np.array([f"D{each}" for each in keys], dtype=object),
        np.array(names, dtype=object),
        np.array(signals),
        xyz[:, 0],
        xyz[:, 1],
        xyz[:, 2],
        np.repeat(np.array([r.reference for r in rows], dtype=object), size),
        np.repeat(np.array([r.scheme for r in rows], dtype=object), size),
        np.concatenate([r.value for r in rows]),
    )


def history(
    sensors: Sensors, hours: int = 24
) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.float64]]:
    """Hourly readings of the last ``hours``: keys, local ISO times with +08:00, values."""
    hour = np.arange(-hours + 1, 1)
    times = (HISTORY_END + hour.astype("timedelta64[h]")).astype("datetime64[s]")
    stamp = np.array([f"{t}+08:00" for t in times.astype(str)], dtype=object)
    seconds = np.asarray((hour % 24) * 3600.0, dtype=np.float64)
    values = np.empty((sensors.key.size, hours))
    for i, signal in enumerate(SIGNALS):
        at = np.flatnonzero(sensors.signal == i)
        values[at] = curve(signal.subject, signal.name, seconds[None, :], at[:, None])
    return np.repeat(sensors.key, hours), np.tile(stamp, sensors.key.size), values.reshape(-1)


def ground_of(sensors: Sensors) -> NDArray[np.float64]:
    """1985 height of each device."""
    above = sensors.z_reference == "ground"
    return np.where(above, ground_height(sensors.x, sensors.y) + sensors.z, sensors.z)
