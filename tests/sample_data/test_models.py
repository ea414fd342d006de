"""The detailed models: same bytes, valid, in the right place, with the rooms they promise."""

import json
import shutil
from collections import Counter
from pathlib import Path

import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.util.placement
import ifcopenshell.validate
import laspy
import numpy as np
import pytest
import shapely

from sample_data import (
    bim_bridge,
    bim_office,
    bim_tower,
    cityjson_block,
    point_cloud,
)
from sample_data.district import (
    BRIDGE,
    CITYJSON_BLOCK,
    LAS_BLOCK,
    OFFICE,
    TOWER,
    ground_height,
)
from twin.crs import canonical

WRITERS = {
    "tower.ifc": bim_tower.write,
    "office.ifc": bim_office.write,
    "bridge.ifc": bim_bridge.write,
    "block.city.json": cityjson_block.write,
    "cloud.las": point_cloud.write,
}
FILES = {
    "tower.ifc": "bim/临江花园5号楼.ifc",
    "office.ifc": "bim/临江国际中心.ifc",
    "bridge.ifc": "bim/临江大桥.ifc",
    "block.city.json": "街区_lod2.city.json",
}
SITES = {"tower.ifc": TOWER, "office.ifc": OFFICE, "bridge.ifc": BRIDGE}


@pytest.fixture(scope="module")
def folder(sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    for name, file in FILES.items():
        shutil.copy(sample[0] / file, out / name)
    WRITERS["cloud.las"](out / "cloud.las")  # the city's has further buildings
    return out


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, ifcopenshell.file]:
    return {name: ifcopenshell.open(str(folder / name)) for name in SITES}


@pytest.fixture(scope="module")
def block(folder: Path) -> dict:
    return json.loads((folder / "block.city.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", WRITERS)
def test_a_rerun_writes_the_same_bytes_under_any_name(folder: Path, tmp_path: Path, name: str):
    WRITERS[name](tmp_path / f"again-{name}")
    assert (tmp_path / f"again-{name}").read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("name", SITES)
def test_ifc_follows_its_schema_and_ids_are_unique(models, name: str):
    model = models[name]
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, log)
    assert log.statements == []
    guids = [root.GlobalId for root in model.by_type("IfcRoot")]
    assert len(set(guids)) == len(guids)
    assert model.schema == ("IFC4X3" if name == "bridge.ifc" else "IFC4")
    assert len(model.by_type("IfcProduct")) < 4000


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # it leaves a file open
def test_tower_obeys_the_where_rules_of_ifc4(models):
    log = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(models["tower.ifc"], log, express_rules=True)
    assert log.statements == []


# -- georeference: the map conversion applied by hand ---------------------------------------------


def _on_the_map(model, points: np.ndarray) -> np.ndarray:
    """Project coordinates in the file's unit → easting, northing, 1985 height in metres."""
    (conversion,) = model.by_type("IfcMapConversion")
    assert conversion.TargetCRS.Name == "EPSG:4547"
    a, b, scale = conversion.XAxisAbscissa, conversion.XAxisOrdinate, conversion.Scale
    x, y, z = points.T * scale
    return np.column_stack(
        [
            conversion.Eastings + a * x - b * y,
            conversion.Northings + b * x + a * y,
            conversion.OrthogonalHeight + z,
        ]
    )


def _nearest(points: np.ndarray, corner: np.ndarray) -> float:
    return float(np.hypot(*(points[:, :2] - corner[:2]).T).min())


