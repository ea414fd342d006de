"""Opening an IFC file: zipped, under a schema that was never released, with damaged text or lines."""

import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import ifcopenshell

from loaders.ifc.columns import text_blocks
from loaders.ifc.header import READABLE, head_of, released, schema_of_header, with_schema
from loaders.ifc.steptext import repaired_text
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["open_model", "text_of"]

MAX_BYTES = 4 * 1024**3
"""A STEP file is parsed in memory; past 4 GiB it is refused."""
MAX_RATIO = 200
"""A zipped model that unpacks to more times its size is refused."""
_SOUND = re.compile(rb"\s*#\d+\s*=\s*(?:[A-Za-z]\w*\s*\(|\().*\)\s*\Z", re.S)
_ENDLESS = re.compile(rb"[-+]?\b\d+(?:\.\d*)?[Ee]\+?\d{3,9}\b")
_BEGIN = re.compile(rb"\n\s*#(\d+)\s*=")
MOST_STUMBLES = 12
"""Statements that stop the parser before the file is given up."""
_START = b"ISO-10303-21"
_BLANK = b"\xef\xbb\xbf \r\n\t\0"


def open_model(path: Path) -> tuple[ifcopenshell.file, list[str]]:
    """Open a STEP file (``.ifc``) or a zipped one (``.ifczip``).

    Parameters
    ----------
    path : Path
        The file; it is not changed.

    Returns
    -------
    (ifcopenshell.file, list of str)
        The model, and findings: under which schema it was read if not under its own, what text and
        which lines were put right.

    Raises
    ------
    SourceError
        If it is no STEP file or cannot be parsed.
    UnsafeSourceError
        If it is too large, packed or not.
    """
    if path.stat().st_size > MAX_BYTES:
        raise UnsafeSourceError(
            path, "larger than 4 GiB; split the model by building or discipline"
        )
    head, packed = head_of(path, 65_536), None
    if head.startswith(b"PK"):
        packed, inner = _unpacked(path)
        head = packed[:65_536]
        findings = [f"read from {inner} inside the archive"]
    else:
        findings = []
    _refuse_foreign(path, head)
    declared = schema_of_header(head)
    if declared is None:
        raise SourceError(
            path, "names no schema in its header (FILE_SCHEMA): it is cut off or no IFC"
        )
    wanted = released(declared)
    if wanted is None:
        raise SourceError(path, f"is a STEP file of schema {declared}, not IFC; export it as IFC")
    data, more = repaired_text(path.read_bytes() if packed is None else packed)
    findings += more
    as_it_is = declared.upper() in READABLE and packed is None and not more
    if declared.upper() not in READABLE:
        findings.append(f"schema {declared} of the header was read as {wanted}")
    if as_it_is:
        data = b""  # memory for the parser, which reads the file itself
        first = _parsed_file(path)
        if first is not None:
            return first, findings
        data = path.read_bytes()
    model, dropped = _mended(data if declared in READABLE else with_schema(data, wanted))
    if model is None:
        raise SourceError(
            path,
            f"cannot be parsed as {declared}; export it again or repair it with a STEP checker",
        )
    return model, findings + dropped


def text_of(path: Path, model: ifcopenshell.file, findings: list[str]) -> Iterator[bytes]:
    """The statements of a model in pieces: of the file, or written anew where it was not read as it is.

    Parameters
    ----------
    path : Path
    model, findings : ifcopenshell.file, list of str
        See :func:`open_model`.
    """
    if findings:
        text: str = model.to_string()  # type: ignore[no-untyped-call]  # no stubs
        yield text.encode("ascii", "replace")
    else:
        yield from text_blocks(path)


def _mended(data: bytes) -> tuple[ifcopenshell.file | None, list[str]]:
    """The model, without damaged statements where it cannot be parsed with them, and findings."""
    model = _parsed(data)
    if model is not None:
        return model, []
    endless = sum(not math.isfinite(float(one)) for one in _ENDLESS.findall(data))
    data = _ENDLESS.sub(_finite, data)
    data, findings = _without_damage(data)
    if endless:
        findings.append(f"{endless} numbers beyond all bounds (such as 1.E400) were left out")
    return _without_stumbles(data, findings)


def _without_stumbles(
    data: bytes, findings: list[str]
) -> tuple[ifcopenshell.file | None, list[str]]:
    """The model without the statements at which the parser gives up, a few of them one by one."""
    dropped: list[str] = []
    for _ in range(MOST_STUMBLES):
        model = _parsed(data)
        if model is not None:
            if dropped:
                shown = ", ".join(dropped)
                findings.append(f"statements that the parser cannot read were left out: {shown}")
            return model, findings
        part = _read_as_far(data)
        read = set(part.entity_names()) if part is not None else set()
        begun = _BEGIN.finditer(data)
        stumble = next((found for found in begun if int(found[1]) not in read), None)
        if part is None or stumble is None:
            break
        end = data.find(b";", stumble.end()) + 1
        dropped.append(f"#{int(stumble[1])}")
        data = data[: stumble.start()] + b"\n" + data[end or len(data) :]
    return None, findings


