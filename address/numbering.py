"""Places of door numbers among the known doors of their roads."""

import json
from dataclasses import astuple, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from address.kriging import FEATURES, krige

__all__ = [
    "Doors",
    "Law",
    "Placed",
    "error_of_kinds",
    "error_of_parents",
    "law_of_numbering",
    "place_number",
    "place_numbers",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_APART = 20  # numbers that differ by more do not share a doorstep
_MOST = 9.0  # logarithm of the largest error told, 8 km


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
    row_m, row_lane_m, row_reach : float
        What doors, and what lanes, of one side share with their like, and how far it lasts.
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
    beyond : float
        Numbers past the last known one that a place goes at most.
    stretch : float
        Roads bend so many times less, or more, than usual.
    picky : float
        How far a road's own doors choose between them.
    """

    slope: float
    bend_m: float
    bend_reach: float
    block_m: float
    block_reach: float
    side_m: float
    side_reach: float
    row_m: float
    row_lane_m: float
    row_reach: float
    door_m: float
    lane_m: float
    repeated_m: float
    tail: float
    odd_left_m: float
    lane_left_m: float
    step_m: float
    step_trust: float
    beyond: float
    stretch: float
    picky: float


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
def _columns() -> tuple[Floats, Floats]:
    """The law, and the coefficients of the logarithm of the error, as the compiled part wants them."""
    law, error = law_of_numbering()
    return np.array(astuple(law)), np.array([error[name] for name in ("constant", *FEATURES)])


@cache
def error_of_parents() -> dict[str, tuple[float, float]]:
    """Level of what holds an address → metres, and share of its spread, that its error adds up to.

    For an answer at the middle of what lies below a road, street or county.
    """
    return {level: (float(a), float(b)) for level, (a, b) in _data()["parents"].items()}


def error_of_kinds() -> float:
    """Metres that cover, nine times in ten, how far a door and a lane of one number lie apart."""
    return float(_data()["kinds"])


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


def place_number(doors: Doors, wanted: int, lane: bool, repeated: Bools | None = None) -> Placed:
    """Place of a door number nobody lists: `place_numbers` for one road and one number.

    Parameters
    ----------
    doors : Doors
        At least one.
    wanted : int
    lane : bool
        Whether the wanted number is a lane.
    repeated : ndarray of bool, shape (n,), optional
        ``doors.repeated()``, where it is kept.

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
    places, error = place_numbers(
        doors,
        np.array([0, len(doors.numbers)]),
        doors.repeated() if repeated is None else repeated,
        np.zeros(1, np.int64),
        np.array([wanted]),
        np.array([lane]),
    )
    return Placed(float(places[0, 0]), float(places[0, 1]), float(error[0]))


def place_numbers(
    doors: Doors, starts: Ints, repeated: Bools, road: Ints, wanted: Ints, lane: Bools
) -> tuple[Floats, Floats]:
    """Places of door numbers nobody lists, many at once.

    The doors of a road are taken for readings of a line that runs with the numbers: a straight
    trend, a smooth bend, what neighbours share, an offset of each side, what doors or lanes of one
    side share with their like, and an error of each recorded place with the heavy tail of Student's
    t, so that a wrong place loses its weight (kriging along the numbering). Odd doors lie to the
    left of rising numbers, lanes farther off than doors. Three degrees of bending are tried; how
    well each foretells the known doors from one another weighs them. Past the last known number
    the place goes on along the line, but not without bound.

    Parameters
    ----------
    doors : Doors
        Of all roads, one road after another, ascending in number within each.
    starts : ndarray of int64, shape (r + 1,)
        Where the doors of each road begin, with the end of the last.
    repeated : ndarray of bool, shape (n,)
        `Doors.repeated` of each road.
    road, wanted, lane : ndarray, shape (q,)
        Questions: which road (it has at least one door), which number, whether a lane.

    Returns
    -------
    ndarray of float64, shape (q, 2)
        Metres on the plane of the road's doors.
    ndarray of float64, shape (q,)
        Metres that cover the truth nine times in ten.
    """
    law, error = _columns()
    places, features = krige(
        np.ascontiguousarray(starts, np.int64),
        np.ascontiguousarray(doors.numbers, np.int64),
        np.ascontiguousarray(doors.places[:, 0]),
        np.ascontiguousarray(doors.places[:, 1]),
        np.ascontiguousarray(doors.lane, np.bool_),
        np.ascontiguousarray(repeated, np.bool_),
        np.ascontiguousarray(road, np.int64),
        np.ascontiguousarray(wanted, np.int64),
        np.ascontiguousarray(lane, np.bool_),
        law,
    )
    logarithm = error[0] + features @ error[1:]
    return places, np.round(np.exp(np.minimum(logarithm, _MOST)), 1)
