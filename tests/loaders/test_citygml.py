"""CityGML: objects and semantics against hand numbers, links, axes, templates, appearances, code lists, hostile files."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from citygml_town import CITY_3, ENVELOPE, house, many, polygon, surface, town
from numpy.typing import NDArray

from loaders.base import Batch
from loaders.citygml import CityGmlLoader
from loaders.citygml.numbers import parse_lists
from loaders.registry import loader_for
from twin.errors import SourceError, UnsafeSourceError
from twin.plan import LayerPlan
from twin.shading import shaded


def load(path: Path, batch_size: int = 65_536) -> list[Batch]:
    assert loader_for(path).name == "citygml"
    layer = CityGmlLoader().scan(path)[0]
    return list(CityGmlLoader().read(layer, LayerPlan(str(path), kind="model"), batch_size))


def rows_of(path: Path) -> list[dict]:
    rows = [r for b in load(path) for r in b.records.to_pylist()]
    return [r | {"said": json.loads(r["attributes"])} for r in rows]


def written(folder: Path, text: str, name: str = "town.gml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def world(batch: Batch, row: dict) -> NDArray[np.float64]:
    """Triangles of a record's mesh in the source's coordinates, shape (m, 3, 3)."""
    assert batch.meshes is not None
    mesh = next(m for m in batch.meshes.to_pylist() if m["mesh_id"] == row["mesh_id"])
    points = np.frombuffer(mesh["positions"], "<f4").reshape(-1, 3).astype(float)
    matrix = np.array(row["matrix"]).reshape(4, 4)
    placed = points @ matrix[:3, :3].T + matrix[:3, 3]
    return placed[np.frombuffer(mesh["indices"], "<u4").reshape(-1, 3)]


def volume(corners: NDArray[np.float64]) -> float:
    middle = corners.reshape(-1, 3).mean(axis=0)
    p = corners - middle
    return float(np.einsum("ij,ij->i", p[:, 0], np.cross(p[:, 1], p[:, 2])).sum() / 6)


def test_a_house_is_closed_and_its_surfaces_have_their_areas(tmp_path: Path) -> None:
    (batch,) = load(written(tmp_path, town(house("h", 0))))
    (row,) = batch.records.to_pylist()
    said = json.loads(row["attributes"])
    assert (row["key"], row["class_code"], row["lod"], row["fault"]) == ("h", "building", "2", None)
    assert {"scheme": "gml.id", "value": "h"} in row["aliases"]
    assert said["surface_area_m2"] == {
        "GroundSurface": 60.0, "RoofSurface": 60.0, "WallSurface": 124.0, "Window": 4.0,
    }  # fmt: skip
    assert volume(world(batch, row)) == pytest.approx(240.0)
    assert shapely.from_wkb(row["geometry"]).equals(shapely.box(0, 0, 10, 6))
    assert batch.meshes is not None
    assert batch.meshes.num_rows == 1  # the solid only names faces that are there
    surfaces = json.loads(batch.meshes["surfaces"][0].as_py())["surfaces"]
    assert {s["id"]: s.get("in") for s in surfaces if s["type"] == "Window"} == {"h_win": "h_S"}
    assert "notes" not in said


def test_attributes_codes_addresses_references_and_extensions(tmp_path: Path) -> None:
    lists = (
        '<gml:Dictionary xmlns:gml="http://www.opengis.net/gml"><gml:dictionaryEntry><gml:Definition>'
        "<gml:description>住宅</gml:description><gml:name>411</gml:name></gml:Definition></gml:dictionaryEntry></gml:Dictionary>"
    )
    written(tmp_path, lists, "codelists/Usage.xml")
    more = (
        "<gml:name>一号楼</gml:name><core:creationDate>2020-05-01</core:creationDate>"
        "<core:externalReference><core:informationSystem>http://cadastre</core:informationSystem><core:externalObject>"
        "<core:name>77</core:name></core:externalObject></core:externalReference>"
        '<gen:stringAttribute name="owner"><gen:value>甲</gen:value></gen:stringAttribute>'
        '<gen:intAttribute name="n"><gen:value>3</gen:value></gen:intAttribute>'
        '<gen:measureAttribute name="len"><gen:value uom="ft">2.5</gen:value></gen:measureAttribute>'
        '<bldg:usage codeSpace="../../codelists/Usage.xml">411</bldg:usage>'
        '<bldg:roofType codeSpace="http://example.test/roofs.xml">1000</bldg:roofType>'
        "<bldg:yearOfConstruction>1998</bldg:yearOfConstruction>"
        '<bldg:measuredHeight uom="#ft">10</bldg:measuredHeight><bldg:storeysAboveGround>9999</bldg:storeysAboveGround>'
        "<bldg:address><core:Address><core:xalAddress><xAL:AddressDetails><xAL:Country><xAL:CountryName>Deutschland</xAL:CountryName>"
        '<xAL:Locality Type="Town"><xAL:LocalityName>Ort</xAL:LocalityName><xAL:Thoroughfare><xAL:ThoroughfareNumber>5</xAL:ThoroughfareNumber>'
        "<xAL:ThoroughfareName>Weg</xAL:ThoroughfareName></xAL:Thoroughfare></xAL:Locality></xAL:Country></xAL:AddressDetails>"
        "</core:xalAddress></core:Address></bldg:address>"
        "<uro:buildingIDAttribute><uro:BuildingIDAttribute><uro:buildingID>13-9</uro:buildingID></uro:BuildingIDAttribute></uro:buildingIDAttribute>"
        "<uro:risk><uro:Flood><uro:depth uom='m'>1.5</uro:depth></uro:Flood></uro:risk>"
        "<uro:risk><uro:Slide><uro:rank>2</uro:rank></uro:Slide></uro:risk>"
    )
    (row,) = rows_of(written(tmp_path, town(house("h", 0, more)), "udx/bldg/town.gml"))
    said = row["said"]
    assert row["name"] == "一号楼"
    assert (said["usage"], said["usage_code"], said["roofType"]) == ("住宅", "411", "1000")
    assert (said["height_m"], said["measuredHeight_ft"], said["year_built"]) == (3.048, 10.0, 1998)
    assert "floors" not in said  # 9999 means that nobody knows
    assert (said["owner"], said["n"], said["len"], said["len_uom"]) == ("甲", 3, 2.5, "ft")
    assert said["creation_date"] == "2020-05-01"
    (address,) = said["addresses"]
    assert (address["country"], address["locality"], address["street"], address["number"]) == (
        "Deutschland",
        "Ort",
        "Weg",
        "5",
    )
    assert said["risk"] == [{"type": "Flood", "depth": 1.5}, {"type": "Slide", "rank": "2"}]
    aliases = {a["scheme"]: a["value"] for a in row["aliases"]}
    assert (aliases["external:http://cadastre"], aliases["building.code"]) == ("77", "13-9")


def test_code_lists_and_images_outside_the_delivery_are_not_opened(tmp_path: Path) -> None:
    lists = '<gml:D xmlns:gml="http://www.opengis.net/gml"><gml:Definition><gml:description>x</gml:description><gml:name>1</gml:name></gml:Definition></gml:D>'
    outside = written(tmp_path, lists, "secret.xml")
    deep = "../" * 6 + "secret.xml"
    for space in (deep, str(outside), f"file://{outside}", "a\0b.xml"):
        more = f'<bldg:usage codeSpace="{space}">1</bldg:usage>'.replace("\0", "")
        (row,) = rows_of(written(tmp_path, town(house("h", 0, more)), "a/b/c/d/e/f/g.gml"))
        assert row["said"]["usage"] == "1"


@pytest.mark.parametrize(
    ("srs", "low", "swapped"),
    [
        ("http://www.opengis.net/def/crs/EPSG/0/6697", "35 139 0", True),
        ("urn:ogc:def:crs:EPSG::4979", "35 139 0", True),
        ("EPSG:6697", "139 35 0", False),
        ("EPSG:6697", "35 139 0", True),  # against the short name's rule: 139 is no latitude
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "139 35 0", False),
        ("http://www.opengis.net/def/crs/EPSG/0/6697", "139 35 0", False),
    ],
)
def test_axes_come_out_x_first_and_it_is_said(
    tmp_path: Path, srs: str, low: str, swapped: bool
) -> None:
    corners = [(139.0, 35.0), (139.001, 35.0), (139.001, 35.002), (139.0, 35.002)]
    if swapped:
        corners = [(y, x) for x, y in corners]
    flat = polygon("p", *((x, y, 5) for x, y in corners))
    member = f'<core:cityObjectMember><bldg:Building gml:id="a"><bldg:lod0FootPrint>{many(flat)}</bldg:lod0FootPrint></bldg:Building></core:cityObjectMember>'
    path = written(tmp_path, town(member, srs=srs, low=low, high=low))
    layer = CityGmlLoader().scan(path)[0]
    (row,) = rows_of(path)
    assert shapely.from_wkb(row["geometry"]).bounds == pytest.approx((139.0, 35.0, 139.001, 35.002))
    assert layer.crs in ("EPSG:6697", "EPSG:4979", "EPSG:4326")
    assert layer.bounds is not None
    assert layer.bounds[0] == 139
    assert (
        any("latitude" in f or "y, x" in f for f in layer.findings) is swapped or low == "139 35 0"
    )


def test_degrees_become_a_shape_in_metres(tmp_path: Path) -> None:
    corners = [(35.0, 139.0), (35.0, 139.001), (35.001, 139.001), (35.001, 139.0)]
    flat = polygon("p", *((y, x, 5) for y, x in corners))
    member = f'<core:cityObjectMember><bldg:Building gml:id="a"><bldg:lod1MultiSurface>{many(flat)}</bldg:lod1MultiSurface></bldg:Building></core:cityObjectMember>'
    path = written(tmp_path, town(member, srs="urn:ogc:def:crs:EPSG::6697", low="35 139 0"))
    (batch,) = load(path)
    assert batch.meshes is not None
    size = np.ptp(np.frombuffer(batch.meshes["positions"][0].as_py(), "<f4").reshape(-1, 3), axis=0)
    from pyproj import Geod

    geod = Geod(ellps="GRS80")
    east, north = geod.inv(139, 35.0005, 139.001, 35.0005)[2], geod.inv(139, 35, 139, 35.001)[2]
    assert size[:2] == pytest.approx([east, north], rel=1e-5)


def test_parts_rooms_and_furniture_are_objects_below_their_building(tmp_path: Path) -> None:
    box = many(polygon("x", (0, 0, 0), (1, 0, 0), (1, 1, 0)))
    more = (
        f'<bldg:consistsOfBuildingPart><bldg:BuildingPart gml:id="part"><bldg:lod1MultiSurface>{box}</bldg:lod1MultiSurface></bldg:BuildingPart></bldg:consistsOfBuildingPart>'
        f'<bldg:interiorRoom><bldg:Room gml:id="room"><bldg:lod4MultiSurface>{box}</bldg:lod4MultiSurface><bldg:interiorFurniture>'
        f"<bldg:BuildingFurniture><bldg:lod4Geometry>{box}</bldg:lod4Geometry></bldg:BuildingFurniture></bldg:interiorFurniture></bldg:Room></bldg:interiorRoom>"
        f'<bldg:outerBuildingInstallation><bldg:BuildingInstallation gml:id="stair"><bldg:lod2Geometry>{box}</bldg:lod2Geometry></bldg:BuildingInstallation></bldg:outerBuildingInstallation>'
    )
    rows = rows_of(written(tmp_path, town(house("h", 0, more))))
    assert [(r["class_code"], r["parent_key"], r["relation"], r["lod"]) for r in rows] == [
        ("building", None, None, "2"),
        ("building_part", "h", "part_of", "1"),
        ("room", "h", "part_of", "4"),
        ("element", "room", "part_of", "4"),
        ("element", "h", "part_of", "2"),
    ]
    assert [r["row"] for r in rows] == list(range(5))


def test_links_resolve_turned_surfaces_turn_and_what_is_missing_is_told(tmp_path: Path) -> None:
    wall = polygon("w", (0, 0, 0), (4, 0, 0), (4, 0, 2), (0, 0, 2))
    solid = (
        '<bldg:lod2Solid><gml:Solid><gml:exterior><gml:CompositeSurface><gml:surfaceMember><gml:OrientableSurface orientation="-">'
        '<gml:baseSurface xlink:href="#w"/></gml:OrientableSurface></gml:surfaceMember><gml:surfaceMember xlink:href="#nowhere"/>'
        "</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod2Solid>"
    )
    text = town(
        '<core:cityObjectMember><bldg:Building gml:id="a">'
        f'<bldg:interiorRoom><bldg:Room gml:id="r">{solid}</bldg:Room></bldg:interiorRoom>'
        f"{surface('WallSurface', 'W', wall)}</bldg:Building></core:cityObjectMember>"
    )
    (batch,) = load(written(tmp_path, text))
    house_row, room = batch.records.to_pylist()
    for row, side in ((house_row, -1.0), (room, 1.0)):
        a, b, c = np.moveaxis(world(batch, row), 1, 0)
        normal = np.cross(b - a, c - a).sum(axis=0)
        assert np.sign(normal[1]) == side
        assert np.linalg.norm(normal) / 2 == pytest.approx(8.0)
    assert json.loads(room["attributes"])["notes"] == [
        "1 linked surfaces of LoD 2 are not in the same object"
    ]


def test_templates_are_shared_across_members_and_placed(tmp_path: Path) -> None:
    square = many(polygon("q", (0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0))).replace(
        "<gml:MultiSurface>", '<gml:MultiSurface gml:id="T">'
    )

    def lamp(name: str, shape: str, x: float) -> str:
        return (
            f'<core:cityObjectMember><frn:CityFurniture gml:id="{name}"><frn:lod2ImplicitRepresentation><core:ImplicitGeometry>'
            f"<core:transformationMatrix>2 0 0 1 0 2 0 0 0 0 2 0 0 0 0 1</core:transformationMatrix>{shape}"
            f"<core:referencePoint><gml:Point><gml:pos>{x} 200 5</gml:pos></gml:Point></core:referencePoint>"
            "</core:ImplicitGeometry></frn:lod2ImplicitRepresentation></frn:CityFurniture></core:cityObjectMember>"
        )

    inline = f"<core:relativeGMLGeometry>{square}</core:relativeGMLGeometry>"
    link = '<core:relativeGMLGeometry xlink:href="#T"/>'
    lost = '<core:relativeGMLGeometry xlink:href="#U"/>'
    text = town(lamp("a", inline, 100), lamp("b", link, 300), lamp("c", lost, 500))
    (batch,) = load(written(tmp_path, text))
    first, second, third = batch.records.to_pylist()
    assert batch.meshes is not None
    assert batch.meshes.num_rows == 1
    assert first["mesh_id"] == second["mesh_id"]
    assert world(batch, first).reshape(-1, 3).min(axis=0) == pytest.approx([101, 200, 5])
    assert world(batch, second).reshape(-1, 3).max(axis=0) == pytest.approx([303, 202, 5])
    assert third["role"] == "point"
    assert "no shape that is known" in json.loads(third["attributes"])["notes"][0]


def test_appearances_beside_the_objects_dress_them(tmp_path: Path) -> None:
    content = b"\xff\xd8\xff" + b"jpeg"
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "roof.jpg").write_bytes(content)
    skin = (
        "<app:appearanceMember><app:Appearance><app:theme>rgb</app:theme><app:surfaceDataMember><app:ParameterizedTexture>"
        "<app:imageURI>img/roof.jpg</app:imageURI><app:wrapMode>none</app:wrapMode><app:target uri='#h_t'><app:TexCoordList>"
        "<app:textureCoordinates ring='#h_t_r'>0 0 1 0 1 0.5 0 0.5 0 0</app:textureCoordinates></app:TexCoordList></app:target>"
        "</app:ParameterizedTexture></app:surfaceDataMember><app:surfaceDataMember><app:X3DMaterial><app:diffuseColor>0 0 1</app:diffuseColor>"
        "<app:target>#h_g</app:target></app:X3DMaterial></app:surfaceDataMember></app:Appearance></app:appearanceMember>"
    )
    batches = load(written(tmp_path, town(house("h", 0), house("i", 20), skin)))
    (batch,) = batches
    assert batch.images is not None
    assert batch.images["content"].to_pylist() == [content]
    assert batch.meshes is not None
    textured, bare = shaded(batch.meshes).to_pylist()
    said = json.loads(textured["textures"])
    assert [(t["source"], t["wrapMode"], t["image"]) for t in said] == [
        ("img/roof.jpg", "none", batch.images["image"][0].as_py())
    ]
    assert bare["textures"] is None
    number = np.frombuffer(textured["texture"], "<i4")
    assert number.tolist() == sorted(number.tolist())
    assert (number == 0).sum() == 2
    points = np.frombuffer(textured["positions"], "<f4").reshape(-1, 3)
    uv = np.frombuffer(textured["uv"], "<f4").reshape(-1, 2)
    roof = np.unique(np.frombuffer(textured["indices"], "<u4").reshape(-1, 3)[number == 0])
    assert {tuple((points[i] + [5, 3, 0]).tolist()): tuple(uv[i].tolist()) for i in roof} == {
        (0, 0, 4): (0, 0), (10, 0, 4): (1, 0), (10, 6, 4): (1, 0.5), (0, 6, 4): (0, 0.5),
    }  # fmt: skip
    colors = np.frombuffer(textured["colors"], np.uint8).reshape(-1, 4)
    normals = np.frombuffer(textured["normals"], "<f4").reshape(-1, 3)
    assert set(map(tuple, colors[normals[:, 2] < -0.9].tolist())) == {(0, 0, 255, 255)}


def test_terrain_triangles_stream_into_one_mesh(tmp_path: Path) -> None:
    n = 40
    cells = [(x, y) for x in range(n) for y in range(n)]

    def triangle(x: int, y: int) -> str:
        return (
            "<gml:Triangle><gml:exterior><gml:LinearRing><gml:posList>"
            f"{x} {y} 0 {x + 1} {y} 0 {x} {y + 1} 0 {x} {y} 0</gml:posList></gml:LinearRing></gml:exterior></gml:Triangle>"
        )

    body = "".join(triangle(x, y) for x, y in cells)
    text = town(
        '<core:cityObjectMember><dem:ReliefFeature gml:id="f"><dem:lod>1</dem:lod><dem:reliefComponent><dem:TINRelief gml:id="t">'
        f"<dem:lod>1</dem:lod><dem:tin><gml:TriangulatedSurface><gml:trianglePatches>{body}</gml:trianglePatches></gml:TriangulatedSurface>"
        "</dem:tin></dem:TINRelief></dem:reliefComponent></dem:ReliefFeature></core:cityObjectMember>"
    )
    (batch,) = load(written(tmp_path, text))
    feature, tin = batch.records.to_pylist()
    assert (tin["parent_key"], feature["role"]) == ("f", "none")
    corners = world(batch, tin)
    assert len(corners) == n * n
    area = (
        np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        ).sum()
        / 2
    )
    assert area == pytest.approx(n * n / 2)
    assert batch.meshes is not None
    vertices = len(batch.meshes["positions"][0].as_py()) // 12
    assert vertices == (n + 1) ** 2 - 1  # neighbours share their corners


def test_citygml_3_spaces_boundaries_dynamizers_and_addresses(tmp_path: Path) -> None:
    def boundary(kind: str, shape: str, more: str = "") -> str:
        return f"<boundary><con:{kind}><lod2MultiSurface>{many(shape)}</lod2MultiSurface>{more}</con:{kind}></boundary>"

    door = f"<con:fillingSurface><con:DoorSurface><lod3MultiSurface>{many(polygon('d', (1, 0, 0), (2, 0, 0), (2, 0, 2)))}</lod3MultiSurface></con:DoorSurface></con:fillingSurface>"
    text = (
        CITY_3
        + ENVELOPE.format(srs="urn:adv:crs:ETRS89_UTM32*DE_DHHN92_NH", low="457841 5439082 1", high="457854 5439093 9")
        + '<cityObjectMember><bldg:Building gml:id="b"><gml:identifier codeSpace="c">ID-1</gml:identifier>'
        "<creationDate>2014-10-08T00:00:00</creationDate><validFrom>2015-01-01T00:00:00Z</validFrom><validTo>2030-01-01T00:00:00Z</validTo>"
        "<externalReference><ExternalReference><targetResource>urn:x:1</targetResource></ExternalReference></externalReference>"
        "<genericAttribute><gen:DoubleAttribute><gen:name>flats</gen:name><gen:value>4.5</gen:value></gen:DoubleAttribute></genericAttribute>"
        '<dynamizer><dyn:Dynamizer gml:id="dy"><dyn:attributeRef>//heat</dyn:attributeRef><dyn:sensorConnection><dyn:SensorConnection>'
        "<dyn:sensorID>S-7</dyn:sensorID></dyn:SensorConnection></dyn:sensorConnection></dyn:Dynamizer></dynamizer>"
        + boundary("WallSurface", polygon("w", (0, 0, 0), (4, 0, 0), (4, 0, 3), (0, 0, 3)), door)
        + boundary("GroundSurface", polygon("g", (0, 0, 0), (0, 5, 0), (4, 5, 0), (4, 0, 0)))
        + '<con:height><con:Height><con:highReference>roof</con:highReference><con:value uom="m">8.5</con:value></con:Height></con:height>'
        "<con:dateOfConstruction>1987-02-03</con:dateOfConstruction><bldg:storeysAboveGround>2</bldg:storeysAboveGround>"
        '<bldg:buildingSubdivision><bldg:Storey gml:id="s1"><bldg:buildingRoom xlink:href="#r1"/></bldg:Storey></bldg:buildingSubdivision>'
        '<bldg:buildingRoom><bldg:BuildingRoom gml:id="r1"><lod2Solid><gml:Solid><gml:exterior><gml:Shell>'
        '<gml:surfaceMember xlink:href="#w"/></gml:Shell></gml:exterior></gml:Solid></lod2Solid></bldg:BuildingRoom></bldg:buildingRoom>'
        "<bldg:address><Address><xalAddress><xAL:Address><xAL:FreeTextAddress><xAL:AddressLine>Weg 5, 80333 Ort</xAL:AddressLine></xAL:FreeTextAddress>"
        "</xAL:Address></xalAddress></Address></bldg:address></bldg:Building></cityObjectMember></CityModel>"
    )  # fmt: skip
    path = written(tmp_path, text)
    assert CityGmlLoader().scan(path)[0].crs == "EPSG:25832"
    building, storey, room = rows_of(path)
    said = building["said"]
    assert (said["height_m"], said["floors"], said["year_built"], said["flats"]) == (
        8.5,
        2,
        1987,
        4.5,
    )
    assert (said["valid_from"], said["valid_to"]) == (
        "2015-01-01T00:00:00Z",
        "2030-01-01T00:00:00Z",
    )
    assert said["dynamizer"]["attributeRef"] == "//heat"
    assert "S-7" in json.dumps(said["dynamizer"])
    assert said["address"] == "Weg 5, 80333 Ort"
    aliases = {(a["scheme"], a["value"]) for a in building["aliases"]}
    assert {("gml.id", "b"), ("gml.identifier", "ID-1"), ("external", "urn:x:1")} <= aliases
    assert (storey["class_code"], room["class_code"], room["parent_key"]) == ("storey", "room", "b")
    assert storey["said"]["buildingRoom_ref"] == ["r1"]
    assert room["said"]["surface_area_m2"] == {"WallSurface": 12.0}


def test_a_file_that_breaks_keeps_what_came_before_and_says_where(tmp_path: Path) -> None:
    text = town(house("a", 0), house("b", 20))
    rows = rows_of(written(tmp_path, text[: text.index('gml:id="b_R"')]))
    assert [r["key"] for r in rows] == ["a", None]
    assert "no well-formed XML" in rows[1]["fault"]
    with pytest.raises(SourceError, match="XML"):
        load(written(tmp_path, text[:3000]))


def test_wrong_numbers_cost_their_face_only(tmp_path: Path) -> None:
    good = polygon("p", (0, 0, 0), (4, 0, 0), (4, 2, 0), (0, 2, 0))
    bad = good.replace("4 2 0", "4 zwei 0").replace('"p', '"q')
    odd = good.replace("4 2 0", "4 2").replace('"p', '"o')
    text = town(
        f'<core:cityObjectMember><bldg:Building gml:id="a">{surface("RoofSurface", "R", good, bad, odd)}</bldg:Building></core:cityObjectMember>'
    )
    (row,) = rows_of(written(tmp_path, text))
    assert row["said"]["surface_area_m2"]["RoofSurface"] == 8.0
    assert row["said"]["notes"] == [
        "2 faces of LoD 2 were skipped (corners missing or out of range)"
    ]


@pytest.mark.parametrize(
    "doctype", ['<!DOCTYPE c [<!ENTITY a "b">]>', '<!DOCTYPE c SYSTEM "http://x.test/c.dtd">']
)
@pytest.mark.parametrize("padding", [0, 5000])
def test_entities_are_refused_wherever_they_are_declared(
    tmp_path: Path, doctype: str, padding: int
) -> None:
    text = town(house("a", 0, "<gml:name>&a;</gml:name>" if "ENTITY" in doctype else ""))
    head, _, rest = text.partition("\n")
    path = written(tmp_path, f"{head}<!--{'x' * padding}-->{doctype}\n{rest}")
    with pytest.raises(UnsafeSourceError, match="document type"):
        CityGmlLoader().scan(path)


def test_deep_nesting_ends_in_a_note_or_a_source_error(tmp_path: Path) -> None:
    inner = (
        "<bldg:consistsOfBuildingPart><bldg:BuildingPart>" * 60
        + "</bldg:BuildingPart></bldg:consistsOfBuildingPart>" * 60
    )
    rows = rows_of(written(tmp_path, town(house("a", 0, inner))))
    assert len(rows) == 33
    assert any("nested deeper" in n for r in rows for n in r["said"].get("notes", [])) or any(
        "nested deeper" in (r["fault"] or "") for r in rows
    )
    attribute = "<uro:a>" * 5000 + "x" + "</uro:a>" * 5000
    with pytest.raises(SourceError):
        rows_of(written(tmp_path, town(house("a", 0, attribute))))


def test_members_without_objects_become_faulty_records(tmp_path: Path) -> None:
    text = town(
        '<core:cityObjectMember xlink:href="http://x.test/other.gml#b"/>',
        "<core:cityObjectMember/>",
        house("a", 0),
    )
    rows = rows_of(written(tmp_path, text))
    assert [bool(r["fault"]) for r in rows] == [True, True, False]
    assert "links outside the file are not followed" in rows[0]["fault"]


def test_small_batches_hold_the_same_records(tmp_path: Path) -> None:
    path = written(tmp_path, town(*(house(f"h{i}", 20 * i) for i in range(5))))
    whole, small = load(path), load(path, batch_size=2)
    assert [b.records.num_rows for b in small] == [2, 2, 1]
    for column in ("row", "key", "attributes", "geometry"):
        joined = [
            [v for b in batches for v in b.records[column].to_pylist()]
            for batches in (whole, small)
        ]
        assert joined[0] == joined[1]


def test_numbers_agree_with_python_to_the_last_place() -> None:
    rng = np.random.default_rng(7)
    texts = [f"{float(v)!r}" for v in rng.normal(0, 1e3, 500)] + [
        f"{v:.12f}" for v in rng.uniform(-180, 180, 500)
    ]
    texts += ["1e22", "-1.5E-7", "0", "-0.0", "+3", "123456789012345678901234567890", ".5", "5."]
    numbers, counts = parse_lists([" ".join(texts[i : i + 7]) for i in range(0, len(texts), 7)])
    want = np.array([float(t) for t in texts])
    assert counts.sum() == len(texts)
    assert np.abs(numbers - want).max() <= np.spacing(np.abs(want)).max()
    assert (np.abs(numbers - want) <= np.spacing(np.abs(want))).all()


REAL = {
    "plateau-nusamai/yokosuka-shi/udx/bldg/52397519_bldg_6697_op.gml": 15,
    "citygml4j/lod3_building_v2.gml": 2,
    "citygml4j/lod2_buildings_v3.gml": 100,
    "citygml3-encodings/Building/BuildingUnits_Storeys_xlink.gml": 8,
}


@pytest.mark.real
def test_every_real_file_has_the_objects_that_were_counted_in_it(real: Path) -> None:
    truth = json.loads((real / "citygml" / "GROUND_TRUTH.json").read_text(encoding="utf-8"))
    seen = 0
    for name, entry in truth.items():
        path, told = real / name, entry["truth"]
        if path.suffix not in (".gml", ".xml") or told.get("root") != "CityModel":
            continue
        rows = rows_of(path)
        kinds = Counter(r["said"].get("citygml_type") for r in rows)
        assert not [r["fault"] for r in rows if r["fault"]], name
        for kind, count in told["objects"].items():
            if kind in kinds:
                assert kinds[kind] == count, (name, kind)
        assert sum(r["parent_key"] is None for r in rows) == told["members"], name
        images = {
            i for b in load(path) if b.images is not None for i in b.images["image"].to_pylist()
        }
        if "images" in told:
            assert len(images) == told["images"]["present"], name
        seen += 1
    assert seen >= 30


@pytest.mark.real
@pytest.mark.parametrize("name", sorted(REAL))
def test_real_shapes_lie_in_the_envelope_of_their_file(real: Path, name: str) -> None:
    path = real / "citygml" / name
    truth = json.loads((real / "citygml" / "GROUND_TRUTH.json").read_text(encoding="utf-8"))
    low, high = (np.array(c.split(), float) for c in truth[f"citygml/{name}"]["truth"]["envelope"])
    if "6697" in path.read_text(encoding="utf-8-sig")[:6000]:
        low, high = low[[1, 0, 2]], high[[1, 0, 2]]
    batches = load(path)
    assert sum(b.records.num_rows for b in batches) == REAL[name]
    placed = [
        world(b, r).reshape(-1, 3) for b in batches for r in b.records.to_pylist() if r["mesh_id"]
    ]
    points = np.concatenate(placed)
    slack = 1e-6 if low[0] > 100 and high[0] < 180 else 1e-3
    assert (points[:, :2].min(axis=0) >= low[:2] - slack).all()
    assert (points[:, :2].max(axis=0) <= high[:2] + slack).all()
