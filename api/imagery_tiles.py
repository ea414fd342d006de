"""Imagery tiles as they lie in the folder, or as JPEG for clients that read no WebP."""

import io
import math
from typing import Any, Final

import shapely
from fastapi import Request
from PIL import Image
from starlette.responses import Response

from api.access import View, view_of
from api.state import CityState
from api.static import safe_path, serve
from twin.errors import NotFoundError

__all__ = ["imagery_tile_response", "narrowed"]

QUALITY: Final = 85


def imagery_tile_response(
    request: Request, state: CityState, z: int, x: int, y: int, suffix: str
) -> Response:
    """A tile (XYZ) as ``webp`` or ``jpg``; JPEG has white where the photo ends.

    Raises
    ------
    NotFoundError
        If there is no such tile.
    """
    _expect(request, z, x, y)
    shared = "private" if state.settings.tokens else "public"
    cache, relative = f"{shared}, max-age=300", f"imagery/{z}/{x}/{y}.webp"
    if suffix == "webp":
        return serve(request, state.city.tiles, relative, cache)
    path = safe_path(state.city.tiles, relative)
    if not path.is_file():
        raise NotFoundError(f"No imagery tile {z}/{x}/{y}.")
    with Image.open(path) as image:
        pixels = image.convert("RGBA")
    white = Image.new("RGBA", pixels.size, "white")
    out = io.BytesIO()
    Image.alpha_composite(white, pixels).convert("RGB").save(out, "JPEG", quality=QUALITY)
    return Response(out.getvalue(), media_type="image/jpeg", headers={"Cache-Control": cache})


def _expect(request: Request, z: int, x: int, y: int) -> None:
    """Tiles outside a caller's area are not there for him."""
    view = view_of(request)
    if view is None:
        return
    west, east = (360.0 * at / 2**z - 180.0 for at in (x, x + 1))
    north, south = (
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * at / 2**z)))) for at in (y, y + 1)
    )
    seen = view.named("imagery") and view.meets(west, south, east, north)
    view.expect(seen, f"No imagery tile {z}/{x}/{y}.")


def narrowed(index: dict[str, Any], view: View | None) -> dict[str, Any]:
    """A TileJSON with its bounds (degrees) cut to the area of a view."""
    if view is None or view.reach.area is None or "bounds" not in index:
        return index
    if shapely.is_empty(view.reach.area):
        return index | {"bounds": [0.0, 0.0, 0.0, 0.0]}
    box = shapely.box(*index["bounds"]).intersection(
        shapely.box(*shapely.bounds(view.reach.area).tolist())
    )
    return index | {"bounds": [0.0, 0.0, 0.0, 0.0] if box.is_empty else list(box.bounds)}
