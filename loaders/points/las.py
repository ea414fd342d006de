"""LAS, LAZ and COPC."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laspy
import laspy.errors
import lazrs
import numpy as np
from numpy.typing import NDArray

from loaders.gdalio import refuse_dangerous
from loaders.points.stream import BATCH, PointStream
from loaders.wkt import unit_of, vertical_of
from twin.cloud import CloudSpec
from twin.cloud.summary import Batch
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["open_las"]

MOST_RECORDS = 100_000
"""More variable length records than this are a header that lies."""
_EXTENDED = 60
"""Bytes of the head of an extended variable length record (LAS 1.4, 2.7)."""
_SMALL = 1_000
"""Points read at a time where a packed file is damaged."""
_FEET = {9002: 0.3048, 9003: 1200 / 3937, 9001: 1.0}
_BROKEN = (
    laspy.errors.LaspyException, lazrs.LazrsError, OSError, ValueError, RuntimeError, EOFError,
    IndexError, KeyError, OverflowError, TypeError, struct.error,
)  # fmt: skip


def open_las(path: Path) -> PointStream:
    """An opened LAS file.

    Raises
    ------
    SourceError
        If its header cannot be read or its scale is no scale.
    UnsafeSourceError
        If its header promises more than the file can hold.
    """
    fit = _extended_fit(path)
    header = _header(path, fit)
    findings: list[str] = []
    if not fit:
        findings.append("records behind the points reach beyond the file and are left out")
    scale, offset = (tuple(float(v) for v in values) for values in (header.scales, header.offsets))
    if not (np.isfinite([*scale, *offset]).all() and all(scale)):
        raise SourceError(path, f"its scale {scale} and offset {offset} give no coordinates; export it again")  # fmt: skip
    crs = _crs(header, findings)
    box = _box(header)
    spec = CloudSpec(
        scale, offset, _z_metres(header, crs, findings), _count(path, header),  # type: ignore[arg-type]  # triples
        f"LAS {header.version}", box and box[0], box and box[1],
    )  # fmt: skip
    findings.append(f"{spec.declared:,} points, format {header.point_format.id}, LAS {header.version}")  # fmt: skip
    if box is None:
        findings.append("the header's box is no box")
    elif crs is None:
        findings.append("no CRS in the header; give it in the plan")
    fields = dict.fromkeys(header.point_format.dimension_names, "")
    bounds = None if box is None else (*box[0][:2], *box[1][:2])
    return PointStream(
        spec, crs, bounds, fields, lambda: _batches(path, header, findings), findings
    )


def _header(path: Path, extended: bool) -> laspy.LasHeader:
    refuse_dangerous(path)
    with path.open("rb") as file:
        head = file.read(112)
    if len(head) < 104:
        raise SourceError(path, "is no readable LAS file: its header is cut off")
    if int.from_bytes(head[100:104], "little") > MOST_RECORDS:
        raise UnsafeSourceError(path, "its header promises millions of variable length records; export it again")  # fmt: skip
    try:
        with laspy.open(path, read_evlrs=extended) as reader:
            return reader.header
    except _BROKEN as err:
        raise SourceError(path, f"is no readable LAS file: {err}") from err
    except BaseException as err:
        raise _panic(path, err) from err


def _extended_fit(path: Path) -> bool:
    """Whether the extended records behind the points end where the file does or before; else they are left out."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(247)
        if len(head) < 247 or head[25] < 4:
            return True
        at, number = struct.unpack_from("<QI", head, 235)
        for _ in range(min(number, MOST_RECORDS)):
            file.seek(min(at, size))
            record = file.read(_EXTENDED)
            if len(record) < _EXTENDED:
                return False
            at += _EXTENDED + struct.unpack_from("<Q", record, 20)[0]
    return bool(at <= size and number <= MOST_RECORDS)


def _panic(path: Path, err: BaseException) -> BaseException:
    """The decoder's own class of error is no Exception and not importable: named by its name."""
    if type(err).__name__ != "PanicException":
        return err
    return SourceError(path, f"the LAZ decoder gave up: {err}")


