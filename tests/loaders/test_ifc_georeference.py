"""Every way a model says where it is, checked against numbers computed by hand or by pyproj."""

import numpy as np
import pytest
from pyproj import Transformer

from loaders.ifc.crsnames import crs_from_name, crs_of_texts
from loaders.ifc.georeference import find_georeference, given_placement
from twin.errors import PlanError

EAST, NORTH = 508_210.0, 3_373_140.0
LOCAL = (0.0, 0.0, 40.0, 20.0)


def metres(crs: str, x: float, y: float) -> tuple[float, float]:
    lon, lat = Transformer.from_crs(crs, "EPSG:4490", always_xy=True).transform(x, y)
    return float(lon), float(lat)


def convert(w, east: float, north: float, crs: str = "EPSG:4547", **more: object) -> None:
    unit = more.pop("unit", None)
    target = w.file.create_entity("IfcProjectedCRS", Name=crs, MapUnit=unit)
    kind = str(more.pop("kind", "IfcMapConversion"))
    w.file.create_entity(
        kind,
        SourceCRS=w.context,
        TargetCRS=target,
        Eastings=east,
        Northings=north,
        OrthogonalHeight=more.pop("height", 0.0),
        **more,
    )


def millimetre(w):
    return w.file.create_entity("IfcSIUnit", UnitType="LENGTHUNIT", Prefix="MILLI", Name="METRE")


def test_eastings_in_project_units_are_kept_where_they_fall_into_the_area_of_use(
    ifc_writer,
) -> None:
    w = ifc_writer()
    convert(w, EAST * 1000, NORTH * 1000, height=21_500.0)
    found = find_georeference(w.file, LOCAL)
    assert found.matrix @ [0, 0, 0, 1] == pytest.approx([EAST, NORTH, 21.5, 1])
    assert any("project units" in f for f in found.findings)


def test_a_stated_map_unit_that_is_wrong_is_not_believed(ifc_writer) -> None:
    w = ifc_writer()
    convert(w, EAST, NORTH, unit=millimetre(w))
    found = find_georeference(w.file, LOCAL)
    assert found.matrix[:2, 3] == pytest.approx([EAST, NORTH])
    assert found.confidence < 0.95


def test_northing_first_is_turned_round(ifc_writer) -> None:
    w = ifc_writer()
    convert(w, NORTH, EAST, unit=w.metre)
    found = find_georeference(w.file, LOCAL)
    assert found.matrix[:2, 3] == pytest.approx([EAST, NORTH])
    assert any("other way round" in f for f in found.findings)


def test_an_offset_is_not_applied_twice(ifc_writer) -> None:
    w = ifc_writer()
    convert(w, EAST, NORTH, unit=w.metre)
    box = (EAST, NORTH, EAST + 40, NORTH + 20)
    found = find_georeference(w.file, box)
    assert found.matrix @ [EAST + 1, NORTH + 2, 3, 1] == pytest.approx([EAST + 1, NORTH + 2, 3, 1])
    assert any("not applied twice" in f for f in found.findings)


def test_numbers_that_fit_no_unit_are_doubted(ifc_writer) -> None:
    w = ifc_writer()
    convert(w, 0.0, 0.0, unit=w.metre)
    assert find_georeference(w.file, LOCAL).confidence < 0.5


def test_scaled_conversion_and_rigid_operation(ifc_writer) -> None:
    w = ifc_writer("IFC4X3_ADD2", milli=False)
    convert(
        w,
        EAST,
        NORTH,
        unit=w.metre,
        kind="IfcMapConversionScaled",
        Scale=1.0,
        FactorX=1.0004,
        FactorY=1.0004,
        FactorZ=1.0,
    )
    found = find_georeference(w.file, LOCAL)
    assert found.matrix @ [1000, 0, 10, 1] == pytest.approx([EAST + 1000.4, NORTH, 10, 1])
    w = ifc_writer("IFC4X3_ADD2", milli=False)
    f = w.file.create_entity
    f("IfcRigidOperation", w.context, f("IfcProjectedCRS", Name="EPSG:4547", MapUnit=w.metre),
      f("IfcLengthMeasure", NORTH), f("IfcLengthMeasure", EAST), 7.0)  # fmt: skip
    found = find_georeference(w.file, LOCAL)
    assert found.matrix @ [1, 2, 3, 1] == pytest.approx([EAST + 1, NORTH + 2, 10, 1])


