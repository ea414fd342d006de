"""Towns and communities a base has: their outlines and their official codes."""

import shapely

from twin.store import Store, statement

__all__ = ["base_areas", "official_codes"]


def base_areas(store: Store) -> dict[tuple[str, str], shapely.Geometry]:
    """Outlines of the towns and communities a base has, by level and name (degrees)."""
    table = store.table(statement("address_areas")).to_pylist()
    return {
        (r["level"], r["name"]): shapely.from_wkb(r["wkb"]) for r in table if r["wkb"] is not None
    }


def official_codes(store: Store) -> dict[tuple[str, str], str]:
    """Digits of the towns and communities a base has, by level and name: 9 or 12 of them."""
    table = store.table(statement("address_areas")).to_pylist()
    wanted = {"street": 9, "community": 12}
    return {
        (r["level"], r["name"]): r["code"]
        for r in table
        if r["code"] is not None and r["code"].isdigit() and len(r["code"]) == wanted[r["level"]]
    }
