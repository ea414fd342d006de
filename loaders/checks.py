"""What cannot be true of a record whatever the city: values outside what exists, codes no table has."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loaders.columns import Faults
from twin import codes

__all__ = [
    "RANGES",
    "STAGES",
    "check_case_codes",
    "check_codes",
    "check_not_future",
    "check_positions",
    "check_ranges",
]

RANGES: Mapping[str, tuple[float, float, str]] = {
    "height_m": (0.0, 1000.0, "m"),
    "floors": (0, 250, ""),
    "floors_below": (0, 30, ""),
    "year_built": (0, 2200, ""),
    "diameter_mm": (0.0, 20_000.0, "mm"),
    "depth_m": (0.0, 1000.0, "m"),
    "width_m": (0.0, 1000.0, "m"),
    "area_m2": (0.0, 1e12, "m²"),
}
"""Canonical attribute → (least, most, unit) that can exist."""

STAGES = ("上报", "受理", "立案", "派遣", "处置", "反馈", "核查", "结案", "作废")
DAY_US = 86_400_000_000


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    return np.asarray(
        column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64
    )


def _picked(texts: NDArray[np.str_], at: NDArray[np.int64]) -> Callable[[int], str]:
    return lambda i: str(texts[at[i]])


def check_ranges(columns: Mapping[str, pa.Array], faults: Faults) -> None:
    """Fault the records with a canonical attribute outside :data:`RANGES`, naming attribute, value and range.

    Parameters
    ----------
    columns : mapping of canonical name → numeric column
        Names that have no range are passed over; null is no fault.
    """
    for name, column in columns.items():
        if name not in RANGES:
            continue
        least, most, unit = RANGES[name]
        values = _numbers(column)
        outside = (values < least) | (values > most)
        if outside.any():
            limits = f"{least:g}–{most:g} {unit}".rstrip()
            texts = np.array([f"{name} {v:g} is outside {limits}" for v in values[outside]])
            at = np.cumsum(outside) - 1
            faults.add(outside, _picked(texts, at))


def check_codes(code: pa.Array, class_codes: NDArray[np.object_], faults: Faults) -> None:
    """Check 部件标识码 (17 digits, known type) of components and 15-digit codes of unit grids.

    Parameters
    ----------
    code : pyarrow.Array of string, length n
        The canonical attribute ``code``.
    class_codes : ndarray of object, shape (n,)
        Class of each record; records of other classes are not checked.
    """
    text = code.to_numpy(zero_copy_only=False)
    present = np.asarray(code.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    classes = codes.collection_of(class_codes)
    component = (classes == "components") & present
    if component.any():
        reasons = np.full(len(text), None, dtype=object)
        reasons[component] = codes.component_faults(text[component])
        wrong = np.array([r is not None for r in reasons.tolist()], dtype=bool)
        faults.add(wrong, lambda i: f"code: {reasons[i]}")
    grid = (class_codes == "grid_unit") & present
    if grid.any():
        well = pc.fill_null(pc.match_substring_regex(code, r"^\d{15}$"), True).to_numpy(
            zero_copy_only=False
        )
        faults.add(grid & ~well, lambda i: f"code {text[i]!r} is no 单元网格 code of 15 digits")


def check_case_codes(kind: pa.Array, code: pa.Array, faults: Faults) -> None:
    """Fault cases whose five-digit code is not in the table of their kind (管理部件 or 管理事项)."""
    parts = code.is_null()
    for name, table in (("管理部件", codes.components()), ("管理事项", codes.matters())):
        of_kind = pc.fill_null(pc.equal(kind, name), False)
        parts = pc.or_(
            parts, pc.and_(of_kind, pc.is_in(code, value_set=table["code"].combine_chunks()))
        )
    faults.add(
        ~parts.to_numpy(zero_copy_only=False),
        lambda i: f"code {code[i].as_py()!r} is not in the table of {kind[i].as_py()}",
    )
    faults.add(code.is_null().to_numpy(zero_copy_only=False), "no code")


def check_not_future(times: pa.Array, faults: Faults, label: str) -> None:
    """Fault times more than a day ahead of this machine's clock."""
    limit = int(time.time() * 1e6) + DAY_US
    micros = pc.fill_null(times.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    faults.add(
        micros > limit, lambda i: f"{label} {times[i].as_py():%Y-%m-%d %H:%M} lies in the future"
    )


def check_positions(x: pa.Array, y: pa.Array, faults: Faults, required: bool) -> None:
    """Fault records with half a position, with 0, 0, and (if ``required``) with none.

    Parameters
    ----------
    x, y : pyarrow.Array of float64
        Source CRS; null where nothing is written.
    """
    no_x, no_y = (
        x.is_null().to_numpy(zero_copy_only=False),
        y.is_null().to_numpy(zero_copy_only=False),
    )
    already = faults.mask
    faults.add((no_x != no_y) & ~already, "only one of the two coordinates is given")
    if required:
        faults.add(no_x & no_y & ~already, "no coordinates")
    faults.add((_numbers(x) == 0.0) & (_numbers(y) == 0.0), "coordinates are 0, 0")
