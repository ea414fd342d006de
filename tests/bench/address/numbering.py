"""Fit the law of door numbers and its error on a gazetteer of real doors with places.

    python tests/bench/address/numbering.py [GAZETTEER.parquet] [--law SECONDS] [--folds SECONDS] [--write]

GAZETTEER (default: the shared real data) has one row per node (``id``, ``parent``, ``level``, ``std``, ``lon``, ``lat``). Every door
of a road is left out in turn and placed by the others. ``--law`` searches the coefficients of the law: six searches of that many
seconds, from six starts and with the towns weighed anew each time; their geometric mean is taken (without it the law stays and only
the error is fitted). ``--folds`` searches it so for each quarter of the towns on the other three and judges it there, beside plain
interpolation, the nearest number, and the best known door and best method that hindsight could choose. ``--write`` stores
``address/data/numbering.json``. The error is a quantile regression (0.9) of the logarithm of the distance on what is known when
answering. It is judged on towns whose doors were not fitted.
"""

import argparse
import json
import time
from dataclasses import asdict, astuple
from pathlib import Path

import numpy as np

from address.evaluate import nodes_from_gazetteer
from address.geocode import distance_m
from address.index import AddressIndex
from address.kriging import FEATURES, krige
from address.model import RANK
from address.numbering import Doors, Law, law_of_numbering
from address.roads import doors_of

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "address" / "dev" / "gazetteer.parquet"
START = Law(slope=1.8, bend_m=400, bend_reach=550, block_m=50, block_reach=70, side_m=45,
            side_reach=400, row_m=30, row_lane_m=50, row_reach=40, door_m=15, lane_m=45,
            repeated_m=300, tail=2.7, odd_left_m=15, lane_left_m=25, step_m=2.0, step_trust=1.5,
            beyond=500, stretch=2.0, picky=0.7)  # fmt: skip
"""Round values to begin from where a town must not have been seen."""
FIXED = ("step_m", "beyond", "stretch", "picky")
SEARCHES = 6
REPEATED = 0.3  # weight, for the error, of doors at a place that far numbers share
OUT = ROOT / "address" / "data" / "numbering.json"


def cases(index: AddressIndex) -> list[tuple[Doors, int, bool, np.ndarray, str, int, bool]]:
    """Doors left out in turn: the others, number, kind, truth, town, doors in all, repeated."""
    out = []
    seen = set()
    for road in np.flatnonzero(index.levels_array == RANK["road"]).tolist():
        known = doors_of(index, road)
        if known is None or id(known) in seen:
            continue
        seen.add(id(known))
        doors, repeated = known.doors, known.doors.repeated()
        county = next((r for r in index.above(road) if index.level_of(r) == "county"), -1)
        for at in range(len(doors.numbers)):
            part = int(known.parts[at])
            if len(doors.numbers) < 2 or (county >= 0 and not index.is_below(part, county)):
                continue
            rest = np.arange(len(doors.numbers)) != at
            town = next((index.core_of_row(r) for r in index.above(part)
                         if index.level_of(r) == "street"), "")  # fmt: skip
            out.append((Doors(doors.numbers[rest], doors.places[rest], doors.lane[rest]),
                        int(doors.numbers[at]), bool(doors.lane[at]), doors.places[at], town,
                        len(doors.numbers), bool(repeated[at])))  # fmt: skip
    return out


def judged(rows: list) -> np.ndarray:
    """Weights: doors like those people ask for count whole, the rest a little."""
    weight = np.empty(len(rows))
    for i, (doors, number, _, truth, _, count, repeated) in enumerate(rows):
        nearest = doors.places[np.abs(doors.numbers - number).argmin()]
        far = float(np.hypot(*(nearest - truth)))
        weight[i] = 1.0 if count >= 6 and far <= 1000 and not repeated else 0.25
        weight[i] = 0.03 if far > 1500 or repeated else weight[i]
    return weight


def columns(rows: list) -> tuple:
    """The cases as `krige` wants them: each is a road of its own."""
    doors = [r[0] for r in rows]
    places = np.concatenate([d.places for d in doors])
    return (
        np.cumsum([0] + [len(d.numbers) for d in doors]),
        np.concatenate([d.numbers for d in doors]),
        np.ascontiguousarray(places[:, 0]),
        np.ascontiguousarray(places[:, 1]),
        np.concatenate([d.lane for d in doors]),
        np.concatenate([d.repeated() for d in doors]),
        np.arange(len(rows)),
        np.array([r[1] for r in rows]),
        np.array([r[2] for r in rows]),
    )


def some(given: tuple, mask: np.ndarray) -> tuple:
    """The cases of a mask."""
    return (*given[:6], *(column[mask] for column in given[6:]))


