"""Objects whose shape is that of another: one of them is shaped, the others are placed.

The geometry iterator spends as much on each occurrence of a shape as on its placement and its
record together. Which objects have the same shape is written in the file: their representations
map the same sources in the same way.
"""

import re
from dataclasses import dataclass
from typing import Any

import ifcopenshell
import numpy as np
from numpy.typing import NDArray

from loaders.ifc.columns import StepColumns
from loaders.ifc.layout import Layout
from loaders.ifc.structure import Node, has_surface

__all__ = ["Repeats", "shared_shapes"]

FloatArray = NDArray[np.float64]
_REFERENCE = re.compile(r"#(\d+)")
_CLOSE = 1e-7
"""How far (per unit) the kernel's matrix of a first object may lie from the one read here."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Objects with the shape of an earlier one: ``step`` has that of ``first``.

    ``step``, ``first``: int64, shape (n,), step ids. ``place``, ``origin``: float64, shape (n, 4, 4),
    placements of both, model metres.
    """

    step: NDArray[np.int64]
    first: NDArray[np.int64]
    place: FloatArray
    origin: FloatArray

    def placed(self, matrices: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Matrices of the repeats from those the kernel gave their first objects.

        Parameters
        ----------
        matrices : ndarray of float64, shape (n, 4, 4)
            Of the first object of each repeat, NaN where it has none.

        Returns
        -------
        (ndarray of float64, shape (n, 4, 4), ndarray of bool, shape (n,))
            Matrices, and where they can be trusted: the kernel places the first object as is read
            here, but for whole metres by which a shape far from its origin was moved.
        """
        turn = self.origin[:, :3, :3]
        moved = np.einsum("nji,nj->ni", turn, matrices[:, :3, 3] - self.origin[:, :3, 3])
        whole = np.round(moved)
        reach = 1.0 + np.abs(self.origin[:, :3, 3]).max(axis=1) if len(turn) else np.ones(0)
        same = np.abs(matrices[:, :3, :3] - turn).max(axis=(1, 2)) < _CLOSE
        fits = same & (np.abs(moved - whole).max(axis=1) < _CLOSE * reach)
        out = self.place.copy()
        out[:, :3, 3] += np.einsum("nij,nj->ni", self.place[:, :3, :3], whole)
        return out, fits

    def without(self, steps: list[int]) -> "Repeats":
        """Those that are not among some objects."""
        keep = ~np.isin(self.step, steps)
        return Repeats(self.step[keep], self.first[keep], self.place[keep], self.origin[keep])


def shared_shapes(
    model: ifcopenshell.file, nodes: list[Node], layout: Layout | None
) -> tuple[list[int], Repeats]:
    """Objects to shape, and those that repeat the shape of one of them.

    Parameters
    ----------
    model : ifcopenshell.file
    nodes : list of Node
        Those without a surface are left out.
    layout : Layout or None
        See :func:`loaders.ifc.layout.read_layout`; without one nothing repeats.

    Returns
    -------
    (list of int, Repeats)
        Step ids to shape in the order of ``nodes``. What is cut by openings or placed in another
        way than by local placements is shaped for itself.
    """
    if layout is None:
        return [n.step for n in nodes if has_surface(n.entity)], _repeats([], np.zeros((0, 4, 4)))
    steps = np.array([n.step for n in nodes], dtype=np.int64)
    codes, flat = _codes(model, layout.columns), layout.flat
    code_of: dict[tuple[int, ...], tuple[int, ...]] = {
        (row,): (code,) for row, code in enumerate(codes) if not flat[row]
    }
    cut, matter = _cut(model), _matter(model)
    shaped: list[int] = []
    first: dict[tuple[Any, ...], tuple[int, int]] = {}
    repeated: list[tuple[int, int, int, int]] = []
    found = zip(nodes, layout.parts(steps), layout.placed(steps).tolist(), strict=True)
    for node, rows, place in found:
        if rows is None:
            if has_surface(node.entity):
                shaped.append(node.step)
            continue
        key = code_of.get(rows) or tuple([codes[k] for k in rows if not flat[k]])
        if not key:
            continue
        step = node.step
        if place < 0 or step in cut:
            shaped.append(step)
            continue
        here = (step, place)
        known = first.setdefault((node.ifc_class, key, matter.get(step)), here)
        if known is here:
            shaped.append(step)
        else:
            repeated.append((*here, *known))
    return shaped, _repeats(repeated, layout.matrices)


def _repeats(rows: list[tuple[int, int, int, int]], matrices: FloatArray) -> Repeats:
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Repeats(table[:, 0], table[:, 2], matrices[table[:, 1]], matrices[table[:, 3]])


def _codes(model: ifcopenshell.file, columns: StepColumns) -> list[int]:
    """A number for each shape representation, equal where one looks like the other."""
    part, mapped = columns.part.values, columns.mapped
    at = mapped.rows(part[:, 1])
    operator = np.array(sorted(set(mapped.values[:, 1].tolist())), dtype=np.int64)
    spelled: dict[str, int] = {}
    number = np.array(
        [spelled.setdefault(_spelled(model, step), len(spelled)) for step in operator.tolist()],
        dtype=np.int64,
    )
    styles = _styles_of_mapped(model)
    looks: dict[tuple[int, ...], int] = {(): 0}
    look = np.array(
        [looks.setdefault(styles.get(step, ()), len(looks)) for step in part[:, 1].tolist()]
        if styles
        else np.zeros(len(part)),
        dtype=np.int64,
    )
    codes = -1 - np.arange(len(part))
    there = np.flatnonzero(at >= 0)
    if len(there):
        said = mapped.values[at[there]]
        turn = number[np.searchsorted(operator, said[:, 1])]
        rows = np.column_stack([part[there, 0], said[:, 0], turn, look[there]])
        codes[there] = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    return list(codes.tolist())


def _spelled(model: ifcopenshell.file, step: int, depth: int = 0) -> str:
    """An entity as text, with what it names in place of the references; its own number where that fails."""
    try:
        text = str(model.by_id(step).to_string()).partition("=")[2]
    except RuntimeError:
        return f"#{step}"
    if depth > 3:
        return text
    return _REFERENCE.sub(lambda found: _spelled(model, int(found[1]), depth + 1), text)


def _matter(model: ifcopenshell.file) -> dict[int, tuple[int, ...]]:
    """Materials and types of objects in models whose materials have a look; empty in others."""
    out: dict[int, tuple[int, ...]] = {}
    if "IfcMaterialDefinitionRepresentation" not in model.types():
        return out
    for kind, attribute in (
        ("IfcRelAssociatesMaterial", "RelatingMaterial"),
        ("IfcRelDefinesByType", "RelatingType"),
    ):
        for rel in model.by_type(kind):
            target = getattr(rel, attribute)
            if hasattr(target, "id"):
                for one in rel.RelatedObjects or ():
                    if hasattr(one, "id"):
                        out[one.id()] = (*out.get(one.id(), ()), target.id())
    return out


def _cut(model: ifcopenshell.file) -> set[int]:
    """Step ids of what openings or additions change, with the parts of it."""
    cut: set[int] = set()
    for kind in ("IfcRelVoidsElement", "IfcRelProjectsElement"):
        for rel in model.by_type(kind):
            if hasattr(rel[4], "id"):
                cut.add(rel[4].id())
    whole = [(rel[4], rel[5]) for rel in model.by_type("IfcRelAggregates")] if cut else []
    for _ in range(16):
        before = len(cut)
        for above, parts in whole:
            if hasattr(above, "id") and above.id() in cut:
                cut.update(part.id() for part in parts or () if hasattr(part, "id"))
        if len(cut) == before:
            break
    return cut


def _styles_of_mapped(model: ifcopenshell.file) -> dict[int, tuple[int, ...]]:
    """Styles that single occurrences of a mapped shape carry, by step id of the mapped item."""
    out = {}
    for one in model.by_type("IfcStyledItem"):
        item = one.get_argument(0)
        if hasattr(item, "is_a") and item.is_a("IfcMappedItem"):
            styles = one.get_argument(1) or ()
            out[item.id()] = tuple(s.id() for s in styles if hasattr(s, "id"))
    return out
