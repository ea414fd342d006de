"""Along the pipes: what lies upstream and downstream of a pipe or place, or is connected with it at all."""

import heapq
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import Field

from twin.analysis.model import (
    Analysis,
    Names,
    Place,
    Study,
    coordinates,
    error_bound,
    lifted,
    named,
    rounded,
)
from twin.analysis.scene import Scene
from twin.analysis.within import ThingOrPlace
from twin.errors import NotFoundError
from twin.solids import LINE, Solids, nearest_points

__all__ = ["ANALYSIS", "TraceInputs", "traced"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST: Final = 20_000
"""Pipes of one answer."""
NEAREST_M: Final = 100.0
"""A place farther from any pipe is on no network."""
FALL_M: Final = 0.01
"""Ends whose heights differ less do not tell which way a pipe falls."""
GRAVITY: Final = frozenset(("pipe_drainage",))
"""Classes of pipes in which water flows down, by the heights of their ends."""


class TraceInputs(ThingOrPlace):
    """Where a trace begins, which way it goes and how far."""

    at: Annotated[
        Place | None, Field(description="A place; the nearest pipe within 100 m is taken.")
    ] = None
    direction: Annotated[
        Literal["downstream", "upstream", "connected"],
        Field(description="Connected: whichever way it flows."),
    ] = "downstream"
    flow: Annotated[
        Literal["fall", "drawn"] | None,
        Field(
            description="How pipes tell which way they flow: by the heights of their ends, or as they are drawn, first to last "
            "point. Where absent, drainage falls, and of other networks nothing is known: they are traced as connected."
        ),
    ] = None
    collections: Annotated[
        Names, Field(default_factory=lambda: ["pipes"], description="Collections of pipes.")
    ]
    classes: Annotated[
        Names | None, Field(description="Classes of one network; where absent, that of the pipe.")
    ] = None
    distance_m: Annotated[float, Field(gt=0, le=50_000, description="Metres along the pipes.")] = (
        2000.0
    )
    join_m: Annotated[
        float, Field(ge=0, le=10, description="Ends so near to each other in plan are joined.")
    ] = 0.3
    drop_m: Annotated[
        float, Field(ge=0, le=30, description="Drop at a joint, as in a manhole, at most.")
    ] = 5.0
    limit: Annotated[int, Field(ge=1, le=MOST, description="Pipes in the answer, nearest first.")] = MOST  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Network:
    """Pipes near a subject: bodies (n), their ends (2n, first and last), lengths (n), 1 where the flow is known."""

    bodies: Ints
    ends: Array
    length: Array
    lines: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Traced:
    """Pipes in order of their distance along the network."""

    bodies: Ints
    distance: Array
    length: Array
    last: NDArray[np.bool_]
    direction: str
    flow: str


def traced(given: TraceInputs, study: Study, start: int) -> Traced:
    """Pipes that the flow from (to) the body `start` comes through.

    The distance of a pipe is that from the end of the first pipe to where it is entered; a pipe that is entered in its
    middle is counted as a whole.
    """
    scene = study.scene
    kind = scene.things.classes[scene.things.class_code[scene.thing[start]]]
    classes = given.classes or [kind]
    flow = given.flow or ("fall" if GRAVITY.issuperset(classes) else "unknown")
    way = "connected" if flow == "unknown" else given.direction
    net = _network(scene, given, study, classes, start)
    begins, ends = _steps(net, given, flow if way != "connected" else "unknown")
    if way == "upstream":
        begins, ends = ends, begins
    first = int(np.flatnonzero(net.bodies == start)[0])
    order, distance, last = _walk(begins, ends, net.length, first, given.distance_m)
    return Traced(net.bodies[order], distance, net.length[order], last, way, flow)


def _network(
    scene: Scene, given: TraceInputs, study: Study, classes: list[str], start: int
) -> _Network:
    """Pipes of the classes as far as a trace can come."""
    wanted = scene.wanted(given.collections, classes, study.reach)
    box = scene.tree.boxes[start]
    near = scene.tree.near(box, given.distance_m + given.join_m, wanted)
    bodies = np.unique(np.append(near[scene.solids.kind[near] == LINE], start))
    pipes = scene.solids.take(bodies)
    first = pipes.xyz[pipes.at[pipes.piece[:-1]]]
    last = pipes.xyz[pipes.at[pipes.piece[1:]] - 1]
    ends = np.stack([first, last], axis=1).reshape(-1, 3)
    step = np.hypot.reduce(np.diff(pipes.xyz, axis=0), axis=1)
    step[pipes.at[1:-1] - 1] = 0.0  # from one line to the next
    run = np.append(0.0, np.cumsum(step))
    length = run[pipes.at[pipes.piece[1:]] - 1] - run[pipes.at[pipes.piece[:-1]]]
    owner = np.repeat(np.arange(len(pipes.at) - 1), np.diff(pipes.at))
    lines = np.asarray(shapely.linestrings(pipes.xyz[:, :2], indices=owner))
    whole = np.repeat(np.arange(len(pipes)), np.diff(pipes.piece))
    return _Network(
        bodies, ends, length, np.asarray(shapely.multilinestrings(lines, indices=whole))
    )


def _steps(net: _Network, given: TraceInputs, flow: str) -> tuple[Ints, Ints]:
    """Pairs of pipes (m,), (m,): out of the one, into the other; both ways where the flow is not known."""
    place = np.asarray(shapely.points(net.ends[:, :2]))
    a, b = shapely.STRtree(place).query(place, predicate="dwithin", distance=given.join_m)
    z = net.ends[:, 2]
    joined = (a // 2 != b // 2) & (np.abs(z[a] - z[b]) <= given.drop_m)
    a, b = a[joined], b[joined]
    end, pipe = shapely.STRtree(net.lines).query(place, predicate="dwithin", distance=given.join_m)
    low, high = np.minimum(z[0::2], z[1::2]), np.maximum(z[0::2], z[1::2])
    beside = (z[end] >= low[pipe] - given.drop_m) & (z[end] <= high[pipe] + given.drop_m)
    at_ends = np.zeros(len(end), bool)
    for side in (0, 1):
        gap = np.hypot(*(net.ends[end, :2] - net.ends[2 * pipe + side, :2]).T)
        at_ends |= gap <= given.join_m
    middle = beside & ~at_ends & (end // 2 != pipe)
    end, pipe = end[middle], pipe[middle]
    if flow == "unknown":
        one = np.concatenate([a // 2, end // 2, pipe])
        return one, np.concatenate([b // 2, pipe, end // 2])
    ahead = np.ones(len(net.bodies), bool)
    if flow == "fall":
        ahead = z[0::2] - z[1::2] > -FALL_M  # level pipes as they are drawn
    outlet = np.arange(len(net.ends)) % 2 == np.repeat(ahead, 2)
    through = outlet[a] & ~outlet[b]
    out = outlet[end]
    one = np.concatenate([a[through] // 2, end[out] // 2, pipe[~out]])
    return one, np.concatenate([b[through] // 2, pipe[out], end[~out] // 2])


def _walk(
    begins: Ints, ends: Ints, length: Array, first: int, most: float
) -> tuple[Ints, Array, NDArray[np.bool_]]:
    """Pipes in order of their distance, and whether the way ends there (Dijkstra)."""
    order = np.argsort(begins, kind="stable")
    begins, ends = begins[order], ends[order]
    at = np.searchsorted(begins, np.arange(len(length) + 1)).tolist()
    into, long = ends.tolist(), length.tolist()
    best, done = {first: 0.0}, dict[int, float]()
    waiting = [(0.0, first)]
    while waiting:
        gone, pipe = heapq.heappop(waiting)
        if pipe in done:
            continue
        done[pipe] = gone
        beyond = gone + (long[pipe] if pipe != first else 0.0)
        if beyond > most:
            continue
        for k in into[at[pipe] : at[pipe + 1]]:
            if k not in done and beyond < best.get(k, np.inf):
                best[k] = beyond
                heapq.heappush(waiting, (beyond, k))
    found = np.fromiter(done, np.int64, len(done))
    last = np.array([not set(into[at[p] : at[p + 1]]) - {p} for p in done], bool)
    return found, np.fromiter(done.values(), np.float64, len(done)), last


def start_of(given: TraceInputs, study: Study) -> int:
    """Body a trace begins with: a line of the thing, or the nearest pipe.

    Raises
    ------
    NotFoundError
        If the thing is no pipe, is beyond reach, or none is near.
    """
    scene = study.scene
    seen = scene.wanted(given.collections, given.classes, study.reach)
    if given.thing is not None:
        bodies = scene.bodies_of(scene.find(given.thing))
        lines = bodies[scene.solids.kind[bodies] == LINE]
        if seen is not None:
            lines = lines[seen[lines]]
        if not len(lines):
            raise NotFoundError(
                f"{given.thing!r} is no pipe of {', '.join(given.collections)}; a trace begins at a line"
            )
        return int(lines[0])
    assert given.at is not None  # noqa: S101 -- validated
    point = Solids.points(lifted(scene, given.at, 0.0))
    near = scene.tree.near(point.boxes()[0], NEAREST_M, seen)
    near = np.sort(near[scene.solids.kind[near] == LINE])
    if not len(near):
        raise NotFoundError(
            f"no pipe of {', '.join(given.collections)} within {NEAREST_M:.0f} m of {given.at}"
        )
    gap = nearest_points(point, scene.solids, np.zeros(len(near), np.int64), near)
    return int(near[gap.distance.argmin()])


def _run(given: TraceInputs, study: Study) -> dict[str, Any]:
    start = start_of(given, study)
    found = traced(given, study, start)
    cut = slice(0, given.limit)
    scene, bodies = study.scene, found.bodies[cut]
    who = named(scene, scene.thing[bodies])
    shapes = [_coordinates(scene, body) for body in bodies.tolist()]
    features = [
        {
            "type": "Feature", "id": one["eid"], "geometry": shape,
            "properties": {**one, "distance_m": d, "length_m": m, "last": bool(last)},
        }
        for one, shape, d, m, last in zip(
            who, shapes, rounded(found.distance[cut]), rounded(found.length[cut]), found.last[cut], strict=True
        )
    ]  # fmt: skip
    whole = float(found.length.sum())
    return {
        "type": "FeatureCollection", "numberMatched": len(found.bodies), "numberReturned": len(features),
        "subject": who[0]["eid"], "direction": found.direction, "flow": found.flow,
        "length_m": round(whole, 3), "error_bound": error_bound(scene, whole), "features": features,
    }  # fmt: skip


def _coordinates(scene: Scene, body: int) -> dict[str, Any]:
    pipe = scene.solids.take(np.array([body]))
    lines = [
        coordinates(scene, pipe.xyz[pipe.at[k] : pipe.at[k + 1]]) for k in range(len(pipe.at) - 1)
    ]
    if len(lines) == 1:
        return {"type": "LineString", "coordinates": lines[0]}
    return {"type": "MultiLineString", "coordinates": lines}


ANALYSIS = Analysis(
    "trace",
    "Upstream, downstream or connected along the pipes",
    "管网上下游追踪",
    "Pipes that what flows through a pipe comes to (downstream), comes from (upstream), or that are connected with it, with "
    "their distance along the network. Ends that meet, and ends that meet the middle of a pipe, are joined. Drainage flows as "
    "its pipes fall; of networks under pressure the direction is not known unless their drawing tells it.",
    TraceInputs,
    {"type": "object", "format": "geojson-feature-collection"},
    _run,
    {"at": [114.0833, 30.477, 9.0], "classes": ["pipe_drainage"], "direction": "downstream", "distance_m": 1000.0},
)  # fmt: skip