@pytest.mark.parametrize(
    "names",
    [
        ("ePSet_MapConversion", "ePSet_ProjectedCRS"),
        ("EPset_MapConversion", "EPset_ProjectedCRS"),
        ("Pset_Map Conversion", "PSET_PROJECTED_CRS"),
    ],
)
@pytest.mark.parametrize("text", [False, True])
def test_the_property_sets_of_ifc2x3_in_their_spellings(ifc_writer, names, text: bool) -> None:
    w = ifc_writer("IFC2X3")
    f = w.file.create_entity
    site = w.root("IfcSite", ObjectPlacement=w.placed(0, 0, 0))
    turn = np.deg2rad(30.0)
    values = {"Eastings": EAST, "Northings": NORTH, "OrthogonalHeight": 20.0,
              "XAxisAbscissa": float(np.cos(turn)), "XAxisOrdinate": float(np.sin(turn)), "Scale": 0.001}  # fmt: skip
    for name, members in ((names[0], values), (names[1], {"Name": "EPSG:4547"})):
        props = [
            f(
                "IfcPropertySingleValue",
                k,
                None,
                f("IfcText", f"{v}") if text or isinstance(v, str) else f("IfcReal", v),
            )
            for k, v in members.items()
        ]
        pset = w.root("IfcPropertySet", Name=name, HasProperties=props)
        w.root("IfcRelDefinesByProperties", RelatedObjects=[site], RelatingPropertyDefinition=pset)
    found = find_georeference(w.file, LOCAL)
    want = [EAST + 10 * np.cos(turn), NORTH + 10 * np.sin(turn), 20.0, 1]
    assert (found.crs, found.method) == ("EPSG:4547", "epset")
    assert found.matrix @ [10, 0, 0, 1] == pytest.approx(want)


def test_true_north_turns_by_the_convergence_on_a_grid(ifc_writer) -> None:
    """Latitude, longitude and true north in a projected CRS: a point 100 m along the model's x axis, by pyproj's geodesic."""
    from pyproj import Geod

    w = ifc_writer(milli=False)
    w.root(
        "IfcSite",
        RefLatitude=(30, 30, 12, 500_000),
        RefLongitude=(115, 10, 30, 250_000),
        RefElevation=20.0,
        ObjectPlacement=w.placed(0, 0, 0),
    )
    w.context.TrueNorth = w.file.create_entity("IfcDirection", (0.5, float(np.sqrt(0.75))))
    found = find_georeference(w.file, LOCAL, "EPSG:4547")
    lon, lat = 115 + 10 / 60 + 30.25 / 3600, 30 + 30 / 60 + 12.5 / 3600
    lon2, lat2, _ = Geod(ellps="GRS80").fwd(
        lon, lat, 60.0, 100.0
    )  # true north lies 30° to the right of y
    got = metres("EPSG:4547", *(found.matrix @ [100, 0, 0, 1])[:2])
    # true north at (0.5, 0.87): y is 30° left of it, so x points to azimuth 60°
    assert (got[0] - lon2) * 95_900 == pytest.approx(0, abs=0.05)
    assert (got[1] - lat2) * 110_860 == pytest.approx(0, abs=0.05)
    assert found.confidence >= 0.6


def test_whole_minutes_are_too_coarse_to_place_by(ifc_writer) -> None:
    w = ifc_writer()
    w.root("IfcSite", RefLatitude=(30, 30, 0), RefLongitude=(114, 5, 0))
    found = find_georeference(w.file, LOCAL)
    assert found.confidence < 0.6
    assert found.near == pytest.approx((114.08333, 30.5), abs=1e-4)


def test_several_sites_are_told(ifc_writer) -> None:
    w = ifc_writer()
    for minute in (10, 20):
        w.root("IfcSite", RefLatitude=(30, minute, 5), RefLongitude=(114, 5, 5))
    found = find_georeference(w.file, LOCAL)
    assert any("2 sites" in f and "18.5 km" in f for f in found.findings)


def test_names_in_prose_codes_and_attributes() -> None:
    assert crs_from_name("EPSG:25832+5783") == "EPSG:25832"
    assert crs_from_name("ETRS89 / UTM zone 32N (EPSG:25832)") == "EPSG:25832"
    assert crs_from_name("Amersfoort RD New") == "EPSG:28992"
    assert crs_from_name("武汉2000") is None
    assert crs_from_name("EPSG:99999") is None
    found = crs_of_texts(["local", None], "NAD83 California zone 3 ftUS")
    assert found is not None
    assert (found.crs, found.confidence) == ("EPSG:2227", 0.8)


def test_a_placement_of_the_plan_in_metres_and_in_degrees() -> None:
    grid = given_placement(
        "m.ifc", "EPSG:4547", {"easting": EAST, "northing": NORTH, "height": 5, "rotation_deg": 90}
    )
    assert grid.matrix @ [10, 0, 1, 1] == pytest.approx([EAST, NORTH + 10, 6, 1])
    ball = given_placement("m.ifc", None, {"lon": 114.0, "lat": 30.5, "rotation_deg": 0})
    _, lat, _, _ = ball.matrix @ [0, 1000, 0, 1]
    assert ball.crs == "EPSG:4490"
    assert (lat - 30.5) * 110_860.5 == pytest.approx(1000, abs=0.5)
    for bad in ({"easting": 1}, {"lon": "x", "lat": 1}, {"lon": 1, "lat": 2, "heigth": 3}):
        with pytest.raises(PlanError, match="placement needs"):
            given_placement("m.ifc", None, bad)
    with pytest.raises(PlanError, match="projected crs"):
        given_placement("m.ifc", "EPSG:4326", {"easting": 1, "northing": 2})
