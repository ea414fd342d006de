"""What a model's process does: look at a model, read it, or tell its outline on the ground."""

import gc
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.guid
import numpy as np
import pyarrow as pa
import shapely

from loaders.ifc.alignments import axes
from loaders.ifc.extent import placement_bounds
from loaders.ifc.georeference import Georeference, find_georeference, given_placement
from loaders.ifc.opening import open_model
from loaders.ifc.outline import ground_elements, ground_outline
from loaders.ifc.properties import PropertyBook
from loaders.ifc.records import (
    ShapeIndex,
    Told,
    batches_of,
    node_attributes,
    node_records,
    outlines,
    storey_levels,
    tidy,
)
from loaders.ifc.shapes import Limits, ShapeRun
from loaders.ifc.structure import Node, build_nodes, has_surface, links_of
from loaders.ifc.units import angle_unit, length_unit
from twin.schema import LINKS

__all__ = ["rehearse", "run"]

Options = Mapping[str, Any]
Answers = Iterator[dict[str, Any]]


def run(task: str, path: Path, folder: Path, options: Options) -> Answers:
    """Answers of one task.

    Parameters
    ----------
    task : str
        ``warm``: only start the server. ``scan``: one answer with what the model says of itself. ``read``: ``findings`` and, per
        batch, the name of an Arrow file in ``folder`` with streams of records and meshes.
        ``outline``: the outline on the ground in model metres as hexadecimal WKB.
    path, folder : Path
        The file; an existing folder for results.
    options : mapping
        ``batch_size``; ``crs`` and ``placement`` of the plan; ``limits`` of the geometry.

    Raises
    ------
    SourceError
        If the file cannot be parsed.
    """
    return {"warm": _warm, "scan": _scan, "read": _read, "outline": _outline}[task](
        path, folder, options
    )


@dataclass(frozen=True, slots=True)
class _Model:
    file: ifcopenshell.file
    nodes: list[Node]
    unit: float
    georef: Georeference
    bounds: tuple[float, float, float, float] | None
    findings: list[str]


def _opened(path: Path, options: Options) -> _Model:
    file, findings = open_model(path)
    unit = length_unit(file)
    nodes, more = build_nodes(file)
    bounds = placement_bounds(nodes, unit)
    given = options.get("crs")
    placement = options.get("placement")
    georef = (
        given_placement(path.name, given, placement)
        if placement
        else find_georeference(file, bounds, given)
    )
    return _Model(file, nodes, unit, georef, bounds, [*findings, *more])


def rehearse() -> None:
    """Go once through what every model needs, on one of two entities: libraries load what they load late.

    No kernel and no projection is touched: what is forked afterwards must have no threads and no
    open files.
    """
    file = ifcopenshell.file(schema="IFC4")
    file.create_entity("IfcProject", ifcopenshell.guid.new(), Name="P")
    file.create_entity("IfcBuilding", ifcopenshell.guid.new(), Name="B")
    nodes, _ = build_nodes(file)
    find_georeference(file, placement_bounds(nodes, length_unit(file)))
    book, levels = PropertyBook(file), storey_levels(nodes, 1.0)
    by_step = {node.step: node for node in nodes}
    said = [node_attributes(node, by_step, book, levels)[1] for node in nodes]
    index = ShapeIndex({}, {}, [])
    told = Told(index, outlines(nodes, index, np.eye(4)), {}, {}, {}, {})
    node_records(by_step, 0, nodes, said, told, np.eye(4))
    tidy(shapely.union_all([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], grid_size=0.1), 0.1)


def _warm(path: Path, folder: Path, options: Options) -> Answers:  # noqa: ARG001
    """Nothing: the server has started."""
    yield {"ready": True}


def _scan(path: Path, folder: Path, options: Options) -> Answers:  # noqa: ARG001
    model = _opened(path, options)
    georef = model.georef
    yield {
        "schema": str(model.file.schema_identifier),
        "count": len(model.nodes),
        "crs": georef.crs,
        "method": georef.method,
        "confidence": georef.confidence,
        "evidence": f"placed by {georef.method}: {georef.evidence}",
        "near": georef.near,
        "bounds": _moved(model.bounds, georef),
        "findings": [
            *model.findings,
            f"placed by {georef.method}: {georef.evidence}",
            *georef.findings,
        ],
    }


