"""SQL files that stand beside a package's modules, read once."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

__all__ = ["run_script", "statement"]


@cache
def statement(package: str, name: str) -> str:
    """Text of ``<package>/sql/<name>.sql``; ``package`` is dotted, such as ``twin.live``."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def run_script(
    con: duckdb.DuckDBPyConnection, script: str, parameters: Mapping[str, Any] | None = None
) -> None:
    """Run the statements of ``script`` in order, each with the named parameters it mentions."""
    given = parameters or {}
    for part in con.extract_statements(script):
        con.execute(part, {name: given[name] for name in part.named_parameters})
