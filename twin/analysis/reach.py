"""What an alarm can reach: things around its place in space, and what lies along the pipe it watches."""

from typing import Any, Final

from twin.analysis.model import Study
from twin.analysis.registry import run
from twin.errors import NotFoundError

__all__ = ["NETWORKS", "alarm_reach"]

NETWORKS: Final = {
    "燃气": "pipe_gas",
    "供水": "pipe_water",
    "排水": "pipe_drainage",
    "内涝": "pipe_drainage",
    "供热": "pipe_heat",
}
"""Class of the pipes that a monitored subject runs in."""


def alarm_reach(
    study: Study, alarm: dict[str, Any], metres: float, along: float, most: int
) -> dict[str, Any]:
    """Things within a distance of an alarm, counts by class, and pipes up- and downstream.

    Parameters
    ----------
    study : Study
    alarm : dict
        With ``lon``, ``lat``, ``z`` (m, may be None: on the ground) and ``subject``.
    metres : float
        Around the place, in space.
    along : float
        Along the pipes.
    most : int
        Features of each list.

    Returns
    -------
    dict
        ``near`` (as `within` answers), ``by_class``, ``network``: lists as `trace` answers by direction, empty where
        the subject has no pipes or none lies within 100 m.

    Raises
    ------
    NotFoundError
        If the alarm has no place.
    """
    if alarm["lon"] is None or alarm["lat"] is None:
        raise NotFoundError("the alarm has no place, and so nothing within reach")
    place = [alarm["lon"], alarm["lat"], *([] if alarm["z"] is None else [alarm["z"]])]
    near: dict[str, Any]
    network: dict[str, Any] = {}
    if not len(study.scene.things):
        near = {"type": "FeatureCollection", "numberMatched": 0, "features": []}
    else:
        near = run("within", {"at": place, "distance_m": metres}, study)
        network = _network(study, place, NETWORKS.get(alarm["subject"]), along, most)
    counts: dict[str, int] = {}
    for feature in near["features"]:
        code = feature["properties"]["class_code"]
        counts[code] = counts.get(code, 0) + 1
    near["features"] = near["features"][:most]
    near["numberReturned"] = len(near["features"])
    return {
        "at": place,
        "distance_m": metres,
        "by_class": dict(sorted(counts.items())),
        "near": near,
        "network": network,
    }


def _network(
    study: Study, place: list[float], kind: str | None, along: float, most: int
) -> dict[str, Any]:
    if kind is None:
        return {}
    out: dict[str, Any] = {}
    asked = {"at": place, "classes": [kind], "distance_m": along, "limit": most}
    try:
        for way in ("downstream", "upstream"):
            found = run("trace", asked | {"direction": way}, study)
            out[found["direction"]] = found
            if found["direction"] == "connected":
                break
    except NotFoundError:
        return {}
    return out
