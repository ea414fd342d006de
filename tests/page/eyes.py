"""A camera that every viewer understands, and what must be seen from it: by the textbook, without a viewer."""

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from twin.city import City
from twin.store import Store
from twin.store.scene import Scene

WIDTH, HEIGHT = 640, 360
GROUND = (255, 0, 255)
FOV = 40.0
"""Vertical, degrees."""
Floats = NDArray[np.float64]


def ecef(lon: Floats, lat: Floats, height: Floats) -> Floats:
    """WGS 84 degrees and metres to metres, (n, 3)."""
    a, e2 = 6378137.0, 6.69437999014e-3
    lam, phi, h = np.radians(lon), np.radians(lat), np.asarray(height)
    n = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    out = [(n + h) * np.cos(phi) * np.cos(lam), (n + h) * np.cos(phi) * np.sin(lam), (n * (1 - e2) + h) * np.sin(phi)]  # fmt: skip
    return np.stack(np.broadcast_arrays(*out), -1)


@dataclass(frozen=True)
class Eye:
    """Where it is (ECEF, metres), where it looks, what is up."""

    position: Floats
    direction: Floats
    up: Floats

    @classmethod
    def at(
        cls, lon: float, lat: float, z: float, away: float, heading: float, pitch: float
    ) -> "Eye":
        """Looking at a place from ``away`` metres; heading clockwise from north, pitch negative downwards (degrees)."""
        lam, phi, h, p = (math.radians(v) for v in (lon, lat, heading, pitch))
        east = np.array([-math.sin(lam), math.cos(lam), 0])
        north = np.array([-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)])  # fmt: skip
        up = np.cross(east, north)
        ahead = math.sin(h) * east + math.cos(h) * north
        direction = math.cos(p) * ahead + math.sin(p) * up
        target = ecef(np.array(lon), np.array(lat), np.array(z))
        return cls(target - away * direction, direction, -math.sin(p) * ahead + math.cos(p) * up)

    def to_json(self) -> dict[str, Any]:
        """As ``viewers.js`` takes it."""
        plain = {k: getattr(self, k).tolist() for k in ("position", "direction", "up")}
        return plain | {"fov": FOV}

    def pixel_at(self, points: Floats) -> Floats:
        """Side of a pixel (metres) at the distance of each point (n, 3)."""
        away = np.linalg.norm(points - self.position, axis=1)
        return np.asarray(2 * away * math.tan(math.radians(FOV) / 2) / HEIGHT)

    def pixels(self, points: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Where points (n, 3) come to lie (n, 2), and whether within the picture."""
        right = np.cross(self.direction, self.up)
        from_eye = points - self.position
        depth = from_eye @ self.direction
        scale = HEIGHT / 2 / math.tan(math.radians(FOV) / 2)
        ahead = np.where(depth > 1, depth, np.nan)
        x = WIDTH / 2 + scale * (from_eye @ right) / ahead
        y = HEIGHT / 2 - scale * (from_eye @ self.up) / ahead
        inside = (x > 1) & (x < WIDTH - 2) & (y > 1) & (y < HEIGHT - 2)
        return np.stack([x, y], 1), inside


@dataclass(frozen=True)
class Truth:
    """The buildings of a base: points inside each, near its ground, half way up and on its roof (ECEF)."""

    eid: list[str]
    foot: Floats
    middle: Floats
    roof: Floats
    place: Floats
    footprint: NDArray[np.object_]


def truth(city: Path) -> Truth:
    """Buildings of the base that are drawn from their footprint."""
    with Store.open(City.open(city), read_only=True) as store:
        table = Scene(store).buildings()
    shapes = shapely.from_wkb(table["wkb"].to_numpy(zero_copy_only=False))
    inside = shapely.get_coordinates(shapely.point_on_surface(shapes))
    base, height = (table[c].to_numpy(zero_copy_only=False).astype(float) for c in ("base_z", "height_m"))  # fmt: skip
    known = np.isfinite(base) & np.isfinite(height) & (height > 2)
    lon, lat = inside[known].T
    parts = (ecef(lon, lat, (base + share * height)[known]) for share in (0.1, 0.5, 1.0))
    eids = np.array(table["eid"].to_pylist())[known].tolist()
    return Truth(eids, *parts, inside[known], shapes[known])


def picture(told: str) -> NDArray[np.uint8]:
    """The pixels (height, width, 3) of a data URL."""
    png = base64.b64decode(told.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def drawn(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where there is anything but the plain ground."""
    apart = np.abs(pixels.astype(int) - np.array(GROUND)).sum(2)
    return np.asarray(apart > 24)


def common(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Share of what either shows that both show."""
    return float((one & other).sum() / max((one | other).sum(), 1))


def covered(mask: NDArray[np.bool_], at: Floats) -> NDArray[np.bool_]:
    """Whether something is drawn at each place or right beside it (a pixel's rounding)."""
    x, y = np.rint(at).astype(int).T
    near = [mask[np.clip(y + dy, 0, HEIGHT - 1), np.clip(x + dx, 0, WIDTH - 1)] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]  # fmt: skip
    return np.any(near, axis=0)


def free_roofs(
    eye: Eye, there: Truth, apart: int = 8, most: int = 40
) -> tuple[list[list[int]], list[str]]:
    """Pixels on roofs before which nothing can stand: no roof or wall of another building comes near that pixel.

    A building takes the pixels between its middle, ground and roof points and the corners of its footprint; here the
    box of all of them on the screen, so what is left is surely free.
    """
    at, inside = eye.pixels(there.roof)
    lows, highs = _boxes(eye, there)
    chosen: list[int] = []
    for i in np.flatnonzero(inside):
        x, y = at[i]
        over = (lows[:, 0] - apart < x) & (x < highs[:, 0] + apart) & (lows[:, 1] - apart < y) & (y < highs[:, 1] + apart)  # fmt: skip
        if over.sum() == 1:
            chosen.append(int(i))
    chosen = chosen[:: max(1, len(chosen) // most)]
    return np.rint(at[chosen]).astype(int).tolist(), [there.eid[i] for i in chosen]


def _boxes(eye: Eye, there: Truth) -> tuple[Floats, Floats]:
    """Least and greatest pixel (n, 2) of every building's block."""
    corners, of = shapely.get_coordinates(there.footprint, return_index=True)
    up = (there.roof - there.middle)[of]
    level = ecef(corners[:, 0], corners[:, 1], np.zeros(len(of)))
    foot = ecef(there.place[:, 0], there.place[:, 1], np.zeros(len(there.eid)))
    level = level + (there.middle - foot)[of]
    both = np.concatenate([eye.pixels(level + side * up)[0] for side in (-1, 1)])
    lows, highs = np.full((len(there.eid), 2), np.inf), np.full((len(there.eid), 2), -np.inf)
    np.minimum.at(lows, np.concatenate([of, of]), np.where(np.isfinite(both), both, np.inf))
    np.maximum.at(highs, np.concatenate([of, of]), np.where(np.isfinite(both), both, -np.inf))
    return lows, highs


def beyond(one: NDArray[np.bool_], other: NDArray[np.bool_], reach: int) -> float:
    """Share of what one shows that lies farther than ``reach`` pixels (along both sides) from anything the other shows."""
    near = other
    for axis in (0, 1):
        border = [(reach + 1, reach) if i == axis else (0, 0) for i in (0, 1)]
        sums = np.moveaxis(np.cumsum(np.pad(near, border), axis=axis), axis, 0)
        near = np.moveaxis(sums[2 * reach + 1 :] > sums[: -2 * reach - 1], 0, axis)
    return float((one & ~near).sum() / max(one.sum(), 1))
