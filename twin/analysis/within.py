"""Everything within some metres of a thing or a place, in space: exact distances and the points that attain them."""

from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from twin.analysis.model import (
    Analysis,
    Inputs,
    Names,
    Place,
    Study,
    coordinates,
    error_bound,
    lifted,
    named,
    rounded,
)
from twin.errors import NotFoundError
from twin.solids import Near, Solids, nearest_points

__all__ = ["ANALYSIS", "Subject", "ThingOrPlace", "features_of", "found_near", "subject_of"]

Ints = NDArray[np.int64]
MOST = 20_000
"""Things of one answer."""


class ThingOrPlace(Inputs):
    """A thing, or a place."""

    thing: Annotated[
        str | None, Field(description="Id (eid) of a thing, such as a pipe.", max_length=36)
    ] = None
    at: Annotated[Place | None, Field(description="A place, also underground.")] = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.thing is None) == (self.at is None):
            raise ValueError("give either thing or at")
        return self


class Subject(ThingOrPlace):
    """What distances are taken from, and which things are looked for."""

    collections: Annotated[Names | None, Field(description="Only things of these collections.")] = (
        None
    )
    classes: Annotated[Names | None, Field(description="Only things of these classes.")] = None


class WithinInputs(Subject):
    """What lies near."""

    distance_m: Annotated[
        float, Field(ge=0, le=2000, description="Metres between surfaces, in space.")
    ]
    limit: Annotated[int, Field(ge=1, le=MOST, description="Things in the answer, nearest first.")] = MOST  # fmt: skip


def subject_of(given: Subject, study: Study) -> tuple[Solids, int]:
    """The bodies distances are taken from, and the row of the thing (-1: a place).

    Raises
    ------
    NotFoundError
        If the thing has no body, or is beyond reach.
    """
    scene = study.scene
    if given.thing is None:
        assert given.at is not None  # noqa: S101 -- validated
        return Solids.points(lifted(scene, given.at, 0.0)), -1
    row = scene.find(given.thing)
    bodies = scene.bodies_of(row)
    seen = scene.wanted(reach=study.reach)
    if not len(bodies) or (seen is not None and not seen[bodies].any()):
        raise NotFoundError(f"{given.thing!r} has no body in the present scene")
    return scene.solids.take(bodies), row


def found_near(
    study: Study, subject: Solids, given: Subject, row: int, metres: float
) -> tuple[Ints, Near]:
    """Things within some metres of a subject, nearest first, ids decide between equals; the subject itself is left out."""
    scene = study.scene
    wanted = scene.wanted(given.collections, given.classes, study.reach)
    of, bodies = _candidates(study, subject, metres * (1 + 1e-9) + 1e-6, wanted)
    keep = scene.thing[bodies] != row
    of, bodies = of[keep], bodies[keep]
    near = nearest_points(subject, scene.solids, of, bodies)
    thing = scene.thing[bodies]
    order = np.lexsort((near.distance, thing))
    first = order[np.append(True, np.diff(thing[order]) > 0)] if len(order) else order
    first = first[near.distance[first] <= metres]
    first = first[np.lexsort((scene.things.eid[thing[first]], near.distance[first]))]
    chosen = Near(near.distance[first], near.on_first[first], near.on_second[first])
    return thing[first], chosen


def _candidates(
    study: Study, subject: Solids, metres: float, wanted: NDArray[np.bool_] | None
) -> tuple[Ints, Ints]:
    """Bodies whose boxes come near to the boxes of the subject's straight pieces."""
    tree = study.scene.tree
    of: list[Ints] = []
    found: list[Ints] = []
    for k in range(len(subject)):
        rows = [tree.near(box, metres, wanted) for box in _boxes(subject, k)]
        bodies = np.unique(np.concatenate(rows))
        of.append(np.full(len(bodies), k, np.int64))
        found.append(bodies)
    return np.concatenate(of), np.concatenate(found)


def _boxes(subject: Solids, k: int) -> list[NDArray[np.float64]]:
    """A box for each piece of at most 16 segments of a line, one for any other body."""
    if subject.kind[k] != 1:
        return [subject.take([k]).boxes()[0]]
    r = subject.radius[k]
    out = []
    for line in range(subject.piece[k], subject.piece[k + 1]):
        points = subject.xyz[subject.at[line] : subject.at[line + 1]]
        for start in range(0, max(1, len(points) - 1), 16):
            some = points[start : start + 17]
            out.append(np.concatenate([some.min(axis=0) - r, some.max(axis=0) + r]))
    return out


def features_of(study: Study, things: Ints, near: Near) -> list[dict[str, Any]]:
    """One feature a thing: the point of it that is nearest, its distance, and the nearest point of the subject."""
    scene = study.scene
    theirs, ours = coordinates(scene, near.on_second), coordinates(scene, near.on_first)
    gap = near.on_second - near.on_first
    flat, up = rounded(np.hypot(gap[:, 0], gap[:, 1])), rounded(gap[:, 2])
    return [
        {
            "type": "Feature", "id": who["eid"], "geometry": {"type": "Point", "coordinates": at},
            "properties": {**who, "distance_m": d, "horizontal_m": h, "vertical_m": v, "nearest_on_subject": on},
        }
        for who, at, on, d, h, v in zip(named(scene, things), theirs, ours, rounded(near.distance), flat, up, strict=True)
    ]  # fmt: skip


def _run(given: WithinInputs, study: Study) -> dict[str, Any]:
    subject, row = subject_of(given, study)
    things, near = found_near(study, subject, given, row, given.distance_m)
    matched = len(things)
    cut = slice(0, given.limit)
    near = Near(near.distance[cut], near.on_first[cut], near.on_second[cut])
    return {
        "type": "FeatureCollection", "numberMatched": matched, "numberReturned": min(matched, given.limit),
        "error_bound": error_bound(study.scene, given.distance_m),
        "features": features_of(study, things[cut], near),
    }  # fmt: skip


ANALYSIS = Analysis(
    "within",
    "Everything within a distance, in 3D",
    "三维邻近查询",
    "Things whose bodies come as near to a thing (a pipe) or a place, above or under ground, as some metres, measured in "
    "space between surfaces: pipes are as thick as their diameter, buildings solid from the ground to the roof.",
    WithinInputs,
    {"type": "object", "format": "geojson-feature-collection"},
    _run,
    {"at": [114.0833, 30.477, 9.0], "distance_m": 30.0, "collections": ["pipes", "buildings"]},
)
