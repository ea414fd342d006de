"""Which driver may open which file, and what is refused before anything is allocated."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
import rasterio.errors
from rasterio._err import CPLE_BaseError  # what GDAL says where rasterio has no error of its own
from rasterio.io import DatasetReader

from loaders.gdalio import head_of, refuse_dangerous
from twin.errors import SourceError, UnsafeSourceError

__all__ = ["BROKEN", "driver_of", "environment", "opened", "sibling_of", "world_file"]

MAX_PIXELS = 2**36
"""A raster with more pixels is refused; cut it into tiles."""
MAX_BLOCK_BYTES = 1 << 29
"""One block of the file (a strip or tile that is read as a whole) may not be larger than this."""
MAX_PROMISE = 20_000
"""Pixels a large raster may have per byte of its file; more is a header that lies."""
BROKEN = (rasterio.errors.RasterioError, CPLE_BaseError)
"""What reading a damaged raster raises."""
_OPTIONS = {
    "GDAL_PAM_ENABLED": "NO",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/none",
    "GDAL_HTTP_CONNECTTIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_CACHEMAX": 192,
    "GTIFF_HONOUR_NEGATIVE_SCALEY": "NO",
}
_NULL = -99_999
_TEXT_GRIDS = ("AAIGrid", "GRASSASCIIGrid")
MOST_MISSING_ROWS = 8
"""A text grid may lack so many rows of its promise: they are unknown; with more it is refused."""
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_JP2 = (b"\x00\x00\x00\x0cjP", b"\xff\x4f\xff\x51")
_BY_MAGIC: tuple[tuple[tuple[str, ...], bytes | tuple[bytes, ...], str], ...] = (
    ((".tif", ".tiff", ".gtiff", ".gtif", ".btf"), _TIFF, "GTiff"),
    ((".hgt",), b"", "SRTMHGT"),
    ((".dem",), b"", "USGSDEM"),
    ((".dt0", ".dt1", ".dt2"), b"", "DTED"),
    ((".jp2", ".j2k", ".jpx", ".j2c"), _JP2, "JP2OpenJPEG"),
    ((".mbtiles",), b"SQLite format 3", "MBTiles"),
    ((".grd",), b"DSBB", "GSBG"),
    ((".grd",), b"DSRB", "GS7BG"),
    ((".img",), b"EHFA_HEADER_TAG", "HFA"),
)
_PICTURES = {
    ".jpg": ("JPEG", b"\xff\xd8\xff"),
    ".jpeg": ("JPEG", b"\xff\xd8\xff"),
    ".png": ("PNG", b"\x89PNG"),
    ".webp": ("WEBP", b"RIFF"),
    ".bmp": ("BMP", b"BM"),
}
_RAW = (".img", ".dat", ".bil", ".bip", ".bsq", ".flt", ".raw", "")
_WORLD = {
    ".tif": ("tfw", "tifw"), ".tiff": ("tfw", "tiffw"), ".jpg": ("jgw", "jpgw"), ".jpeg": ("jgw", "jpegw"),
    ".png": ("pgw", "pngw"), ".webp": ("wpw", "webpw"), ".bmp": ("bpw", "bmpw"), ".jp2": ("j2w", "jp2w"),
}  # fmt: skip


def sibling_of(path: Path, *endings: str) -> Path | None:
    """The file beside ``path`` of the same name with one of the endings, in either case; None where there is none."""
    for ending in endings:
        for shown in (ending, ending.upper()):
            for beside in (path.with_suffix(f".{shown}"), path.with_name(f"{path.name}.{shown}")):
                if beside != path and beside.is_file():
                    return beside
    return None


def world_file(path: Path) -> Path | None:
    """The world file of a picture (``.tfw``, ``.jgw``, ``.wld`` …)."""
    return sibling_of(path, *_WORLD.get(path.suffix.lower(), ()), "wld")


def driver_of(path: Path) -> str | None:
    """The one GDAL driver that may open ``path``, by its name and first bytes; None if it is no raster."""
    extension, head = path.suffix.lower(), head_of(path, 4096)
    if not head:
        return None
    for endings, magic, driver in _BY_MAGIC:
        if extension in endings and head.startswith(magic):
            return driver
    if extension in _PICTURES:
        driver, first = _PICTURES[extension]
        placed = world_file(path) is not None or sibling_of(path, "aux.xml") is not None
        return driver if head.startswith(first) and placed else None
    if extension in (".asc", ".agr", ".grd", ".txt", ".arx", ".xyz"):
        return _text_grid(head)
    return _raw(path) if extension in _RAW else None


def _text_grid(head: bytes) -> str | None:
    text = head.lower().lstrip(b"\xef\xbb\xbf \t\r\n")
    if re.match(rb"(ncols|nrows|xll|yll|cellsize)", text):
        return "AAIGrid"
    if re.match(rb"(north|south|east|west|rows|cols)\s*:", text):
        return "GRASSASCIIGrid"
    if text.startswith(b"dsaa"):
        return "GSAG"
    return "XYZ" if is_regular(head) else None


def is_regular(head: bytes) -> bool:
    """Whether a text begins as the rows of a regular grid: three numbers a line, one coordinate steps evenly."""
    rows: list[list[float]] = []
    for line in head.splitlines()[1:-1]:
        try:
            rows.append([float(word) for word in re.split(rb"[\s,;]+", line.strip())])
        except ValueError:
            return False
    if len(rows) < 8 or any(len(row) != 3 for row in rows):
        return False
    for moving, still in ((0, 1), (1, 0)):
        run = [row for row in rows[:-1] if row[still] == rows[0][still]]
        steps = {round(b[moving] - a[moving], 6) for a, b in pairwise(run)}
        if len(run) >= 8 and len(steps) == 1 and steps != {0.0}:
            return True
    return False


def _raw(path: Path) -> str | None:
    """Driver of a raw array by the header beside it."""
    header = sibling_of(path, "hdr")
    if header is None:
        return None
    head = head_of(header, 2048)
    if head.lstrip(b"\xef\xbb\xbf").startswith(b"ENVI"):
        return "ENVI"
    return "EHdr" if re.search(rb"\b(ncols|nrows)\b", head, re.I) else None


def environment() -> rasterio.Env:
    """GDAL without network, sidecars written or large caches."""
    return rasterio.Env(**_OPTIONS)


@contextmanager
def opened(path: Path) -> Iterator[DatasetReader]:
    """The open dataset, within bounds; to be used inside :func:`environment`.

    Raises
    ------
    SourceError
        If no driver takes the file.
    UnsafeSourceError
        If its size or its blocks are out of bounds.
    """
    refuse_dangerous(path)
    driver = driver_of(path)
    if driver is None:
        raise SourceError(path, "its first bytes are not those of its kind; export it again")
    with ExitStack() as stack:
        shown = path
        if driver == "GRASSASCIIGrid":
            shown = _without_stars(path, stack)
        try:
            source = stack.enter_context(rasterio.open(shown, driver=driver))
            _bounded(path, source)
            if driver in _TEXT_GRIDS:
                _refuse_cut_short(shown, path, source)
            yield source
        except BROKEN as err:
            raise SourceError(path, f"GDAL cannot read it: {err}") from err


def _refuse_cut_short(shown: Path, path: Path, source: DatasetReader) -> None:
    """Looking for a row that is not there, GDAL looks for each row before it anew, twice as long with every row."""
    values, inside = 0, False
    with shown.open("rb") as file:
        while re.match(rb"[\xef\xbb\xbf\s]*[A-Za-z_]", line := file.readline(1 << 16)):
            values -= len(line.split())
        file.seek(0)
        while block := file.read(1 << 20):
            dark = np.frombuffer(block, np.uint8) > 32
            values += int(np.count_nonzero(dark[1:] > dark[:-1])) + int(dark[0] and not inside)
            inside = bool(dark[-1])
    rows = max(0, values) // source.width
    if rows + MOST_MISSING_ROWS < source.height:
        raise SourceError(
            path, f"its header promises {source.height:,} rows of {source.width:,} values, but it holds {rows:,}; get it again"
        )  # fmt: skip


def _without_stars(path: Path, stack: ExitStack) -> Path:
    """A GRASS grid as GDAL reads it right: its ``*`` for unknown, which the driver takes for 0, as a number."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    copy = Path(folder) / path.name
    starred = in_header = False
    with path.open("rb") as source, copy.open("wb") as out:
        for line in source:
            if line.lower().startswith(b"null:"):
                return path
            if in_header and b":" not in line:
                out.write(b"null: %d\n" % _NULL)
            in_header = b":" in line
            starred |= b"*" in line
            out.write(line.replace(b"*", b"%d" % _NULL))
    return copy if starred else path


def _bounded(path: Path, source: DatasetReader) -> None:
    pixels = source.width * source.height
    size = f"{source.width} × {source.height}"
    if pixels > MAX_PIXELS:
        raise UnsafeSourceError(
            path, f"{size} pixels are more than {MAX_PIXELS:,}; cut it into tiles (gdal_retile.py)"
        )
    if pixels > 1 << 26 and pixels > MAX_PROMISE * path.stat().st_size:
        raise UnsafeSourceError(
            path, f"its header promises {size} pixels, which {path.stat().st_size:,} bytes cannot hold; export it again"
        )  # fmt: skip
    rows, cols = source.block_shapes[0]
    wide = max(int(re.sub(r"\D", "", str(kind)) or 8) // 8 for kind in source.dtypes)
    if rows * cols * wide * source.count > MAX_BLOCK_BYTES:
        raise UnsafeSourceError(
            path, f"its blocks of {cols} × {rows} pixels are too large to read; rewrite it (gdal_translate -co TILED=YES)"
        )  # fmt: skip
