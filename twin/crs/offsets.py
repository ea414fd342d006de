"""Shifted coordinates of Chinese web maps: GCJ-02, BD-09, BD-09 Mercator, there and exactly back.

GCJ-02 moves WGS 84 by 100–700 m with a smooth, published formula; BD-09 moves GCJ-02 again; BD-09
Mercator is Baidu's own piecewise polynomial projection of BD-09. The ways back are no formulas:
they are found by iteration to the last bits of a double (fixed point for the shifts, Newton for
the polynomials).

Formulas and coefficients are facts in wide public use (for instance the open libraries gcoord and
eviltransform). All arrays are float64 degrees or metres of one shape; NaN and infinity give NaN.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "bd09_to_gcj02",
    "bd09_to_mercator",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "in_shifted_area",
    "mercator_to_bd09",
    "wgs84_to_gcj02",
]

Array = NDArray[np.float64]
Pair = tuple[Array, Array]

_AXIS = 6378245.0  # Krassovsky 1940, metres
_E2 = 0.006693421622965943
_BD_TURN = np.pi * 3000.0 / 180.0
_SHIFTED_AREA = (72.004, 0.8293, 137.8347, 55.8271)
_TURNS = 12  # each turn of a fixed point gains about two digits

_BANDS = np.array([0.0, 15.0, 30.0, 45.0, 60.0, 75.0])
_MAX_LAT = 74.0  # Baidu clamps latitude here
_BEYOND = 2.0e7  # metres; no latitude has such a northing
# A row per band of |latitude|: x offset, x scale, seven coefficients of y in rising powers, and the
# latitude they are scaled by.
_TABLE = """
-3.218135878613132e-4 111320.7020701615 0.00369383431289 823725.6402795718 0.46104986909093
    2351.343141331292 1.58060784298199 8.77738589078284 0.37238884252424 7.45
-3.441963504368392e-4 111320.7020576856 278.2353980772752 2485758.690035394 6070.750963243378
    54821.18345352118 9540.606633304236 -2710.55326746645 1405.483844121726 22.5
0.00220636496208 111320.7020209128 51751.86112841131 3796837.749470245 992013.7397791013
    -1221952.21711287 1340652.697009075 -620943.6990984312 144416.9293806241 37.5
0.00337398766765 111320.7020202162 4481351.045890365 -23393751.19931662 79682215.47186455
    -115964993.2797253 97236711.15602145 -43661946.33752821 8477230.501135234 52.5
8.277824516172526e-4 111320.7020463578 6.477955746671607e8 -4.082003173641316e9
    1.077490566351142e10 -1.517187553151559e10 1.205306533862167e10 -5.124939663577472e9
    9.133119359512032e8 67.5
-0.0015702102444 111320.7020616939 1.704480524535203e15 -1.033898737604234e16
    2.611266785660388e16 -3.51496691766537e16 2.659570071840392e16 -1.072501245418824e16
    1.800819912950474e15 82.5
"""
_FORWARD = np.array(_TABLE.split(), dtype=np.float64).reshape(6, 10)


def in_shifted_area(lon: Array, lat: Array) -> NDArray[np.bool_]:
    """Whether GCJ-02 shifts a WGS 84 place: in the box of China the formula serves.

    False for NaN.
    """
    west, south, east, north = _SHIFTED_AREA
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def _shift(lon: Array, lat: Array) -> Pair:
    """Shift of GCJ-02 against WGS 84 in degrees, without regard to the area."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    ripple = 20.0 * (np.sin(6.0 * np.pi * x) + np.sin(2.0 * np.pi * x))
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (
        ripple
        + 20.0 * np.sin(np.pi * y)
        + 40.0 * np.sin(np.pi * y / 3.0)
        + 160.0 * np.sin(np.pi * y / 12.0)
        + 320.0 * np.sin(np.pi * y / 30.0)
    ) * (2.0 / 3.0)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (
        ripple
        + 20.0 * np.sin(np.pi * x)
        + 40.0 * np.sin(np.pi * x / 3.0)
        + 150.0 * np.sin(np.pi * x / 12.0)
        + 300.0 * np.sin(np.pi * x / 30.0)
    ) * (2.0 / 3.0)
    phi = np.deg2rad(lat)
    flat = 1.0 - _E2 * np.sin(phi) ** 2
    along_lat = _AXIS * (1.0 - _E2) / (flat * np.sqrt(flat))
    along_lon = _AXIS / np.sqrt(flat) * np.cos(phi)
    return np.rad2deg(east / along_lon), np.rad2deg(north / along_lat)


