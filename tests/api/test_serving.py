"""What ``twin serve`` is not told on the command line it takes from the environment."""

import pytest
from typer.testing import CliRunner

from api.cli import app


@pytest.mark.parametrize(
    ("words", "simulate", "want"),
    [
        ([], "true", ("127.0.0.2", True)),
        ([], "false", ("127.0.0.2", False)),
        (["--host", "127.0.0.1"], "true", ("127.0.0.1", True)),
        (["--simulate"], "false", ("127.0.0.2", True)),
    ],
)
def test_the_command_line_wins_over_the_environment(words, simulate, want, city, monkeypatch):
    monkeypatch.setenv("TWIN_SIMULATE", simulate)
    monkeypatch.setenv("TWIN_HOST", "127.0.0.2")
    monkeypatch.setenv("TWIN_PORT", "0")
    seen = []

    def stand_in(settings, listener, _ready):
        seen.append((settings, listener.getsockname()))
        listener.close()

    monkeypatch.setattr("api.serving.run_server", stand_in)
    done = CliRunner().invoke(app, ["serve", "--city", str(city.path), *words])
    assert done.exit_code == 0, done.output
    settings, (host, _port) = seen[0]
    assert (settings.host, settings.simulate) == want
    assert host == want[0]  # the socket itself is where the settings say
