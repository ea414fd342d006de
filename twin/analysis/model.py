"""What an analysis is: a name, inputs with a schema, a function over the scene, and what it says of its answer."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from twin.analysis.scene import Scene
from twin.errors import InvalidRequestError
from twin.features.asking import EVERYTHING, Reach
from twin.store import Store

__all__ = [
    "Analysis", "Inputs", "Metres", "Names", "Place", "Study", "described", "job_id", "lifted", "read_inputs", "rounded",
]  # fmt: skip

Array = NDArray[np.float64]
FARTHEST_M: Final = 300_000.0
"""Places beyond are no part of a city."""
_VERSION: Final = 1
"""Part of every job id: grows when an analysis answers otherwise than before."""


class Inputs(BaseModel):
    """Inputs of an analysis: nothing unknown, numbers finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def _coordinates(given: Any) -> Any:  # noqa: ANN401 -- any JSON
    """Coordinates of a GeoJSON point or line; anything else as it is."""
    if isinstance(given, dict) and given.get("type") in ("Point", "LineString"):
        return given.get("coordinates")
    return given


def _in_the_world(given: list[float]) -> list[float]:
    if abs(given[0]) > 180 or abs(given[1]) > 90:
        raise ValueError("longitude comes first, within ±180, then latitude, within ±90")
    if len(given) == 3 and abs(given[2]) > 20_000:
        raise ValueError("the third number is a height, within ±20 000 m")
    return given


Place = Annotated[
    list[float],
    BeforeValidator(_coordinates),
    AfterValidator(_in_the_world),
    Field(
        min_length=2, max_length=3,
        description="Longitude, latitude in degrees (EPSG:4490, or CRS84 which is taken as the same) and, where given, "
        "metres above the ellipsoid. A GeoJSON Point is taken too.",
    ),
]  # fmt: skip
Metres = Annotated[float, Field(gt=0)]
Names = Annotated[list[Annotated[str, Field(max_length=80)]], Field(min_length=1, max_length=50)]


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis.

    Parameters
    ----------
    id : str
    title, title_zh, description : str
    inputs : type of Inputs
    outputs : Mapping
        JSON Schema of the one output, by its name.
    run : callable
        Inputs and a study → the answer as plain JSON (arrays of numbers allowed).
    example : Mapping
        Inputs that any city with the sample layers answers.
    media : str
        Media type of the answer.
    lasting : bool
        Whether the answer stays the same while the base does: not where readings go into it.
    """

    id: str
    title: str
    title_zh: str
    description: str
    inputs: type[Inputs]
    schema: Mapping[str, Any]
    run: Callable[[Any, "Study"], dict[str, Any]]
    example: Mapping[str, Any]
    media: str = "application/geo+json"
    lasting: bool = True


@dataclass(slots=True)
class Study:
    """What an analysis works on.

    Parameters
    ----------
    scene : Scene
    store : Store
    reach : Reach
        Nothing outside it is named in an answer.
    tell : callable
        Told the share done, 0 to 1; raises when the work is to stop.
    """

    scene: Scene
    store: Store
    reach: Reach = EVERYTHING
    tell: Callable[[float], None] = field(default=lambda _: None)


def read_inputs(analysis: Analysis, given: Mapping[str, Any]) -> Inputs:
    """Inputs as the analysis wants them.

    Raises
    ------
    InvalidRequestError
        Naming the input, what was given and what was expected.
    """
    try:
        return analysis.inputs.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(step) for step in first["loc"])
        said = repr(first["input"])[:80]
        known = ", ".join(analysis.inputs.model_fields)
        what = f"unknown; {analysis.id} takes {known}" if first["type"] == "extra_forbidden" else first["msg"]  # fmt: skip
        raise InvalidRequestError(
            f"inputs.{name or '(whole)'}: {what} (given {said}).", name or "inputs"
        ) from None


def job_id(analysis: Analysis, inputs: Inputs, study: Study) -> str:
    """Id of the answer: the same for the same analysis, inputs, reach and state of the base, on any machine."""
    stamp = study.scene.stamp
    area = None if study.reach.area is None else shapely.to_wkb(study.reach.area, hex=True)
    classes = None if study.reach.classes is None else sorted(study.reach.classes)
    what = [_VERSION, analysis.id, inputs.model_dump(mode="json"), classes, area]
    text = json.dumps([*what, stamp.seq, stamp.anchors, stamp.anchored.isoformat()], sort_keys=True)
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # RFC 9562, version 8
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def described(analysis: Analysis, inputs: Inputs, study: Study) -> dict[str, Any]:
    """What stands at the head of every answer."""
    frame = study.scene.frame
    return {
        "process": analysis.id,
        "result_id": job_id(analysis, inputs, study),
        "base_version": study.scene.stamp.seq,
        "inputs": inputs.model_dump(mode="json", exclude_none=True),
        "units": {"length": "m", "area": "m2", "coordinates": "deg (EPSG:4490), m above the ellipsoid"},
        "frame": {
            "projection": "transverse Mercator, GRS80/WGS 84",
            "origin": [round(frame.lon, 9), round(frame.lat, 9), round(frame.height, 3)],
        },
    }  # fmt: skip


def error_bound(
    scene: Scene, distance: float, more: float = 0.0, of: str = "distances"
) -> dict[str, Any]:
    """Largest error of the computation, given the shapes of the base, over a distance in metres."""
    share = scene.relative_error
    metres = distance * share + more + 1e-6
    return {"of": of, "relative": float(f"{share:.2e}"), "metres": float(f"{metres:.2e}")}


def lifted(scene: Scene, place: list[float], above: float) -> Array:
    """A place in the frame (3,): at its own height, else ``above`` metres over the ground.

    Raises
    ------
    InvalidRequestError
        If it gives no height and the ground is not known there, or it lies far from the city.
    """
    x, y = scene.frame.forward([place[0]], [place[1]])
    if not np.hypot(x[0], y[0]) <= FARTHEST_M:
        raise InvalidRequestError(
            f"{place}: more than {FARTHEST_M / 1000:.0f} km from the middle of the city "
            f"({scene.frame.lon:.4f}, {scene.frame.lat:.4f}); nothing is measured there."
        )
    if len(place) == 3:
        return np.array([x[0], y[0], place[2]])
    ground = float(scene.ground(x, y)[0])
    if np.isnan(ground):
        raise InvalidRequestError(
            f"{place}: the ground is not known there (no terrain covers it); give a third number, "
            "metres above the ellipsoid."
        )
    return np.array([x[0], y[0], ground + above])


def rounded(values: Array, digits: int = 3) -> list[Any]:
    """Numbers as they are written: metres to the millimetre."""
    found: list[Any] = np.round(values, digits).tolist()
    return found


def coordinates(scene: Scene, xyz: Array) -> list[list[float]]:
    """Places (n, 3) of points of the frame as they are written: 9 digits of a degree, 3 of a metre."""
    places = scene.places(xyz.reshape(-1, 3))
    return [
        [lon, lat, z]
        for (lon, lat), z in zip(np.round(places[:, :2], 9).tolist(), np.round(places[:, 2], 3).tolist(), strict=True)
    ]  # fmt: skip


def named(scene: Scene, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Id, class, collection and name of things."""
    things = scene.things
    names = things.name.take(rows).to_pylist() if len(rows) else []
    return [
        {"eid": eid.decode(), "class_code": things.classes[c], "collection": things.collections[g], "name": name}
        for eid, c, g, name in zip(
            things.eid[rows].tolist(), things.class_code[rows].tolist(), things.collection[rows].tolist(), names, strict=True,
        )
    ]  # fmt: skip
