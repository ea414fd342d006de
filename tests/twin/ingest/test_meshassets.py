"""Assets of meshes: named by what they hold, never written over."""

import numpy as np
import pyarrow as pa

from twin.ingest.meshes import MeshArchive, read_asset
from twin.schema import MESH_EXTRAS, MESHES


def triangle(**more: object) -> pa.Table:
    row = {
        "mesh_id": "m",
        "positions": np.array([[0, 0, 0], [4, 0, 0], [0, 3, 2]], "<f4").tobytes(),
        "indices": np.array([0, 1, 2], "<u4").tobytes(),
        "faces": np.array([1], "<u4").tobytes(),
        "paint": np.array([0xFF112233], "<u4").tobytes(),
        **more,
    }
    return pa.Table.from_pylist([row], schema=pa.schema([*MESHES, *MESH_EXTRAS]))


def written(folder, *tables: pa.Table) -> str:
    archive = MeshArchive(folder)
    for table in tables:
        archive.add(table)
    name, *_ = archive.write()
    assert name is not None
    return name


def test_the_same_meshes_are_one_asset_and_anything_that_differs_makes_another(tmp_path) -> None:
    name = written(tmp_path, triangle())
    assert written(tmp_path, triangle()) == name
    assert [p.name for p in tmp_path.iterdir()] == [name]
    others = [
        triangle(mesh_id="n"),
        triangle(positions=np.array([[0, 0, 0], [4, 0, 0], [0, 3, 9]], "<f4").tobytes()),
        triangle(paint=np.array([0xFF112234], "<u4").tobytes()),
        triangle(surfaces='{"surfaces":[]}'),
        triangle(surface=np.array([0], "<i4").tobytes()),
    ]
    assert len({name, *(written(tmp_path, other) for other in others)}) == 1 + len(others)


def test_a_name_that_other_bytes_have_already_is_left_to_them(tmp_path) -> None:
    name = written(tmp_path, triangle())
    (tmp_path / name).write_bytes(b"something else")
    other = written(tmp_path, triangle())
    assert other != name
    assert (tmp_path / name).read_bytes() == b"something else"
    assert read_asset(tmp_path, other)["mesh_id"].to_pylist() == ["m"]


def test_an_asset_is_read_with_normals_and_as_it_is_kept(tmp_path) -> None:
    name = written(tmp_path, triangle())
    (drawn,) = read_asset(tmp_path, name).to_pylist()
    normal = np.frombuffer(drawn["normals"], "<f4").reshape(-1, 3)
    across = np.cross([4, 0, 0], [0, 3, 2])
    assert np.allclose(normal, across / np.linalg.norm(across))
    (kept,) = read_asset(tmp_path, name, drawn=False).to_pylist()
    assert (kept["normals"], kept["faces"]) == (None, np.array([1], "<u4").tobytes())


def test_fingerprints_and_boxes_are_those_of_each_mesh(tmp_path) -> None:
    archive = MeshArchive(tmp_path)
    archive.add(triangle())
    archive.add(triangle(mesh_id="n", paint=np.array([7], "<u4").tobytes()))
    archive.add(triangle(mesh_id="o"))
    places = archive.places(pa.array(["m", "n", "o", None, "gone"]))
    assert places.tolist() == [0, 1, 2, -1, -1]
    m, n, o, none, gone = archive.digests(places).to_pylist()
    assert m == o != n
    assert (len(m), none, gone) == (16, None, None)
    assert archive.centres(places[:1]).tolist() == [[2.0, 1.5, 1.0]]
    archive.drop()
    assert list(tmp_path.iterdir()) == []
