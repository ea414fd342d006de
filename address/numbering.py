"""Place of a door number among the known doors of its road."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Doors", "Law", "Placed", "error_of_parents", "law_of_numbering", "place_number"]

Floats = npt.NDArray[np.float64]

_KNOWN = 20  # doors that are asked, nearest in number
_ROUNDS = 3
_STRETCH = (0.5, 1.0, 2.0)  # roads bend little, as usual, or much
_PICKY = 0.7  # how far a road's own doors choose between them
_WRONG = 0.1  # weight below which a place is taken for wrong: it then falls with its square
_FAR = 3000.0  # metres: how little is known of where a road lies before its doors are seen
_HALF = 150.0  # numbers on either side of a door that tell the direction of the road
_THIN = 5  # doors; with fewer, one wrong place carries the road
_APART = 20  # numbers that differ by more do not share a doorstep


@dataclass(frozen=True, slots=True)
class Law:
    """How the numbers of a road follow its line.

    Parameters
    ----------
    slope : float
        Metres per number, deviation of the straight trend.
    bend_m, bend_reach : float
        Deviation from the trend in metres and how far it lasts. Reaches are in numbers of the usual
        `step_m`; on a road of longer steps they are shorter in numbers.
    block_m, block_reach : float
        The same for what neighbours share.
    side_m, side_reach : float
        Half the distance of the odd from the even doors beyond the usual, and how far it lasts.
    door_m, lane_m, repeated_m : float
        Deviation of the recorded place of a door, of a lane (弄: its estate lies off the road), and
        of a place that several far numbers of the road share (a fallback of whoever recorded it).
    tail : float
        Degrees of freedom of Student's t: small where wrong places are common.
    odd_left_m, lane_left_m : float
        Metres that odd doors lie to the left in the direction of rising numbers, and what a lane
        adds.
    step_m : float
        Metres per number where nothing else is known.
    step_trust : float
        Pairs of doors (in hundreds of numbers) that outweigh it.
    """

    slope: float
    bend_m: float
    bend_reach: float
    block_m: float
    block_reach: float
    side_m: float
    side_reach: float
    door_m: float
    lane_m: float
    repeated_m: float
    tail: float
    odd_left_m: float
    lane_left_m: float
    step_m: float
    step_trust: float


@cache
def _data() -> dict[str, Any]:
    """Coefficients, with how they were made, from ``data/numbering.json``."""
    read: dict[str, Any] = json.loads(
        files("address").joinpath("data", "numbering.json").read_text(encoding="utf-8")
    )
    return read


@cache
def law_of_numbering() -> tuple[Law, dict[str, float]]:
    """Coefficients of the law, and of the logarithm of the error."""
    return Law(**_data()["law"]), _data()["error"]


@cache
def error_of_parents() -> dict[str, tuple[float, float]]:
    """Level of what holds an address → metres, and share of its spread, that its error adds up to.

    For an answer at the middle of what lies below a road, street or county.
    """
    return {level: (float(a), float(b)) for level, (a, b) in _data()["parents"].items()}


@dataclass(frozen=True, slots=True)
class Doors:
    """Known doors of a road.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n,)
        Ascending.
    places : ndarray of float64, shape (n, 2)
        Metres east and north on a local plane.
    lane : ndarray of bool, shape (n,)
        Whether the number is a lane (弄, 巷).
    """

    numbers: npt.NDArray[np.int64]
    places: Floats
    lane: npt.NDArray[np.bool_]

    def repeated(self) -> npt.NDArray[np.bool_]:
        """Doors whose place is also that of a number far away, shape (n,)."""
        _, which = np.unique(np.round(self.places, 1), axis=0, return_inverse=True)
        which = which.reshape(-1)
        low = np.full(len(which), np.iinfo(np.int64).max)
        high = np.zeros(len(which), dtype=np.int64)
        np.minimum.at(low, which, self.numbers)
        np.maximum.at(high, which, self.numbers)
        return np.asarray((high - low)[which] > _APART)


@dataclass(frozen=True, slots=True)
class Placed:
    """Place of a number.

    Parameters
    ----------
    x, y : float
        Metres on the plane of the doors.
    error_m : float
        Metres that cover the truth nine times in ten.
    """

    x: float
    y: float
    error_m: float


def place_number(doors: Doors, wanted: int, lane: bool) -> Placed:
    """Place of a door number nobody lists.

    The doors are taken for readings of a road line that runs with the numbers: a straight trend, a
    smooth bend, what neighbours share, an offset of each side, and an error of each recorded place
    with the heavy tail of Student's t, so that a wrong place loses its weight (kriging along the
    numbering). Odd doors lie to the left of rising numbers, lanes farther off than doors. Three
    degrees of bending are tried; how well each foretells the known doors from one another weighs
    them.

    Parameters
    ----------
    doors : Doors
        At least one.
    wanted : int
    lane : bool
        Whether the wanted number is a lane.

    Returns
    -------
    Placed

    Examples
    --------
    >>> numbers = np.array([1, 3, 5, 9, 11])
    >>> places = np.stack([numbers * 10.0, np.zeros(5)], axis=1)
    >>> found = place_number(Doors(numbers, places, np.zeros(5, dtype=bool)), 7, False)
    >>> abs(found.x - 70) < 5
    True
    """
    law, error = law_of_numbering()
    at, spread, features = _along(doors, wanted, lane, law)
    features["spread"] = np.log(spread + 20.0)
    logarithm = error["constant"] + sum(error[name] * value for name, value in features.items())
    return Placed(float(at[0]), float(at[1]), round(float(np.exp(min(logarithm, 9.0))), 1))


def _along(
    doors: Doors, wanted: int, lane: bool, law: Law
) -> tuple[Floats, float, dict[str, float]]:
    """Place, its deviation in metres, and what tells the error."""
    away = np.abs(doors.numbers - wanted)
    near = np.sort(np.argsort(away, kind="stable")[:_KNOWN])
    numbers, places = doors.numbers[near].astype(np.float64), doors.places[near]
    lanes, repeated = doors.lane[near], doors.repeated()[near]
    step = _step(numbers, places, law)
    u = (numbers - wanted) * (step / law.step_m)
    side = np.where(numbers % 2 == 1, 1.0, -1.0)
    own = 1.0 if wanted % 2 == 1 else -1.0
    middle = places.mean(axis=0)
    noise = (
        np.where(lanes, law.lane_m, law.door_m) ** 2 + np.where(repeated, law.repeated_m, 0) ** 2
    )
    left = side * (law.odd_left_m + law.lane_left_m * lanes)
    stretch = np.array(_STRETCH)
    cov = _shared(u[:, None], u[None, :], law, stretch)
    cov += side[:, None] * side * law.side_m**2 * np.exp(-np.abs(u[:, None] - u) / law.side_reach)
    to_wanted = _shared(u, np.zeros(1), law, stretch)
    to_wanted += side * own * law.side_m**2 * np.exp(-np.abs(u) / law.side_reach)
    weight = np.ones((len(stretch), len(u)))
    heading = np.zeros((len(stretch), len(u) + 1, 2))
    slope = _slopes(u, law, stretch)
    for turn in range(_ROUNDS + 1):
        inverse = np.linalg.inv(cov + np.eye(len(u)) * (noise / weight)[:, None, :])
        offset = _left_of(heading[:, :-1]) * left[:, None]
        pull = inverse @ (places - middle - offset)
        alone = 1.0 / np.einsum("kii->ki", inverse)  # variance when left out
        miss = (pull**2).sum(axis=2) * alone**2
        if turn == _ROUNDS:
            break
        weight = (law.tail + 2) / (law.tail + miss / np.maximum(alone, 1.0))
        weight = np.where(weight < _WRONG, weight**2 / _WRONG, weight)
        weight = np.clip(weight, 1e-7, 1.5)
        if turn < 2:
            heading = _heading(slope @ pull)
    fits = -np.log(alone) - (law.tail + 2) / 2 * np.log1p(miss / alone / law.tail)
    total = fits.sum(axis=1)
    share = np.exp(_PICKY * (total - total.max()))
    share /= share.sum()
    sideways = own * (law.odd_left_m + law.lane_left_m * lane)
    ways = middle + np.einsum("kn,knd->kd", to_wanted, pull) + _left_of(heading[:, -1]) * sideways
    at = share @ ways
    whole = _FAR**2 + (stretch * law.bend_m) ** 2 + (stretch * law.block_m) ** 2 + law.side_m**2
    known = np.einsum("kn,knm,km->k", to_wanted, inverse, to_wanted)
    variance = share @ (np.maximum(whole - known, 0.0) + ((ways - at) ** 2).sum(axis=1))
    features = {
        "nearest": float(np.log(np.hypot(*(places - at).T).min() + 20.0)),
        "gap": float(np.log(np.abs(u).min() + 10.0)),
        "doubt": float(1.0 - share @ weight.mean(axis=1)),
        "few": 1.0 / len(numbers),
        "beyond": float(not numbers[0] <= wanted <= numbers[-1]),
        "lane": float(lane),
        "thin": float(len(numbers) < _THIN),
    }
    return at, float(np.sqrt(variance)), features


def _step(numbers: Floats, places: Floats, law: Law) -> float:
    """Metres per number, between the doors' own and the usual."""
    apart = np.abs(numbers[:, None] - numbers)
    metres = np.hypot(*np.moveaxis(places[:, None] - places, 2, 0))
    weight = np.where(apart > 30, np.minimum(apart, 300), 0.0)
    ratio = np.log((metres + 20) / (np.maximum(apart, 1) * law.step_m + 20))
    mean = float((weight * ratio).sum() / (weight.sum() + law.step_trust * 1000))
    return law.step_m * float(np.exp(np.clip(mean, -1.2, 1.2)))


