"""The base on disk: one DuckDB file behind one small interface.

``store.py`` opens it and hands out cursors and transactions; ``read.py`` answers questions;
``sql/`` holds
the statements, ``schema.sql`` the tables.
"""

from twin.store.store import Connection, Rows, Store, run, statement

__all__ = ["Connection", "Rows", "Store", "run", "statement"]
