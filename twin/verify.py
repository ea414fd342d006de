"""Check every law of the base on one city: what was checked, what is broken."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.cases.machine import known_moves
from twin.codes import is_known
from twin.live.archive import Archive
from twin.live.history import loaded_values, readings
from twin.live.life_cycle import LIFE_CYCLE
from twin.store import Connection, Store, statement

__all__ = ["LAWS", "LawResult", "verify"]

MOST_EXAMPLES = 10
STREAMS_AT_ONCE = 1000

LAWS = {
    "conservation": "every record of every load is loaded, merged, unchanged or quarantined",
    "quarantine_has_reasons": "every quarantined record has a reason, and there are as many as the balances say",
    "identity": "every eid stands once in the base, and every id in a table is one of them",
    "idempotence": "every record of every source became exactly one thing",
    "no_overlap_known": "no two states of a thing are known at the same time",
    "no_overlap_valid": "no interval ends before it begins",
    "resolve_total": "every identifier ever issued leads to a thing or to its successors",
    "alias_unique": "an identifier names one thing at a time",
    "nothing_floats_entities": "every thing has an anchor, or is listed with the reason",
    "nothing_floats_streams": "every datastream has an anchor, or is listed with the reason",
    "nothing_floats_alarms": "every alarm is anchored through its datastream or itself",
    "nothing_floats_cases": "every case has an anchor, or is listed with the reason",
    "codes_known": "every class code stands in a code table",
    "boxes_true": "the box columns hold the geometry",
    "assets_present": "every asset (mesh, raster, cloud, tileset) lies in the assets folder",
    "address_closure": "every address node has its parent",
    "address_codes": "an address code names one node for ever, and a node has one code of a scheme at a time",
    "address_history": "a retired address has an event and lies above nothing that is there",
    "latest_true": "the newest state of a stream is its newest reading",
    "readings_once": "no stream has two readings of one time, loaded or live",
    "alarm_life_cycle": "every step of an alarm is one its life cycle knows, and its state is where they lead",
    "case_life_cycle": "every step of a case is one its table knows and its role may take, and its stage is where they lead",
}
"""Name of each law and what it says; the statements stand in ``twin/store/sql/law_<name>.sql``."""

_IN_PYTHON = (
    "codes_known", "assets_present", "latest_true", "readings_once", "alarm_life_cycle",
    "case_life_cycle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LawResult:
    """One law: how many cases were checked, how many break it, and a few that do."""

    law: str
    says: str
    checked: int
    broken: int
    examples: tuple[str, ...] = ()


def verify(store: Store) -> list[LawResult]:
    """Check all laws.

    Parameters
    ----------
    store : Store
        Open for reading or writing; nothing is changed.

    Returns
    -------
    list of LawResult
        In the order of :data:`LAWS`. A statement answers one row per case checked, ``what`` (text)
        and ``ok``.
    """
    results = []
    for law, says in LAWS.items():
        if law in _IN_PYTHON:
            continue
        with store.cursor() as cursor:
            results.append(_counted(cursor, law, says))
    results += [_codes_known(store), _assets_present(store)]
    results += [_latest_true(store), _readings_once(store), _alarm_life_cycle(store)]
    results.append(_case_life_cycle(store))
    order = list(LAWS)
    return sorted(results, key=lambda r: order.index(r.law))


def _counted(cursor: Connection, law: str, says: str) -> LawResult:
    checked, broken, found = cursor.execute(
        f"SELECT count(*), count(*) FILTER (WHERE NOT coalesce(ok, false)), "  # noqa: S608 -- our own file
        f"list(what) FILTER (WHERE NOT coalesce(ok, false)) FROM ({statement(f'law_{law}')})"
    ).fetchone() or (0, 0, None)
    return LawResult(law, says, checked, broken, tuple(map(str, (found or [])[:MOST_EXAMPLES])))


def _alarm_life_cycle(store: Store) -> LawResult:
    known = [
        {"source": source, "step": step, "target": target}
        for (source, step), targets in LIFE_CYCLE.items()
        for target in targets.split("|")
    ]
    with store.cursor() as cursor:
        cursor.register("known_step", pa.Table.from_pylist(known))
        return _counted(cursor, "alarm_life_cycle", LAWS["alarm_life_cycle"])


def _case_life_cycle(store: Store) -> LawResult:
    with store.cursor() as cursor:
        cursor.register("known_move", known_moves())
        return _counted(cursor, "case_life_cycle", LAWS["case_life_cycle"])


def _codes_known(store: Store) -> LawResult:
    rows = store.table("SELECT class_code, count(*) AS n FROM entity GROUP BY class_code")
    known = is_known(rows["class_code"].to_numpy(zero_copy_only=False))
    counts = rows["n"].to_pylist()
    bad = [
        (c, n)
        for c, n, ok in zip(rows["class_code"].to_pylist(), counts, known, strict=True)
        if not ok
    ]
    return LawResult(
        "codes_known",
        LAWS["codes_known"],
        sum(counts),
        sum(n for _, n in bad),
        tuple(str(c) for c, _ in bad),
    )


def _assets_present(store: Store) -> LawResult:
    rows: list[dict[str, Any]] = store.table(
        "SELECT asset FROM mesh_asset UNION SELECT asset FROM raster UNION SELECT asset FROM cloud_asset "
        "UNION SELECT asset FROM tileset_asset UNION SELECT asset FROM case_photo"
    ).to_pylist()
    missing = tuple(r["asset"] for r in rows if not (store.assets / r["asset"]).exists())
    return LawResult(
        "assets_present", LAWS["assets_present"], len(rows), len(missing), missing[:MOST_EXAMPLES]
    )


def _latest_true(store: Store) -> LawResult:
    """State tables are written at checkpoints: a lag is no fault, another value is."""
    rows = store.table("SELECT * FROM latest WHERE phenomenon_time IS NOT NULL ORDER BY stream_id")
    ids = np.asarray(rows["stream_id"].to_numpy(), np.int64)
    time_us = rows["phenomenon_time"].to_numpy().astype("M8[us]").view(np.int64)
    kept = Archive.of(store).find(ids, time_us)
    open_ = np.flatnonzero(np.isnan(kept))
    if len(open_):
        with store.cursor() as cursor:
            kept[open_] = loaded_values(cursor, ids[open_], time_us[open_])
    wrong = ids[kept != rows["result"].to_numpy()]
    return _result("latest_true", len(ids), wrong)


def _readings_once(store: Store) -> LawResult:
    ids = np.asarray(store.table("SELECT stream_id FROM datastream ORDER BY ALL")["stream_id"])
    checked, wrong = 0, []
    for first in range(0, len(ids), STREAMS_AT_ONCE):
        found = readings(store, ids[first : first + STREAMS_AT_ONCE])
        same = (np.diff(found.stream_id) == 0) & (np.diff(found.time_us) == 0)
        checked += len(found)
        wrong.append(found.stream_id[1:][same])
    return _result("readings_once", checked, np.concatenate([np.empty(0, np.int64), *wrong]))


def _result(law: str, checked: int, wrong: NDArray[np.int64]) -> LawResult:
    examples = tuple(map(str, wrong[:MOST_EXAMPLES].tolist()))
    return LawResult(law, LAWS[law], checked, len(wrong), examples)
