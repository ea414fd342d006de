"""What a model's process does: look at a model, read it, or tell its outline on the ground."""

import gc
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import ifcopenshell
import ifcopenshell.guid
import numpy as np
import pyarrow as pa
import shapely

from loaders.ifc.alignments import Axis, axes
from loaders.ifc.extent import placement_bounds
from loaders.ifc.footprints import outlines, tidy
from loaders.ifc.georeference import Georeference, find_georeference, given_placement
from loaders.ifc.layout import Layout, read_layout
from loaders.ifc.opening import open_model, text_of
from loaders.ifc.outline import ground_elements, ground_outline
from loaders.ifc.properties import PropertyBook
from loaders.ifc.records import (
    Describer,
    Told,
    batches_of,
    node_records,
    storey_levels,
)
from loaders.ifc.shapeindex import ShapeIndex
from loaders.ifc.shapes import Limits, ShapeRun, Shapes
from loaders.ifc.sharing import shared_shapes
from loaders.ifc.structure import Node, build_nodes, links_of
from loaders.ifc.units import angle_unit, length_unit
from loaders.ifc.wrongtypes import without_wrong_types
from twin import crs
from twin.errors import SourceError
from twin.schema import LINKS

__all__ = ["rehearse", "run"]

Options = Mapping[str, Any]
Answers = Iterator[dict[str, Any]]
T = TypeVar("T")
_NATIONAL = ("EPSG:4490", *(f"EPSG:{code}" for code in range(4534, 4555)))
"""CGCS2000 in degrees and in its 3° zones: what models of Chinese cities are placed in."""
_STUMBLES = (
    AttributeError, TypeError, ValueError, KeyError, IndexError, RuntimeError, OverflowError
)  # fmt: skip
"""What reading raises where a value is of another type than the schema says."""


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
        ``batch_size``; ``crs`` and ``placement`` of the plan; ``limits`` of the geometry; ``properties``
        (true), whether to read property sets, types, materials and classifications.

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
    layout: Layout | None


def _attempted(path: Path, work: Callable[[bool], T]) -> T:
    """What ``work`` makes of a model; a second time without values of the wrong type where it stumbles.

    Raises
    ------
    SourceError
        If it stumbles again.
    """
    try:
        return work(False)
    except _STUMBLES:
        pass
    try:
        return work(True)
    except _STUMBLES as err:
        raise SourceError(
            path,
            "holds statements that contradict the IFC schema and cannot be left out one by one "
            f"({type(err).__name__}: {str(err)[:120]}); a checker such as the buildingSMART "
            "validation service names them, a new export from the authoring program mends them",
        ) from err


def _opened(path: Path, options: Options, strict: bool, whole: bool = True) -> _Model:
    """A model with its objects and its place.

    ``strict`` leaves out values of the wrong type first; ``whole`` reads the layout, which a look at
    the model does not need.
    """
    file, findings = open_model(path)
    if strict:
        findings = [*findings, *without_wrong_types(file)]
    text = text_of(path, file, findings)
    unit = length_unit(file)
    nodes, more = build_nodes(file)
    layout = read_layout(file, unit, text) if whole else None
    bounds = placement_bounds(nodes, unit, layout)
    given = options.get("crs")
    placement = options.get("placement")
    georef = (
        given_placement(path.name, given, placement)
        if placement
        else find_georeference(file, bounds, given)
    )
    return _Model(file, nodes, unit, georef, bounds, [*findings, *more], layout)


def rehearse() -> None:
    """Go once through what every model needs, on one of two entities: libraries load what they load late.

    No kernel is touched: what is forked afterwards must have no threads. PROJ closes its database in a
    forked process and opens it anew for the first system that it does not know yet: 15 ms.
    """
    for system in _NATIONAL:
        crs.to_geographic(crs.canonical(system), [0.0], [0.0])
        crs.area_of_use(system)
        if not crs.is_geographic(system):
            crs.unit_metres(system)
    file = ifcopenshell.file(schema="IFC4")
    file.create_entity("IfcProject", ifcopenshell.guid.new(), Name="P")
    file.create_entity("IfcBuilding", ifcopenshell.guid.new(), Name="B")
    nodes, _ = build_nodes(file)
    find_georeference(file, placement_bounds(nodes, length_unit(file)))
    by_step = {node.step: node for node in nodes}
    describe = Describer(by_step, PropertyBook(file), storey_levels(nodes, 1.0))
    said = [describe(node)[1] for node in nodes]
    index = ShapeIndex({}, [], np.zeros((0, 4, 4)), {}, [])
    told = Told(index, outlines(nodes, index, np.eye(4)), {}, {}, {}, {})
    node_records(by_step, 0, nodes, said, told, np.eye(4))
    tidy(shapely.union_all([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], grid_size=0.1), 0.1)


def _warm(path: Path, folder: Path, options: Options) -> Answers:  # noqa: ARG001
    """Nothing: the server has started."""
    yield {"ready": True}


def _scan(path: Path, folder: Path, options: Options) -> Answers:  # noqa: ARG001
    model = _attempted(path, lambda strict: _opened(path, options, strict, whole=False))
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


