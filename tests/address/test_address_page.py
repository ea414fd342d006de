"""docs/address.md says what the code does."""

import re

import pytest
from doc_tables import PAGE, tables, written
from typer.testing import CliRunner

from api.address_cli import address
from api.cli import app

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["elements", "code", "faults", "gazetteer"])
def test_the_tables_are_those_of_the_code(name):
    assert f"<!-- table: {name} -->\n{tables()[name]}\n<!-- end -->" in TEXT, (
        "run python tests/address/doc_tables.py"
    )
    assert written(TEXT) == TEXT


def test_every_command_of_the_page_exists_and_every_command_is_on_the_page():
    known = {c.name or c.callback.__name__ for c in address.registered_commands}
    used = set(re.findall(r"^twin address ([a-z]+)", TEXT, re.M))
    assert used == known
    for name in sorted(known):
        assert CliRunner().invoke(app, ["address", name, "--help"]).exit_code == 0


def test_linked_pages_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
