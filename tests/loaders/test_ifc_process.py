"""What a model's process loads, keeps and hands over."""

import subprocess
import sys
from types import SimpleNamespace

import ifcopenshell
import numpy as np

from loaders.ifc.shaping import Collector
from loaders.ifc.structure import attribute_of
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


def test_an_instance_that_stands_at_infinity_is_empty_and_far_points_get_an_origin() -> None:
    def shape(step: int, name: str, far: float, x: float) -> SimpleNamespace:
        points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float64)
        points[:, 0] += far
        matrix = np.eye(4)
        matrix[0, 3] = x
        geometry = SimpleNamespace(
            id=name,
            verts_buffer=points.tobytes(),
            faces_buffer=np.array([0, 1, 2], np.int32).tobytes(),
            materials=(),
            material_ids_buffer=b"",
        )
        return SimpleNamespace(id=step, geometry=geometry, transformation_buffer=matrix.T.tobytes())

    collector = Collector()
    for one in (shape(1, "near", 0, 5), shape(2, "near", 0, np.inf), shape(3, "far", 9e5, 5)):
        collector.add(one)
    matrices = collector.placed()
    assert (collector.steps, collector.names, collector.empty) == ([1, 3], ["near", "far"], [2])
    assert matrices[:, :3, 3].tolist() == [[5, 0, 0], [900_005, 0, 0]]
