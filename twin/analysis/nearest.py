"""The nearest things to a thing or a place, in space."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from twin.analysis.model import Analysis, Study, error_bound
from twin.analysis.within import Subject, features_of, found_near, subject_of
from twin.solids import Near

__all__ = ["ANALYSIS"]


class NearestInputs(Subject):
    """How many, of what, and how far at most."""

    count: Annotated[int, Field(ge=1, le=1000, description="How many things.")] = 10
    max_distance_m: Annotated[
        float, Field(gt=0, le=50_000, description="Nothing farther than that is looked for.")
    ] = 5_000.0


def _run(given: NearestInputs, study: Study) -> dict[str, Any]:
    subject, row = subject_of(given, study)
    metres = min(16.0, given.max_distance_m)
    while True:  # what is within a distance is complete: widen until there are enough
        things, near = found_near(study, subject, given, row, metres)
        if len(things) >= given.count or metres >= given.max_distance_m:
            break
        study.tell(metres / given.max_distance_m)
        metres = min(2 * metres, given.max_distance_m)
    cut = slice(0, given.count)
    kept = Near(near.distance[cut], near.on_first[cut], near.on_second[cut])
    farthest = float(kept.distance[-1]) if len(kept.distance) else 0.0
    return {
        "type": "FeatureCollection", "numberReturned": len(kept.distance),
        "error_bound": error_bound(study.scene, farthest),
        "features": features_of(study, np.asarray(things[cut]), kept),
    }  # fmt: skip


ANALYSIS = Analysis(
    "nearest",
    "Nearest things, in 3D",
    "三维最近对象",
    "The things whose bodies are nearest to a thing or a place, nearest first, measured in space between surfaces; of "
    "equally near ones the one of the smaller id.",
    NearestInputs,
    {"type": "object", "format": "geojson-feature-collection"},
    _run,
    {"at": [114.0833, 30.477, 9.0], "count": 3, "collections": ["pipes"]},
)
