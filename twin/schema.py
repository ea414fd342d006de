"""Columns of everything that travels between packages as an Arrow table, declared once.

Sources travel in **their own CRS** (see the layer's ``CrsEvidence``); what comes out of the store
is
longitude, latitude (degrees, EPSG:4490) and metres above the ellipsoid.

Every source table has ``row`` (0-based number of the record in its layer) and ``fault``: text where
the
loader could not make sense of the record, null where it could. A faulty record goes to quarantine.
"""

import pyarrow as pa

__all__ = [
    "ADDRESSES",
    "ADDRESS_NODES",
    "CASES",
    "IMAGES",
    "LINKS",
    "MESHES",
    "MESH_EXTRAS",
    "OBSERVATIONS",
    "RECORDS",
    "REPRESENTATIONS",
    "STREAMS",
    "schema_of",
]

ALIAS = pa.struct([("scheme", pa.string()), ("value", pa.string())])
MATRIX = pa.list_(pa.float64(), 16)
"""4 × 4 row-major; maps mesh-local metres to the source CRS (x=easting or longitude, y, z)."""

RECORDS = pa.schema(
    [
        ("row", pa.int64()),
        ("key", pa.string()),  # id in the source; null → the base derives one from content
        ("name", pa.string()),
        ("class_code", pa.string()),  # code in twin/codes/cim_classes.csv or of a 管理部件
        ("parent_key", pa.string()),  # key of the record this one belongs to, same dataset
        ("relation", pa.string()),  # part_of | located_in, towards the parent
        ("aliases", pa.list_(ALIAS)),  # further identifiers: ifc.guid, gml.id, gbt47678.component …
        (
            "attributes",
            pa.string(),
        ),  # JSON object; canonical names first (height_m, floors, usage …)
        ("geometry", pa.binary()),  # ISO WKB in the source CRS, Z kept; null where there is none
        ("role", pa.string()),  # footprint | centreline | point | area | solid | mesh | none
        ("lod", pa.string()),  # "0", "1", "2", "2.2", "3" …
        ("mesh_id", pa.string()),  # into MESHES of the same batch or an earlier one of the layer
        ("matrix", MATRIX),
        ("fault", pa.string()),
    ]
)
"""Things: one row per real thing (building, pipe, room, 部件, grid cell …)."""

REPRESENTATIONS = pa.schema(
    [
        ("key", pa.string()),
        ("geometry", pa.binary()),
        ("role", pa.string()),
        ("lod", pa.string()),
        ("mesh_id", pa.string()),
        ("matrix", MATRIX),
    ]
)
"""Further representations of records of the same layer (a CityJSON object with several LoDs)."""

LINKS = pa.schema(
    [
        ("key", pa.string()),
        ("kind", pa.string()),  # member_of | serves | flows_to
        ("target_key", pa.string()),
    ]
)
"""Relations between records of one layer beside the one to the parent."""

MESHES = pa.schema(
    [
        ("mesh_id", pa.string()),
        ("positions", pa.binary()),  # little-endian float32 xyz, local metres, n × 12 bytes
        ("normals", pa.binary()),  # float32 xyz unit, n × 12 bytes; null beside ``faces``
        ("colors", pa.binary()),  # uint8 RGBA per vertex, n × 4 bytes; null beside ``faces``
        ("indices", pa.binary()),  # uint32 triangles, counter-clockwise seen from outside
    ]
)
"""Shared shapes: several records may point at one (IFC mapped items stay shared)."""

MESH_EXTRAS = pa.schema(
    [
        ("faces", pa.binary()),  # uint32 per face: how many of the triangles, in order, are its own
        ("paint", pa.binary()),  # uint8 RGBA per face, f × 4 bytes
        ("surfaces", pa.string()),  # JSON: surfaces (as the source says), area_m2 and faces of each
        (
            "surface",
            pa.binary(),
        ),  # int32 per face, else per triangle: place in ``surfaces``, -1 for none
        ("uv", pa.binary()),  # float32 uv per vertex, origin at the lower left of the image, n × 8
        (
            "texture",
            pa.binary(),
        ),  # int32 per triangle, ascending: place in ``textures``, -1 for none
        ("textures", pa.string()),  # JSON list: image (file in assets/), wrap, border, type
    ]
)
"""Columns a mesh table may have after those of MESHES: planar faces, semantic surfaces and textures, null where a mesh has none.

A mesh with ``faces`` has one vertex where several fall together; :func:`twin.shading.shaded` makes normals and colours of it."""

IMAGES = pa.schema(
    [
        ("image", pa.string()),  # name in assets/: SHA-256 of the content and the file's ending
        ("content", pa.binary()),
    ]
)
"""Texture images of a batch, each once."""