def _count(path: Path, header: laspy.LasHeader) -> int:
    """Points the header declares; refused where not even the best compression could hold them."""
    size = path.stat().st_size
    if header.point_count > max(size * 400, 1000):
        raise UnsafeSourceError(
            path, f"its header promises {header.point_count:,} points, which {size:,} bytes cannot hold; export it again"
        )  # fmt: skip
    return int(header.point_count)


def _box(
    header: laspy.LasHeader,
) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    low, high = np.array(header.mins, dtype=float), np.array(header.maxs, dtype=float)
    if not np.isfinite([*low, *high]).all() or (low > high).any():
        return None
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))  # fmt: skip


def _crs(header: laspy.LasHeader, findings: list[str]) -> str | None:
    """Declared CRS: WKT as written, or the EPSG code of the GeoTIFF keys."""
    for vlr in [*header.vlrs, *(header.evlrs or [])]:
        if type(vlr).__name__ == "WktCoordinateSystemVlr" and vlr.string.strip("\0 "):
            return str(vlr.string).strip("\0 ")
    keys = _geo_keys(header)
    for key in (3072, 2048):  # projected, then geographic
        if 1024 < keys.get(key, 0) < 32_767:
            return f"EPSG:{keys[key]}"
    if keys:
        findings.append("the GeoTIFF keys name no EPSG code")
    return None


def _geo_keys(header: laspy.LasHeader) -> dict[int, int]:
    for vlr in header.vlrs:
        if type(vlr).__name__ == "GeoKeyDirectoryVlr":
            return {int(key.id): int(key.value_offset) for key in vlr.geo_keys}
    return {}


def _z_metres(header: laspy.LasHeader, crs: str | None, findings: list[str]) -> float:
    """Unit of z: of the vertical system, else of the vertical unit key, else of the plane where that is in feet."""
    keys = _geo_keys(header)
    vertical = vertical_of(crs)
    if vertical is not None and vertical.metres is not None:
        return _told(vertical.metres, f"it declares {vertical.name!r}", findings)
    if keys.get(4099) in _FEET:
        return _told(_FEET[keys[4099]], "the vertical unit of its GeoTIFF keys", findings)
    plane = _FEET.get(keys.get(3076, 0))
    if plane is None and crs and crs.startswith(("PROJ", "COMPD")):
        units = [text for text in crs.split("UNIT[")[1:] if "degree" not in text[:20].lower()]
        plane = unit_of(units[-1][:30]) if units else None
    if plane is not None and plane != 1.0:
        return _told(plane, "its plane is in feet and nothing else is said", findings)
    return 1.0


def _told(metres: float, why: str, findings: list[str]) -> float:
    if metres != 1.0:
        findings.append(f"heights are in units of {metres:.7g} m: {why}")
    return metres


def _batches(path: Path, header: laspy.LasHeader, findings: list[str]) -> Iterator[Batch]:
    """Columns of up to a million points at a time, as far as the file goes."""
    source = _packed(path, header, findings) if header.are_points_compressed else _plain(path, header)  # fmt: skip
    legacy = header.point_format.id < 6
    for points in source:
        yield _columns(points, legacy)


def _plain(path: Path, header: laspy.LasHeader) -> Iterator[NDArray[np.void]]:
    """Records of an uncompressed file, mapped: as many as are there."""
    kind = header.point_format.dtype()
    stride = int(kind.itemsize)
    there = max(path.stat().st_size - header.offset_to_point_data, 0) // stride
    n = min(int(header.point_count), there)
    for start in range(0, n, BATCH):
        yield np.fromfile(
            path, kind, min(BATCH, n - start), offset=header.offset_to_point_data + start * stride
        )


