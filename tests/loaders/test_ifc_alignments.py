"""Axes of alignments against numbers by hand: arcs, series of the clothoid, parabolas; and against what real files repeat."""

import json
import re
from itertools import pairwise
from pathlib import Path

import ifcopenshell
import numpy as np
import pytest
import shapely

from loaders.ifc import IfcLoader
from loaders.ifc.alignments import _planned, _turns, axes
from loaders.ifc.opening import open_model
from loaders.ifc.structure import build_nodes
from loaders.ifc.units import angle_unit, length_unit
from twin.plan import LayerPlan


def nest(w, whole, parts, kind: str = "IfcRelNests") -> None:
    w.root(kind, RelatingObject=whole, RelatedObjects=parts)


def horizontal(w, *segments: tuple[float, float, float, float, float, float, str]):
    """x, y, bearing (degrees), radius at start and end (0: straight), length; metres."""
    f, k, parts = w.file.create_entity, 1 / w.unit, []
    for x, y, bearing, first, last, length, kind in segments:
        said = f("IfcAlignmentHorizontalSegment", StartPoint=f("IfcCartesianPoint", (x * k, y * k)),
                 StartDirection=float(np.deg2rad(bearing)), StartRadiusOfCurvature=first * k,
                 EndRadiusOfCurvature=last * k, SegmentLength=length * k, PredefinedType=kind)  # fmt: skip
        parts.append(w.root("IfcAlignmentSegment", DesignParameters=said))
    layout = w.root("IfcAlignmentHorizontal")
    nest(w, layout, parts)
    return layout


def vertical(w, *segments: tuple[float, float, float, float, float, str]):
    """Start along the plan, length, height (metres), gradient at start and end."""
    f, k, parts = w.file.create_entity, 1 / w.unit, []
    for start, length, height, first, last, kind in segments:
        said = f("IfcAlignmentVerticalSegment", StartDistAlong=start * k, HorizontalLength=length * k,
                 StartHeight=height * k, StartGradient=first, EndGradient=last, PredefinedType=kind)  # fmt: skip
        parts.append(w.root("IfcAlignmentSegment", DesignParameters=said))
    layout = w.root("IfcAlignmentVertical")
    nest(w, layout, parts)
    return layout


def alignment(w, *layouts, **more: object):
    out = w.root("IfcAlignment", **({"ObjectPlacement": w.placed(0, 0, 0)} | more))
    if layouts:
        nest(w, out, list(layouts))
    return out


def drawn(file: ifcopenshell.file, entity, georef=None):
    nodes, _ = build_nodes(file)
    found = axes(nodes, length_unit(file), angle_unit(file), np.eye(4) if georef is None else georef)  # fmt: skip
    return found[entity.id()]


@pytest.fixture
def w(ifc_writer: type):
    return ifc_writer("IFC4X3_ADD2")


def test_a_straight_and_a_quarter_circle(w) -> None:
    """100 m east, then a quarter of a circle of 100 m to the left: ends at (200, 100), never a centimetre off."""
    quarter = 50 * np.pi
    plan = horizontal(w, (0, 0, 0, 0, 0, 100, "LINE"), (100, 0, 0, 100, 100, quarter, "CIRCULARARC"))  # fmt: skip
    axis = drawn(w.file, alignment(w, plan))
    points = np.array(axis.line.coords)
    assert points.shape[1] == 2  # nothing says how high it runs
    assert points[[0, 1, -1]] == pytest.approx(np.array([[0, 0], [100, 0], [200, 100]]), abs=1e-6)
    arc = points[1:]
    assert np.hypot(arc[:, 0] - 100, arc[:, 1] - 100) == pytest.approx(100, abs=1e-6)
    middles = (arc[1:] + arc[:-1]) / 2
    assert np.hypot(middles[:, 0] - 100, middles[:, 1] - 100).min() > 100 - 0.0101
    assert (axis.length, axis.radius) == pytest.approx((100 + quarter, 100))


def test_a_clothoid_ends_where_its_series_says(w) -> None:
    """From straight to 300 m to the right over 90 m: the first terms of the series, written out."""
    plan = horizontal(w, (0, 0, 0, 0, -300, 90, "CLOTHOID"))
    end = drawn(w.file, alignment(w, plan)).line.coords[-1]
    a2 = 300 * 90
    x = 90 - 90**5 / (40 * a2**2) + 90**9 / (3456 * a2**4)
    y = 90**3 / (6 * a2) - 90**7 / (336 * a2**3) + 90**11 / (42_240 * a2**5)
    assert end == pytest.approx((x, -y), abs=1e-5)