def _placed(product, points) -> np.ndarray:
    matrix = ifcopenshell.util.placement.get_local_placement(product.ObjectPlacement)
    local = np.array([[*point, 0.0, 0.0][:3] for point in points], dtype=float)
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def test_tower_corners_lie_on_the_footprint(models):
    model = models["tower.ifc"]
    assert model.by_type("IfcUnitAssignment")[0].Units[0].Prefix == "MILLI"
    (parapet,) = [wall for wall in model.by_type("IfcWall") if wall.Name == "女儿墙"]
    curve = parapet.Representation.Representations[0].Items[0].SweptArea.OuterCurve
    points = _on_the_map(model, _placed(parapet, [p.Coordinates for p in curve.Points]))
    corners = TOWER.corners()
    assert _nearest(points, corners[2]) < 0.01  # north-east
    assert _nearest(points, corners[3]) < 0.01  # north-west
    footprint = shapely.buffer(shapely.Polygon(corners), 0.01)
    assert shapely.contains_xy(footprint, points[:, :2]).all()


def test_office_corners_lie_on_the_footprint(models):
    model = models["office.ifc"]
    panels = np.concatenate([_placed(p, [(0.0, 0.0, 0.0)]) for p in model.by_type("IfcPlate")])
    points = _on_the_map(model, panels)
    for corner in OFFICE.corners()[:4]:
        assert _nearest(points, corner) < 0.01
    (conversion,) = model.by_type("IfcMapConversion")
    assert conversion.OrthogonalHeight == pytest.approx(
        ground_height(OFFICE.easting, OFFICE.northing), abs=0.001
    )


def test_bridge_deck_spans_its_rectangle_above_the_water(models):
    model = models["bridge.ifc"]
    girders = [b for b in model.by_type("IfcBeam") if b.PredefinedType == "GIRDER_SEGMENT"]
    points = np.concatenate(
        [
            _on_the_map(model, _placed(g, item.Coordinates.CoordList))
            for g in girders
            for item in g.Representation.Representations[0].Items
        ]
    )
    for corner in BRIDGE.corners()[:4]:
        assert _nearest(points, corner) < 0.01
    middle = points[np.abs(points[:, 0] - (BRIDGE.easting + 260.0)) < 0.1]
    assert middle[:, 2].max() == pytest.approx(18.5 + 11.5, abs=0.05)
    assert middle[:, 2].min() > 18.5 + 8.0  # clearance under the girder
    for east in (BRIDGE.easting, BRIDGE.easting + BRIDGE.width):
        end = points[np.abs(points[:, 0] - east) < 0.01]
        road = end[:, 2].max()
        assert road == pytest.approx(float(ground_height(east, 3_372_913.0)), abs=0.2)


# -- rooms ----------------------------------------------------------------------------------------


def test_tower_has_144_flats_numbered_by_unit_and_storey(models):
    model = models["tower.ifc"]
    expected = sorted(str(floor * 100 + flat) for floor in range(1, 19) for flat in range(1, 5))
    zones = {zone.Name: zone for zone in model.by_type("IfcZone")}
    assert sorted(zones) == ["1单元", "2单元"]
    assert len(model.by_type("IfcSpace")) == 144
    for zone in zones.values():
        spaces = zone.IsGroupedBy[0].RelatedObjects
        assert sorted(space.Name for space in spaces) == expected
        assert {space.LongName for space in spaces} == {"住宅"}
    for space in model.by_type("IfcSpace"):
        storey = space.Decomposes[0].RelatingObject
        assert storey.Name == f"{int(space.Name) // 100}层"
        sets = {
            d.RelatingPropertyDefinition.Name: d.RelatingPropertyDefinition
            for d in space.IsDefinedBy
        }
        flat = {p.Name: p.NominalValue.wrappedValue for p in sets["CIM_户室"].HasProperties}
        (group,) = space.HasAssignments
        assert flat == {
            "单元": group.RelatingGroup.Name,
            "楼层": storey.Name,
            "房号": space.Name,
            "用途": "住宅",
        }


def test_tower_storeys_rise_by_two_metres_nine(models):
    storeys = models["tower.ifc"].by_type("IfcBuildingStorey")
    assert [s.Elevation for s in storeys] == pytest.approx([450 + 2900 * i for i in range(18)])
    heights = [
        ifcopenshell.util.placement.get_local_placement(s.ObjectPlacement)[2, 3] for s in storeys
    ]
    assert heights == pytest.approx([s.Elevation for s in storeys])