def _moved(
    box: tuple[float, float, float, float] | None, georef: Georeference
) -> tuple[float, float, float, float] | None:
    """Bounds of the objects in the source CRS; None where the model is nowhere."""
    if box is None or georef.method == "none":
        return None
    corners = np.array([[x, y, 0.0, 1.0] for x in (box[0], box[2]) for y in (box[1], box[3])])
    moved = (corners @ georef.matrix.T)[:, :2]
    low, high = moved.min(axis=0), moved.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _shape_run(model: _Model, nodes: list[Node], folder: Path, options: Options) -> ShapeRun:
    """Start shaping; elements that share a representation map stay neighbours."""
    limits = Limits(**options.get("limits", {}))
    shaped = [n for n in nodes if has_surface(n.entity)]
    if len(shaped) > limits.batch:
        shaped.sort(key=lambda n: _shared(n.entity))
    gc.freeze()  # what is parsed stays shared with the worker: no reference counts of old objects move
    return ShapeRun(model.file, [n.step for n in shaped], folder, model.unit, limits)


def _shared(entity: Any) -> int:  # noqa: ANN401 (IFC entity)
    """Step id of the shape an element takes from a map; 0 for one of its own."""
    for representation in entity.Representation.Representations or ():
        for item in representation.Items or ():
            if item.is_a("IfcMappedItem") and item.MappingSource is not None:
                return int(item.MappingSource.id())
    return 0


def _read(path: Path, folder: Path, options: Options) -> Answers:
    model = _opened(path, options)
    nodes = model.nodes
    shaping = _shape_run(model, nodes, folder, options)
    by_step = {node.step: node for node in nodes}
    texts = folder / "attributes.jsonl"
    codes, more = _described(model, by_step, texts)
    links = links_of(model.file, nodes)
    findings = [*model.findings, *model.georef.findings, *more]
    for done in shaping.follow():
        yield {"shaped": done}
    shapes = shaping.shapes()
    index = ShapeIndex.read(shapes.files)
    georef = model.georef.matrix
    axis = axes(nodes, model.unit, angle_unit(model.file), georef)
    told = Told(index, outlines(nodes, index, georef), shapes.failed, shapes.step, codes, axis)
    findings += shapes.findings
    if shapes.failed:
        findings.append(
            f"{len(shapes.failed)} of {shaping.wanted} elements with a representation have no surface"
        )
    yield {"findings": findings}
    sent: set[str] = set()
    size = min(int(options.get("batch_size", 4096)), 4096)
    with texts.open("rb") as lines:
        for start, part in batches_of(nodes, size):
            said = [line.rstrip() for line in itertools.islice(lines, len(part))]
            records, used = node_records(by_step, start, part, said, told, georef)
            fresh = [m for m in used if m not in sent]
            sent.update(fresh)
            tables = {"records": records, "meshes": index.meshes(fresh)}
            if start + len(part) == len(nodes):
                tables["links"] = _link_table(links)
            name = _written(folder / f"batch-{start}.arrow", tables)
            yield {"batch": name, "tables": list(tables)}


def _described(
    model: _Model, by_step: dict[int, Node], path: Path
) -> tuple[dict[int, str], list[str]]:
    """Write the attributes of all objects, one JSON object a line; returns codes of buildings and findings.

    They wait on disk while shapes are computed: in memory they would outweigh the model.
    """
    book, levels = PropertyBook(model.file), storey_levels(model.nodes, model.unit)
    codes = {}
    with path.open("wb") as file:
        for node in model.nodes:
            code, text = node_attributes(node, by_step, book, levels)
            file.write(text + b"\n")
            if code is not None:
                codes[node.step] = code
    kinds = ", ".join(book.units.changed)
    said = f"property values were converted to SI (degrees for angles): {kinds}"
    return codes, [said] if kinds else []


def _link_table(links: list[Any]) -> pa.Table:
    return pa.table(
        {
            "key": [x.source for x in links],
            "kind": [x.kind for x in links],
            "target_key": [x.target for x in links],
        },
        schema=LINKS,
    )


def _written(path: Path, tables: dict[str, pa.Table]) -> str:
    with pa.OSFile(str(path), "wb") as file:
        for table in tables.values():
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
    return path.name


def _outline(path: Path, folder: Path, options: Options) -> Answers:
    model = _opened(path, options)
    chosen = ground_elements(model.nodes, model.unit)
    shaping = _shape_run(model, chosen, folder, options)
    for done in shaping.follow():
        yield {"shaped": done}
    shape, low = ground_outline(chosen, ShapeIndex.read(shaping.shapes().files))
    yield {
        "outline": shapely.to_wkb(shape, hex=True),
        "low": low,
        "near": model.georef.near,
        "matrix": model.georef.matrix.ravel().tolist(),
        "findings": model.findings,
    }