@pytest.mark.parametrize("kind", ["BLOSSCURVE", "COSINECURVE", "SINECURVE", "HELMERTCURVE", "VIENNESEBEND"])  # fmt: skip
def test_other_transitions_turn_as_far_as_a_clothoid(w, kind: str) -> None:
    """All turn by half of length over radius: what follows them runs on at that angle."""
    axis = drawn(w.file, alignment(w, horizontal(w, (0, 0, 10, 0, 200, 80, kind))))
    a, b = np.array(axis.line.coords)[-2:]
    turned = np.rad2deg(np.arctan2(*(b - a)[::-1]))
    step = np.rad2deg(np.hypot(*(b - a)) / 200 / 2)
    assert turned == pytest.approx(10 + np.rad2deg(80 / 400) - step, abs=0.1)


def test_gradients_lift_the_line(w) -> None:
    """2 % up for 100 m, a crest over 80 m down to -2 % (parabola): highest 0.4 m over its start; then an arc."""
    plan = horizontal(w, (0, 0, 90, 0, 0, 300, "LINE"))
    sine = float(np.sin(np.arctan(0.02)))
    rise = vertical(w, (0, 100, 10, 0.02, 0.02, "CONSTANTGRADIENT"), (100, 80, 12, 0.02, -0.02, "PARABOLICARC"),
                    (180, 1000 * sine, 12, -0.02, 0.0, "CIRCULARARC"))  # fmt: skip
    points = np.array(drawn(w.file, alignment(w, plan, rise)).line.coords)
    at = np.interp([50, 100, 140, 180, 180 + 1000 * sine], points[:, 1], points[:, 2])
    dip = 1000 * (1 - np.cos(np.arctan(0.02)))  # radius 1000 between the two angles
    assert at == pytest.approx([11, 12, 12.4, 12, 12 - dip], abs=0.011)
    assert points[:, 0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("wild", [0.0, 1e-300, -1e9, 1e150, 1e308])
@pytest.mark.parametrize("place", range(6))
def test_numbers_no_road_has_are_left_out_or_bounded(w, place: int, wild: float) -> None:
    """Radius, length, bearing, distance, height and gradient in turn; what is drawn is finite and short enough to hold."""
    w.unit = 1.0  # the numbers as they are
    numbers = [90.0, 250.0, 0.0, 0.0, 10.0, 0.01]
    numbers[place] = wild
    radius, length, bearing, start, height, gradient = numbers
    curve = (0.0, 0.0, bearing, radius, -radius, length, "CLOTHOID")
    whole = alignment(
        w,
        horizontal(w, (0.0, 0.0, 0.0, 0.0, 0.0, 5e3, "LINE"), curve),
        vertical(w, (start, length, height, gradient, -0.01, "CIRCULARARC")),
    )
    nodes, _ = build_nodes(w.file)
    with np.errstate(all="ignore"):
        found = axes(nodes, length_unit(w.file), angle_unit(w.file), np.eye(4))
    if found:
        points = np.array(found[whole.id()].line.coords)
        assert np.isfinite(points).all()
        assert len(points) < 10_000


def test_gradients_of_their_own_run_over_the_plan_they_belong_to(w) -> None:
    plan = horizontal(w, (0, 0, 0, 0, 0, 100, "LINE"))
    whole = alignment(w, plan, ObjectPlacement=w.placed(5, 6, 0))
    part = alignment(w, vertical(w, (0, 100, 3, 0.01, 0.01, "CONSTANTGRADIENT")), ObjectPlacement=w.placed(5, 6, 0))  # fmt: skip
    nest(w, whole, [part], "IfcRelAggregates")
    assert np.array(drawn(w.file, part).line.coords) == pytest.approx(np.array([[5, 6, 3], [105, 6, 4]]))  # fmt: skip
    assert drawn(w.file, whole).line.has_z is False


def test_an_alignment_is_a_record_with_its_line_and_its_layouts_belong_to_it(w, tmp_path: Path) -> None:  # fmt: skip
    plan = horizontal(w, (0, 0, 0, 0, 0, 40, "LINE"), (40, 0, 0, -50, -50, 30, "CIRCULARARC"))
    named = alignment(w, plan, Name="K1")
    alignment(w, Name="empty")
    crs = w.file.create_entity("IfcProjectedCRS", Name="EPSG:4547", MapUnit=w.metre)
    w.file.create_entity("IfcMapConversion", w.context, crs, 508_210.0, 3_373_140.0, 0.0, 0.0, 1.0, 0.001)  # fmt: skip
    w.file.write(str(tmp_path / "line.ifc"))
    layer = IfcLoader().scan(tmp_path / "line.ifc")[0]
    rows = [r for b in IfcLoader().read(layer, LayerPlan("line.ifc", kind="model")) for r in b.records.to_pylist()]  # fmt: skip
    told = {r["name"]: r for r in rows}
    line, said = shapely.from_wkb(told["K1"]["geometry"]), json.loads(told["K1"]["attributes"])

    assert (told["K1"]["key"], told["K1"]["role"]) == (named.GlobalId, "centreline")
    assert line.coords[1] == pytest.approx(
        (508_210.0, 3_373_180.0)
    )  # the model's x axis points north
    assert (said["length_m"], said["radius_min_m"]) == (70.0, 50.0)
    assert (told["empty"]["role"], told["empty"]["geometry"]) == ("none", None)
    assert [r["parent_key"] for r in rows if "AlignmentHorizontal" in r["attributes"]] == [named.GlobalId]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [
        (r"(IFCALIGNMENTSEGMENT\(.*),[^,]*\);", r"\1,1.E9);"),
        (r"(IFCALIGNMENTSEGMENT\(.*),[^,]*\);", r"\1,'x');"),
        (r"(IFCALIGNMENTHORIZONTALSEGMENT\([^,]*,[^,]*),#\d+", r"\1,3."),
        (r"(IFCALIGNMENT\('[^']*',\$),'K1'", r"\1,#1"),
        (r"(IFCRELNESTS\(.*),\(.*\)\);", r"\1,(1.,'x',*));"),
    ],
    ids=["a number for parameters", "a text for parameters", "a number for the start", "an object for the name", "numbers for the nested"],
)  # fmt: skip
def test_what_stands_in_a_wrong_place_costs_a_line_and_not_the_model(w, tmp_path: Path, pattern: str, wrong: str) -> None:  # fmt: skip
    plan = horizontal(w, (0, 0, 0, 0, 0, 40, "LINE"))
    alignment(w, plan, Name="K1")
    column = w.root("IfcColumn", Name="C", ObjectPlacement=w.placed(0, 0, 0), Representation=w.shape([w.box(1, 1, 1)]))  # fmt: skip
    text, n = re.subn(pattern, wrong, w.file.to_string())
    assert n
    (tmp_path / "odd.ifc").write_text(text, encoding="ascii")
    layer = IfcLoader().scan(tmp_path / "odd.ifc")[0]
    rows = [r for b in IfcLoader().read(layer, LayerPlan("odd.ifc", kind="model")) for r in b.records.to_pylist()]  # fmt: skip

    assert len(rows) == layer.count
    assert {r["key"]: r["role"] for r in rows}[column.GlobalId] == "mesh"
    assert sum('IfcAlignment"' in r["attributes"] for r in rows) == 1


@pytest.mark.real
@pytest.mark.parametrize("name", ["i_al01_oda", "i_acca_rfi_railway", "i_lip002_imperial"])
def test_each_segment_ends_where_the_file_says_the_next_begins(real: Path, name: str) -> None:
    """Designers write every start down: what was computed from the one before must meet it, within half a centimetre."""
    model, _ = open_model(real / "ifc" / f"{name}.ifc")
    apart = []
    for entity in model.by_type("IfcAlignment"):
        turns = list(_turns(_planned(entity), length_unit(model), angle_unit(model)))
        ends = [turn.places(turn.stations())[-1] for turn in turns]
        apart += [float(np.hypot(*(end - (after.x, after.y)))) for end, (_, after) in zip(ends, pairwise(turns), strict=False)]  # fmt: skip
    assert len(apart) > 100
    assert max(apart) < 0.005
