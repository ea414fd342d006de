"""Opening an IFC file, also where its header names a schema that was never released."""

import re
from pathlib import Path

import ifcopenshell

from loaders.gdalio import head_of
from loaders.ifc.steptext import repaired_text
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["open_model", "schema_of_header"]

MAX_BYTES = 4 * 1024**3
"""A STEP file is parsed in memory; past 4 GiB it is refused."""
_SCHEMA = re.compile(rb"FILE_SCHEMA\s*\(\s*\(\s*'([^']*)'", re.I)
_READABLE = {"IFC2X3", "IFC4", "IFC4X3_ADD2"}


def schema_of_header(head: bytes) -> str | None:
    """Schema name as the file's header writes it, or None."""
    found = _SCHEMA.search(head)
    return found[1].decode("ascii", "replace").strip() if found else None


def _released(name: str) -> str:
    """The released schema a drafted or old one is read as."""
    upper = name.upper()
    if upper.startswith("IFC2X"):
        return "IFC2X3"
    if upper.startswith(("IFC4X", "IFC4.")):
        return "IFC4X3_ADD2"
    return "IFC4" if upper.startswith("IFC4") else name


def open_model(path: Path) -> tuple[ifcopenshell.file, list[str]]:
    """Open a STEP file (``.ifc``).

    Parameters
    ----------
    path : Path
        The file; it is not changed.

    Returns
    -------
    (ifcopenshell.file, list of str)
        The model, and findings: under which schema it was read if not under its own.

    Raises
    ------
    SourceError
        If it is no STEP file or cannot be parsed.
    """
    head = head_of(path, 65_536)
    if not head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"ISO-10303-21"):
        raise SourceError(path, "is no IFC STEP file (it does not start with ISO-10303-21)")
    if path.stat().st_size > MAX_BYTES:
        raise UnsafeSourceError(
            path, "larger than 4 GiB; split the model by building or discipline"
        )
    declared = schema_of_header(head)
    if declared is None:
        raise SourceError(path, "names no schema in its header (FILE_SCHEMA)")
    wanted = _released(declared)
    data, findings = repaired_text(path.read_bytes())
    try:
        if declared.upper() in _READABLE and not findings:
            return _checked(path, ifcopenshell.open(str(path))), []
        if declared.upper() != wanted:
            data = _SCHEMA.sub(b"FILE_SCHEMA(('" + wanted.encode() + b"'", data, count=1)
            findings.append(f"schema {declared} of the header was read as {wanted}")
        model = _checked(path, ifcopenshell.file.from_string(data.decode("ascii")))
        model.by_type("IfcProject")
    except (RuntimeError, OSError, ValueError, AttributeError) as err:
        raise SourceError(path, f"cannot be parsed as {declared}: {err}") from err
    return model, findings


def _checked(path: Path, model: ifcopenshell.file) -> ifcopenshell.file:
    if not isinstance(model, ifcopenshell.file):
        raise SourceError(path, "is not a model that can be read (a streamed or split file)")
    return model
