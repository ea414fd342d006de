"""Points as text: XYZ, TXT, PTS, CSV; which column is what is told by a header or by the numbers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loaders.gdalio import head_of, refuse_dangerous
from loaders.points.stream import BATCH, PointStream
from loaders.textfiles import after_lines
from twin.cloud import CloudSpec
from twin.cloud.summary import Batch
from twin.errors import SourceError

__all__ = ["is_list", "open_list"]

_NAMES = {
    "x": "x", "easting": "x", "east": "x", "lon": "x", "longitude": "x", "y": "y", "northing": "y", "north": "y",
    "lat": "y", "latitude": "y", "z": "z", "height": "z", "elevation": "z", "h": "z", "alt": "z", "altitude": "z",
    "intensity": "intensity", "i": "intensity", "reflectance": "intensity", "red": "red", "r": "red",
    "green": "green", "g": "green", "blue": "blue", "b": "blue", "classification": "classification",
    "class": "classification", "label": "classification", "gpstime": "gps_time", "gps_time": "gps_time",
    "time": "gps_time", "returnnumber": "return_number", "return_number": "return_number",
    "numberofreturns": "number_of_returns", "number_of_returns": "number_of_returns",
    "pointsourceid": "point_source_id", "nx": "nx", "ny": "ny", "nz": "nz",
}  # fmt: skip
_BEYOND = {"intensity", "red", "classification", "gps_time", "return_number", "nx"}
"""A table with x, y, z is a cloud only if it also carries one of these."""
_SPLIT = re.compile(r"[\s,;]+")
SAMPLES = 64
MOST_COLUMNS = 40
"""Numbers on a line of points; more are a row of something else."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the lines read: names of the columns, separator, lines before the first point."""

    names: tuple[str, ...]
    separator: str
    skip: int
    declared: int | None = None
    headed: bool = True
    """Whether no line above the points names other columns than those of points."""


def is_list(path: Path) -> bool:
    """Whether a text file begins as a list of points (by its first 4 KiB)."""
    extension = path.suffix.lower()
    if extension not in (".xyz", ".txt", ".pts", ".csv", ".asc", ".neu", ".xyzrgb", ".xyzi"):
        return False
    layout = _layout(head_of(path))
    if layout is None:
        return False
    if len(layout.names) > MOST_COLUMNS:
        return False
    if extension == ".csv":
        return layout.headed and bool(_BEYOND & set(layout.names))  # else it is a table of places
    return True


def _layout(head: bytes) -> _Layout | None:
    if b"\0" in head:
        return None
    lines = head.decode("utf-8", "replace").lstrip("\ufeff").splitlines()
    if len(head) >= 4096:
        lines = lines[:-1]
    skip, names, declared = 0, None, None
    for line in lines[:3]:
        text = line.strip().lstrip("/# ")
        between = next((d for d in (";", "\t", ",") if text.count(d) >= 2), None)
        words = text.split(between) if between else text.split()
        words = [w.strip(' "').lower() for w in words if w.strip()]
        if len(words) == 1 and words[0].isdigit():  # PTS: the number of points
            declared, skip = int(words[0]), skip + 1
        elif len(words) >= 3 and all(_NAMES.get(w) for w in words[:3]):
            names = tuple(_NAMES.get(w, re.sub(r"\W+", "_", w)) for w in words)
            skip += 1
        elif line.strip().startswith(("#", "//")):
            skip += 1
        else:
            break
    first = next((line for line in lines[skip:] if line.strip()), "")
    separator = next((s for s in (";", "\t", ",") if first.count(s) >= 2), r"\s+")
    shown = [line for line in lines[skip : skip + 40] if line.strip()]
    rows = [r for r in (_numbers(line, separator) for line in shown) if r is not None]
    told = len(shown)
    if len(rows) < min(3, told) or not rows or len(rows) < 0.8 * told:
        return None
    width = max({len(r) for r in rows}, key=[len(r) for r in rows].count)
    if width < 3 or (names is not None and len(names) != width):
        return None
    headed = names is not None or rows[0] == _numbers(shown[0], separator)
    return _Layout(names or _by_numbers(rows, width), separator, skip, declared, headed)


def _numbers(line: str, separator: str) -> list[float] | None:
    """Numbers of a line, None where one is none; between semicolons a comma is a decimal point."""
    if separator == ";":
        line = line.replace(",", ".")
    try:
        return [float(word) for word in _SPLIT.split(line.strip().strip(",;"))]
    except ValueError:
        return None


