"""Codes are data: classes of the base, 管理部件 and 管理事项, CIM levels, each with its edition.

Every table is a CSV file in this folder whose first line reads ``# edition: …; source: …``. An
official edition replaces a file; no code changes. Nothing here is hard-coded but file names.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from twin.errors import NotFoundError

__all__ = [
    "cim_classes",
    "cim_levels",
    "collection_of",
    "component_faults",
    "components",
    "edition",
    "edition_of",
    "is_known",
    "matters",
    "table",
]

_FOLDER = Path(__file__).parent
_CLASSES, _URBAN, _LEVELS = "cim_classes", "gbt47678_5_2026", "cim_levels"
_COMPONENT, _MATTER = "管理部件", "管理事项"
_HEADER = re.compile(r"#\s*edition:\s*([^;]+)")
_FIVE_DIGITS = re.compile(r"\d{5}")


@cache
def table(name: str) -> pa.Table:
    """A code table by its file name without ``.csv``; every column is text.

    Raises
    ------
    NotFoundError
        If there is no such table.
    """
    path = _FOLDER / f"{name}.csv"
    if not re.fullmatch(r"\w+", name) or not path.is_file():
        have = ", ".join(sorted(p.stem for p in _FOLDER.glob("*.csv")))
        raise NotFoundError(f"no code table {name!r}; there are: {have}")
    text = path.read_text(encoding="utf-8").splitlines()
    skipped = sum(1 for line in text if line.startswith("#"))
    columns = text[skipped].split(",")
    return csv.read_csv(
        path,
        read_options=csv.ReadOptions(skip_rows=skipped),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True
        ),
    )


@cache
def edition(name: str) -> str:
    """Edition of a code table, as its first line says it.

    Examples
    --------
    >>> edition("gbt47678_5_2026")
    'GB/T 47678.5-2026'
    """
    table(name)
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8") as lines:
        found = _HEADER.match(next(lines))
    return found[1].strip() if found else "unknown"


def cim_classes() -> pa.Table:
    """Classes of the base: code, collection, name_zh, name_en, cim_category, color, dimension.

    ``color`` is ``#rrggbb``, ``dimension`` is 2 or 3.
    """
    return table(_CLASSES)


def cim_levels() -> pa.Table:
    """CIM levels: level, order, name_zh, name_en, rule; not verified against the standard."""
    return table(_LEVELS)


def components() -> pa.Table:
    """管理部件: kind, code (5 digits), major, name."""
    urban = table(_URBAN)
    return urban.filter(pc.equal(urban["kind"], _COMPONENT))


def matters() -> pa.Table:
    """管理事项: kind, code (5 digits; the digits are also in use for 管理部件), major, name."""
    urban = table(_URBAN)
    return urban.filter(pc.equal(urban["kind"], _MATTER))


@cache
def _collections() -> dict[str, str]:
    classes = cim_classes()
    return dict(zip(classes["code"].to_pylist(), classes["collection"].to_pylist(), strict=True))


@cache
def _component_codes() -> frozenset[str]:
    return frozenset(components()["code"].to_pylist())


def _look_up(
    class_codes: NDArray[Any], of_component: str, of_class: dict[str, str], otherwise: str
) -> NDArray[np.object_]:
    """Map codes through their few distinct values."""
    given = pa.array(np.asarray(class_codes, dtype=object), pa.string(), from_pandas=True)
    codes = given.dictionary_encode()
    values = [
        of_component if _FIVE_DIGITS.fullmatch(code) else of_class.get(code, otherwise)
        for code in codes.dictionary.to_pylist()
    ]
    index = codes.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    out: NDArray[np.object_] = np.array([*values, otherwise], dtype=object)[index]
    return out


def collection_of(class_codes: NDArray[Any]) -> NDArray[np.object_]:
    """Collection (layer) each class is served in.

    Parameters
    ----------
    class_codes : ndarray of str or None, shape (n,)

    Returns
    -------
    ndarray of object (str), shape (n,)
        ``components`` for any 5-digit 管理部件 code, ``others`` for a code no table has
        and for None.

    Examples
    --------
    >>> collection_of(np.array(["building", "01001", "pipe_gas", None], dtype=object)).tolist()
    ['buildings', 'components', 'pipes', 'others']
    """
    return _look_up(class_codes, "components", _collections(), "others")


def edition_of(class_codes: NDArray[Any]) -> NDArray[np.object_]:
    """Edition each class code belongs to, same shape.

    That of the 管理部件 table for five digits, else that of the classes.
    """
    own = edition(_CLASSES)
    return _look_up(class_codes, edition(_URBAN), {}, own)


def is_known(class_codes: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether a table has the code, as a class or as a 管理部件; False for None."""
    known = [*_collections(), *_component_codes()]
    return np.isin(np.asarray([c or "" for c in class_codes], dtype=str), known)


def component_faults(identifiers: NDArray[Any]) -> NDArray[np.object_]:
    """What is wrong with 17-digit 管理部件标识码 (6 area + 5 type + 6 serial).

    Parameters
    ----------
    identifiers : ndarray of str or None, shape (n,)

    Returns
    -------
    ndarray of object (str or None), shape (n,)
        None where the code is well formed and its type is in the table; None in gives None out.

    Examples
    --------
    >>> ids = np.array(["42987101001000001", "4298710100100001", "42987199999000001"], dtype=object)
    >>> for fault in component_faults(ids):
    ...     print(fault)
    None
    '4298710100100001' has 16 characters; a 管理部件标识码 has 17 digits
    type 99999 is not in GB/T 47678.5-2026
    """
    out = np.full(len(identifiers), None, dtype=object)
    text = np.array([i or "" for i in identifiers], dtype=str)
    given = text != ""
    shaped = (np.char.str_len(text) == 17) & np.char.isdigit(text)
    for i in np.flatnonzero(given & ~shaped):
        out[i] = f"{str(text[i])!r} has {len(text[i])} characters; a 管理部件标识码 has 17 digits"
    kind = np.array([t[6:11] for t in text], dtype=str)
    for i in np.flatnonzero(shaped & ~np.isin(kind, list(_component_codes()))):
        out[i] = f"type {kind[i]} is not in {edition(_URBAN)}"
    return out
