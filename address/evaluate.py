"""Answer the tracks of an evaluation folder, so that accuracy can be scored from outside.

A track is a JSON-lines file with a ``qid`` per row; predictions carry the same ``qid``.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from address.compare import compare
from address.divisions import path_of
from address.fields import county_of, fields_of
from address.index import AddressIndex
from address.tagger import CONVENTIONS, tag
from twin.schema import ADDRESS_NODES

__all__ = ["TRACKS", "nodes_from_gazetteer", "run"]

Row = dict[str, Any]

_LEVEL = {"town": "street", "door": "number"}


def _written(table: pa.Table) -> pa.Array:
    """Name of each node of a gazetteer file: what its standard string adds to its parent's."""
    ids = table["id"].combine_chunks()
    parents = pc.index_in(table["parent"].combine_chunks(), value_set=ids)
    full = table["std"].to_pylist()
    rows = parents.to_pylist()
    names = [
        text[len(full[up]) :]
        if up is not None and text.startswith(full[up]) and len(text) > len(full[up])
        else text
        for text, up in zip(full, rows, strict=True)
    ]
    return pa.array(names, pa.string())


def nodes_from_gazetteer(path: Path) -> pa.Table:
    """Address tree of a Parquet gazetteer with one row per node.

    Parameters
    ----------
    path : Path
        Columns ``id``, ``parent``, ``level``, ``std`` (whole standard string), ``lon``, ``lat``;
        ids are kept.

    Returns
    -------
    pyarrow.Table
        `twin.schema.ADDRESS_NODES`. A compound below a compound is a phase; rows whose string adds
        nothing to the parent's
        (a city that is its own province) take the whole string as their name.
    """
    table = pq.read_table(path).combine_chunks()
    level = table["level"].to_pylist()
    parent = table["parent"].to_pylist()
    own = dict(zip(table["id"].to_pylist(), level, strict=True))
    levels = [
        "phase" if lv == "compound" and own.get(up) == "compound" else _LEVEL.get(lv, lv)
        for lv, up in zip(level, parent, strict=True)
    ]
    empty = pa.nulls(len(table), pa.string())
    return pa.table(
        {
            "node_id": table["id"].cast(pa.string()),
            "parent_id": table["parent"].cast(pa.string()),
            "level": pa.array(levels, pa.string()),
            "name": _written(table),
            "full": table["std"].cast(pa.string()),
            "code": table["adcode"].cast(pa.string()) if "adcode" in table.column_names else empty,
            "lon": table["lon"].cast(pa.float64()),
            "lat": table["lat"].cast(pa.float64()),
            "z": pa.nulls(len(table), pa.float64()),
            "eid": empty,
            "key": table["id"].cast(pa.string()),
            "building_key": empty,
            "status": pa.array(["active"] * len(table), pa.string()),
        }
    ).cast(ADDRESS_NODES)


def _match(index: AddressIndex, row: Row) -> Row:
    found = index.match(row["input"])
    ids = [found.node_id] if found.node_id is not None else []
    ids += [other.node_id for other in found.alternatives]
    return {"ids": ids, "status": found.status, "confidence": found.confidence}


def _geocode(index: AddressIndex, row: Row) -> Row:
    found = index.geocode(row["input"])
    names: dict[str, str] = {}
    at = index.row_of(found.node_id) if found.node_id is not None else None
    for step in index.above(at) if at is not None else ():
        names.setdefault(index.level_of(step), index.core_of_row(step))
    place = found.location
    return {
        "lon": place.lon if place else None,
        "lat": place.lat if place else None,
        "county": names.get("county"),
        "town": names.get("street"),
        "error_m": place.error_m if place else None,
    }


def _reverse(index: AddressIndex, row: Row) -> Row:
    return {"id": index.reverse(row["lon"], row["lat"]).node_id}


def _autocomplete(index: AddressIndex, row: Row) -> Row:
    return {"ids": [s.node_id for s in index.suggest(row["input"], 10)]}


def _parse(_: AddressIndex | None, row: Row) -> Row:
    source = row.get("source")
    convention = next((known for known in CONVENTIONS if known == source), CONVENTIONS[0])
    return {"spans": [[s.label, s.start, s.end] for s in tag(row["input"], convention)]}


def _admin(_: AddressIndex | None, row: Row) -> Row:
    code = county_of(row["input"])
    province, city, county = path_of(code) if code is not None else ("", "", "")
    return {"province": province, "city": city, "county": county}


def _hard(_: AddressIndex | None, row: Row) -> Row:
    return {"canon": fields_of(row["input"], row.get("context") or {})}


def _pair(_: AddressIndex | None, row: Row) -> Row:
    return {"label": compare(row["a"], row["b"], "building").label}


TRACKS: dict[str, tuple[bool, Callable[[Any, Row], Row]]] = {
    "match": (True, _match),
    "geocode": (True, _geocode),
    "reverse": (True, _reverse),
    "autocomplete": (True, _autocomplete),
    "parse": (False, _parse),
    "admin": (False, _admin),
    "hard": (False, _hard),
    "pair": (False, _pair),
}
"""Track → needs the gazetteer, function that answers a row."""


def run(folder: Path, gazetteer: Path | None, out: Path) -> dict[str, dict[str, float]]:
    """Answer every track of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``<track>.jsonl``; tracks that are absent are passed over.
    gazetteer : Path or None
        Parquet file for the tracks that need one; None takes ``gazetteer.parquet`` of the folder.
    out : Path
        Folder for ``<track>.jsonl`` predictions; made where absent.

    Returns
    -------
    dict
        Per track: ``rows``, ``seconds`` and ``p99_ms`` of CPU time; ``index`` for building the
        index.
    """
    out.mkdir(parents=True, exist_ok=True)
    source = gazetteer or folder / "gazetteer.parquet"
    index: AddressIndex | None = None
    report: dict[str, dict[str, float]] = {}
    for track, (needs, answer) in TRACKS.items():
        path = folder / f"{track}.jsonl"
        if not path.exists() or (needs and not source.exists()):
            continue
        if needs and index is None:
            begun = time.process_time()
            index = AddressIndex.from_nodes(nodes_from_gazetteer(source))
            report["index"] = {"rows": len(index), "seconds": round(time.process_time() - begun, 3)}
        times: list[float] = []
        with (
            path.open(encoding="utf-8") as lines,
            (out / path.name).open("w", encoding="utf-8") as sink,
        ):
            for line in lines:
                row = json.loads(line)
                begun = time.process_time()
                answered = answer(index, row)
                times.append(time.process_time() - begun)
                sink.write(json.dumps({"qid": row["qid"], **answered}, ensure_ascii=False) + "\n")
        times.sort()
        report[track] = {
            "rows": len(times),
            "seconds": round(sum(times), 4),
            "p50_ms": round(1000 * times[len(times) // 2], 3),
            "p99_ms": round(1000 * times[int(len(times) * 0.99)], 3),
        }
    return report
