"""Open the base, hand out a cursor per request and one write transaction at a time."""

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import duckdb
import pyarrow as pa

from twin.city import City
from twin.errors import CityError, CityInUseError

__all__ = ["SCHEMA_VERSION", "Connection", "Store", "run", "statement"]

SCHEMA_VERSION = "4"


@cache
def statement(name: str, package: str = "twin.store") -> str:
    """Text of ``sql/<name>.sql`` beside the modules of a package."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


Connection: TypeAlias = duckdb.DuckDBPyConnection
"""A cursor, or an open transaction."""

Rows: TypeAlias = pa.Table | duckdb.DuckDBPyRelation
"""Rows a statement can read."""


def run(
    con: duckdb.DuckDBPyConnection,
    name: str,
    /,
    package: str = "twin.store",
    incoming: Rows | None = None,  # noqa: ARG001 -- DuckDB finds it by its name
    **parameters: Any,  # noqa: ANN401 -- whatever DuckDB binds
) -> duckdb.DuckDBPyConnection:
    """Run the statements of ``sql/<name>.sql`` in order, each bound to the parameters it names.

    Parameters
    ----------
    con : duckdb connection
        A cursor, or the connection of an open transaction.
    name : str
        File name without ending.
    package : str
        Dotted name of the package the file stands in.
    incoming : pyarrow.Table or duckdb relation, optional
        Rows the statements read as ``FROM incoming``, let go with the last statement. (A registered view
        would keep them until the transaction ends.)
    **parameters
        Values by name; those a statement does not mention are left out.

    Returns
    -------
    duckdb connection
        With the answer of the last statement.
    """
    for part in con.extract_statements(statement(name, package)):
        con.execute(part, {key: parameters[key] for key in part.named_parameters} or None)
    return con


def _create(path: Path) -> None:
    """An empty base at a path, there as a whole or not at all; another that came first is kept."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with duckdb.connect(str(beside), config=_SETTINGS) as connection:
            _install(connection)
        try:
            path.hardlink_to(beside)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)


def _install(connection: duckdb.DuckDBPyConnection) -> None:
    """The tables that are missing, and the version of a base that has none."""
    connection.execute(files("twin.store").joinpath("schema.sql").read_text(encoding="utf-8"))
    connection.execute(
        "INSERT INTO base_meta SELECT 'schema_version', $v "
        "WHERE NOT EXISTS (FROM base_meta WHERE key = 'schema_version')",
        {"v": SCHEMA_VERSION},
    )


_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": "latest",  # packs repeated text in two thirds of the time of the oldest
    "memory_limit": "768MB",  # blocks of the file kept in memory; sorts and joins beyond it spill beside the file
}


class Store:
    """The base of one city.

    TIMESTAMP columns hold UTC without a zone; times are bound as naive UTC (the ICU extension,
    which zones
    need, is not part of the package and nothing is downloaded at run time). One process writes:
    DuckDB holds the file exclusively. Within it any number of threads read, each with
    a cursor of its own, and writers queue for :meth:`transaction`.

    Examples
    --------
    >>> with Store.open(city) as store:          # doctest: +SKIP
    ...     store.table("SELECT count(*) AS n FROM entity")
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, city: City, read_only: bool = False
    ) -> None:
        self._connection = connection
        self.read_only = read_only
        self._write_lock = threading.RLock()
        self.committed: list[Callable[[], None]] = []
        self.commits = 0  # grows with every transaction: who has seen it need not ask the log
        self.city = city
        self.assets = city.assets

    @classmethod
    def open(cls, city: City, read_only: bool = False) -> "Store":
        """Open the base of ``city``, creating it where there is none yet.

        Raises
        ------
        CityInUseError
            If another process holds the base.
        CityError
            If the file is damaged, or it was written by another version.
        """
        if read_only and not city.base_path.exists():
            raise CityError(
                f"{city.path} has no base yet: load something first with `twin load … --city {city.path}`."
            )
        if not city.base_path.exists():
            _create(city.base_path)
        try:
            connection = duckdb.connect(str(city.base_path), read_only=read_only, config=_SETTINGS)
        except duckdb.IOException as err:
            kind = CityInUseError if "lock" in str(err) else CityError
            raise kind(_closed(city, err, read_only)) from err
        if not read_only:
            _install(connection)
        found = connection.execute(
            "SELECT value FROM base_meta WHERE key = 'schema_version'"
        ).fetchone()
        if found is None or found[0] != SCHEMA_VERSION:
            connection.close()
            raise CityError(
                f"{city.base_path} has schema version {found and found[0]}; this program writes {SCHEMA_VERSION}. "
                "Open it with the version that wrote it, or load its sources into a new city (`twin init`, `twin load`)."
            )
        return cls(connection, city, read_only)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A fresh cursor: one per request and thread, closed by the caller or with the store."""
        return self._connection.cursor()

    @contextmanager
    def snapshot(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose statements all read one state of the base, whatever is written meanwhile."""
        with self.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
            finally:
                cursor.execute("ROLLBACK")

    def table(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Answer of one read statement as an Arrow table, on a cursor of its own."""
        with self.cursor() as cursor:
            return cursor.execute(sql, dict(parameters) if parameters else None).to_arrow_table()

    def scalar(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 -- whatever the column holds
        """First column of the first row, or None where there is no row."""
        with self.cursor() as cursor:
            row = cursor.execute(sql, dict(parameters) if parameters else None).fetchone()
        return row[0] if row else None

    def answers(self) -> bool:
        """Whether the base is open and can be read."""
        try:
            return self.scalar("SELECT count(*) FROM base_meta") is not None
        except duckdb.Error:
            return False

    @contextmanager
    def on_one_thread(self) -> Iterator[None]:
        """Statements inside the block run on one thread.

        For some ten thousand rows, sharing the work costs more processor time than doing it, and gains none.
        """
        with self.cursor() as cursor:
            found = cursor.execute("SELECT current_setting('threads')").fetchone()
            cursor.execute("SET threads = 1")
            try:
                yield
            finally:
                cursor.execute(f"SET threads = {found[0] if found else 1}")

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Write transaction: all or nothing, durable when the block has ended, one at a time.

        Whoever stands in ``committed`` is told right after, before anyone else writes.
        """
        with self._write_lock, self.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
            self.commits += 1
            for told in self.committed:
                told()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nothing is written by others inside the block."""
        with self._write_lock:
            yield

    def close(self) -> None:
        """Checkpoint and close; safe to call twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _closed(city: City, err: duckdb.IOException, read_only: bool) -> str:
    """Why the base does not open, and what to do."""
    if "lock" in str(err):
        holder = re.search(r"\(PID (\d+)\)", str(err))
        who = f"process {holder[1]}" if holder else "another process"
        return (
            f"{city.base_path} is held by {who}: one process at a time writes a city. If `twin serve` or another "
            "`twin load` is using it, stop that, or send the data to its HTTP interface."
        )
    if not os.access(city.base_path if city.base_path.exists() else city.path, os.R_OK):
        return f"{city.base_path} may not be read by this account; ask for the right, or copy the city folder."
    if not read_only and not os.access(city.path, os.W_OK):
        return (
            f"{city.base_path} may only be read by this account, and this command writes. "
            "Copy the city folder to a place of your own, or ask for the right."
        )
    return f"{city.base_path} cannot be opened: {err}. If the file is damaged, take it from a copy of the city folder."
