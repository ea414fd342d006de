"""Roles, same-origin writes, bounded bodies, headers; and inputs meant to harm."""

import http.client
import time
from urllib.parse import quote, urlsplit

import httpx
import pytest

from api.access.callers import Caller, Callers, Refused
from api.app import create_app
from twin.settings import ServerSettings

TOKENS = {"viewer": "look-1", "analyst": "think-2", "operator": "act-3", "admin": "rule-4"}
ITEMS = "/collections/buildings/items"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, make_city, serve):
    city = make_city(tmp_path_factory.mktemp("guarded") / "city")
    settings = ServerSettings(
        city=city.path,
        tokens=TOKENS,
        cors_origins=["https://gis.example"],
        max_body_bytes=2000,
        max_limit=5,
    )
    with serve(create_app(settings)) as root, httpx.Client(base_url=root, timeout=20) as session:
        yield session


def bearer(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


@pytest.mark.parametrize(
    "path",
    [
        ITEMS,
        "/entities/x",
        "/tiles/buildings/tileset.json",
        "/city",
        "/api",
        "/resolve?q=1",
        "/nothing",
    ],
)
def test_without_a_token_nothing_is_read(guarded, path):
    found = guarded.get(path)
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith("Bearer")
    assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "token", ["wrong", "look-1x", "look-", "звезда".encode().decode("latin-1")]
)
def test_a_wrong_token_is_no_token(guarded, token):
    assert (
        guarded.get(
            ITEMS, headers={"Authorization": f"Bearer {token}".encode("latin-1")}
        ).status_code
        == 401
    )


@pytest.mark.parametrize("role", list(TOKENS))
def test_every_role_reads(guarded, role):
    assert guarded.get(ITEMS, headers=bearer(role)).status_code == 200


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("analyst", 403), ("operator", 405), ("admin", 405)]
)
def test_writing_needs_an_operator(guarded, role, status):
    """/collections offers no POST: 405 shows that the gate let the request through."""
    assert guarded.post("/collections", json={}, headers=bearer(role)).status_code == status


@pytest.mark.parametrize(("role", "status"), [("operator", 403), ("admin", 400)])
def test_rules_of_alarms_need_an_administrator(guarded, role, status):
    """The stream is not there: 400 shows that the rule was looked at."""
    rule = {"rule_id": "a", "stream": "nothing", "threshold": 1.0, "actor": "王工"}
    assert guarded.post("/alarm-rules", json=rule, headers=bearer(role)).status_code == status


def test_a_cookie_reads_but_does_not_write(guarded):
    cookie = {"Cookie": f"twin_token={TOKENS['admin']}"}
    assert guarded.get("/tiles/buildings/tileset.json", headers=cookie).status_code == 200
    assert guarded.post("/collections", json={}, headers=cookie).status_code == 401


def test_health_and_the_page_itself_are_open(guarded):
    assert guarded.get("/healthz").json()["status"] == "ok"
    assert guarded.get("/page/missing.js").status_code == 404


def test_tiles_behind_tokens_are_not_kept_by_shared_caches(guarded):
    found = guarded.get("/tiles/buildings/0.glb", headers=bearer("viewer"))
    assert found.headers["cache-control"].startswith("private")


def test_the_highest_role_of_a_shared_token_counts(tmp_path):
    settings = ServerSettings(city=tmp_path, tokens={"viewer": "same", "operator": "same"})
    callers = Callers(settings)
    known, other = callers.caller("same"), callers.caller("other")
    assert isinstance(known, Caller)
    assert known.role == "operator"
    assert isinstance(other, Refused)
    assert other.status == 401
    assert callers.caller(None) is None


