"""Nothing is declared that no test holds the server to."""

import re
from pathlib import Path

import pytest

from api.ogc.conformance import CONFORMS_TO, PARTS

TESTS = Path(__file__).resolve().parents[2]
ELSEWHERE = {*PARTS["CQL2"], *PARTS["Processes 1"]}
"""Held to by tests/twin/cql2 and tests/api/test_processes.py, which check the same of themselves."""
SPEC = re.compile(r"^https?://www\.opengis\.net/spec/")


def named() -> set[str]:
    """URIs below spec/ that marks of tests name, constants of their modules put in."""
    found = set()
    for path in (TESTS / "api").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        constants = dict(re.findall(r'^([A-Z]+) = "([^"]+)"$', text, re.M))
        for mark in re.findall(r"mark\.conformance\(([^)]+)\)", text):
            parts = [
                constants.get(part.strip(), part.strip().strip('"')) for part in mark.split("+")
            ]
            found.add("".join(parts))
    return found


@pytest.mark.parametrize("uri", [uri for uri in CONFORMS_TO if uri not in ELSEWHERE])
def test_a_declared_class_has_a_test_of_its_name(uri):
    assert SPEC.sub("", uri) in named()


def test_cql2_is_held_to_by_its_own_abstract_tests():
    texts = "".join(
        path.read_text(encoding="utf-8") for path in (TESTS / "twin" / "cql2").glob("*.py")
    )
    texts += (TESTS / "twin" / "cql2" / "data" / "abstract_tests.json").read_text(encoding="utf-8")
    for uri in CONFORMS_TO:
        if "/cql2/" in uri:
            assert uri.rpartition("/conf/")[2] in texts, uri


def test_no_test_names_a_class_that_is_not_declared():
    assert named() <= {SPEC.sub("", uri) for uri in CONFORMS_TO}