def test_tower_carries_the_building_code(models):
    for name, code in (("tower.ifc", "429871LJ0005"), ("office.ifc", "429871LJ0001")):
        (building,) = models[name].by_type("IfcBuilding")
        assert building.Name == SITES[name].name
        values = {
            p.Name: p.NominalValue.wrappedValue
            for d in building.IsDefinedBy
            if d.RelatingPropertyDefinition.is_a("IfcPropertySet")
            for p in d.RelatingPropertyDefinition.HasProperties
        }
        assert values["楼栋编码"] == code
        assert values["地上层数"] == SITES[name].floors


def test_flats_fill_the_floor_without_overlap():
    flats = [shapely.Polygon(ring) for ring in bim_tower.FLATS]
    union = shapely.union_all(flats)
    assert union.area == pytest.approx(sum(flat.area for flat in flats))
    assert shapely.box(0, 0, 19, 15).contains(union)
    end = 2.3 * 14.0 + 3.1 * 13.1  # behind the bay, behind the balcony
    middle = 3.6 * 7.6
    assert [flat.area for flat in flats] == pytest.approx([end, middle, middle, end])


def test_office_rooms_are_numbered_by_storey(models):
    model = models["office.ifc"]
    names = [space.Name for space in model.by_type("IfcSpace")]
    assert len(set(names)) == len(names) == 7 + 11 * 10
    assert {"A101", "A107", "A201", "A210", "A1210"} <= set(names)
    assert "A108" not in names  # the lobby's storey has seven rooms
    for space in model.by_type("IfcSpace"):
        assert space.Decomposes[0].RelatingObject.Name == f"{space.Name[1:-2]}层"
    uses = Counter(space.LongName for space in model.by_type("IfcSpace"))
    assert uses["会议室"] == 22
    assert uses["大堂"] == 1


def test_repeats_share_their_geometry(models):
    for name, distinct in (("tower.ifc", 60), ("office.ifc", 60)):
        maps = models[name].by_type("IfcRepresentationMap")
        mapped = models[name].by_type("IfcMappedItem")
        assert len(maps) <= distinct
        assert len(mapped) > 30 * len(maps)


def test_entrance_is_a_real_opening_and_the_door_closes_it(models):
    model = models["tower.ifc"]
    settings = ifcopenshell.geom.settings()
    for relation in model.by_type("IfcRelVoidsElement"):
        wall = relation.RelatingBuildingElement
        shape = ifcopenshell.geom.create_shape(settings, wall)
        verts = np.array(shape.geometry.verts).reshape(-1, 3)
        faces = np.array(shape.geometry.faces).reshape(-1, 3)
        a, b, c = (verts[faces[:, i]] for i in range(3))
        volume = float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6
        assert volume == pytest.approx(0.2 * (7.6 * 2.76 - 1.5 * 2.3), abs=1e-3)
        fills = relation.RelatedOpeningElement.HasFillings
        assert fills[0].RelatedBuildingElement.is_a("IfcDoor")


# -- CityJSON -------------------------------------------------------------------------------------


def _vertices(block: dict) -> np.ndarray:
    transform = block["transform"]
    return np.array(block["vertices"]) * transform["scale"] + transform["translate"]


def _solids(block: dict):
    for key, thing in block["CityObjects"].items():
        for geometry in thing.get("geometry", []):
            if geometry["type"] == "Solid":
                yield key, geometry


def test_cityjson_header_says_where_it_is(block):
    assert (block["type"], block["version"]) == ("CityJSON", "2.0")
    assert block["metadata"]["referenceSystem"] == "https://www.opengis.net/def/crs/EPSG/0/4547"
    vertices = _vertices(block)
    extent = np.array(block["metadata"]["geographicalExtent"])
    np.testing.assert_allclose(extent, [*vertices.min(0), *vertices.max(0)], atol=1e-3)
    west, south, east, north = CITYJSON_BLOCK
    assert (vertices[:, :2] >= (west, south)).all()
    assert (vertices[:, :2] <= (east, north)).all()


