"""The imagery as a WMTS: capabilities, and tiles by key-value pairs or by path (OGC 07-057r7)."""

from typing import Annotated, Any, Final
from xml.sax.saxutils import escape, quoteattr

import orjson
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.access import view_of
from api.deps import State, base_url
from api.imagery_tiles import imagery_tile_response, narrowed
from api.state import CityState
from api.static import safe_path
from twin.errors import InvalidRequestError, NotFoundError

__all__ = ["capabilities", "router"]

router = APIRouter(tags=["tiles"])
XML: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/xml": {}}}}
PICTURE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"image/webp": {}, "image/jpeg": {}}}
}
LAYER, STYLE, MATRIX_SET = "imagery", "default", "WebMercatorQuad"
SCALE_ZERO: Final = 559_082_264.0287178
"""Scale denominator of level 0 of GoogleMapsCompatible; each level halves it."""
HALF: Final = 20_037_508.342789244
MEDIA: Final = {"image/webp": "webp", "image/jpeg": "jpg"}
Level = Annotated[int, Path(ge=0, le=30)]
Place = Annotated[int, Path(ge=0, lt=2**30)]


@router.get(
    "/wmts",
    summary="WMTS by key-value pairs: GetCapabilities, GetTile",
    response_class=Response,
    responses={200: {"content": {"application/xml": {}, "image/webp": {}, "image/jpeg": {}}}},
)
def by_keys(request: Request, state: State) -> Response:
    """Keys are read without regard to upper and lower case, as the standard asks."""
    given = {key.lower(): value for key, value in request.query_params.items()}
    if given.get("service", "WMTS").upper() != "WMTS":
        raise InvalidRequestError(f"SERVICE={given['service'][:40]!r}: expected WMTS.", "SERVICE")
    asked = given.get("request", "GetCapabilities").lower()
    if asked == "getcapabilities":
        return _document(request, state)
    if asked != "gettile":
        text = f"REQUEST={given['request'][:40]!r}: expected GetCapabilities or GetTile."
        raise InvalidRequestError(text, "REQUEST")
    for key, value in (("layer", LAYER), ("tilematrixset", MATRIX_SET)):
        if given.get(key) != value:
            text = f"{key.upper()}={given.get(key, '')[:40]!r}: expected {value}."
            raise InvalidRequestError(text, key.upper())
    media = given.get("format", "image/webp")
    if media not in MEDIA:
        text = f"FORMAT={media[:40]!r}: expected {' or '.join(MEDIA)}."
        raise InvalidRequestError(text, "FORMAT")
    z, y, x = (_whole(given, key) for key in ("tilematrix", "tilerow", "tilecol"))
    return imagery_tile_response(request, state, z, x, y, MEDIA[media])


@router.get(
    "/wmts/1.0.0/WMTSCapabilities.xml",
    summary="WMTS capabilities",
    response_class=Response,
    responses=XML,
)
def document(request: Request, state: State) -> Response:
    """Layer, bounds, tile matrices and addresses of the imagery."""
    return _document(request, state)


@router.get(
    "/wmts/1.0.0/imagery/default/WebMercatorQuad/{z}/{row}/{col}.{suffix}",
    summary="Imagery tile by WMTS path",
    response_class=Response,
    responses=PICTURE,
)
def by_path(
    z: Level, row: Place, col: Place, suffix: str, request: Request, state: State
) -> Response:
    """One tile, ``webp`` or ``jpg``; row before column, as WMTS has it."""
    if suffix not in MEDIA.values():
        raise NotFoundError(f"No imagery tile as {suffix[:20]!r}: expected webp or jpg.")
    return imagery_tile_response(request, state, z, col, row, suffix)


def _whole(given: dict[str, str], key: str) -> int:
    text = given.get(key, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidRequestError(
            f"{key.upper()}={text[:40]!r}: expected a whole number.", key.upper()
        )
    return int(text)


def _document(request: Request, state: CityState) -> Response:
    path = safe_path(state.city.tiles, "imagery/tilejson.json")
    view = view_of(request)
    if not path.is_file() or (view is not None and not view.named("imagery")):
        raise NotFoundError("No imagery here: load an orthophoto and run `twin tile`.")
    body = capabilities(
        narrowed(orjson.loads(path.read_bytes()), view), state.city.name, base_url(request)
    )
    return Response(body, media_type="application/xml", headers={"Cache-Control": "no-cache"})


def capabilities(index: dict[str, Any], title: str, base: str) -> str:
    """The capabilities document of one imagery layer.

    Parameters
    ----------
    index : dict
        Its TileJSON: minzoom, maxzoom, bounds in degrees.
    title : str
        Of the service.
    base : str
        Address of the server without a slash at the end.
    """
    west, south, east, north = index["bounds"]
    address = (
        f"{base}/wmts/1.0.0/{LAYER}/{STYLE}/{MATRIX_SET}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}"
    )
    addresses = "".join(
        f'<ResourceURL format="{media}" resourceType="tile" template={quoteattr(f"{address}.{suffix}")}/>'
        for media, suffix in MEDIA.items()
    )
    formats = "".join(f"<Format>{media}</Format>" for media in MEDIA)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" \
xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:gml="http://www.opengis.net/gml" version="1.0.0">
<ows:ServiceIdentification><ows:Title>{escape(title)}</ows:Title><ows:ServiceType>OGC WMTS</ows:ServiceType>\
<ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion></ows:ServiceIdentification>
<ows:OperationsMetadata>{_operation("GetCapabilities", base)}{_operation("GetTile", base)}</ows:OperationsMetadata>
<Contents>
<Layer><ows:Title>{escape(title)}</ows:Title>\
<ows:WGS84BoundingBox><ows:LowerCorner>{west!r} {south!r}</ows:LowerCorner>\
<ows:UpperCorner>{east!r} {north!r}</ows:UpperCorner></ows:WGS84BoundingBox>\
<ows:Identifier>{LAYER}</ows:Identifier><Style isDefault="true"><ows:Identifier>{STYLE}</ows:Identifier></Style>\
{formats}<TileMatrixSetLink><TileMatrixSet>{MATRIX_SET}</TileMatrixSet></TileMatrixSetLink>{addresses}</Layer>
<TileMatrixSet><ows:Identifier>{MATRIX_SET}</ows:Identifier>\
<ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>\
<WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible</WellKnownScaleSet>
{"".join(_matrix(z) for z in range(index["minzoom"], index["maxzoom"] + 1))}</TileMatrixSet>
</Contents>
<ServiceMetadataURL xlink:href={quoteattr(f"{base}/wmts/1.0.0/WMTSCapabilities.xml")}/>
</Capabilities>
"""


def _operation(name: str, base: str) -> str:
    return (
        f'<ows:Operation name="{name}"><ows:DCP><ows:HTTP><ows:Get xlink:href={quoteattr(f"{base}/wmts?")}>'
        '<ows:Constraint name="GetEncoding"><ows:AllowedValues><ows:Value>KVP</ows:Value></ows:AllowedValues>'
        "</ows:Constraint></ows:Get></ows:HTTP></ows:DCP></ows:Operation>"
    )


def _matrix(z: int) -> str:
    return (
        f"<TileMatrix><ows:Identifier>{z}</ows:Identifier><ScaleDenominator>{SCALE_ZERO / 2**z!r}</ScaleDenominator>"
        f"<TopLeftCorner>{-HALF!r} {HALF!r}</TopLeftCorner><TileWidth>256</TileWidth><TileHeight>256</TileHeight>"
        f"<MatrixWidth>{2**z}</MatrixWidth><MatrixHeight>{2**z}</MatrixHeight></TileMatrix>\n"
    )
