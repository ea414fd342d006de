"""Where a collection has changed since it was made ready to be drawn: only tiles there have to be made anew."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Touched"]

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Touched:
    """Boxes in which something changed, each with the stamp of the state it changed to.

    Parameters
    ----------
    first : str
        Stamp of the state the collection was made ready at.
    boxes : ndarray of float64, shape (n, 4)
        West, south, east, north in degrees, in the order of the changes.
    stamps : sequence of str
        Of each box.

    Examples
    --------
    >>> touched = Touched("a").and_then("b", np.array([[1.0, 1.0, 2.0, 2.0]]))
    >>> touched.stamp((0.0, 0.0, 1.5, 1.5)), touched.stamp((3.0, 3.0, 4.0, 4.0))
    ('b', 'a')
    """

    first: str
    boxes: Floats = field(default_factory=lambda: np.empty((0, 4)))
    stamps: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.boxes)

    def and_then(self, stamp: str, boxes: Floats) -> Self:
        """With the boxes of a further change."""
        both = np.concatenate([self.boxes, boxes])
        return type(self)(self.first, both, (*self.stamps, *[stamp] * len(boxes)))

    def meets(self, box: Box) -> bool:
        """Whether anything changed in a box."""
        return bool(len(self.boxes)) and bool(_overlap(self.boxes, box).any())

    def stamp(self, box: Box) -> str:
        """The state since which nothing changed in a box."""
        if not len(self.boxes):
            return self.first
        at = np.flatnonzero(_overlap(self.boxes, box))
        return self.stamps[int(at[-1])] if len(at) else self.first


def _overlap(boxes: Floats, box: Box) -> NDArray[np.bool_]:
    west, south, east, north = box
    return np.asarray(
        (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    )  # fmt: skip
