"""Fit the law of door numbers and its error on a gazetteer of real doors with places.

    python tests/bench/address/numbering.py [GAZETTEER.parquet] [--law SECONDS] [--halves SECONDS] [--write]

GAZETTEER (default: the shared real data) has one row per node (``id``, ``parent``, ``level``, ``std``, ``lon``, ``lat``). Every door
of a road is left out in turn and placed by the others. ``--law`` searches the coefficients of the
law for that many seconds (coordinate search; without it the law stays and only the error is
fitted), ``--halves`` searches it from round values on half of the towns and judges it on the other
half beside plain interpolation, ``--write`` stores ``address/data/numbering.json``. The error is a quantile regression
(0.9) of the logarithm of the distance on what is known when answering. It is judged on towns whose
doors were not fitted.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from address.evaluate import nodes_from_gazetteer
from address.geocode import distance_m
from address.index import AddressIndex
from address.model import RANK
from address.numbering import Doors, Law, _along, law_of_numbering
from address.roads import doors_of

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "address" / "dev" / "gazetteer.parquet"
START = Law(slope=2.0, bend_m=300, bend_reach=500, block_m=60, block_reach=50, side_m=40,
            side_reach=300, door_m=30, lane_m=60, repeated_m=300, tail=3.0, odd_left_m=15,
            lane_left_m=30, step_m=2.0, step_trust=0.5)  # fmt: skip
"""Round values to begin from where a town must not have been seen."""
OUT = ROOT / "address" / "data" / "numbering.json"
FEATURES = ("constant", "nearest", "gap", "doubt", "few", "beyond", "lane", "thin", "spread")


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


def counted(rows: list) -> np.ndarray:
    """Weights for the error: as `judged`, but a road with few doors may be as wrong as it is."""
    weight = judged(rows)
    few = np.array([count < 6 and not repeated for *_, count, repeated in rows])
    return np.where(few, 1.0, weight)


def misses(rows: list, law: Law) -> np.ndarray:
    return np.array([np.hypot(*(_along(d, n, lane, law)[0] - truth))
                     for d, n, lane, truth, *_ in rows])  # fmt: skip


def search(rows: list, law: Law, seconds: float) -> Law:
    """Coefficients with the least mean logarithm of the miss, one changed at a time."""
    weight = judged(rows)

    def loss(values: dict[str, float]) -> float:
        miss = misses(rows, Law(**values))
        return float((weight * np.log(np.minimum(miss, 1500) + 50)).sum() / weight.sum())

    values = asdict(law)
    names = [name for name in values if name != "step_m"]
    best, step, until = loss(values), dict.fromkeys(names, 0.4), time.monotonic() + seconds
    while time.monotonic() < until and max(step.values()) > 0.03:
        for name in names:
            for sign in (1, -1):
                tried = values | {name: values[name] * float(np.exp(sign * step[name]))}
                if (found := loss(tried)) < best - 1e-5:
                    best, values, step[name] = found, tried, step[name] * 1.3
                    break
            else:
                step[name] *= 0.6
    return Law(**{name: float(f"{value:.3g}") for name, value in values.items()})


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


def halves(rows: list, seconds: float) -> None:
    """The law searched from round values on half of the towns, judged on the other half."""
    towns = sorted({r[4] for r in rows})
    half = np.array([towns.index(r[4]) % 2 for r in rows])
    asked_for = judged(rows) == 1.0
    plain, begun, found = beside(rows), misses(rows, START), np.empty(len(rows))
    for k in (0, 1):
        law = search([r for r, h in zip(rows, half, strict=True) if h != k], START, seconds)
        found[half == k] = misses([r for r, h in zip(rows, half, strict=True) if h == k], law)
    for name, miss in (("same side", plain), ("round values", begun), ("towns held out", found)):
        some = miss[asked_for]
        print(f"6+ doors, {name:15s} n={len(some)} median {np.median(some):6.1f} m  "  # noqa: T201
              f"within 300 m {100 * (some <= 300).mean():5.1f} %")  # fmt: skip


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


def table(rows: list, law: Law) -> tuple[np.ndarray, np.ndarray]:
    """Features and log of the miss, one row per case."""
    x, y = [], []
    for doors, number, lane, truth, *_ in rows:
        at, spread, features = _along(doors, number, lane, law)
        features["spread"] = float(np.log(spread + 20.0))
        x.append([1.0] + [features[name] for name in FEATURES[1:]])
        y.append(np.log(np.hypot(*(at - truth)) + 1.0))
    return np.array(x), np.array(y)


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
    asked.add_argument("--halves", type=float, default=0.0)
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    if not given.gazetteer.exists():
        print(f"no gazetteer at {given.gazetteer}: nothing to fit")  # noqa: T201
        return
    index = AddressIndex.from_nodes(nodes_from_gazetteer(given.gazetteer))
    rows = cases(index)
    if given.halves:
        halves(rows, given.halves)
        return
    law = law_of_numbering()[0]
    if given.law:
        law = search(rows, law, given.law)
    x, y = table(rows, law)
    weight = counted(rows)
    towns = sorted({r[4] for r in rows})
    fold = np.array([towns.index(r[4]) % 5 for r in rows])
    held = np.empty(len(rows))
    for k in range(5):
        held[fold == k] = x[fold == k] @ quantile(x[fold != k], y[fold != k], weight[fold != k])
    asked_for = judged(rows) == 1.0
    kinds = {"all": np.ones(len(rows), dtype=bool), "6+ doors": asked_for,
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
            "law": asdict(law),
            "error": dict(zip(FEATURES, beta.round(4).tolist(), strict=True)),
            "parents": parents(index),
        }
        OUT.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
