"""The top level is fixed, and the packages are the ones of this checkout."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["twin", "loaders", "address", "tiles", "api", "sample_data"])
def test_the_generic_package_names_mean_ours(name):
    file = import_module(name).__file__

    assert file is not None
    assert Path(file).resolve().parent == ROOT / name


def test_no_library_ships_tests_that_stand_before_ours():
    found = find_spec("tests")

    assert found is not None
    assert found.origin is None, f"run .ci/setup: it takes {found.origin} away"


def test_no_test_folder_is_a_package():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_error_stands_in_the_drawing_of_the_tree():
    errors = import_module("twin.errors")

    for name in errors.__all__:
        assert name in errors.__doc__, name
