"""Compare predictions of an evaluation folder with what its rows expect."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from address.distance import distance_m

__all__ = ["score_folder"]

Row = Mapping[str, Any]
Pairs = Sequence[tuple[Row, Row]]


def _share(right: int, of: int) -> float:
    return round(100 * right / of, 2) if of else 0.0


def _match(pairs: Pairs) -> dict[str, float]:
    right: list[bool] = []
    both = 0
    for row, said in pairs:
        ids = said.get("ids") or []
        top, status = (ids[0] if ids else None), row["expect_status"]
        if status in ("exact", "ambiguous"):
            ok = top in row["expect_ids"]
        elif status == "partial":
            ok = top == row["expect_deepest"]
        else:
            ok = top is None or said.get("status") == "none"
        right.append(ok)
        both += ok and said.get("status") == status
    sure = [ok for ok, (_, said) in zip(right, pairs, strict=True) if said["confidence"] >= 0.9]
    return {
        "top1": _share(sum(right), len(pairs)),
        "top1_and_status": _share(both, len(pairs)),
        "sure_share": _share(len(sure), len(pairs)),
        "sure_precision": _share(sum(sure), len(sure)),
        "calibration_error": _calibration(right, [said["confidence"] for _, said in pairs]),
    }


def _calibration(right: Sequence[bool], confidence: Sequence[float]) -> float:
    """Expected calibration error over ten bins, 0 to 1."""
    bins = np.minimum((np.asarray(confidence) * 10).astype(int), 9)
    hit = np.asarray(right, dtype=float)
    gap = 0.0
    for number in np.unique(bins):
        chosen = bins == number
        gap += chosen.mean() * abs(hit[chosen].mean() - np.asarray(confidence)[chosen].mean())
    return round(float(gap), 4)


def _admin(pairs: Pairs) -> dict[str, float]:
    levels = ("province", "city", "county")
    right = sum(all(said.get(k) == row["expect"][k] for k in levels) for row, said in pairs)
    return {"all_three": _share(right, len(pairs))}


def _parse(pairs: Pairs) -> dict[str, float]:
    hit = given = wanted = 0
    for row, said in pairs:
        gold = {tuple(s) for s in row["spans"] if s[0] != "noise"}
        mine = {tuple(s) for s in said.get("spans", ()) if s[0] != "noise"}
        hit, given, wanted = hit + len(gold & mine), given + len(mine), wanted + len(gold)
    return {"f1": _share(2 * hit, given + wanted)}


def _pair(pairs: Pairs) -> dict[str, float]:
    scores = []
    for label in ("exact", "partial", "none"):
        hit = sum(row["label"] == label == said.get("label") for row, said in pairs)
        said_so = sum(said.get("label") == label for _, said in pairs)
        is_so = sum(row["label"] == label for row, _ in pairs)
        scores.append(2 * hit / max(1, said_so + is_so))
    return {"macro_f1": round(100 * sum(scores) / 3, 2)}


def _geocode(pairs: Pairs) -> dict[str, float]:
    away = np.full(len(pairs), np.inf)
    claimed = np.zeros(len(pairs))
    for at, (row, said) in enumerate(pairs):
        if said.get("lon") is not None:
            gold = row["expect"]
            lon, lat = np.array([said["lon"]]), np.array([said["lat"]])
            away[at] = distance_m(lon, lat, gold["lon"], gold["lat"])[0]
            claimed[at] = said.get("error_m") or 0.0
    town = sum(said.get("town") == row["expect"]["town"] for row, said in pairs)
    return {
        "median_m": round(float(np.median(away)), 1),
        "within_300_m": _share(int((away <= 300).sum()), len(pairs)),
        "town": _share(town, len(pairs)),
        "error_m_covers": _share(int((away <= claimed).sum()), len(pairs)),
    }


def _reverse(pairs: Pairs) -> dict[str, float]:
    return {
        "hit": _share(sum(said.get("id") in row["expect_ids"] for row, said in pairs), len(pairs))
    }


def _autocomplete(pairs: Pairs) -> dict[str, float]:
    hit = sum(row["target"] in (said.get("ids") or [])[:10] for row, said in pairs)
    return {"target_in_10": _share(hit, len(pairs))}


def _hard(pairs: Pairs) -> dict[str, float]:
    whole = fields = asked = 0
    for row, said in pairs:
        canon = said.get("canon") or {}
        if row["expect"].get("none"):
            good = [not canon]
        else:
            good = [_field_right(name, value, canon) for name, value in row["expect"].items()]
        whole, fields, asked = whole + all(good), fields + sum(good), asked + len(good)
    return {"all_fields": _share(whole, len(pairs)), "fields": _share(fields, asked)}


def _field_right(name: str, value: Any, canon: Row) -> bool:  # noqa: ANN401 -- text or list
    if name == "poi_or_compound":
        return value in (canon.get("poi"), canon.get("compound"))
    if name == "intersection":
        return sorted(canon.get(name) or []) == sorted(value)
    return bool(str(canon.get(name)) == value)


_SCORES: Mapping[str, Callable[[Pairs], dict[str, float]]] = {
    "match": _match,
    "admin": _admin,
    "parse": _parse,
    "pair": _pair,
    "geocode": _geocode,
    "reverse": _reverse,
    "autocomplete": _autocomplete,
    "hard": _hard,
}


def score_folder(folder: Path, predictions: Path) -> dict[str, dict[str, float]]:
    """Scores of each track that has rows and predictions, in percent unless the name says a unit.

    Parameters
    ----------
    folder : Path
        ``<track>.jsonl`` with what is expected.
    predictions : Path
        ``<track>.jsonl`` as `address.evaluate.run` writes it.

    Returns
    -------
    dict
        Track → name → number; a row without a prediction counts as wrong.
    """
    out = {}
    for track, score in _SCORES.items():
        gold, mine = folder / f"{track}.jsonl", predictions / f"{track}.jsonl"
        if not (gold.exists() and mine.exists()):
            continue
        said = {row["qid"]: row for row in _rows(mine)}
        nothing: Row = {"confidence": 0.0}
        pairs = [(row, said.get(row["qid"], nothing)) for row in _rows(gold)]
        if pairs:
            out[track] = score(pairs)
    return out


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]
