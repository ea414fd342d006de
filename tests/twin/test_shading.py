"""Meshes as they are drawn out of meshes as they are kept."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from loaders.meshing import shaded as reference
from twin.schema import MESH_EXTRAS, MESHES
from twin.shading import binaries, rows, shaded

BOX = np.array([[x, y, z] for z in (0, 3) for x, y in ((0, 0), (8, 0), (8, 6), (0, 6))], "<f4")
QUADS = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
"""Ground, roof and four walls, counter-clockwise seen from outside."""
COLORS = np.array([0xFF0000FF, 0xFF00FF00, *[0xFFFF0000] * 4], "<u4")


def kept(
    points: NDArray[np.float32], faces: list[list[tuple[int, ...]]], **more: object
) -> pa.Table:
    """One mesh kept by faces, each a list of triangles."""
    row = {
        "mesh_id": "m",
        "positions": points.tobytes(),
        "indices": np.array([t for face in faces for t in face], "<u4").tobytes(),
        "faces": np.array([len(face) for face in faces], "<u4").tobytes(),
        "paint": COLORS[: len(faces)].tobytes(),
        **more,
    }
    return pa.Table.from_pylist([row], schema=pa.schema([*MESHES, *MESH_EXTRAS]))


def cut(quads: list[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    return [[(a, b, c), (a, c, d)] for a, b, c, d in quads]


def drawn(
    mesh: dict[str, bytes],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32], NDArray[np.uint32]]:
    positions, normals = (
        np.frombuffer(mesh[n], "<f4").reshape(-1, 3) for n in ("positions", "normals")
    )
    return (
        positions,
        normals,
        np.frombuffer(mesh["colors"], "<u4"),
        np.frombuffer(mesh["indices"], "<u4").reshape(-1, 3),
    )


def test_a_box_has_a_vertex_for_each_corner_of_each_face_with_its_normal_and_colour() -> None:
    (mesh,) = shaded(kept(BOX, cut(QUADS))).to_pylist()
    positions, normals, colors, triangles = drawn(mesh)
    assert len(positions) == 24
    assert {tuple(n) for n in normals[colors == COLORS[1]].tolist()} == {(0.0, 0.0, 1.0)}
    assert {tuple(n) for n in normals[colors == COLORS[0]].tolist()} == {(0.0, 0.0, -1.0)}
    corner = positions[triangles]
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    assert normals[triangles] == pytest.approx(np.repeat(flat[:, None], 3, axis=1))


def test_a_round_wall_is_smooth_as_the_shader_of_single_meshes_makes_it() -> None:
    n = 24
    angle = 2 * np.pi * np.arange(n) / n
    ring = np.stack([5 * np.cos(angle), 5 * np.sin(angle)], axis=1)
    points = np.array([[*p, z] for z in (0, 4) for p in ring], "<f4")
    walls = cut([(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)])
    row = {"paint": np.full(n, COLORS[0], "<u4").tobytes()}
    (mesh,) = shaded(kept(points, walls, **row)).to_pylist()
    triangles = np.array([t for face in walls for t in face])
    colors = np.tile(COLORS[:1].view(np.uint8), (len(triangles), 1))
    other = reference("m", points.astype(np.float64), triangles, colors)
    assert other is not None
    positions, normals, _, indices = drawn(mesh)
    assert len(positions) == len(other.positions) == 2 * n
    assert positions[indices] == pytest.approx(other.positions[other.indices])
    assert normals[indices] == pytest.approx(other.normals[other.indices], abs=2e-3)


def test_texture_coordinates_follow_their_vertex_and_surfaces_their_triangles() -> None:
    uv = np.arange(16, dtype="<f4").reshape(8, 2)
    surface = np.array([2, -1, 0, 0, 1, 1], "<i4")
    table = kept(BOX, cut(QUADS), uv=uv.tobytes(), surface=surface.tobytes())
    (mesh,) = shaded(table).to_pylist()
    positions, *_ = drawn(mesh)
    told = np.frombuffer(mesh["uv"], "<f4").reshape(-1, 2)
    where = [BOX.tolist().index(p) for p in positions.tolist()]
    assert told.tolist() == uv[where].tolist()
    assert np.frombuffer(mesh["surface"], "<i4").tolist() == np.repeat(surface, 2).tolist()


def test_meshes_of_both_ways_stay_in_order_and_the_others_as_they_were() -> None:
    given = {
        "mesh_id": "whole",
        "positions": BOX[:3].tobytes(),
        "normals": np.tile(np.array([0, 0, 1], "<f4"), (3, 1)).tobytes(),
        "colors": COLORS[:3].tobytes(),
        "indices": np.array([0, 1, 2], "<u4").tobytes(),
    }
    whole = pa.Table.from_pylist([given], schema=pa.schema([*MESHES, *MESH_EXTRAS]))
    both = pa.concat_tables([kept(BOX, cut(QUADS)), whole, kept(BOX, cut(QUADS[:2]))])
    found = shaded(both.combine_chunks())
    assert found["mesh_id"].to_pylist() == ["m", "whole", "m"]
    assert {k: v for k, v in found.to_pylist()[1].items() if k in given} == given
    assert [len(p) // 12 for p in found["positions"].to_pylist()] == [24, 3, 8]
    assert "faces" not in found.column_names


def test_rows_of_a_slice_begin_at_nought_and_null_is_empty() -> None:
    column = pa.array([b"abcd", None, b"ef", b"ghij"], pa.binary())
    at, data = rows(column.slice(1))
    assert (at.tolist(), data.tobytes()) == ([0, 0, 2, 6], b"efghij")
    made = binaries(np.arange(6, dtype="<u4").reshape(3, 2), np.array([0, 1, 1, 3]))
    assert [len(v) for v in made.to_pylist()] == [8, 0, 16]
