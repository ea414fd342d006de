"""PLY clouds: ASCII, binary little- and big-endian."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loaders.gdalio import refuse_dangerous
from loaders.points.stream import BATCH, PointStream
from twin.cloud import CloudSpec
from twin.cloud.summary import Batch
from twin.errors import SourceError

__all__ = ["open_ply"]

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
_NAMES = {
    "r": "red", "g": "green", "b": "blue", "diffuse_red": "red", "diffuse_green": "green", "diffuse_blue": "blue",
    "scalar_classification": "classification", "class": "classification", "label": "classification",
    "scalar_label": "classification", "scalar_intensity": "intensity", "reflectance": "intensity",
}  # fmt: skip
MAX_HEADER = 65_536


def open_ply(path: Path) -> PointStream:
    """An opened PLY file; its vertices are the points.

    Raises
    ------
    SourceError
        If the header is none, or its vertices have no x, y, z of numbers.
    """
    refuse_dangerous(path)
    encoding, count, kind, start, findings = _header(path)
    spec = CloudSpec(declared=count, format=f"PLY {encoding}")
    findings.insert(0, f"{count:,} points")

    def batches() -> Iterator[Batch]:
        source = _text(path, count, kind, start) if encoding == "ascii" else _binary(path, count, kind, start)  # fmt: skip
        for points in source:
            yield _columns(points)

    sample = _sample(path, encoding, count, kind, start)
    fields = {name: str(kind[name]) for name in kind.names or ()}
    return PointStream(spec, _crs(path), sample, fields, batches, findings)


def _header(path: Path) -> tuple[str, int, np.dtype[np.void], int, list[str]]:
    with path.open("rb") as file:
        head = file.read(MAX_HEADER)
    end = re.search(rb"end_header[ \t]*\r?\n", head)
    if not head.startswith(b"ply") or end is None:
        raise SourceError(path, "is no PLY file: its header does not end; export it again")
    lines = head[: end.start()].decode("latin-1").splitlines()
    encoding = next((line.split()[1] for line in lines if line.startswith("format ")), "")
    order = {"ascii": "<", "binary_little_endian": "<", "binary_big_endian": ">"}.get(encoding)
    elements = [line.split() for line in lines if line.startswith("element ")]
    if order is None or not elements or elements[0][1:2] != ["vertex"] or len(elements[0]) != 3:
        raise SourceError(path, f"a PLY ({encoding!r}) whose first element is no vertex; export its points")  # fmt: skip
    properties: list[tuple[str, str]] = []
    for line in lines[lines.index(" ".join(elements[0])) + 1 :]:
        words = line.split()
        if not words or words[0] == "element":
            break
        if words[0] == "property":
            if len(words) != 3 or words[1] not in _TYPES:
                raise SourceError(path, f"its vertices carry {line!r}, which is no number; export its points alone")  # fmt: skip
            if words[2] in dict(properties):
                raise SourceError(path, f"its vertices carry {words[2]!r} twice; export it again")
            properties.append((words[2], order + _TYPES[words[1]]))
    if not {"x", "y", "z"} <= {name for name, _ in properties} or not elements[0][2].isdigit():
        raise SourceError(path, "its vertices have no x, y and z")
    told = [f"element {e[1]!r} ({e[2]}) is not read: its vertices are taken as points" for e in elements[1:]]  # fmt: skip
    return encoding, int(elements[0][2]), np.dtype(properties), end.end(), told


def _crs(path: Path) -> str | None:
    """``EPSG:n`` of a comment, None where there is none."""
    with path.open("rb") as file:
        found = re.search(rb"(?:comment|obj_info).*?EPSG:+(\d{4,6})", file.read(4096), re.I)
    return f"EPSG:{int(found[1])}" if found else None


def _binary(
    path: Path, count: int, kind: np.dtype[np.void], start: int
) -> Iterator[NDArray[np.void]]:
    there = max(path.stat().st_size - start, 0) // kind.itemsize
    for at in range(0, min(count, there), BATCH):
        n = min(BATCH, min(count, there) - at)
        yield np.fromfile(path, kind, n, offset=start + at * kind.itemsize)


def _text(
    path: Path, count: int, kind: np.dtype[np.void], start: int
) -> Iterator[NDArray[np.void]]:
    names = list(kind.names or ())
    with path.open("rb") as file:
        file.seek(start)
        try:
            reader = pd.read_csv(
                file, sep=r"\s+", header=None, names=names, usecols=range(len(names)), nrows=count,
                chunksize=BATCH, dtype=str, on_bad_lines="skip", encoding="latin-1", quoting=3,
            )  # fmt: skip
            with reader:
                yield from (_numbers(frame, kind) for frame in reader)
        except pd.errors.EmptyDataError:
            return
        except pd.errors.ParserError as err:
            raise SourceError(
                path, f"its first vertex does not carry the {len(names)} numbers of its header"
            ) from err


def _numbers(frame: pd.DataFrame, kind: np.dtype[np.void]) -> NDArray[np.void]:
    """Lines as numbers; what is none is NaN, or 0 where the header says whole numbers."""
    out = np.zeros(len(frame), kind)
    for name in kind.names or ():
        numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
        out[name] = np.nan_to_num(numbers) if kind[name].kind in "iu" else numbers
    return out


def _sample(
    path: Path, encoding: str, count: int, kind: np.dtype[np.void], start: int
) -> tuple[float, float, float, float] | None:
    """Box of up to 4,096 points spread over the file."""
    if encoding == "ascii":
        points = next(_text(path, min(count, 4096), kind, start), np.zeros(0, kind)) if count else np.zeros(0, kind)  # fmt: skip
    else:
        there = min(count, max(path.stat().st_size - start, 0) // kind.itemsize)
        if not there:
            return None
        mapped = np.memmap(path, kind, "r", start, (there,))
        points = np.array(mapped[:: max(1, there // 4096)])
    xy = np.column_stack([points["x"], points["y"]]).astype(float)
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return None
    low, high = xy.min(axis=0), xy.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _columns(points: NDArray[np.void]) -> Batch:
    out: dict[str, NDArray[np.generic]] = {}
    for name in points.dtype.names or ():
        column = np.ascontiguousarray(points[name])
        column = column.astype(column.dtype.newbyteorder("="))
        known = _NAMES.get(name.lower(), name.lower())
        if known == "classification":
            column = np.clip(np.nan_to_num(column), 0, 255).astype(np.uint8)
        if known in ("red", "green", "blue") and column.dtype.kind == "f":
            top = 255.0 if np.nanmax(column, initial=0.0) <= 1.0 else 1.0  # 0–1 or 0–255
            column = np.clip(np.rint(np.nan_to_num(column) * top), 0, 65_535).astype(np.uint16)
        out[known] = column
    return out