def _finite(found: re.Match[bytes]) -> bytes:
    """``$`` for a number that no computer holds."""
    return found[0] if math.isfinite(float(found[0])) else b"$"


def _refuse_foreign(path: Path, head: bytes) -> None:
    """Refuse what is no STEP file, with what it is where that can be told."""
    start = head.lstrip(_BLANK)
    if start.startswith(_START) or (start[:2] == b"/*" and _START in head):
        return
    if start.startswith(b"<") and (
        b"ifcXML" in head or b"ifcxml" in head.lower() or b"iso_10303_28" in head
    ):
        raise SourceError(
            path,
            "is ifcXML, which cannot be read here; save it as IFC-SPF (.ifc), which every IFC tool can write",
        )
    if start.startswith(b"SQLite format 3"):
        raise SourceError(path, "is an IFC database (SQLite), not a STEP file; save it as .ifc")
    if re.match(rb"HEADER\s*;", start) or (b"FILE_SCHEMA" in head and b"HEADER" in head):
        raise SourceError(
            path, "lacks the first line of a STEP file (ISO-10303-21;); it is cut off"
        )
    shown = start[:40].decode("ascii", "replace")
    raise SourceError(
        path, f"is no IFC STEP file (it does not start with ISO-10303-21 but with {shown!r})"
    )


def _unpacked(path: Path) -> tuple[bytes, str]:
    """The one model inside a zip archive, and its name there."""
    try:
        with zipfile.ZipFile(path) as archive:
            models = [
                i for i in archive.infolist() if i.filename.lower().endswith((".ifc", ".ifcxml"))
            ]
            if len(models) != 1:
                names = ", ".join(i.filename for i in models[:5]) or "no .ifc file"
                raise SourceError(
                    path,
                    f"an .ifczip holds one model; this holds {names}. Unpack it and load the files",
                )
            one = models[0]
            most = min(MAX_BYTES, max(1_000_000, MAX_RATIO * path.stat().st_size))
            if one.file_size > most:
                raise UnsafeSourceError(
                    path,
                    f"{one.filename} unpacks to {one.file_size} bytes, more than {most} allowed",
                )
            with archive.open(one) as stream:
                data = stream.read(most + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        EOFError,
        OSError,
    ) as err:
        raise SourceError(path, f"is a damaged or encrypted archive: {err}") from err
    if len(data) > most:
        raise UnsafeSourceError(path, f"{one.filename} unpacks to more than {most} bytes")
    return data, one.filename


def _parsed_file(path: Path) -> ifcopenshell.file | None:
    """A sound file read straight from disk; None where that fails."""
    try:
        return _checked(ifcopenshell.open(str(path)))
    except (RuntimeError, OSError, ValueError, AttributeError, ifcopenshell.Error):
        return None


def _parsed(data: bytes) -> ifcopenshell.file | None:
    return _checked(_read_as_far(data))


def _read_as_far(data: bytes) -> ifcopenshell.file | None:
    """What the parser has read before it gave up."""
    try:
        model = ifcopenshell.file.from_string(data.decode("ascii", "replace"))
    except (RuntimeError, OSError, ValueError, AttributeError, ifcopenshell.Error):
        return None
    return model


def _checked(model: object) -> ifcopenshell.file | None:
    """The model if it is one with something in it (a parser that gives up early leaves a part of it)."""
    if not isinstance(model, ifcopenshell.file) or model.good().value():
        return None
    return model if model.by_type("IfcProject") or model.by_type("IfcRoot") else None


def _without_damage(data: bytes) -> tuple[bytes, list[str]]:
    """The file without statements of its data section that are no instances."""
    begin = data.find(b"DATA;")
    if begin < 0:
        return data, []
    head, body = data[: begin + 5], data[begin + 5 :]
    end = body.rfind(b"ENDSEC;")
    cut = end < 0
    body = body if cut else body[:end]
    kept, lost = [], 0
    for statement in _statements(body):
        if _SOUND.match(statement):
            kept.append(statement + b";")
        elif statement.strip():
            lost += 1
    findings = []
    if cut:
        findings.append("the file is cut off before the end of its data; what is there was read")
    if lost:
        findings.append(f"{lost} damaged statements of the data section were left out")
    return head + b"\n" + b"\n".join(kept) + b"\nENDSEC;\nEND-ISO-10303-21;\n", findings


def _statements(body: bytes) -> list[bytes]:
    """Statements between semicolons outside of strings and comments; a new ``#n=`` at a line's start ends one too."""
    pieces = re.findall(rb"(?:'(?:[^'\n]|'')*'|/\*.*?\*/|[^;'])+|'", body, re.S)
    out: list[bytes] = []
    for piece in pieces:
        lines = re.split(rb"\n(?=\s*#\d+\s*=)", piece)
        out += lines
    return out