def _clean(lon: Array, lat: Array) -> Pair:
    """Both coordinates NaN where either is not finite."""
    bad = ~(np.isfinite(lon) & np.isfinite(lat))
    return np.where(bad, np.nan, lon), np.where(bad, np.nan, lat)


def _undo(forward: Callable[[Array, Array], Pair], lon: Array, lat: Array) -> Pair:
    """Solve ``forward(p) = (lon, lat)`` by p ← p + (target − forward(p))."""
    p, q = lon.copy(), lat.copy()
    for _ in range(_TURNS):
        got_lon, got_lat = forward(p, q)
        p += lon - got_lon
        q += lat - got_lat
    return p, q


def wgs84_to_gcj02(lon: Array, lat: Array) -> Pair:
    """GCJ-02 of WGS 84 degrees; the same numbers outside China."""
    lon, lat = _clean(lon, lat)
    d_lon, d_lat = _shift(lon, lat)
    inside = in_shifted_area(lon, lat)
    return np.where(inside, lon + d_lon, lon), np.where(inside, lat + d_lat, lat)


def gcj02_to_wgs84(lon: Array, lat: Array) -> Pair:
    """WGS 84 of GCJ-02 degrees, to about 1e-13°; the same numbers outside China.

    In the strip (< 1 km) along the outer edge of the shifted area two places share one GCJ-02
    coordinate; the one inside the area is given.
    """
    lon, lat = _clean(lon, lat)
    west, south, east, north = _SHIFTED_AREA
    near = (lon > west - 1) & (lon < east + 1) & (lat > south - 1) & (lat < north + 1)

    def shifted(p: Array, q: Array) -> Pair:
        d_lon, d_lat = _shift(p, q)
        return p + d_lon, q + d_lat

    p, q = _undo(shifted, np.where(near, lon, np.nan), np.where(near, lat, np.nan))
    inside = in_shifted_area(p, q)
    return np.where(inside, p, lon), np.where(inside, q, lat)


def gcj02_to_bd09(lon: Array, lat: Array) -> Pair:
    """BD-09 of GCJ-02 degrees."""
    lon, lat = _clean(lon, lat)
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_to_gcj02(lon: Array, lat: Array) -> Pair:
    """GCJ-02 of BD-09 degrees, to about 1e-13°."""
    return _undo(gcj02_to_bd09, *_clean(lon, lat))


def _northing(lat: Array, row: Array) -> Pair:
    """Northing and its slope (dy/dlat) of |latitude| by the rows of its band, (10, …)."""
    t = lat / row[9]
    y, slope = np.zeros_like(t), np.zeros_like(t)
    for power in range(8, 1, -1):
        slope = slope * t + y
        y = y * t + row[power]
    return y, slope / row[9]


def bd09_to_mercator(lon: Array, lat: Array) -> Pair:
    """BD-09 Mercator metres of BD-09 degrees; latitude is clamped to ±74° as Baidu does."""
    lon, lat = _clean(lon, lat)
    size = np.minimum(np.abs(lat), _MAX_LAT)
    band = np.clip(np.searchsorted(_BANDS, np.nan_to_num(size), side="right") - 1, 0, 5)
    row = np.moveaxis(_FORWARD[band], -1, 0)
    y, _ = _northing(size, row)
    return np.copysign(row[0] + row[1] * np.abs(lon), lon), np.copysign(y, lat)


def mercator_to_bd09(x: Array, y: Array) -> Pair:
    """BD-09 degrees of BD-09 Mercator metres: Newton on the band's polynomial, to about 1e-11°.

    The bands do not meet exactly (by 1 cm at 15°, 4 cm at 30°, 0.4 m at 45°, 15 m at 60°); a
    northing between two of them is given to the lower one, so that the way there and back is exact
    for every latitude.
    """
    x, y = _clean(x, y)
    size = np.minimum(np.abs(y), _BEYOND)
    starts = np.array([_northing(np.array(edge), _FORWARD[i])[0] for i, edge in enumerate(_BANDS)])
    band = np.clip(np.searchsorted(starts, np.nan_to_num(size), side="right") - 1, 0, 4)
    row = np.moveaxis(_FORWARD[band], -1, 0)
    lat = np.clip(np.rad2deg(2.0 * np.arctan(np.exp(size / 6378137.0)) - np.pi / 2), 0, 75)
    for _ in range(8):
        got, slope = _northing(lat, row)
        lat = np.clip(lat - (got - size) / slope, 0.0, 90.0)
    return np.copysign((np.abs(x) - row[0]) / row[1], x), np.copysign(lat, y)
