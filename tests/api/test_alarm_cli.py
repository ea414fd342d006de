"""``twin alarm`` against a running server."""

import json
from datetime import UTC, datetime

import httpx
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from twin.city import City
from twin.errors import InvalidRequestError
from twin.live import register_streams
from twin.schema import STREAMS
from twin.settings import ServerSettings
from twin.store import Store

GAS = {
    "key": "G1/ch4", "thing_key": "G1", "thing_name": "燃气井1", "subject": "燃气", "unit": "%", "property": "甲烷",
    "lon": 114.05, "lat": 30.45, "z_ell": 9.5, "alarm_high": 1.0, "interval_s": 60.0,
}  # fmt: skip


@pytest.fixture
def run(tmp_path, serve):
    """Runs ``twin alarm`` against a server with one alarm; gives its JSON."""
    city = City.init(tmp_path / "city", name="test")
    placed = STREAMS
    for column in ("lon", "lat", "z_ell"):
        placed = placed.append(pa.field(column, pa.float64()))
    with Store.open(city) as store, store.transaction() as con:
        register_streams(con, pa.Table.from_pylist([GAS], schema=placed), None, datetime.now(UTC))
    with serve(create_app(ServerSettings(city=city.path))) as root:
        sent = httpx.post(f"{root}/observations", json={"stream": "G1/ch4", "result": 2.0}, timeout=60)  # fmt: skip
        assert sent.status_code == 201, sent.text

        def twin(*words):
            done = CliRunner().invoke(app, ["alarm", *words, "--url", root, "--json"], catch_exceptions=False)  # fmt: skip
            assert done.exit_code == 0, done.output
            return json.loads(done.stdout_bytes)

        yield twin


def test_an_alarm_is_listed_answered_and_shown(run):
    (found,) = run("list")["alarms"]
    assert (found["state"], found["key"]) == ("active", "G1/ch4")
    told = run("ack", found["id"], "--actor", "小李", "--note", "已派人")
    assert told["state"] == "acknowledged"
    assert run("shelve", found["id"], "--hours", "2")["state"] == "shelved"
    assert run("unshelve", found["id"])["state"] == "active"
    assert run("suppress", found["rule_id"], "--rule")["state"] == "suppressed"
    events = run("show", found["id"])["events"]
    assert [e["event"] for e in events][:2] == ["raise", "acknowledge"]
    assert (events[1]["actor"], events[1]["note"]) == ("小李", "已派人")
    with pytest.raises(InvalidRequestError, match="there is no alarm"):
        run("ack", "019e7044-8800-7000-8000-000000000001")
