"""Shapes of elements out of the geometry kernels, step by step down the ladder."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import ifcopenshell
import ifcopenshell.geom
import numpy as np
from numpy.typing import NDArray

from loaders.ifc.boxes import defined_box
from loaders.ifc.facecolors import FAINTEST, FaceColors
from loaders.meshing import Mesh, shaded_many

__all__ = ["LADDER", "Collector", "shape_alone", "shape_many"]

FAR = 5_000.0
"""Shapes whose vertices lie farther than this from their origin (metres) get an origin of their own."""
DEFLECTION = 0.005
"""Metres a triangle may leave a curved surface."""
FLAT = 1e-14
"""Square metres below which no triangle of a shape has an area."""
LADDER = ("alone", "other", "no_openings", "no_booleans", "cgal", "box")
"""Steps an element takes after the iterator failed on it, in order."""
_LIBRARY = {"other": "hybrid-cgal-simple-opencascade", "cgal": "cgal"}
_BOX_TRIANGLES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4],
     [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7]], np.int64,
)  # fmt: skip

_GREY = bytes([204, 204, 204, 255])
_NOWHERE = np.full(3, np.nan)

FloatArray = NDArray[np.float64]


@cache
def _settings(step: str) -> Any:  # noqa: ANN401 (ifcopenshell, untyped)
    settings = ifcopenshell.geom.settings()  # type: ignore[no-untyped-call]  # no stubs
    settings.set("weld-vertices", True)
    settings.set("no-normals", True)
    settings.set("mesher-linear-deflection", DEFLECTION)
    if step in ("no_openings", "no_booleans"):
        settings.set("disable-opening-subtractions", True)
    if step == "no_booleans":
        settings.set("disable-boolean-result", True)
    return settings


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A shape as the kernel gives it: buffers of points, triangles, and of styles and items of the triangles."""

    name: str
    points: bytes
    triangles: bytes
    styles: bytes
    items: bytes
    palette: bytes