def _shared(u: Floats, v: Floats, law: Law, stretch: Floats) -> Floats:
    """Covariance of the road line at two numbers, one layer for each degree of bending."""
    apart = np.abs(u - v)
    r = apart * (np.sqrt(3.0) / law.bend_reach)
    bend = law.bend_m**2 * (1 + r) * np.exp(-r)
    bend += law.block_m**2 * np.exp(-apart / law.block_reach)
    straight = _FAR**2 + law.slope**2 * u * v
    return np.asarray(straight + np.multiply.outer(stretch**2, bend))


def _slopes(u: Floats, law: Law, stretch: Floats) -> Floats:
    """What turns pulls into the run of the line past each door and past the wanted number."""

    def smooth(v: Floats) -> Floats:
        r = np.abs(v[:, None] - u) * (np.sqrt(3.0) / law.bend_reach)
        bend = law.bend_m**2 * (1 + r) * np.exp(-r)
        return np.asarray(
            law.slope**2 * v[:, None] * u + np.multiply.outer(stretch**2, bend), dtype=np.float64
        )

    at = np.append(u, 0.0)
    return smooth(at + _HALF) - smooth(at - _HALF)


def _heading(run: Floats) -> Floats:
    """Directions of length 1, less where the line hardly moves; shape as given."""
    length = np.hypot(run[..., 0], run[..., 1])
    sure = np.clip(length / (2 * _HALF) / 0.7, 0.0, 1.0)
    return np.asarray(run * (sure / np.maximum(length, 1e-9))[..., None])


def _left_of(heading: Floats) -> Floats:
    return np.stack([-heading[..., 1], heading[..., 0]], axis=-1)
