"""Photos of cases: bounded, kept by their content, their position held against the place of the case."""

import hashlib
import io
import warnings
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np

from twin.cases.listing import dicts
from twin.cases.nearby import metres_from
from twin.crs.offsets import gcj02_to_wgs84
from twin.errors import InvalidRequestError

__all__ = ["FORMATS", "Photo", "photos_of", "read_photo"]

FORMATS: Final = {"JPEG": ("image/jpeg", ".jpg"), "PNG": ("image/png", ".png"), "WEBP": ("image/webp", ".webp")}  # fmt: skip
MOST_PIXELS: Final = 120_000_000
FARTHEST_M: Final = 100.0
"""A photo taken farther from the place of its case contradicts it."""
_EAST: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and what it says of its place.

    Parameters
    ----------
    sha256 : str
        Of its bytes.
    asset : str
        File in the assets folder.
    media_type : str
    n_bytes, width, height : int
    taken_at : datetime or None
        Naive UTC, by EXIF; Beijing time is taken where it names no zone.
    lon, lat : float or None
        Degrees, by EXIF (WGS 84).
    distance_m : float or None
        From the place of the case.
    verdict : str
        ``agrees``, ``agrees_as_gcj02`` (the camera wrote GCJ-02),
        ``far``, ``no_position`` (of the photo) or ``no_place`` (of the case).
    """

    sha256: str
    asset: str
    media_type: str
    n_bytes: int
    width: int
    height: int
    taken_at: datetime | None
    lon: float | None
    lat: float | None
    distance_m: float | None
    verdict: str

    def row(self) -> dict[str, Any]:
        """Its fields by name."""
        return asdict(self)


def read_photo(content: bytes, lon: float | None, lat: float | None) -> Photo:
    """What a file says, held against the place of a case (degrees, EPSG:4490).

    Raises
    ------
    InvalidRequestError
        If it is no whole JPEG, PNG or WebP picture, or has too many pixels.
    """
    from PIL import Image  # heavy: only where a photo comes

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(FORMATS)) as picture:
                width, height = picture.size
                media, ending = FORMATS[str(picture.format)]
                if width * height > MOST_PIXELS:
                    raise InvalidRequestError(
                        f"{width} × {height} pixels: expected at most {MOST_PIXELS}.", "body"
                    )
                exif = picture.getexif()
                position, shot = exif.get_ifd(0x8825), exif.get_ifd(0x8769)
                picture.verify()
    except InvalidRequestError:
        raise
    except (
        OSError, ValueError, SyntaxError, TypeError, KeyError, Image.DecompressionBombError, Image.DecompressionBombWarning,
    ) as err:  # fmt: skip
        raise InvalidRequestError(
            "the body is no picture that can be read; expected a whole JPEG, PNG or WebP file.",
            "body",
        ) from err
    digest = hashlib.sha256(content).hexdigest()
    east, north = _degrees(position, 3, 4, "W", 180), _degrees(position, 1, 2, "S", 90)
    if east is None or north is None:
        east = north = None
    away, verdict = _held(east, north, lon, lat)
    return Photo(
        digest, f"{digest}{ending}", media, len(content), width, height, _taken(shot), east, north, away, verdict
    )  # fmt: skip


def photos_of(con: duckdb.DuckDBPyConnection, case_id: str) -> list[dict[str, Any]]:
    """Photos of a case by UUID, in the order they came: fields of :class:`Photo`, ``actor``, ``at_time``."""
    asked = "SELECT * EXCLUDE (case_id) FROM case_photo WHERE case_id = $case::UUID ORDER BY at_time, sha256"
    return dicts(con.execute(asked, {"case": case_id}))


def _degrees(
    position: dict[int, Any], reference: int, value: int, negative: str, most: int
) -> float | None:
    """Degrees, minutes and seconds of EXIF as degrees; None where they are missing or make no sense."""
    try:
        degree, minute, second = (float(part) for part in position[value])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    found = degree + minute / 60 + second / 3600
    if not (np.isfinite(found) and 0 <= found <= most):
        return None
    return -found if str(position.get(reference, "")).upper().startswith(negative) else found


def _taken(shot: dict[int, Any]) -> datetime | None:
    """DateTimeOriginal with its offset, as naive UTC."""
    try:
        local = datetime.strptime(str(shot[0x9003]), "%Y:%m:%d %H:%M:%S")
    except (KeyError, ValueError):
        return None
    try:
        zone = datetime.strptime(str(shot[0x9011]), "%z").utcoffset() or _EAST
    except (KeyError, ValueError):
        zone = _EAST
    return local - zone


def _held(
    east: float | None, north: float | None, lon: float | None, lat: float | None
) -> tuple[float | None, str]:
    """Distance from the place of the case and the verdict."""
    if east is None or north is None:
        return None, "no_position"
    if lon is None or lat is None:
        return None, "no_place"
    away = float(metres_from(lon, lat, east, north))
    if away <= FARTHEST_M:
        return round(away, 1), "agrees"
    true = gcj02_to_wgs84(np.array([east]), np.array([north]))
    shifted = float(metres_from(lon, lat, float(true[0][0]), float(true[1][0])))
    if shifted <= FARTHEST_M:
        return round(shifted, 1), "agrees_as_gcj02"
    return round(away, 1), "far"
