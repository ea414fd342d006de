"""The CIM level of a representation, computed from what it contains, not from what it is called.

The rules are this project's own (``twin/codes/cim_levels.csv`` says so): 1 an outline, 2 a prism
or a placed thing with a class, 3 a measured roof, 4 storeys or LoD3, 5 spaces, 6 elements.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.codes import cim_levels, is_known

__all__ = ["cim_level"]

_SPACES, _ELEMENTS = ("room", "unit"), ("element",)


def _column(values: ArrayLike | None, n: int) -> NDArray[Any]:
    """An object column of length ``n``; all None when absent."""
    out = np.full(n, None, dtype=object)
    if values is not None:
        out[:] = np.asarray(values, dtype=object)
    return out


def _number(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)


def _lod(values: NDArray[Any]) -> NDArray[np.float64]:
    """LoD as a number ("2.2" → 2.2); NaN where it is none."""
    text = [str(v or "") for v in values]
    return np.array([float(t) if t.replace(".", "", 1).isdigit() else np.nan for t in text])


def cim_level(
    role: ArrayLike,
    lod: ArrayLike | None = None,
    class_code: ArrayLike | None = None,
    height_m: ArrayLike | None = None,
    storeys: ArrayLike | None = None,
) -> NDArray[np.object_]:
    """CIM level of representations.

    Parameters
    ----------
    role : array_like of str, shape (n,)
        footprint, centreline, point, area, solid, mesh or none.
    lod : array_like of str, optional
        Level of detail as the source has it: "1", "2.2" …
    class_code : array_like of str, optional
        Class of the entity.
    height_m : array_like of float, optional
        Height of the entity above ground, metres; null or NaN where unknown.
    storeys : array_like of int, optional
        Number of storeys modelled as things of their own under the entity.

    Returns
    -------
    ndarray of object (str or None), shape (n,)
        ``CIM1`` … ``CIM6``; None for role ``none``.

    Examples
    --------
    >>> roles = ["footprint", "footprint", "mesh", "mesh"]
    >>> classes = ["building", "building", "building", "element"]
    >>> cim_level(roles, ["0", "1", "2.2", "3"], classes, [None, 30.0, 12.0, None]).tolist()
    ['CIM1', 'CIM2', 'CIM3', 'CIM6']
    """
    roles = np.asarray(role, dtype=object)
    n = len(roles)
    code = _column(class_code, n)
    detail, tall = _lod(_column(lod, n)), _number(_column(height_m, n))
    modelled = _number(_column(storeys, n))
    body = np.isin(roles, ("solid", "mesh"))
    placed = np.isin(roles, ("point", "centreline"))
    level = np.ones(n, dtype=np.int64)
    level[is_known(code) & ((tall > 0) | body | placed)] = 2
    level[body & (detail >= 2)] = 3
    level[body & ((detail >= 3) | (modelled > 0) | (code == "storey"))] = 4
    level[body & np.isin(code, _SPACES)] = 5
    level[body & np.isin(code, _ELEMENTS)] = 6
    names = np.array(cim_levels()["level"].to_pylist(), dtype=object)
    out: NDArray[np.object_] = names[level - 1]
    out[[r is None or r == "none" for r in roles]] = None
    return out