def _by_numbers(rows: Sequence[list[float]], width: int) -> tuple[str, ...]:
    """Names of columns without a header: x y z, then intensity and colours where the numbers look like it."""
    table = np.array([r for r in rows if len(r) == width])
    rest = table[:, 3:]
    color = (rest >= 0) & (rest <= 65_535) & (rest == np.rint(rest))
    more: list[str] = []
    if rest.shape[1] >= 4 and color[:, 1:4].all():
        more = ["intensity", "red", "green", "blue"]
    elif rest.shape[1] >= 3 and color[:, :3].all():
        more = ["red", "green", "blue"]
    elif rest.shape[1] == 1:
        more = ["intensity"]
    more += [f"c{i}" for i in range(3 + len(more), width)]
    return ("x", "y", "z", *more)


def open_list(path: Path) -> PointStream:
    """An opened list of points.

    Raises
    ------
    SourceError
        If its first lines are no points.
    """
    refuse_dangerous(path)
    layout = _layout(head_of(path))
    if layout is None or len(set(layout.names)) != len(layout.names):
        raise SourceError(path, "its lines are no points; expected x y z, the same columns on every line")  # fmt: skip
    findings = [f"columns {', '.join(layout.names)}"]
    spec = CloudSpec(declared=layout.declared, format=path.suffix.lstrip(".").upper())
    fields = dict.fromkeys(layout.names, "number")
    bounds = _sampled(path, layout)
    return PointStream(
        spec, None, bounds, fields, lambda: _batches(path, layout, findings), findings
    )


class _Counted:
    """A file that counts the lines with something on them as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.lines, self.last = file, 0, b"\n"

    def read(self, size: int = -1) -> bytes:
        """Bytes as they are."""
        block = self.file.read(size)
        joined = self.last[-1:] + block
        self.lines += len(re.findall(rb"\n[ \t\r]*(?=[^\s])", joined))
        self.last = block or self.last
        return block

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)


def _batches(path: Path, layout: _Layout, findings: list[str]) -> Iterator[Batch]:
    names = [*layout.names, "#more"]
    read = broken = 0
    with path.open("rb") as file:
        file.seek(after_lines(file, layout.skip))
        counted = _Counted(file)
        reader = pd.read_csv(
            cast("Any", counted), sep=layout.separator, header=None, names=names, chunksize=BATCH, dtype=str,
            on_bad_lines="skip", encoding="latin-1", encoding_errors="replace", quoting=3, skip_blank_lines=True, index_col=False,
        )  # fmt: skip
        with reader:
            for frame in reader:
                columns, bad = _columns(frame, layout.names, comma=layout.separator == ";")
                read += len(frame)
                broken += bad
                if len(columns["x"]):
                    yield columns
        lost = max(counted.lines - read, 0) + broken
    if lost:
        findings.append(
            f"{lost:,} of {read + lost - broken:,} lines are no points and were left out"
        )


def _columns(
    frame: pd.DataFrame, names: Sequence[str], *, comma: bool
) -> tuple[dict[str, NDArray[np.generic]], int]:
    """Numbers of a batch of lines; lines without x, y, z are dropped and counted."""
    numbers: dict[str, NDArray[np.float64]] = {}
    for name in names:
        text = frame[name].str.replace(",", ".", regex=False) if comma else frame[name]
        numbers[name] = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
    good = np.isfinite(numbers["x"]) & np.isfinite(numbers["y"]) & np.isfinite(numbers["z"])
    out: dict[str, NDArray[np.generic]] = {}
    for name, column in numbers.items():
        column = column[good]
        if name in ("red", "green", "blue"):
            out[name] = np.clip(np.nan_to_num(column), 0, 65_535).astype(np.uint16)
        elif name == "classification":
            out[name] = np.clip(np.nan_to_num(column), 0, 255).astype(np.uint8)
        else:
            out[name] = column
    return out, int((~good).sum())


def _sampled(path: Path, layout: _Layout) -> tuple[float, float, float, float] | None:
    """Box of the points on some lines spread over the file."""
    size = path.stat().st_size
    at_x, at_y = layout.names.index("x"), layout.names.index("y")
    points: list[tuple[float, float]] = []
    with path.open("rb") as file:
        for k in range(SAMPLES):
            file.seek(size * k // SAMPLES)
            lines = file.read(4096).split(b"\n")
            for raw in lines[(1 if k else layout.skip) : -1 if k or size > 4096 else None]:
                line = raw.decode("latin-1")
                row = _numbers(line, layout.separator)
                if row is not None and len(row) == len(layout.names):
                    points.append((row[at_x], row[at_y]))
    xy = np.array(points).reshape(-1, 2)
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return None
    low, high = xy.min(axis=0), xy.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