def test_only_allowed_origins_may_call_from_a_browser(guarded):
    asked = {
        "Origin": "https://gis.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    allowed = guarded.options(ITEMS, headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://gis.example"
    refused = guarded.options(ITEMS, headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in refused.headers


def test_another_site_cannot_write_through_a_visitors_browser(client, address):
    evil = client.post("/collections", json={}, headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403
    assert client.post("/collections", json={}, headers={"Origin": address}).status_code == 405


def test_a_body_announced_or_not_is_bounded(guarded):
    announced = guarded.post("/collections", content=b"x" * 3000, headers=bearer("admin"))
    assert announced.status_code == 413
    assert "2000" in announced.json()["detail"]
    chunks = (b"x" * 500 for _ in range(8))
    assert guarded.post("/collections", content=chunks, headers=bearer("admin")).status_code == 413
    assert (
        guarded.post("/collections", content=b"x" * 1999, headers=bearer("admin")).status_code
        == 405
    )


def test_the_largest_page_is_a_setting(guarded):
    assert guarded.get(f"{ITEMS}?limit=100", headers=bearer("viewer")).json()["numberReturned"] == 5


def test_every_answer_carries_safe_headers_that_let_cesium_work(client):
    for path in ("/landing", "/nothing", "/tiles/buildings/0.glb"):
        headers = client.get(path).headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'self'"
        assert "blob:" in policy["worker-src"]
        assert "'wasm-unsafe-eval'" in policy["script-src"]
        assert "'unsafe-eval'" not in policy["script-src"].split()
        assert "http" not in headers["content-security-policy"]  # no other host
        assert headers["x-content-type-options"] == "nosniff"


HOSTILE = [
    "'; DROP TABLE entity; --",
    "' OR '1'='1",
    "x' UNION SELECT value FROM base_meta --",
    "$eids",
    "?",
    "{conditions}",
    "%",
    "_" * 50,
    "*",
    "\\",
    "read_text('/etc/passwd')",
    "<script>alert(1)</script>",
    "𝕏" * 100,
    "\u202e\u0301\ufeff",
    "0x41",
    "1e309",
    "-0",
    "NaN",
    "null",
    "../../secret",
    "a" * 5000,
    "\u0000",
    "\r\nSet-Cookie: a=b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_find_nothing_and_break_nothing(client, text):
    before = client.get(ITEMS).json()["numberMatched"]
    for name in (
        "name",
        "class_code",
        "usage",
        "floors",
        "bbox",
        "limit",
        "offset",
        "datetime",
        "valid_at",
        "known_at",
        "lang",
    ):
        found = client.get(ITEMS, params={name: text})
        assert found.status_code in (200, 400), (name, found.text)
        if found.status_code == 200 and name in ("name", "class_code", "usage", "floors"):
            assert found.json()["numberMatched"] == 0
        assert "set-cookie" not in found.headers
    assert client.get(ITEMS, params={text[:200]: "1"}).status_code == 400
    for path in (
        "/collections/{}",
        "/collections/{}/items",
        "/collections/buildings/items/{}",
        "/entities/{}",
        "/mvt/{}/1/1/1",
    ):
        assert client.get(path.format(quote(text[:1000], safe=""))).status_code == 404, path
    assert client.get(ITEMS).json()["numberMatched"] == before


def test_hostile_heads_are_refused_quickly(address):
    """Raw requests that no client library would send."""
    started = time.perf_counter()
    for name, value in (
        ("Content-Length", "-1"), ("Content-Length", "1e3"), ("Content-Length", "9" * 40),
        ("Authorization", "Bearer"), ("Accept-Language", "," * 5000), ("Accept", "*/*," * 2000),
        ("If-None-Match", '"' * 5000), ("Range", "bytes=" + "0-1," * 500), ("Range", "bytes=abc"),
        ("Origin", "null"), ("Host", "evil.example"),
    ):  # fmt: skip
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        connection.putrequest(
            "GET", "/tiles/buildings/0.glb", skip_host=name == "Host", skip_accept_encoding=True
        )
        connection.putheader(name, value)
        connection.endheaders()
        found = connection.getresponse()
        found.read()
        connection.close()
        assert found.status < 500, (name, value[:20], found.status)
    assert time.perf_counter() - started < 5
