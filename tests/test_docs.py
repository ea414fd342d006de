"""What the README says is true: settings, commands, links."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from twin.settings import ServerSettings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_settings_is_the_settings():
    rows = []
    for name, field in ServerSettings.model_fields.items():
        default = (
            "–" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
        )
        rows.append(f"| `TWIN_{name.upper()}` | {default} | {field.description} |")

    for row in rows:
        assert row in README, row


@pytest.mark.parametrize(
    "verb",
    ["init", "scan", "load", "tile", "serve", "demo", "verify", "info", "geocode", "reverse"],
)
def test_every_command_explains_itself(verb):
    result = CliRunner().invoke(app, [verb, "--help"])

    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_every_command_of_the_readme_exists():
    used = set(re.findall(r"^twin (\w+)", README, re.M))

    groups = {group.typer_instance.info.name for group in app.registered_groups}
    assert used <= groups | {command.callback.__name__ for command in app.registered_commands}


@pytest.mark.parametrize(
    "document", ["README.md", "docs/address.md", "docs/architecture.md", "docs/decisions.md"]
)
def test_links_and_named_files_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    here = (ROOT / document).parent

    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (here / target).exists(), target
    for path in re.findall(
        r"`((?:twin|loaders|tiles|api|address|tests)/[\w/.]+\.(?:py|sql|csv))`", text
    ):
        assert (ROOT / path).exists(), path
