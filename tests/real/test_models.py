"""Every real IFC model: products, GlobalIds, rooms and placement in the base; ``models.py`` prints the same as a table."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import models  # noqa: E402

ABSENT = pytest.param(None, marks=pytest.mark.skip(reason="the folder of real models is not here"))
FOUND = models.models_in([models.DEFAULT]) or [ABSENT]


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem if path else "none")
def test_a_model_comes_through_as_the_bare_iterator_draws_it(path):
    row = models.compared(path)

    assert row.faults() == []


def test_what_falls_short_is_told():
    whole = {"name": "m", "bare": 200, "here": 198, "all": 200, "lines_bare": 1, "lines_here": 1, "boxes": 0, "ids": 3, "ids_astray": 0,
                 "spaces": 2, "rooms": 2, "crs": "EPSG:4547", "compared": 5, "off": 0.05, "ended": "ended"}  # fmt: skip
    assert models.Row(**whole).faults() == []
    short = whole | {"here": 197, "ids_astray": 1, "rooms": 1, "off": 0.051}
    assert models.Row(**short).faults() == [
        "products are missing",
        "1 GlobalIds lead astray",
        "rooms are missing",
        "0.051 m off",
    ]
