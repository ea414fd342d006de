"""A small CityGML 2.0 town and a 3.0 building for tests: every coordinate is written out, so that areas can be had by hand."""

HEAD_2 = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" '
    'xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:gen="http://www.opengis.net/citygml/generics/2.0" '
    'xmlns:gml="http://www.opengis.net/gml" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:app="http://www.opengis.net/citygml/appearance/2.0" xmlns:dem="http://www.opengis.net/citygml/relief/2.0" '
    'xmlns:frn="http://www.opengis.net/citygml/cityfurniture/2.0" xmlns:xAL="urn:oasis:names:tc:ciq:xsdschema:xAL:2.0" '
    'xmlns:uro="https://www.geospatial.jp/iur/uro/2.0">'
)
ENVELOPE = (
    '<gml:boundedBy><gml:Envelope srsName="{srs}" srsDimension="3"><gml:lowerCorner>{low}</gml:lowerCorner>'
    "<gml:upperCorner>{high}</gml:upperCorner></gml:Envelope></gml:boundedBy>"
)
CITY_3 = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<CityModel xmlns="http://www.opengis.net/citygml/3.0" '
    'xmlns:bldg="http://www.opengis.net/citygml/building/3.0" xmlns:con="http://www.opengis.net/citygml/construction/3.0" '
    'xmlns:gen="http://www.opengis.net/citygml/generics/3.0" xmlns:dyn="http://www.opengis.net/citygml/dynamizer/3.0" '
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:xAL="urn:oasis:names:tc:ciq:xal:3">'
)


def polygon(name: str, *corners: tuple[float, float, float], hole: tuple = ()) -> str:
    """A gml:Polygon; rings are closed here."""

    def ring(points: tuple, ident: str) -> str:
        numbers = " ".join(f"{v:g}" for p in (*points, points[0]) for v in p)
        return f'<gml:LinearRing gml:id="{ident}"><gml:posList>{numbers}</gml:posList></gml:LinearRing>'

    inner = f"<gml:interior>{ring(hole, name + '_h')}</gml:interior>" if hole else ""
    return f'<gml:Polygon gml:id="{name}"><gml:exterior>{ring(corners, name + "_r")}</gml:exterior>{inner}</gml:Polygon>'


def many(*polygons: str) -> str:
    """A gml:MultiSurface."""
    return f"<gml:MultiSurface>{''.join(f'<gml:surfaceMember>{p}</gml:surfaceMember>' for p in polygons)}</gml:MultiSurface>"


def surface(kind: str, name: str, *polygons: str, more: str = "") -> str:
    """A boundary surface of LoD 2."""
    return (
        f'<bldg:boundedBy><bldg:{kind} gml:id="{name}">{more}<bldg:lod2MultiSurface>{many(*polygons)}'
        f"</bldg:lod2MultiSurface></bldg:{kind}></bldg:boundedBy>"
    )


def house(name: str, x: float, more: str = "") -> str:
    """A box of 10 × 6 × 4 m at (x, 0, 0): semantic surfaces, a window in the south wall, a solid that names them."""
    a, b = (x, 0, 0), (x + 10, 0, 0)
    c, d = (x + 10, 6, 0), (x, 6, 0)
    at, bt, ct, dt = ((p[0], p[1], 4) for p in (a, b, c, d))
    window = ((x + 2, 0, 1), (x + 2, 0, 3), (x + 4, 0, 3), (x + 4, 0, 1))
    glass = (
        f'<bldg:opening><bldg:Window gml:id="{name}_win"><bldg:lod2MultiSurface>'
        f"{many(polygon(name + '_w', *reversed(window)))}</bldg:lod2MultiSurface></bldg:Window></bldg:opening>"
    )
    links = "".join(f'<gml:surfaceMember xlink:href="#{name}_{p}"/>' for p in "gnesto")
    solid = (
        "<bldg:lod2Solid><gml:Solid><gml:exterior><gml:CompositeSurface>"
        f"{links}</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod2Solid>"
    ).replace(f'xlink:href="#{name}_o"', f'xlink:href="#{name}_w"')
    return (
        f'<core:cityObjectMember><bldg:Building gml:id="{name}">{more}{solid}'
        f"{surface('GroundSurface', name + '_G', polygon(name + '_g', a, d, c, b))}"
        f"{surface('RoofSurface', name + '_R', polygon(name + '_t', at, bt, ct, dt))}"
        f"{surface('WallSurface', name + '_S', polygon(name + '_s', a, b, bt, at, hole=window), more=glass)}"
        f"{surface('WallSurface', name + '_E', polygon(name + '_e', b, c, ct, bt))}"
        f"{surface('WallSurface', name + '_N', polygon(name + '_n', c, d, dt, ct), polygon(name + '_v', d, a, at, dt))}"
        "</bldg:Building></core:cityObjectMember>"
    )


def town(*members: str, srs: str = "EPSG:4547", low: str = "0 0 0", high: str = "30 20 10") -> str:
    """A whole CityGML 2.0 document."""
    return (
        HEAD_2
        + ENVELOPE.format(srs=srs, low=low, high=high)
        + "".join(members)
        + "</core:CityModel>"
    )
