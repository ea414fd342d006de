"""What a model's process loads, keeps and hands over."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import ifcopenshell
import numpy as np
import pyarrow as pa

from loaders.ifc import tasks
from loaders.ifc.shaping import Collector
from loaders.ifc.structure import attribute_of, members_of
from loaders.meshing import matrix_column

_LOADED = """
import sys
from loaders.ifc import server
server.prepare()
print(*(name for name, module in sys.modules.items() if module))
"""


def test_a_models_process_loads_only_what_it_needs() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, check=True, text=True
    )
    loaded = set(told.stdout.split())
    assert {"ifcopenshell", "pyarrow", "shapely", "pyproj"} <= loaded
    heavy = {
        "pandas", "duckdb", "pyogrio", "rasterio", "lxml", "numba", "PIL", "numpy.ma", "pyarrow.compute",
        "ifcopenshell.express", "lark", "urllib.request", "http.client", "ssl",
    }  # fmt: skip
    assert not heavy & loaded


_PRICED = """
import sys
import ifcopenshell
from loaders.ifc.units import length_unit
file = ifcopenshell.file(schema="IFC4")
inch = file.create_entity("IfcMeasureWithUnit", file.create_entity("IfcLengthMeasure", 0.0254),
                          file.create_entity("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE"))
units = [file.create_entity("IfcMonetaryUnit", "CNY"),
         file.create_entity("IfcConversionBasedUnit", UnitType="LENGTHUNIT", Name="INCH", ConversionFactor=inch)]
file.create_entity("IfcProject", "0" * 22, UnitsInContext=file.create_entity("IfcUnitAssignment", units))
print(length_unit(file), "ifcopenshell.express" in sys.modules)
"""


def test_a_unit_of_money_does_not_load_the_rules_of_the_schema() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _PRICED], capture_output=True, check=True, text=True
    )
    assert told.stdout.split() == ["0.0254", "False"]


def test_attributes_and_inverses_are_found_and_others_are_none() -> None:
    file = ifcopenshell.file(schema="IFC4")
    wall = file.create_entity("IfcWall", "1234567890123456789012", Name="W")
    opening = file.create_entity("IfcOpeningElement", "2234567890123456789012")
    voids = file.create_entity(
        "IfcRelVoidsElement",
        "3234567890123456789012",
        RelatingBuildingElement=wall,
        RelatedOpeningElement=opening,
    )
    assert attribute_of(wall, "Name") == "W"
    assert attribute_of(opening, "VoidsElements") == (voids,)
    assert attribute_of(wall, "LongName") is None
    assert attribute_of("no entity", "Name") is None
    assert attribute_of(None, "Name") is None


def test_a_column_of_matrices_has_nulls_where_there_is_none() -> None:
    matrices = np.arange(32.0).reshape(2, 4, 4)
    there = np.array([False, True, *[False] * 7, True])
    column = matrix_column(matrices, there)
    column.validate(full=True)
    assert column.null_count == 8
    assert column[1].as_py() == list(range(16))
    assert column[9].as_py() == list(range(16, 32))
    assert column[0].as_py() is None


def _shape(step: int, name: str, points: list[list[float]], x: float = 0.0) -> SimpleNamespace:
    matrix = np.eye(4)
    matrix[0, 3] = x
    geometry = SimpleNamespace(
        id=name,
        verts_buffer=np.array(points, np.float64).tobytes(),
        faces_buffer=np.arange(len(points), dtype=np.int32).tobytes(),
        materials=(),
        material_ids_buffer=b"",
    )
    return SimpleNamespace(id=step, geometry=geometry, transformation_buffer=matrix.T.tobytes())


def _triangle(far: float) -> list[list[float]]:
    return [[far, 0, 0], [far + 1, 0, 0], [far, 1, 0]]


def test_an_instance_that_stands_at_infinity_is_empty_and_far_points_get_an_origin() -> None:
    collector = Collector()
    for step, name, far, x in ((1, "near", 0, 5), (2, "near", 0, np.inf), (3, "far", 9e5, 5)):
        collector.add(_shape(step, name, _triangle(far), x))
    matrices = collector.placed()
    assert (collector.steps, collector.names, collector.empty) == ([1, 3], ["near", "far"], [2])
    assert matrices[:, :3, 3].tolist() == [[5, 0, 0], [900_005, 0, 0]]


def test_shapes_that_come_together_are_judged_one_by_one() -> None:
    line = [[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]
    broken = [*_triangle(np.nan), *_triangle(3.0)]
    collector = Collector()
    shapes = ([], line, _triangle(0.0), broken, _triangle(7.0), [[np.inf, 0, 0]] * 3)
    for step, points in enumerate(shapes):
        collector.add(_shape(step, str(step), points))
    assert len(collector.placed()) == 3
    assert (collector.steps, sorted(collector.empty)) == ([2, 3, 4], [0, 1, 5])
    meshes = collector.meshes()
    assert [m.mesh_id for m in meshes] == ["2", "3", "4"]
    assert [m.positions[:, 0].min() for m in meshes] == [0, 3, 7]
    collector.clear()
    collector.add(_shape(6, "4", _triangle(7.0)))
    collector.add(_shape(7, "1", line))
    collector.placed()
    assert (collector.steps, collector.empty, collector.meshes()) == ([6], [7], [])


def test_members_of_a_relation_are_read_from_its_text_or_left_to_the_model() -> None:
    file = ifcopenshell.file(schema="IFC4")
    walls = [file.create_entity("IfcWall", f"{k:022d}") for k in range(3)]
    steps = [wall.id() for wall in walls]
    for name in (None, "it's (#1,#2)", "墙,'"):
        held = file.create_entity(
            "IfcRelAggregates", "x" * 22, Name=name, RelatingObject=walls[0], RelatedObjects=walls
        )
        kind = file.create_entity(
            "IfcRelDefinesByType", "y" * 22, Description=name, RelatedObjects=walls[1:]
        )
        assert (members_of(held), members_of(kind)) == (steps, steps[1:])
    assert members_of(file.create_entity("IfcRelDefinesByType", "z" * 22)) is None


def test_a_model_is_read_the_same_without_properties_but_for_them(
    ifc: Path, tmp_path: Path
) -> None:
    read = {}
    for properties in (True, False):
        folder = tmp_path / str(properties)
        folder.mkdir()
        *_, last = tasks.run("read", ifc, folder, {"properties": properties})
        with pa.memory_map(str(folder / last["batch"])) as source:
            read[properties] = pa.ipc.open_stream(source).read_all()
    told, bare = (
        [json.loads(text) for text in read[k]["attributes"].to_pylist()] for k in (True, False)
    )
    assert sum("properties" in one for one in told) == 2
    assert not any("properties" in one for one in bare)
    same = ["key", "name", "parent_key", "geometry", "mesh_id", "matrix"]
    assert read[True].select(same).equals(read[False].select(same))