def misses(given: tuple, truth: np.ndarray, law: np.ndarray) -> np.ndarray:
    places, _ = krige(*given, law)
    return np.hypot(*(places - truth).T)


def search(
    given: tuple, truth: np.ndarray, weight: np.ndarray, law: np.ndarray, seconds: float
) -> np.ndarray:
    """Coefficients with the least mean logarithm of the miss, one changed at a time."""

    def loss(values: np.ndarray) -> float:
        miss = misses(given, truth, values)
        return float((weight * np.log(np.minimum(miss, 1500) + 50)).sum() / weight.sum())

    names = list(asdict(START))
    free = [i for i, name in enumerate(names) if name not in FIXED]
    best, step, until = loss(law), dict.fromkeys(free, 0.4), time.monotonic() + seconds
    while time.monotonic() < until and max(step.values()) > 0.03:
        for i in free:
            for sign in (1, -1):
                tried = law.copy()
                tried[i] *= np.exp(sign * step[i])
                if (found := loss(tried)) < best - 1e-5:
                    best, law, step[i] = found, tried, step[i] * 1.3
                    break
            else:
                step[i] *= 0.6
    return law


def searched(
    rows: list, given: tuple, mask: np.ndarray, seconds: float, seed: int = 5
) -> np.ndarray:
    """Geometric mean of several searches, towns weighed anew and the start shaken for each."""
    rng = np.random.default_rng(seed)
    names = list(asdict(START))
    free = np.array([name not in FIXED for name in names])
    truth, weight = np.array([r[3] for r in rows])[mask], judged(rows)[mask]
    towns, which = np.unique(np.array([r[4] for r in rows])[mask], return_inverse=True)
    found = []
    for _ in range(SEARCHES):
        start = np.array(astuple(START)) * np.exp(rng.normal(0, 0.15, len(names)) * free)
        towns_weight = rng.exponential(size=len(towns))[which]
        found.append(search(some(given, mask), truth, weight * towns_weight, start, seconds))
    return np.exp(np.log(found).mean(axis=0))


def nearest(rows: list) -> np.ndarray:
    return np.array([np.hypot(*(d.places[np.abs(d.numbers - n).argmin()] - truth))
                     for d, n, _, truth, *_ in rows])  # fmt: skip


def beside(rows: list) -> np.ndarray:
    """Misses of the plain way: between the neighbours of the same side, else of both sides."""
    out = []
    for doors, number, _, truth, *_ in rows:
        side = doors.numbers % 2 == number % 2
        at = int(np.searchsorted(doors.numbers[side], number))
        use = side if 0 < at < int(side.sum()) else np.ones(len(side), dtype=bool)
        place = [np.interp(number, doors.numbers[use], doors.places[use, i]) for i in (0, 1)]
        out.append(np.hypot(*(np.array(place) - truth)))
    return np.array(out)


def quarters(rows: list) -> np.ndarray:
    """Fold of each case by its town."""
    towns = sorted({r[4] for r in rows})
    order = np.random.RandomState(1).permutation(len(towns))
    of = {town: int(order[i]) % 4 for i, town in enumerate(towns)}
    return np.array([of[r[4]] for r in rows])


def folds(rows: list, seconds: float) -> None:
    """The law searched from round values on three quarters of the towns, judged on the last."""
    fold, given, truth = quarters(rows), columns(rows), np.array([r[3] for r in rows])
    asked_for = judged(rows) == 1.0
    plain, near, begun = beside(rows), nearest(rows), misses(given, truth, np.array(astuple(START)))
    held = np.empty(len(rows))
    for k in range(4):
        law = searched(rows, given, fold != k, seconds)
        held[fold == k] = misses(some(given, fold == k), truth[fold == k], law)
    door = np.array([np.hypot(*(r[0].places - r[3]).T).min() for r in rows])
    shown = {"nearest number": near, "same side": plain, "round values": begun,
             "towns held out": held, "best known door*": door,
             "best method*": np.minimum(np.minimum(near, plain), held),
             "best of both*": np.minimum(np.minimum(door, plain), held)}  # fmt: skip
    for name, miss in shown.items():
        one = miss[asked_for]
        print(f"6+ doors, {name:16s} n={len(one)} median {np.median(one):6.1f} m  "  # noqa: T201
              f"within 300 m {100 * (one <= 300).mean():5.1f} %")  # fmt: skip
    print("* chosen by hindsight")  # noqa: T201