def test_cityjson_lists_every_footprint_with_its_attributes(block):
    kinds = Counter(thing["type"] for thing in block["CityObjects"].values())
    assert kinds == {"Building": 24, "BuildingPart": 2}
    for footprint in cityjson_block.footprints():
        thing = block["CityObjects"][footprint["code"]]
        assert thing["attributes"]["楼栋编码"] == footprint["code"]
        assert thing["attributes"]["measuredHeight"] == footprint["height_m"]
        assert thing["attributes"]["storeysAboveGround"] == footprint["floors"]


def test_cityjson_vertices_lie_on_the_footprints(block):
    vertices = _vertices(block)
    for footprint in cityjson_block.footprints():
        polygon = shapely.Polygon(footprint["ring"], footprint["holes"])
        things = [
            thing
            for key, thing in block["CityObjects"].items()
            if key.startswith(footprint["code"])
        ]
        for lod in ("1", "2.2"):
            used = set()
            for thing in things:
                for geometry in thing.get("geometry", []):
                    if geometry["lod"] == lod:
                        used |= set(np.ravel(_flat(geometry["boundaries"])).tolist())
            points = vertices[sorted(used)]
            low = points[np.isclose(points[:, 2], footprint["ground_1985"], atol=1e-3), :2]
            for corner in shapely.get_coordinates(polygon):
                assert np.hypot(*(low - corner).T).min() < 0.002
            near = shapely.buffer(polygon, 0.002)
            assert shapely.contains_xy(near, points[:, :2]).all()
            top = points[:, 2].max() - footprint["ground_1985"]
            extra = 1.6 if footprint["roof"] == "flat" and lod == "2.2" else 0.0  # stair head
            assert top == pytest.approx(footprint["height_m"] + extra, abs=0.002)


def _flat(nested) -> list[int]:
    return [i for part in nested for i in _flat(part)] if isinstance(nested, list) else [nested]


def test_cityjson_solids_are_closed_and_face_outwards(block):
    vertices = _vertices(block)
    seen = 0
    for key, geometry in _solids(block):
        (shell,) = geometry["boundaries"]
        edges = Counter(
            edge
            for face in shell
            for ring in face
            for edge in zip(ring, [*ring[1:], ring[0]], strict=True)
        )
        assert set(edges.values()) == {1}, key
        assert all((b, a) in edges for a, b in edges), key
        assert _volume(vertices, shell) > 0, key
        seen += 1
    assert seen == 25 + 24  # LoD1 of 23 + 2 parts, LoD2.2 likewise but for the open shell


def _volume(vertices: np.ndarray, shell) -> float:
    origin = vertices[shell[0][0][0]]
    total = 0.0
    for face in shell:
        for ring in face:
            corners = vertices[ring] - origin
            fan = np.cross(corners[1:-1], corners[2:])
            total += float((fan @ corners[0]).sum())
    return total / 6


def test_cityjson_lod1_volume_is_area_times_height(block):
    vertices = _vertices(block)
    by_code = {f["code"]: f for f in cityjson_block.footprints()}
    for key, geometry in _solids(block):
        if geometry["lod"] == "1" and key in by_code:
            footprint = by_code[key]
            area = shapely.Polygon(footprint["ring"], footprint["holes"]).area
            volume = _volume(vertices, geometry["boundaries"][0])
            assert volume == pytest.approx(area * footprint["height_m"], rel=1e-5)


