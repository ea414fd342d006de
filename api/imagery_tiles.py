"""Imagery tiles as they lie in the folder, or as JPEG for clients that read no WebP."""

import io
from typing import Final

from fastapi import Request
from PIL import Image
from starlette.responses import Response

from api.state import CityState
from api.static import safe_path, serve
from twin.errors import NotFoundError

__all__ = ["imagery_tile_response"]

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
