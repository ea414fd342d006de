"""What the text of a model says of its objects: where they stand and which shapes they have."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import ifcopenshell
import numpy as np
from numpy.typing import NDArray

from loaders.ifc.columns import Floats, Ints, StepColumns, read_columns
from loaders.ifc.placements import placement_matrices
from loaders.ifc.structure import FLAT

__all__ = ["Layout", "read_layout"]

_KIND = re.compile(rb"\$|'[^']*'")
"""The type of a representation as it should be written; what else stands there is the model's to judge."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Placements and shapes of a model's objects as columns.

    ``matrices``: float64, shape (n, 4, 4), of ``columns.place`` to model metres; ``sound``: bool, shape
    (n,), which of them are understood. ``flat``: of each row of ``columns.part``, whether it has no
    surface. ``row``: step id of a shape representation → its row there.
    """

    columns: StepColumns
    matrices: Floats
    sound: NDArray[np.bool_]
    flat: list[bool]
    row: dict[int, int]

    def parts(self, steps: Ints) -> list[tuple[int, ...] | None]:
        """Rows of the shape representations of some objects; None where the text does not tell.

        An object that has no shape is told by the model only: a product written without one looks
        like any other statement.
        """
        product = self.columns.product
        if not len(product.step):
            return [None] * len(steps)
        at = product.rows(steps)
        shapes = np.where(at >= 0, product.values[at, 1], 0)
        get, row = self.columns.shapes.get, self.row
        out: list[tuple[int, ...] | None] = []
        for step in shapes.tolist():
            rows = tuple([row.get(part, -1) for part in get(step, ())])
            out.append(rows if rows and min(rows) >= 0 else None)
        return out

    def placed(self, steps: Ints) -> Ints:
        """Row of the placement of each object in ``matrices``; -1 where it has none that is sound."""
        if not len(self.sound) or not len(self.columns.product.step):
            return np.full(len(steps), -1)
        at = self.columns.product.rows(steps)
        row = self.columns.place.rows(self.columns.product.values[at, 0])
        return np.where((at >= 0) & (row >= 0) & self.sound[row], row, -1)


def read_layout(model: ifcopenshell.file, unit: float, text: Iterable[bytes]) -> Layout | None:
    """Layout of a model whose shapes are mapped; None for others, where reading it would save nothing.

    Parameters
    ----------
    model : ifcopenshell.file
    unit : float
        Metres in one project length unit.
    text : iterable of bytes
        The model as written, in pieces of whole statements; read only where shapes are mapped.

    Returns
    -------
    Layout or None
    """
    if "IfcMappedItem" not in set(model.types()):
        return None
    columns = read_columns(text)
    matrices, sound = placement_matrices(columns, unit)
    kinds = [head.rpartition(b",")[2].strip(b" \r\n") for head in columns.heads]
    flat = np.array([k.strip(b"'").lower().decode("latin-1") in FLAT for k in kinds], dtype=bool)
    text_or_none = np.array([_KIND.fullmatch(kind) is not None for kind in kinds], dtype=bool)
    head = columns.part.values[:, 0]
    row = {
        step: row
        for row, (step, known) in enumerate(
            zip(columns.part.step.tolist(), text_or_none[head].tolist(), strict=True)
        )
        if known
    }
    return Layout(columns, matrices, sound, flat[head].tolist(), row)
