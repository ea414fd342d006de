"""Check a city against its laws, and say what it holds."""

from typing import Any

import tiles
from twin.city import City
from twin.live.archive import Archive
from twin.store import Store, statement
from twin.verify import LawResult, verify

__all__ = ["check_city", "describe_city"]


def check_city(city: City, with_tiles: bool = False) -> list[LawResult]:
    """Every law of the base and, if asked, of the tiles."""
    with Store.open(city, read_only=True) as store:
        results = verify(store)
        if with_tiles:
            known = set(store.table("SELECT eid::VARCHAR AS eid FROM entity")["eid"].to_pylist())
            findings = tiles.check(city.tiles, known)
            files = sum(1 for p in city.tiles.rglob("*") if p.is_file())
            examples = tuple(f"{f.path}: {f.message}" for f in findings[:10])
            results.append(
                LawResult(
                    "tiles_sound",
                    "every tile is well formed, inside its box, and names things of the base",
                    files,
                    len(findings),
                    examples,
                )
            )
    return results


def describe_city(city: City) -> dict[str, Any]:
    """Counts, anchors, loads and sizes (bytes) of a city."""
    with Store.open(city, read_only=True) as store:
        return {
            "name": city.name, "path": str(city.path), "admin_code": city.admin_code,
            "collections": store.table(statement("info_collections")).to_pylist(),
            "datasets": store.table(statement("info_datasets")).to_pylist(),
            "counts": _counts(store),
            "sizes": {name: _size(city, name) for name in ("base.duckdb", "assets", "tiles")},
        }  # fmt: skip


def _size(city: City, name: str) -> int:
    path = city.path / name
    return (
        path.stat().st_size
        if path.is_file()
        else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    )


def _counts(store: Store) -> dict[str, int]:
    """Sizes of the main tables; observations are those loaded and those that came live."""
    counts: dict[str, int] = store.table(statement("info_counts")).to_pylist()[0]
    counts["observations"] += len(Archive.of(store))
    return counts
