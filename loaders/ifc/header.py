"""What the first bytes of a model say: the schema it was written under, and what it is read as."""

import re
from pathlib import Path

__all__ = ["READABLE", "head_of", "released", "schema_of_header", "with_schema"]

_SCHEMA = re.compile(rb"FILE_SCHEMA\s*\(\s*\(?\s*'([^']*)'", re.I)
READABLE = frozenset({"IFC2X3", "IFC4", "IFC4X3_ADD2"})
"""Schemas the parser knows by these names."""


def head_of(path: Path, size: int = 4096) -> bytes:
    """First bytes of a file; empty where it cannot be read or is a folder.

    Here and not taken from the readers of other formats: a model's process must not wait for their
    libraries.
    """
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def schema_of_header(head: bytes) -> str | None:
    """Schema name as the file's header writes it, or None.

    Examples
    --------
    >>> schema_of_header(b"HEADER;FILE_SCHEMA (('IFC4X3_RC2'));")
    'IFC4X3_RC2'
    """
    found = _SCHEMA.search(head)
    return found[1].decode("ascii", "replace").strip() if found else None


def released(name: str) -> str | None:
    """The released schema a drafted, amended or old one is read as; None for what is no IFC.

    Examples
    --------
    >>> released("IFC4X3_ADD1"), released("IFC2X2_FINAL"), released("IFC4_ADD2_TC1"), released("AP214")
    ('IFC4X3_ADD2', 'IFC2X3', 'IFC4', None)
    """
    upper = re.sub(r"[\s.\-]+", "X", name.upper().strip())
    if not upper.startswith("IFC"):
        return None
    if re.match(r"IFC4X|IFC43|IFC5", upper):
        return "IFC4X3_ADD2"
    return "IFC4" if upper.startswith("IFC4") else "IFC2X3"


def with_schema(data: bytes, name: str) -> bytes:
    """The file with another schema name in its header."""
    return _SCHEMA.sub(b"FILE_SCHEMA(('" + name.encode("ascii") + b"'", data, count=1)
