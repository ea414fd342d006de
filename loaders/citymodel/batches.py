"""Drafted city objects → RECORDS, REPRESENTATIONS, MESHES and IMAGES."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import orjson
import pyarrow as pa

from loaders.base import Batch
from loaders.citymodel.cleaning import cleaned
from loaders.citymodel.drafts import Draft, Drafted, FloatArray, ShapeInfo
from loaders.citymodel.placing import Placing
from loaders.citymodel.shapes import Shapes, build, mesh_rows
from twin.schema import ALIAS, RECORDS, REPRESENTATIONS

__all__ = ["batch_of", "template_meshes"]

FARTHEST = 1e9
"""A corner with a larger coordinate is out of range: no system has any."""


def _sound(shapes: Shapes, infos: list[ShapeInfo]) -> Shapes:
    """Shapes without closing corners and without faces that are no faces; what falls out is counted."""
    closing, good, n_closing, n_bad = cleaned(
        shapes.xyz, shapes.ring_start, shapes.face_start, FARTHEST
    )
    if n_closing:
        shapes = shapes.without_corners(closing)
    if not n_bad:
        return shapes
    lost = np.bincount(shapes.shape_of_face[~good], minlength=len(infos))
    for i in np.flatnonzero(lost).tolist():
        infos[i] = replace(infos[i], skipped=infos[i].skipped + int(lost[i]))
    return shapes.keep_faces(good)


def _surface_columns(placing: Placing) -> tuple[pa.Array | None, pa.Array | None]:
    """JSON of the semantic surfaces and of the textures of each shape."""
    surfaces = None if placing.surfaces is None else placing.surfaces.texts()
    given = [info.textures for info in placing.drafted.infos]
    if not any(given):
        return surfaces, None
    images = [orjson.dumps(one).decode() if one else None for one in given]
    return surfaces, pa.array(images, pa.string())


def batch_of(drafted: Drafted) -> Batch:
    """The batch of drafted objects, one record each, in order.

    Parameters
    ----------
    drafted : Drafted
        Its drafts' notes and attributes are completed here.

    Returns
    -------
    Batch
    """
    shapes = _sound(drafted.shapes, drafted.infos)
    built = build(shapes, drafted.geographic) if len(drafted.infos) else None
    placing = Placing(drafted, shapes, built)
    surfaces, textures = _surface_columns(placing)
    records = _records(drafted, placing)
    meshes = None
    if built is not None and built.meshed.any():
        if textures is not None:
            built.meshes["textures"] = textures
        meshes = mesh_rows(built, pa.array(placing.names, pa.string()), surfaces)
        wanted = placing.drawn[built.meshed]
        meshes = meshes if wanted.all() else meshes.filter(pa.array(wanted))
    if drafted.template_meshes is not None:
        both = [drafted.template_meshes] + ([meshes] if meshes is not None else [])
        meshes = pa.concat_tables(both, promote_options="default")
    return Batch(
        records,
        meshes,
        _representations(placing),
        findings=drafted.findings,
        images=drafted.images,
    )


def _records(drafted: Drafted, placing: Placing) -> pa.Table:
    """A row of RECORDS for each draft."""
    drafts, places = drafted.drafts, placing.places()
    faults = [
        _fault(d, role) if d.notes or d.faults else None
        for d, role in zip(drafts, places.role, strict=True)
    ]
    said = [orjson.dumps(d.attributes, default=str) for d in drafts]
    columns = {
        "row": np.arange(drafted.first_row, drafted.first_row + len(drafts)),
        "key": [d.key for d in drafts],
        "name": [d.name for d in drafts],
        "class_code": [d.class_code for d in drafts],
        "parent_key": [d.parent for d in drafts],
        "relation": [d.relation for d in drafts],
        "aliases": _aliases([d.aliases for d in drafts]),
        "attributes": pa.array(said, pa.binary()).cast(pa.string()),
        "geometry": places.geometry,
        "role": places.role,
        "lod": places.lod,
        "mesh_id": places.mesh_id,
        "matrix": placing.matrix_column(places.matrix),
        "fault": faults,
    }
    return pa.table(columns, schema=RECORDS)


def _fault(draft: Draft, role: str) -> str | None:
    """What makes a record unusable, None where nothing does; notes go into its attributes."""
    if role == "none" and draft.notes and not draft.faults:
        draft.faults.append("no geometry of it can be used: " + "; ".join(draft.notes))
    if draft.notes:
        draft.attributes["notes"] = draft.notes
    return "; ".join(draft.faults) if draft.faults else None


def _representations(placing: Placing) -> pa.Table | None:
    """What was placed beside the records; None where nothing was."""
    if not placing.extra:
        return None
    *columns, matrices = zip(*placing.extra, strict=True)
    names = [name for name in REPRESENTATIONS.names if name != "matrix"]
    table = dict(zip(names, columns, strict=True))
    return pa.table(table | {"matrix": placing.matrix_column(matrices)}, schema=REPRESENTATIONS)


def _aliases(values: Sequence[Sequence[tuple[str, str]]]) -> pa.Array:
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, values), np.int32, len(values)), out=offsets[1:])
    pairs = list(chain.from_iterable(values))
    schemes, names = zip(*pairs, strict=True) if pairs else ((), ())
    struct = pa.StructArray.from_arrays(
        [pa.array(schemes, pa.string()), pa.array(names, pa.string())], fields=list(ALIAS)
    )
    return pa.ListArray.from_arrays(pa.array(offsets), struct)


def template_meshes(
    shapes: Shapes, infos: Sequence[ShapeInfo], names: Sequence[str]
) -> tuple[pa.Table | None, dict[str, FloatArray]]:
    """Meshes of shapes that instances place, and the origin of each in the template's own metres.

    Parameters
    ----------
    shapes : Shapes
        Metres of the template's own.
    infos, names : sequences of length s
        Names are what instances call them.

    Returns
    -------
    meshes : pyarrow.Table or None
        None where no template has a triangle.
    origins : dict of name → ndarray of shape (3,)
        Templates that have a mesh.
    """
    known = list(infos)
    sound = _sound(shapes, known)
    built = build(sound, geographic=False)
    if not built.meshed.any():
        return None, {}
    placing = Placing(Drafted([], sound, known, geographic=False), sound, built)
    surfaces, textures = _surface_columns(placing)
    if textures is not None:
        built.meshes["textures"] = textures
    origins = {
        n: o for n, o, m in zip(names, built.origin, built.meshed.tolist(), strict=True) if m
    }
    return mesh_rows(built, pa.array(list(names), pa.string()), surfaces), origins
