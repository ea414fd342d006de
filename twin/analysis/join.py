"""Pairs of things of two collections: by a relation in space, or by one that the base records."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from twin.analysis.areas import areas_of, middles
from twin.analysis.model import Analysis, Inputs, Study, error_bound
from twin.solids import Solids, distances
from twin.store.store import statement

__all__ = ["ANALYSIS"]

Ints = NDArray[np.int64]
MOST: Final = 200_000
_AT_ONCE: Final = 256
RECORDED: Final = (
    "part_of", "located_in", "has_address", "monitors", "serves", "flows_to", "responsible_for", "same_as", "member_of",
)  # fmt: skip


class JoinInputs(Inputs):
    """Two collections and what ties them."""

    left: Annotated[str, Field(min_length=1, max_length=80, description="Collection.")]
    right: Annotated[str, Field(min_length=1, max_length=80, description="Collection.")]
    relation: Annotated[
        Literal[
            "intersects", "near", "above", "below", "inside", "part_of", "located_in", "has_address", "monitors", "serves",
            "flows_to", "responsible_for", "same_as", "member_of",
        ],
        Field(
            description="intersects: bodies share a point; near: no farther apart than distance_m; above, below: they "
            "overlap in plan and the left one is all above (below) the right one; inside: the middle of the left one lies "
            "in the area of the right one; all others: as the base records it, from left to right."
        ),
    ]  # fmt: skip
    distance_m: Annotated[float | None, Field(ge=0, le=1000, description="Of near.")] = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 10_000

    @model_validator(mode="after")
    def _a_distance_for_near(self) -> "JoinInputs":
        if (self.relation == "near") != (self.distance_m is not None):
            raise ValueError("distance_m goes with relation near, and only with it")
        return self


def _recorded(given: JoinInputs, study: Study) -> Iterator[dict[str, Any]]:
    asked = {"kind": given.relation, "left": given.left, "right": given.right, "most": MOST}
    scene, reach = study.scene, study.reach
    seen = scene.wanted(reach=reach)
    for row in study.store.table(statement("join_recorded"), asked).to_pylist():
        classes = row.pop("left_class"), row.pop("right_class")
        if reach.classes is not None and not set(classes) <= reach.classes:
            continue
        both = row["left"], row["right"]
        if reach.area is None or seen is None or all(_in_reach(study, s, seen) for s in both):
            yield row


def _in_reach(study: Study, eid: str, seen: NDArray[np.bool_]) -> bool:
    rows = np.flatnonzero(study.scene.things.eid == eid.encode())
    return bool(len(rows) and seen[study.scene.bodies_of(int(rows[-1]))].any())


def _inside(given: JoinInputs, study: Study) -> Iterator[dict[str, Any]]:
    scene = study.scene
    areas = areas_of(study.store, given.right, study.reach)
    lon, lat = middles(scene)
    wanted = scene.wanted([given.left], None, study.reach)
    rows = np.unique(scene.thing[wanted])
    rows = rows[np.isfinite(lon[rows])]
    rows = rows[np.argsort(scene.things.eid[rows])]
    for row, area in zip(rows.tolist(), areas.holding(lon[rows], lat[rows]).tolist(), strict=True):
        if area >= 0:
            yield {"left": scene.things.eid[row].decode(), "right": areas.eid[area]}


def _flattened(solids: Solids) -> Solids:
    xyz = solids.xyz.copy()
    xyz[:, 2] = 0.0
    zero = np.zeros(len(solids))
    return Solids(solids.kind, solids.radius, zero, zero, solids.piece, solids.at, xyz)


def _in_space(given: JoinInputs, study: Study) -> Iterator[dict[str, Any]]:
    scene = study.scene
    left = scene.wanted([given.left], None, study.reach)
    right = scene.wanted([given.right], None, study.reach)
    assert left is not None  # noqa: S101 -- a collection is named
    lefts = np.flatnonzero(left & np.isfinite(scene.tree.boxes[:, 0]))
    lefts = lefts[np.argsort(scene.things.eid[scene.thing[lefts]], kind="stable")]
    reach = given.distance_m or 0.0
    flat = given.relation in ("above", "below")
    for start in range(0, len(lefts), _AT_ONCE):
        study.tell(start / len(lefts))
        some = lefts[start : start + _AT_ONCE]
        of, found = [], []
        for k, body in enumerate(some):
            box = scene.tree.boxes[body].copy()
            if flat:
                box[2], box[5] = -1e6, 1e6
            rows = np.sort(scene.tree.near(box, reach * (1 + 1e-9) + 1e-6, right))
            rows = rows[scene.thing[rows] != scene.thing[body]]
            of.append(np.full(len(rows), k, np.int64))
            found.append(rows)
        yield from _pairs(given, study, some, np.concatenate(of), np.concatenate(found))


def _pairs(given: JoinInputs, study: Study, some: Ints, of: Ints, found: Ints) -> Iterator[dict[str, Any]]:  # fmt: skip
    scene = study.scene
    ours, theirs = scene.solids.take(some), scene.solids.take(found)
    rows = np.arange(len(found))
    if given.relation in ("above", "below"):
        over = ours.low[of] - theirs.high if given.relation == "above" else theirs.low - ours.high[of]  # fmt: skip
        gap = np.where(over >= 0, over, np.inf)
        near = distances(_flattened(ours), _flattened(theirs), of, rows) <= 0
        kept = near & np.isfinite(gap)
    else:
        gap = distances(ours, theirs, of, rows)
        kept = gap <= (given.distance_m or 0.0)
    best: dict[tuple[bytes, bytes], float] = {}
    eid = scene.things.eid
    for k in np.flatnonzero(kept):
        pair = eid[scene.thing[some[of[k]]]], eid[scene.thing[found[k]]]
        best[pair] = min(best.get(pair, np.inf), float(gap[k]))
    name = "vertical_m" if given.relation in ("above", "below") else "distance_m"
    for (a, b), metres in sorted(best.items()):
        yield {"left": a.decode(), "right": b.decode(), name: round(metres, 3)}


def _run(given: JoinInputs, study: Study) -> dict[str, Any]:
    if given.relation in RECORDED:
        pairs, how = _recorded(given, study), "recorded"
    elif given.relation == "inside":
        pairs, how = _inside(given, study), "computed in plan"
    else:
        pairs, how = _in_space(given, study), "computed in space"
    rows: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    more = False
    for row in pairs:
        if (row["left"], row["right"]) in seen:  # bodies of one thing in two lots
            continue
        if len(rows) == given.limit:
            more = True
            break
        seen.add((row["left"], row["right"]))
        rows.append(row)
    return {
        "type": "Table", "relation": given.relation, "how": how, "numberReturned": len(rows), "more": more,
        "error_bound": error_bound(study.scene, given.distance_m or 0.0),
        "rows": rows,
    }  # fmt: skip


ANALYSIS = Analysis(
    "join",
    "Spatial join",
    "空间连接",
    "Pairs of things of two collections that a named relation ties: in space (intersects, near, above, below), in plan "
    "(inside), or as the base records it (part_of, located_in, serves …). Pairs come in order of the left ids.",
    JoinInputs,
    {"type": "object"},
    _run,
    {"left": "pipes", "right": "buildings", "relation": "near", "distance_m": 3.0, "limit": 100},
    "application/json",
)