class _Shaping:
    """Shapes of some objects: of one of those that look alike, and in a second run of what is left.

    Parameters
    ----------
    model : _Model
    nodes : list of Node
    folder : Path
    limits : Limits
    """

    def __init__(self, model: _Model, nodes: list[Node], folder: Path, limits: Limits) -> None:
        self._model, self._folder, self._limits = model, folder, limits
        ids, self._repeats = shared_shapes(model.file, nodes, model.layout)
        self.wanted = len(ids) + len(self._repeats.step)
        if len(ids) > limits.batch:
            ids.sort(key=lambda step: _shared(model.file.by_id(step)))
        gc.freeze()  # what is parsed stays shared with the worker: no reference counts of old objects move
        self._run = ShapeRun(model.file, ids, folder, model.unit, limits, self.wanted)

    def stop(self) -> None:
        """End the worker and forget what it wrote."""
        self._run.stop()
        for file in self._folder.glob("shapes-*"):
            file.unlink()

    def follow(self) -> Generator[int, None, tuple[ShapeIndex, Shapes]]:
        """Wait for everything; yields how many are done, returns what came of it."""
        yield from self._run.follow()
        shapes = self._run.shapes()
        index = ShapeIndex.read(shapes.files)
        left = index.repeat(self._repeats, shapes)
        if left:
            folder = self._folder / "left"
            folder.mkdir()
            again = ShapeRun(self._model.file, left, folder, self._model.unit, self._limits)
            for done in again.follow():
                yield self.wanted - len(left) + done
            shapes.join(again.shapes())
            index = ShapeIndex.read(shapes.files)
            index.repeat(self._repeats.without(left), shapes)
        return index, shapes


def _shared(entity: Any) -> int:  # noqa: ANN401 (IFC entity)
    """Step id of the shape an element takes from a map; 0 for one of its own."""
    for representation in entity.Representation.Representations or ():
        for item in representation.Items or ():
            if item.is_a("IfcMappedItem") and item.MappingSource is not None:
                return int(item.MappingSource.id())
    return 0


@dataclass(frozen=True, slots=True)
class _Begun:
    """A model whose statements are all read, while its shapes are computed."""

    model: _Model
    shaping: _Shaping
    texts: Path
    codes: dict[int, str]
    links: list[Any]
    axis: dict[int, Axis]
    findings: list[str]


def _begun(path: Path, folder: Path, options: Options, strict: bool) -> _Begun:
    model = _opened(path, options, strict)
    shaping = _Shaping(model, model.nodes, folder, Limits(**options.get("limits", {})))
    try:
        texts = folder / "attributes.jsonl"
        book = PropertyBook(model.file, empty=not options.get("properties", True))
        codes, more = _described(model, book, texts)
        links = links_of(model.file, model.nodes)
        axis = axes(model.nodes, model.unit, angle_unit(model.file), model.georef.matrix)
    except _STUMBLES:
        shaping.stop()
        raise
    findings = [*model.findings, *model.georef.findings, *more]
    return _Begun(model, shaping, texts, codes, links, axis, findings)


def _read(path: Path, folder: Path, options: Options) -> Answers:
    begun = _attempted(path, lambda strict: _begun(path, folder, options, strict))
    model, nodes, shaping = begun.model, begun.model.nodes, begun.shaping
    texts, findings = begun.texts, begun.findings
    index, shapes = yield from _waited(shaping)
    georef = model.georef.matrix
    by_step = {node.step: node for node in nodes}
    outlined = outlines(nodes, index, georef)
    told = Told(index, outlined, shapes.failed, shapes.step, begun.codes, begun.axis)
    findings += shapes.told()
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
                tables["links"] = _link_table(begun.links)
            name = _written(folder / f"batch-{start}.arrow", tables)
            yield {"batch": name, "tables": list(tables)}


def _waited(shaping: _Shaping) -> Generator[dict[str, Any], None, tuple[ShapeIndex, Shapes]]:
    """What came of the shapes; answers how far they are meanwhile."""
    following = shaping.follow()
    try:
        while True:
            yield {"shaped": next(following)}
    except StopIteration as end:
        came: tuple[ShapeIndex, Shapes] = end.value
        return came


def _described(model: _Model, book: PropertyBook, path: Path) -> tuple[dict[int, str], list[str]]:
    """Write the attributes of all objects, one JSON object a line; returns codes of buildings and findings.

    They wait on disk while shapes are computed: in memory they would outweigh the model.
    """
    by_step = {node.step: node for node in model.nodes}
    describe = Describer(by_step, book, storey_levels(model.nodes, model.unit))
    codes = {}
    with path.open("wb") as file:
        for node in model.nodes:
            code, text = describe(node)
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
    def begin(strict: bool) -> tuple[_Model, list[Node], _Shaping]:
        model = _opened(path, options, strict)
        chosen = ground_elements(model.nodes, model.unit)
        return model, chosen, _Shaping(model, chosen, folder, Limits(**options.get("limits", {})))

    model, chosen, shaping = _attempted(path, begin)
    index, _ = yield from _waited(shaping)
    shape, low = ground_outline(chosen, index)
    yield {
        "outline": shapely.to_wkb(shape, hex=True),
        "low": low,
        "near": model.georef.near,
        "matrix": model.georef.matrix.ravel().tolist(),
        "findings": model.findings,
    }