ADDRESSES = pa.schema(
    [
        ("row", pa.int64()),
        ("key", pa.string()),
        ("full", pa.string()),  # the whole standard address as written
        ("province", pa.string()),
        ("city", pa.string()),
        ("county", pa.string()),
        ("street", pa.string()),  # 街道 / 乡镇
        ("community", pa.string()),  # 社区 / 村
        ("road", pa.string()),
        ("number", pa.string()),  # 路、门牌号
        ("compound", pa.string()),  # 小区 / 院落
        ("building", pa.string()),
        ("unit", pa.string()),
        ("floor", pa.string()),
        ("room", pa.string()),
        ("poi", pa.string()),
        ("alias", pa.string()),  # other names of the last element, ; between
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("z", pa.float64()),  # source CRS, metres or degrees
        (
            "building_key",
            pa.string(),
        ),  # key of the building in its own layer, where the table has it
        ("status", pa.string()),  # active | retired | planned
        ("fault", pa.string()),
    ]
)
"""One row per standard address (地名地址) of a gazetteer table."""

ADDRESS_NODES = pa.schema(
    [
        ("node_id", pa.string()),  # stable: hash of the element chain, 16 hex digits
        ("parent_id", pa.string()),
        (
            "level",
            pa.string(),
        ),  # province city county street community road number compound building
        # unit floor room poi
        ("name", pa.string()),  # the element as written: 临江大道, 35号, 5号楼, 2单元, 3层, 301室
        ("full", pa.string()),  # canonical string of the chain
        ("code", pa.string()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("z", pa.float64()),
        ("eid", pa.string()),  # entity this address names (building, room), null where unbound
        ("key", pa.string()),  # key in the source table
        ("building_key", pa.string()),
        ("status", pa.string()),
    ]
)
"""The address tree in the base; closure by ``parent_id``."""

STREAMS = pa.schema(
    [
        ("row", pa.int64()),
        ("key", pa.string()),  # datastream key, unique in the layer
        ("thing_key", pa.string()),
        ("thing_name", pa.string()),
        ("subject", pa.string()),  # one of the 14 monitored subjects: 燃气 供水 …
        ("property", pa.string()),
        ("unit", pa.string()),  # observed property and UCUM unit
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("z", pa.float64()),
        ("z_reference", pa.string()),  # ground | 1985 | ellipsoid
        ("host_scheme", pa.string()),
        ("host_value", pa.string()),  # alias of the entity it monitors, or null
        ("warn_low", pa.float64()),
        ("warn_high", pa.float64()),
        ("alarm_low", pa.float64()),
        ("alarm_high", pa.float64()),
        ("interval_s", pa.float64()),
        ("attributes", pa.string()),
        ("fault", pa.string()),
    ]
)
"""One row per datastream of a sensor table."""

OBSERVATIONS = pa.schema(
    [
        ("stream_key", pa.string()),
        ("phenomenon_time", pa.timestamp("us", tz="UTC")),
        ("result", pa.float64()),
        ("quality", pa.string()),
        ("fault", pa.string()),
    ]
)
"""Readings, any number of streams."""

CASES = pa.schema(
    [
        ("row", pa.int64()),
        ("key", pa.string()),  # 案件编号
        ("kind", pa.string()),  # 管理事项 | 管理部件
        ("code", pa.string()),  # 5-digit type
        ("title", pa.string()),
        ("description", pa.string()),
        ("address_text", pa.string()),  # as people write it
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("reported_at", pa.timestamp("us", tz="UTC")),
        ("closed_at", pa.timestamp("us", tz="UTC")),
        ("stage", pa.string()),  # 上报 受理 立案 派遣 处置 反馈 核查 结案 作废
        ("source", pa.string()),
        ("unit", pa.string()),  # 来源、责任单位
        ("attributes", pa.string()),
        ("fault", pa.string()),
    ]
)
"""One row per case (案件)."""

_BY_KIND = {
    "features": RECORDS,
    "model": RECORDS,
    "addresses": ADDRESSES,
    "streams": STREAMS,
    "observations": OBSERVATIONS,
    "cases": CASES,
}


def schema_of(kind: str) -> pa.Schema:
    """Schema of a layer kind.

    Parameters
    ----------
    kind : str
        ``features``, ``model``, ``addresses``, ``streams``, ``observations`` or ``cases``.

    Returns
    -------
    pyarrow.Schema

    Raises
    ------
    KeyError
        If the kind is unknown (rasters travel as arrays, not as tables).

    Examples
    --------
    >>> "address_text" in schema_of("cases").names
    True
    """
    return _BY_KIND[kind]
