"""Lines of sight between places: seen, or hidden where and by what."""

from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from twin.analysis.model import (
    Analysis,
    Inputs,
    Names,
    Place,
    Study,
    coordinates,
    error_bound,
    lifted,
)
from twin.analysis.scene import Scene
from twin.crs.local import EARTH_RADIUS_M
from twin.errors import InvalidRequestError
from twin.solids import first_hits

__all__ = ["ANALYSIS", "REFRACTION", "bend_of", "ignored"]

Array = NDArray[np.float64]
REFRACTION: Final = 0.13
"""Share of the Earth's curvature by which light bends near the ground (usual in surveying)."""
TERRAIN: Final = "terrain"
_PIECE_M: Final = 500.0
_MOST_M: Final = 1_000_000.0
_MOST_SAMPLES: Final = 20_000
_DEGREE_M: Final = 111_320.0
_END: Final = 1 - 1e-9


class SightInputs(Inputs):
    """An eye and what it looks at."""

    eye: Annotated[Place, Field(description="Where one looks from.")]
    targets: Annotated[
        list[Place], Field(min_length=1, max_length=2000, description="What one looks at.")
    ]
    eye_height_m: Annotated[
        float,
        Field(ge=0, le=1000, description="Metres over the ground of an eye without a height."),
    ] = 1.6
    target_height_m: Annotated[float, Field(ge=0, le=1000, description="The same for targets.")] = (
        1.6
    )
    refraction: Annotated[
        float, Field(ge=-1, le=1, description="Share of the Earth's curvature taken off; 1: a flat Earth.")
    ] = REFRACTION  # fmt: skip
    ignore: Annotated[
        Names | None, Field(description="Ids of things that hide nothing; terrain: the ground.")
    ] = None


def bend_of(refraction: float) -> float:
    """How far what is seen sinks, metres per square metre of distance."""
    return (1 - refraction) / (2 * EARTH_RADIUS_M)


def ignored(study: Study, names: list[str] | None) -> NDArray[np.bool_] | None:
    """Bodies that hide something, without those of some things."""
    scene = study.scene
    hiding = scene.wanted(reach=study.reach, hiding=True)
    if hiding is None or not names:
        return hiding
    hiding = hiding.copy()
    for name in names:
        if name == TERRAIN:
            continue
        hiding[scene.bodies_of(scene.find(name))] = False
    return hiding


def _hit_of_bodies(
    scene: Scene, line: Array, hiding: NDArray[np.bool_] | None
) -> tuple[float, int]:
    """Share of a line (n + 1, 3) of straight pieces at which a body stands in the way, and the body; (2, -1): none."""
    n = len(line) - 1
    for k in range(n):
        bodies = np.sort(scene.tree.along(line[k], line[k + 1], hiding))
        zeros = np.zeros(len(bodies), np.int64)
        found = first_hits(line[k : k + 1], line[k + 1 : k + 2], scene.solids, zeros, bodies)
        if not len(found):
            continue
        best = int(np.lexsort((scene.things.eid[scene.thing[bodies]], found))[0])
        share = (k + float(found[best])) / n
        if found[best] <= 1.0 and share < _END:
            return share, int(bodies[best])
    return 2.0, -1


def _hit_of_ground(scene: Scene, eye: Array, target: Array, sag: float) -> float:
    """Share of the line at which it goes into the ground; 2 where it does not."""
    if scene.terrain is None:
        return 2.0
    flat = float(np.hypot(*(target - eye)[:2]))
    step = min(scene.terrain.cell) * _DEGREE_M / 2
    n = int(np.clip(np.ceil(flat / step), 2, _MOST_SAMPLES))
    share = np.arange(n + 1) / n
    at = eye + share[:, None] * (target - eye)
    line = at[:, 2] - sag * share * (1 - share)
    over = line - scene.ground(at[:, 0], at[:, 1]) + 1e-3
    below = np.flatnonzero(over < 0)
    if not len(below):
        return 2.0
    k = int(below[0])
    if k == 0:
        return 0.0
    before = over[k - 1]
    return float(share[k - 1] + (share[k] - share[k - 1]) * before / (before - over[k]))


def _looked(
    given: SightInputs, study: Study, eye: Array, target: Array, hiding: NDArray[np.bool_] | None
) -> dict[str, Any]:
    scene = study.scene
    flat = float(np.hypot(*(target - eye)[:2]))
    sag = bend_of(given.refraction) * flat**2
    pieces = max(1, int(np.ceil(flat / _PIECE_M)))
    share = np.linspace(0, 1, pieces + 1)
    line = eye + share[:, None] * (target - eye)
    line[:, 2] -= sag * share * (1 - share)
    hit, body = _hit_of_bodies(scene, line, hiding)
    buried = TERRAIN not in (given.ignore or ())
    ground = _hit_of_ground(scene, eye, target, sag) if buried else 2.0
    ends = coordinates(scene, np.stack([eye, target]))
    away = round(float(np.linalg.norm(target - eye)), 3)
    said: dict[str, Any] = {"visible": hit > 1 and ground > 1, "distance_m": away}
    if not said["visible"]:
        first = min(hit, ground)
        at = eye + first * (target - eye)
        at[2] -= sag * first * (1 - first)
        thing = int(scene.thing[body]) if hit <= ground else -1
        said |= {
            "blocked_by": TERRAIN if thing < 0 else scene.things.eid[thing].decode(),
            "blocked_at": coordinates(scene, at)[0],
            "blocked_after_m": round(float(np.linalg.norm(at - eye)), 3),
        }
    shape = {"type": "LineString", "coordinates": ends}
    return {"type": "Feature", "geometry": shape, "properties": said}


def _run(given: SightInputs, study: Study) -> dict[str, Any]:
    scene = study.scene
    eye = lifted(scene, given.eye, given.eye_height_m)
    hiding = ignored(study, given.ignore)
    targets = [lifted(scene, place, given.target_height_m) for place in given.targets]
    flat = [float(np.hypot(*(target - eye)[:2])) for target in targets]
    longest = max(flat)
    if sum(flat) > _MOST_M:
        raise InvalidRequestError(
            f"{sum(flat) / 1000:.0f} km of sight lines; at most {_MOST_M / 1000:.0f} km at a time: fewer targets", "targets"
        )  # fmt: skip
    features = []
    for k, target in enumerate(targets):
        study.tell(k / len(targets))
        features.append({"id": str(k), **_looked(given, study, eye, target, hiding)})
    sag = bend_of(given.refraction) * min(longest, _PIECE_M) ** 2 / 4
    return {
        "type": "FeatureCollection",
        "error_bound": error_bound(scene, longest, sag, "where a sight line passes"),
        "terrain": "none: only bodies hide" if scene.terrain is None else
        "bilinear between cells; looked at twice a cell, taken as straight between, 1 mm given",
        "features": features,
    }  # fmt: skip


ANALYSIS = Analysis(
    "sight",
    "Line of sight",
    "通视分析",
    "Whether an eye sees places past buildings, bridges, building elements and the ground; where not, the first thing in the "
    "way and where. Straight lines, the Earth curved and the light bent by the given share of it.",
    SightInputs,
    {"type": "object", "format": "geojson-feature-collection"},
    _run,
    {"eye": [114.0833, 30.477, 60.0], "targets": [[114.0853, 30.4785], [114.0833, 30.479, 40.0]]},
)
