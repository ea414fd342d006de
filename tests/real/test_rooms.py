"""Rooms of real models against a gazetteer written from the models by another reader: bound rightly, or listed, never wrong."""

import csv
import re
from pathlib import Path

import ifcopenshell
import ifcopenshell.util.element
import ifcopenshell.util.unit
import pytest

from api import pipeline
from api.address_binding import bind_addresses
from twin.city import City
from twin.store import Store

FOLDER = next(
    (
        p / "shared" / "data" / "ifc"
        for p in Path(__file__).resolve().parents
        if (p / "shared").is_dir()
    ),
    Path("shared/data/ifc"),
)
MODELS = (
    "b_duplex_A_2x3_revit.ifc", "b_fzkhaus_ac20_ifc4.ifc", "b_house_xbim.ifc",
    "b_kit_edc_spaceboundaries_ifc4.ifc", "b_tallbuilding_revit.ifc", "b_examplehom.ifc",
    "g_duplex_A_2x3_epset_georef.ifc",
)  # fmt: skip
HEAD = ("编号", "县区", "道路", "门牌号", "楼栋", "楼层", "房号", "楼栋编码")


def truth(path: Path) -> tuple[str, dict[str, tuple[int, str]]]:
    """GlobalId of the building; of each numbered space its floor (storeys in order of elevation) and number."""
    model = ifcopenshell.open(path)
    storeys = sorted(model.by_type("IfcBuildingStorey"), key=lambda s: s.Elevation or 0.0)
    metre = ifcopenshell.util.unit.calculate_unit_scale(model)
    heights = [(s.Elevation or 0.0) * metre for s in storeys]
    ground = min(
        range(len(heights)), key=lambda i: abs(heights[i])
    )  # the storey nearest to the ground is the first
    floors = {s.GlobalId: i - ground + (i >= ground) for i, s in enumerate(storeys)}
    rooms = {}
    for space in model.by_type("IfcSpace"):
        above = ifcopenshell.util.element.get_aggregate(space)
        if (
            space.Name
            and re.search(r"\d", space.Name)
            and above is not None
            and above.GlobalId in floors
        ):
            rooms[space.GlobalId] = (floors[above.GlobalId], space.Name)
    return model.by_type("IfcBuilding")[0].GlobalId, rooms


@pytest.mark.real
@pytest.mark.parametrize("name", MODELS)
def test_numbered_spaces_are_bound_to_their_rooms_and_none_wrongly(name, tmp_path):
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is not here: the shared real data lie beside the checkout")
    building, rooms = truth(path)
    assert rooms
    with (tmp_path / "地址.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        for number, (floor, room) in enumerate(sorted(set(rooms.values()))):
            written = f"地下{-floor}层" if floor < 0 else f"{floor}层"
            writer.writerow(
                (f"a{number}", "测试区", "试验路", "1号", "1号楼", written, f"{room}室", "IFC-1")
            )
        writer.writerow(("decoy", "测试区", "试验路", "2号", "1号楼", "1层", f"{room}室", "IFC-2"))
    (tmp_path / "plan.toml").write_text(
        f'[[layer]]\npath = "{path}"\nkind = "model"\n'
        'placement = { crs = "EPSG:4547", easting = 508210.0, northing = 3373140.0, height = 24.5 }\n'
        '[[layer]]\npath = "地址.csv"\nkind = "addresses"\n', encoding="utf-8")  # fmt: skip
    city = City.init(tmp_path / "city")
    pipeline.load(city, [], tmp_path / "plan.toml")
    with Store.open(city) as store:
        with (
            store.transaction() as con
        ):  # the code of the building, as a register of buildings would give it
            con.execute(
                "INSERT INTO alias SELECT 'building.code', 'IFC-1', eid, NULL, NULL, NULL FROM alias "
                "WHERE scheme = 'ifc.guid' AND value = $guid", {"guid": building})  # fmt: skip
        bind_addresses(store)
        bound = store.table(
            "SELECT a.value AS guid, n.\"full\", f.name AS floor, n.name FROM address_binding b "
            "JOIN alias a ON a.eid = b.eid AND a.scheme = 'ifc.guid' JOIN address_node n ON n.node_id = b.node_id "
            "LEFT JOIN address_node f ON f.node_id = n.parent_id WHERE b.kind = 'rooms'"
        ).to_pylist()  # fmt: skip
        listed = store.table(
            "SELECT evidence FROM address_binding WHERE kind = 'rooms' AND node_id IS NULL"
        )
    right = wrong = 0
    for row in bound:
        if row["guid"] not in rooms:
            continue
        floor, number = rooms[row["guid"]]
        expected = (f"地下{-floor}层" if floor < 0 else f"{floor}层", f"{number}室")
        right += (row["floor"], row["name"]) == expected and "试验路1号" in row["full"]
        wrong += (row["floor"], row["name"]) != expected or "试验路1号" not in row["full"]
    unique = [key for key in rooms.values() if list(rooms.values()).count(key) == 1]
    told = f"{name}: {len(rooms)} numbered, {right} right, {wrong} wrong, {listed.num_rows} listed"
    assert wrong == 0, told
    assert right >= 0.98 * len(unique), told
    assert all(listed["evidence"].to_pylist())