def quantile(x: np.ndarray, y: np.ndarray, weight: np.ndarray, tau: float = 0.9) -> np.ndarray:
    """Coefficients of a quantile regression by reweighted least squares, lightly held at zero."""
    beta = np.zeros(x.shape[1])
    hold = np.eye(x.shape[1]) * 2.0
    hold[0, 0] = 0.0
    beta[0] = np.quantile(y, tau)
    for _ in range(500):
        rest = y - x @ beta
        w = weight * np.where(rest > 0, tau, 1 - tau) / np.maximum(np.abs(rest), 1e-3)
        beta = np.linalg.solve(x.T @ (x * w[:, None]) + hold, x.T @ (w * y))
    return beta


def kinds_apart(rows: list) -> int:
    """Metres that cover, nine times in ten, how far a door and a lane of one number lie apart."""
    apart = []
    for doors, number, lane, truth, *_ in rows:
        like = (doors.numbers == number) & (doors.lane != lane)
        if like.any():
            apart.append(np.hypot(*(doors.places[like][0] - truth)))
    print(f"door and lane of one number: n={len(apart)} median {np.median(apart):.0f} m")  # noqa: T201
    return round(float(np.quantile(apart, 0.9)))


def parents(index: AddressIndex) -> dict[str, list[float]]:
    """Metres, and share of the spread, that cover nine doors in ten from the middle of a parent."""
    place, out = index.place, {}
    placed = [r for r in np.flatnonzero(index.levels_array == RANK["number"]) if place.own[r]]
    for level in ("road", "street", "county"):
        x, y = [], []
        for row in placed:
            up = next((r for r in index.above(int(row)) if index.level_of(r) == level), None)
            below = [c for c in index.children(up) if place.at(c)] if up is not None else []
            beside = sum(bool(place.at(c)) for c in index.children(index.parent[row]))
            if len(below) < 2 or (level != "road" and beside > 1):
                continue  # a road with other doors answers by them
            at, spread = place.at(up), float(place.spread_m[up])
            if level != "county":
                below.remove(int(row) if level == "road" else index.parent[row])
                if not below:
                    continue
                at = (place.lon[below].mean(), place.lat[below].mean())
                spread = float(distance_m(place.lon[below], place.lat[below], *at).max())
            here = np.array([place.at(int(row))]).T
            x.append([1.0, spread])
            y.append(float(distance_m(*here, *at)[0]))
        share = quantile(np.array(x) / [1.0, 1e3], np.array(y) / 1e3, np.ones(len(y)))
        out[level] = [round(share[0] * 1e3), round(float(share[1]), 2)]
    return out


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("gazetteer", type=Path, nargs="?", default=REAL)
    asked.add_argument("--law", type=float, default=0.0)
    asked.add_argument("--folds", type=float, default=0.0)
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    if not given.gazetteer.exists():
        print(f"no gazetteer at {given.gazetteer}: nothing to fit")  # noqa: T201
        return
    index = AddressIndex.from_nodes(nodes_from_gazetteer(given.gazetteer))
    rows = cases(index)
    if given.folds:
        folds(rows, given.folds)
        return
    whole, truth = columns(rows), np.array([r[3] for r in rows])
    law = np.array(astuple(law_of_numbering()[0]))
    if given.law:
        law = searched(rows, whole, np.ones(len(rows), dtype=bool), given.law)
    law = np.array([float(f"{value:.3g}") for value in law])
    places, features = krige(*whole, law)
    x = np.column_stack([np.ones(len(rows)), features])
    y = np.log(np.hypot(*(places - truth).T) + 1.0)
    weight = np.where([r[6] for r in rows], REPEATED, 1.0)
    fold, held = quarters(rows), np.empty(len(rows))
    for k in range(4):
        held[fold == k] = x[fold == k] @ quantile(x[fold != k], y[fold != k], weight[fold != k])
    asked_for = judged(rows) == 1.0
    kinds = {"all": np.ones(len(rows), dtype=bool), "6+ agree": asked_for,
             "6+ doors": np.array([r[5] >= 6 for r in rows]),
             "2-5 doors": np.array([r[5] < 6 for r in rows])}  # fmt: skip
    for name, of in kinds.items():
        miss = np.exp(y[of]) - 1
        print(  # noqa: T201
            f"{name:10s} n={of.sum():5d} median {np.median(miss):6.1f} m  within 300 m "
            f"{100 * (miss <= 300).mean():5.1f} %  covered (towns held out) "
            f"{100 * (y[of] <= held[of]).mean():5.1f} %  median error_m {np.exp(np.median(held[of])):6.1f}"
        )
    beta = quantile(x, y, weight)
    if given.write:
        data = {
            "made_by": "tests/bench/address/numbering.py",
            "source": f"{len(rows)} doors of real roads of one city, each left out in turn",
            "law": dict(zip(asdict(START), law.tolist(), strict=True)),
            "error": dict(zip(("constant", *FEATURES), beta.round(4).tolist(), strict=True)),
            "parents": parents(index),
            "kinds": kinds_apart(rows),
        }
        OUT.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
