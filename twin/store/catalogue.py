"""The catalogue: what was loaded, from where, under which licence, why in which system, and what became of it."""

from typing import Any

from twin.store.store import Store, statement

__all__ = ["load_count", "load_of", "loads", "newest_load", "reasons"]

_NEWEST = "SELECT dataset_id::VARCHAR FROM dataset ORDER BY loaded_at DESC LIMIT 1"


def loads(
    store: Store, limit: int, start: int = 0, chosen: list[str] | None = None
) -> list[dict[str, Any]]:
    """Loads, or those ``chosen`` by their ids, newest first.

    Returns
    -------
    list of dict
        Columns of the table ``dataset``, and ``fed``: a list of collection, things (whose state now is of this load) and
        changes (that it made).
    """
    values = {"id": None, "limit": limit, "start": start, "chosen": chosen}
    found: list[dict[str, Any]] = store.table(statement("catalogue"), values).to_pylist()
    return found


def load_of(store: Store, dataset: str) -> dict[str, Any] | None:
    """The load of an id, as :func:`loads` has it; None where there is no such."""
    values = {"id": dataset, "limit": 1, "start": 0, "chosen": None}
    found: list[dict[str, Any]] = store.table(statement("catalogue"), values).to_pylist()
    return found[0] if found else None


def load_count(store: Store) -> int:
    """How many loads there were."""
    return int(store.scalar("SELECT count(*) FROM dataset"))


def newest_load(store: Store) -> str | None:
    """Id of the last load; None where there was none."""
    found = store.table(_NEWEST).to_pylist()
    return next((str(text) for row in found for text in row.values()), None)


def reasons(store: Store, dataset: str) -> list[dict[str, Any]]:
    """Why records of a load were not taken: reason and number of records, the twenty most frequent."""
    found: list[dict[str, Any]] = store.table(
        statement("catalogue_reasons"), {"id": dataset}
    ).to_pylist()
    return found