def test_cityjson_surfaces_know_what_they_are(block):
    vertices = _vertices(block)
    for key, geometry in _solids(block):
        names = [surface["type"] for surface in geometry["semantics"]["surfaces"]]
        values = geometry["semantics"]["values"][0]
        for face, value in zip(geometry["boundaries"][0], values, strict=True):
            ring = vertices[face[0]] - vertices[face[0][0]]
            normal = np.cross(ring[1:-1], ring[2:]).sum(axis=0)
            normal /= np.linalg.norm(normal)
            expected = {"GroundSurface": -1.0, "WallSurface": 0.0}.get(names[value])
            if expected is None:
                assert normal[2] > 0.7, key
            else:
                assert normal[2] == pytest.approx(expected, abs=1e-6), key
            for part in face:
                assert np.abs((vertices[part] - vertices[face[0][0]]) @ normal).max() < 0.002, key


def test_cityjson_has_a_courtyard_parts_and_an_open_shell(block):
    things = block["CityObjects"]
    (academy,) = [t for t in things.values() if t["attributes"].get("name") == "临江书院"]
    assert max(len(face) for face in academy["geometry"][0]["boundaries"][0]) == 2
    parents = [key for key, thing in things.items() if thing.get("children")]
    assert len(parents) == 1
    assert all(things[child]["parents"] == parents for child in things[parents[0]]["children"])
    assert [g["type"] for t in things.values() for g in t.get("geometry", [])].count(
        "MultiSurface"
    ) == 1


# -- point cloud ----------------------------------------------------------------------------------


def test_las_says_its_version_system_and_size(folder: Path):
    cloud = laspy.read(folder / "cloud.las")
    assert (str(cloud.header.version), cloud.header.point_format.id) == ("1.4", 7)
    assert canonical(cloud.header.parse_crs().to_wkt()) == "EPSG:4547"
    assert 150_000 < len(cloud.points) < 250_000
    counts = Counter(np.asarray(cloud.classification).tolist())
    assert set(counts) == {2, 3, 5, 6}
    assert counts[2] > 50_000
    assert counts[6] > 40_000
    west, south, east, north = LAS_BLOCK
    assert west <= cloud.x.min() <= cloud.x.max() <= east
    assert south <= cloud.y.min() <= cloud.y.max() <= north
    assert int(cloud.red.max()) > 255 * 100  # colours use all 16 bits


def test_las_points_lie_on_ground_and_tower(folder: Path):
    cloud = laspy.read(folder / "cloud.las")
    x, y, z = (np.asarray(v) for v in (cloud.x, cloud.y, cloud.z))
    label = np.asarray(cloud.classification)
    ground = label == 2
    assert np.abs(z[ground] - ground_height(x[ground], y[ground])).max() < 0.15
    tower = shapely.Polygon(TOWER.corners())
    built = label == 6
    assert shapely.contains_xy(shapely.buffer(tower, 0.15), x[built], y[built]).all()
    assert not shapely.contains_xy(tower, x[ground], y[ground]).any()
    top = z[built].max() - ground_height(TOWER.easting, TOWER.northing)
    assert top == pytest.approx(18 * 2.9 + 0.45, abs=0.15)


def test_las_takes_further_buildings(folder: Path, tmp_path: Path):
    west, south, *_ = LAS_BLOCK
    ring = np.array([[60, 20], [80, 20], [80, 32], [60, 32], [60, 20]], float)
    ring = ring + np.array([west, south])
    outside = ring + 5_000.0
    path = tmp_path / "more.las"
    point_cloud.write(path, [(ring, 9.0), (outside, 9.0), (TOWER.corners(), 52.0)])
    more, less = laspy.read(path), laspy.read(folder / "cloud.las")
    built = np.asarray(more.classification) == 6
    inside = shapely.contains_xy(
        shapely.buffer(shapely.Polygon(ring), 0.15), np.asarray(more.x), np.asarray(more.y)
    )
    added = built & inside
    assert built.sum() - added.sum() == pytest.approx(
        (np.asarray(less.classification) == 6).sum(), rel=0.02
    )
    assert added.sum() > 20 * 12 * 10
    assert np.asarray(more.z)[added].max() < ground_height(west + 70, south + 26) + 9.2