class Collector:
    """Shapes and instances since the last flush; a shape is converted once in the life of the process.

    Parameters
    ----------
    painted : FaceColors, optional
        Colours of single faces, over those of styles.
    """

    def __init__(self, painted: FaceColors | None = None) -> None:
        self._painted = painted
        self._known: dict[str, FloatArray | None] = {}
        self._palette: dict[tuple[Any, ...], bytes] = {}
        self.clear()

    def clear(self) -> None:
        """Forget instances and shapes that were written."""
        self.raw: list[tuple[str, FloatArray, NDArray[np.int64], NDArray[np.uint8]]] = []
        self.corners = 0
        self.steps: list[int] = []
        self.empty: list[int] = []
        self.names: list[str] = []
        self._columns: list[bytes] = []
        self._fresh: list[_Fresh] = []

    def __len__(self) -> int:
        return len(self.steps) + len(self.empty)

    def add(self, shape: Any, mark: str = "") -> None:  # noqa: ANN401 (ifcopenshell, untyped)
        """Take one element's shape; ``mark`` tells shapes of different steps apart."""
        geometry = shape.geometry
        name = f"{geometry.id}{mark}"
        if name not in self._known:
            self._known[name] = None
            faces = geometry.faces_buffer
            self.corners += len(faces) // 4
            self._fresh.append(
                _Fresh(
                    name,
                    geometry.verts_buffer,
                    faces,
                    geometry.material_ids_buffer,
                    geometry.item_ids_buffer if self._painted else b"",
                    b"".join([self._color(style) for style in geometry.materials]),
                )
            )
        self._place(int(shape.id), name, shape.transformation_buffer)

    def add_box(self, step: int, low: FloatArray, high: FloatArray, matrix: FloatArray) -> None:
        """Take a box in place of a shape: corners in the element's own coordinates, metres."""
        x0, y0, z0 = low
        x1, y1, z1 = high
        corner = np.array(
            [[x0, y0, z0], [x1, y0, z0], [x1, y1, z0], [x0, y1, z0],
             [x0, y0, z1], [x1, y0, z1], [x1, y1, z1], [x0, y1, z1]], np.float64,
        )  # fmt: skip
        grey = np.tile(np.frombuffer(_GREY, np.uint8), (12, 1))
        name = f"box-{step}"
        self._known[name] = self._keep(name, corner, _BOX_TRIANGLES, grey)
        self._place(step, name, matrix.T.tobytes())

    def _place(self, step: int, name: str, columns: bytes) -> None:
        """Take an instance; ``columns`` are the 16 numbers of its matrix, column by column."""
        self.steps.append(step)
        self.names.append(name)
        self._columns.append(columns)

    def placed(self) -> FloatArray:
        """Matrices of the instances since the last flush, shape (n, 4, 4).

        Those of shapes without a surface, and infinite ones, leave their elements empty.
        """
        self._settle()
        flat = np.frombuffer(b"".join(self._columns)).reshape(-1, 4, 4)
        matrices = np.ascontiguousarray(flat.transpose(0, 2, 1))
        found = [self._known[name] for name in self.names]
        shifts = np.array([_NOWHERE if at is None else at for at in found]).reshape(-1, 3)
        with np.errstate(invalid="ignore"):
            matrices[:, :3, 3] += (matrices[:, :3, :3] @ shifts[:, :, None])[:, :, 0]
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
        if not finite.all():
            lost = np.flatnonzero(~finite).tolist()
            self.empty += [self.steps[k] for k in lost]
            self.steps = [step for step, fine in zip(self.steps, finite, strict=True) if fine]
            self.names = [name for name, fine in zip(self.names, finite, strict=True) if fine]
        return matrices[finite]

    def _settle(self) -> None:
        """Convert the shapes that came since the last flush, all at once; unusual ones by themselves."""
        fresh = [one for one in self._fresh if one.points and one.triangles]
        self._fresh = []
        if not fresh:
            return
        points = np.frombuffer(b"".join([one.points for one in fresh])).reshape(-1, 3)
        local = np.frombuffer(b"".join([one.triangles for one in fresh]), np.int32)
        triangles = local.reshape(-1, 3).astype(np.int64)
        first = np.cumsum([0] + [len(one.points) // 24 for one in fresh])
        start = np.cumsum([0] + [len(one.triangles) // 12 for one in fresh])
        colors = self._colors(fresh, np.diff(start))
        corner = points[triangles + np.repeat(first[:-1], np.diff(start))[:, None]]
        with np.errstate(invalid="ignore", over="ignore"):
            area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
            largest = np.maximum.reduceat(np.abs(area).max(axis=1), start[:-1])
            reach = np.maximum.reduceat(np.abs(points).max(axis=1), first[:-1])
        plain = (largest > FLAT) & (reach <= FAR)
        ends = zip(
            first.tolist(), first[1:].tolist(), start.tolist(), start[1:].tolist(), strict=False
        )
        for one, usual, (p, p_end, t, t_end) in zip(fresh, plain.tolist(), ends, strict=True):
            shape = points[p:p_end], triangles[t:t_end], colors[t:t_end]
            if usual:
                self._known[one.name] = np.zeros(3)
                self.raw.append((one.name, *shape))
            else:
                self._known[one.name] = self._keep(one.name, *shape)

    def _keep(
        self, name: str, points: FloatArray, triangles: NDArray[np.int64], colors: NDArray[np.uint8]
    ) -> FloatArray | None:
        """Store a shape; returns where its local origin lies in the element's own coordinates."""
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
        if not finite.all():
            sound = finite[triangles].all(axis=1)
            triangles, colors = triangles[sound], colors[sound]
            points = np.where(finite[:, None], points, 0.0)
            if not len(triangles):
                return None
        shift = np.zeros(3)
        if np.abs(points).max() > FAR:
            shift = np.floor(points[triangles.ravel()].min(axis=0))
            points = points - shift
        corner = points[triangles]
        area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        if not (np.abs(area).max() > FLAT):
            return None
        self.raw.append((name, points, triangles, colors))
        return shift

    def _colors(self, fresh: list[_Fresh], faces: NDArray[np.int64]) -> NDArray[np.uint8]:
        """RGBA of all triangles, ``faces`` of each shape, from their styles; light grey without one."""
        first = np.cumsum([1] + [len(one.palette) // 4 for one in fresh])
        table = np.frombuffer(_GREY + b"".join([one.palette for one in fresh]), np.uint8)
        none = np.full(int(faces.max()), -1, np.int32).tobytes()
        said = [
            one.styles if len(one.styles) == 4 * n else none[: 4 * n]
            for one, n in zip(fresh, faces.tolist(), strict=True)
        ]
        ids = np.frombuffer(b"".join(said), np.int32)
        there = (ids >= 0) & (ids < np.repeat(np.diff(first), faces))
        chosen = table.reshape(-1, 4)[np.where(there, ids + np.repeat(first[:-1], faces), 0)]
        if self._painted:
            t = 0
            for one, n in zip(fresh, faces.tolist(), strict=True):
                items = np.frombuffer(one.items, np.int32)
                chosen[t : t + n] = self._painted.over(chosen[t : t + n], items)
                t += n
        return chosen

    def _color(self, style: Any) -> bytes:  # noqa: ANN401
        rgb = style.diffuse.components if style.diffuse else (0.8, 0.8, 0.8)
        clear = style.transparency if style.has_transparency() else 0.0
        key = (*rgb, clear)
        if key not in self._palette:
            clear = clear if np.isfinite(clear) else 0.0
            rgba = [
                *np.clip(np.nan_to_num(rgb, nan=0.8), 0, 1),
                1.0 - min(max(clear, 0.0), 1.0 - FAINTEST),
            ]
            self._palette[key] = np.rint(np.array(rgba) * 255).astype(np.uint8).tobytes()
        return self._palette[key]

    def meshes(self) -> list[Mesh]:
        """The shapes since the last flush, shaded all at once."""
        return shaded_many(self.raw)


def shape_many(
    model: ifcopenshell.file, ids: list[int], threads: int, collector: Collector
) -> Iterator[None]:
    """Many elements with the iterator; yields after each."""
    elements = [model.by_id(i) for i in ids]
    iterator = ifcopenshell.geom.iterator(_settings("iterator"), model, threads, include=elements)
    if iterator.initialize():
        while True:
            collector.add(iterator.get())  # type: ignore[no-untyped-call]  # no stubs
            yield
            if not iterator.next():
                break


def shape_alone(
    model: ifcopenshell.file, step: int, mode: str, unit: float, collector: Collector
) -> str | None:
    """One element by one step of :data:`LADDER`; returns why it has no shape."""
    element = model.by_id(step)
    if mode == "box":
        return _boxed(element, unit, collector)
    for index in (2, 3, 4, 7):  # Name, Description, ObjectType, Tag written as "*" stop the kernel
        with contextlib.suppress(RuntimeError, IndexError, TypeError, ValueError):
            if not isinstance(element[index], str):
                element[index] = None
    create: Callable[..., Any] = ifcopenshell.geom.create_shape
    try:
        library = {"geometry_library": _LIBRARY[mode]} if mode in _LIBRARY else {}
        mark = "" if mode == "alone" else f"-{mode}"
        collector.add(create(_settings(mode), element, **library), mark)
    except (RuntimeError, ValueError, TypeError) as err:
        return str(err)[:200] or type(err).__name__
    return None


def _boxed(element: Any, unit: float, collector: Collector) -> str | None:  # noqa: ANN401
    found = defined_box(element, unit)
    if found is None:
        return "no kernel can compute it and its definition holds no points"
    collector.add_box(element.id(), *found)
    return None