def _table_fits(path: Path, start: int) -> bool:
    """Whether a packed file has room for the chunks its table counts: the decoder sets aside room for all of them."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(start)
        at = int.from_bytes(file.read(8), "little", signed=True)
        if at == -1:  # written at the very end
            file.seek(max(size - 8, 0))
            at = int.from_bytes(file.read(8), "little", signed=True)
        if not 0 <= at <= size - 8:
            return True  # the decoder says what is wrong with it
        file.seek(at + 4)
        return int.from_bytes(file.read(4), "little") <= size


def _packed(path: Path, header: laspy.LasHeader, findings: list[str]) -> Iterator[NDArray[np.void]]:
    done = 0
    if not _table_fits(path, int(header.offset_to_point_data)):
        findings.append("its table of chunks is damaged: read without it")
        yield from _rescued(path, header, 0)
        return
    try:
        with laspy.open(path, read_evlrs=False) as reader:
            for points in reader.chunk_iterator(BATCH):
                if not len(points):
                    break
                yield points.array
                done += len(points)
    except _BROKEN as err:
        findings.append(f"its packed points are damaged after {done:,}: {err}")
    except GeneratorExit:
        raise
    except BaseException as err:
        if type(err).__name__ != "PanicException":
            raise
        findings.append(f"the LAZ decoder gave up after {done:,} points: {err}")
    else:
        return
    yield from _rescued(path, header, done)


def _rescued(path: Path, header: laspy.LasHeader, skip: int) -> Iterator[NDArray[np.void]]:
    """Points of a damaged packed file one small block after the other, without its table of chunks, until nothing comes."""
    kind = header.point_format.dtype()
    records = [v for v in header.vlrs if type(v).__name__ == "LasZipVlr"]
    if not records:
        return
    done = 0
    try:
        with _Tableless(path, int(header.offset_to_point_data)) as file:
            decoder = lazrs.LasZipDecompressor(file, records[0].record_data)
            while done < header.point_count:
                n = min(_SMALL, int(header.point_count) - done)
                block = np.zeros(n, kind)
                decoder.decompress_many(block.view(np.uint8))
                done += n
                if done > skip:
                    yield block[max(0, skip - done + n) :]
    except _BROKEN:
        return
    except GeneratorExit:
        raise
    except BaseException as err:
        if type(err).__name__ != "PanicException":
            raise


class _Tableless(io.RawIOBase):
    """A packed file whose table of chunks is lost: the place of the table leads to an empty one behind the end."""

    def __init__(self, path: Path, start: int) -> None:
        self._file, self._start, self._at = path.open("rb"), start, start
        self._size = path.stat().st_size

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go somewhere."""
        self._at = offset + (0, self._at, self._size + 8)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 -- any writable buffer
        """Bytes of the file, the eight of the table's place and the eight of the empty table put in."""
        n = len(buffer)
        self._file.seek(self._at)
        found = bytearray(self._file.read(n)) + bytes(8)
        place = self._size.to_bytes(8, "little")
        for k in range(8):
            if 0 <= (at := self._start + k - self._at) < len(found):
                found[at] = place[k]
        found = found[: max(0, min(n, self._size + 8 - self._at))]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _columns(points: NDArray[np.void], legacy: bool) -> Batch:
    """Fields of the records as columns; packed bits apart, everything else as it is."""
    out: dict[str, NDArray[np.generic]] = {}
    names = points.dtype.names or ()
    for name in names:
        column = points[name]
        if column.ndim > 1 or column.dtype.kind == "V":
            flat = column if column.ndim > 1 else np.ascontiguousarray(column).view(np.uint8)
            flat = flat.reshape(len(points), -1)
            out |= {f"{name}_{i}": np.ascontiguousarray(flat[:, i]) for i in range(flat.shape[1])}
        elif name in ("bit_fields", "raw_classification", "classification_flags"):
            out |= _bits(name, np.ascontiguousarray(column), legacy)
        else:
            out[name.lower() if name in ("X", "Y", "Z") else name] = np.ascontiguousarray(column)
    return out


def _bits(name: str, packed: NDArray[Any], legacy: bool) -> dict[str, NDArray[np.generic]]:
    if name == "raw_classification":
        return {"classification": packed & 31, "classification_flags": packed >> 5}
    if name == "classification_flags":
        return {name: packed & 15, "scanner_flags": packed >> 4}
    width = 3 if legacy else 4
    out = {
        "return_number": packed & (2**width - 1),
        "number_of_returns": (packed >> width) & (2**width - 1),
    }
    return out | ({"scanner_flags": packed >> 6} if legacy else {})
