"""What ``twin serve`` is not told on the command line it takes from the environment."""

import pytest
from typer.testing import CliRunner

from api.cli import app


@pytest.mark.parametrize(
    ("words", "want"),
    [
        ([], ("127.0.0.1", 8123, True)),
        (["--port", "0"], ("127.0.0.1", 0, True)),
        (["--no-simulate", "--host", "::1"], ("::1", 8123, False)),
    ],
)
def test_the_command_line_wins_over_the_environment(words, want, city, monkeypatch):
    monkeypatch.setenv("TWIN_SIMULATE", "true")
    monkeypatch.setenv("TWIN_PORT", "8123")
    seen = []
    monkeypatch.setattr("api.serving.run_server", lambda settings, _: seen.append(settings))
    done = CliRunner().invoke(app, ["serve", "--city", str(city.path), *words])
    assert done.exit_code == 0, done.output
    assert (seen[0].host, seen[0].port, seen[0].simulate) == want
