"""API keys, tokens of an identity provider, roles, rates, and what is written down of it."""

import asyncio
import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from api.access.callers import Callers, Refused
from api.access.gate import Gate
from api.access.policy import FILE, Grant, Issuer, add_key, read_policy, revoke_key
from api.access.rates import Rates
from api.access.tokens import TokenChecker, UnacceptableTokenError
from api.app import create_app
from api.cli import app as command
from api.standing.journal import AUDIT, AuditLog
from twin.errors import CityError, NotFoundError
from twin.settings import ServerSettings

ISSUER, AUDIENCE = "https://id.example/realms/city", "citytwin"
KEYS = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
POLICY = f"""
[issuer]
name = "{ISSUER}"
audience = "{AUDIENCE}"
jwks = "jwks.json"
leeway_s = 30
[[grant]]
subject = "zhang"
role = "operator"
[[grant]]
group = "gas"
role = "viewer"
collections = ["pipes"]
"""


def jwk(name: str, key, **more) -> dict:
    made = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": name, "use": "sig", **more}


def token(algorithm="RS256", key=None, kid=None, head=None, **claims) -> str:
    now = int(time.time())
    content = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "zhang",
        "exp": now + 300,
        "iat": now,
        **claims,
    }
    content = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(
        content,
        key or KEYS[algorithm],
        algorithm,
        headers={"kid": kid or algorithm, **(head or {})},
    )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, make_city, serve):
    city = make_city(tmp_path_factory.mktemp("access") / "city")
    (city.path / FILE).write_text(POLICY, encoding="utf-8")
    (city.path / "jwks.json").write_text(json.dumps({"keys": [jwk(n, k) for n, k in KEYS.items()]}))
    log = city.path.parent / "access.jsonl"
    with (
        serve(create_app(ServerSettings(city=city.path, access_log=str(log)))) as root,
        httpx.Client(base_url=root, timeout=20) as client,
    ):
        client.city, client.log = city.path, log
        yield client


def asked(client, given, path="/collections", method="GET"):
    return client.request(method, path, headers={"Authorization": f"Bearer {given}"})


@pytest.mark.parametrize("algorithm", list(KEYS))
def test_tokens_of_the_issuer_are_taken(guarded, algorithm):
    assert asked(guarded, token(algorithm)).status_code == 200
    assert (
        asked(guarded, token(algorithm), method="POST").status_code == 405
    )  # operator: past the gate


def test_a_group_gives_what_it_was_granted(guarded):
    found = asked(guarded, token(sub="li", groups=["others", "gas"]))
    assert [c["id"] for c in found.json()["collections"]] == ["pipes"]
    assert asked(guarded, token(sub="li", groups=["others"])).status_code == 403
    assert asked(guarded, token(sub="li")).status_code == 403


def _none() -> str:
    part = lambda d: base64.urlsafe_b64encode(json.dumps(d).encode()).rstrip(b"=").decode()  # noqa: E731
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'iss': ISSUER, 'aud': AUDIENCE, 'sub': 'zhang', 'exp': 9e9})}."


def _confused() -> str:
    """Signed with the public key as if it were a shared secret."""
    public = (
        KEYS["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    part = lambda d: base64.urlsafe_b64encode(json.dumps(d).encode()).rstrip(b"=")  # noqa: E731
    said = (
        part({"alg": "HS256", "kid": "RS256"})
        + b"."
        + part({"iss": ISSUER, "aud": AUDIENCE, "sub": "zhang", "exp": 9e9})
    )
    signed = hmac.new(public, said, hashlib.sha256).digest()
    return (said + b"." + base64.urlsafe_b64encode(signed).rstrip(b"=")).decode()


BAD = {
    "none": _none,
    "a public key as a shared secret": _confused,
    "another key": lambda: token(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "another issuer": lambda: token(iss="https://evil.example"),
    "another audience": lambda: token(aud="others"),
    "no audience": lambda: token(aud=None),
    "run out": lambda: token(exp=int(time.time()) - 31),
    "no end": lambda: token(exp=None),
    "not yet": lambda: token(nbf=int(time.time()) + 120),
    "issued in the future": lambda: token(iat=int(time.time()) + 120),
    "no subject": lambda: token(sub=None),
    "a key of another kind": lambda: token("ES256", kid="RS256"),
    "an unknown key": lambda: token(kid="nobody"),
    "a key it brings itself": lambda: token(key=(k := ec.generate_private_key(ec.SECP256R1())), algorithm="ES256", kid="mine", head={"jwk": jwk("ES256", k)}),
    "an address of keys": lambda: token(kid="mine", head={"jku": "https://evil.example/jwks.json"}),
    "a path as a key id": lambda: token(kid="../../etc/passwd"),
    "a longer curve": lambda: token("ES384", key=ec.generate_private_key(ec.SECP384R1()), kid="ES256"),
    "cut": lambda: token()[:-5],
    "huge": lambda: token(sub="a" * 9000),
    "no JSON": lambda: "YQ.YQ.YQ",
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD))
def test_other_tokens_are_not_taken(guarded, name):
    given = BAD[name]()
    found = asked(guarded, given)
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith("Bearer")
    assert given[:40] not in found.text


def test_clocks_may_differ_a_little(guarded):
    now = int(time.time())
    assert asked(guarded, token(exp=now - 10, nbf=now + 10, iat=now + 10)).status_code == 200


def test_keys_of_the_issuer_may_be_rotated(tmp_path, make_city):
    old, new = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (tmp_path / "keys").write_text(json.dumps({"keys": [jwk("ES256", old, kid="a")]}))
    checker = TokenChecker(Issuer(ISSUER, AUDIENCE, "keys"), tmp_path)
    first, second = token("ES256", old, "a"), token("ES256", new, "b")
    assert checker.check(first).subject == "zhang"
    with pytest.raises(UnacceptableTokenError):
        checker.check(second)
    (tmp_path / "keys").write_text(json.dumps({"keys": [jwk("ES256", new, kid="b")]}))
    with pytest.raises(UnacceptableTokenError):
        checker.check(second)  # not read again at once: unknown key ids cost the issuer nothing
    checker._keys._tried -= 60
    assert checker.check(second).subject == "zhang"
    with pytest.raises(UnacceptableTokenError):
        TokenChecker.check(checker, token("ES256", old, "a"))


def test_keys_of_the_issuer_are_fetched_over_tls_alone(tmp_path, monkeypatch):
    """From a real server with a certificate of its own; another that is not trusted gives none."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(own.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(own, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "cert.pem").write_bytes(pem)
    (tmp_path / "both.pem").write_bytes(pem + secret)
    signing = KEYS["EdDSA"]

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/jwks")
            self.end_headers()
            self.wfile.write(json.dumps({"keys": [jwk("EdDSA", signing)]}).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("no_proxy", "localhost")
    where = f"https://localhost:{server.server_port}"
    with pytest.raises(UnacceptableTokenError):
        TokenChecker(Issuer(ISSUER, AUDIENCE, f"{where}/jwks"), tmp_path).check(token("EdDSA"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    assert (
        TokenChecker(Issuer(ISSUER, AUDIENCE, f"{where}/jwks"), tmp_path)
        .check(token("EdDSA"))
        .subject
        == "zhang"
    )
    with pytest.raises(UnacceptableTokenError):
        TokenChecker(Issuer(ISSUER, AUDIENCE, f"{where}/moved"), tmp_path).check(token("EdDSA"))
    server.shutdown()
    server.server_close()


def test_a_socket_is_let_in_as_its_caller_and_not_from_another_site(tmp_path):
    _, secret = add_key(tmp_path, "k", Grant(collections=("pipes",)))
    seen = []

    async def inner(scope, receive, send):
        seen.append(scope["caller"].grant.collections)

    async def receive():
        return {"type": "websocket.connect"}

    async def opened(*headers) -> list:
        sent: list = []

        async def send(message):
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/live/ws",
            "headers": [(b"host", b"twin"), *headers],
            "query_string": b"",
        }
        await Gate(inner, ServerSettings(city=tmp_path))(scope, receive, send)
        return sent

    key, cookie = (b"x-api-key", secret.encode()), (b"cookie", f"twin_token={secret}".encode())
    closed = [{"type": "websocket.close", "code": 1008}]
    assert asyncio.run(opened()) == closed
    assert asyncio.run(opened((b"x-api-key", b"twk_1_2"))) == closed
    assert asyncio.run(opened(cookie, (b"origin", b"https://evil.example"))) == closed
    assert seen == []
    assert (
        asyncio.run(opened(key)) == asyncio.run(opened(cookie, (b"origin", b"https://twin"))) == []
    )
    assert seen == [("pipes",), ("pipes",)]


def test_keys_are_made_listed_used_and_revoked_on_the_command_line(guarded):
    run = CliRunner().invoke
    made = json.loads(
        run(
            command,
            [
                "access",
                "key",
                "add",
                "燃气公司",
                "--city",
                str(guarded.city),
                "--collection",
                "pipes",
                "--days",
                "30",
                "--json",
            ],
        ).stdout
    )
    text = (guarded.city / FILE).read_text()
    assert made["secret"] not in text
    assert made["secret"].rsplit("_", 1)[-1] not in text
    assert (guarded.city / FILE).stat().st_mode & 0o077 == 0
    listed = run(command, ["access", "key", "list", "--city", str(guarded.city)]).stdout
    assert made["id"] in listed
    assert "燃气公司" in listed
    time.sleep(1.1)
    for headers in (
        {"X-API-Key": made["secret"]},
        {"Authorization": f"Bearer {made['secret']}"},
        {"Cookie": f"twin_token={made['secret']}"},
    ):
        assert guarded.get("/collections", headers=headers).status_code == 200
    assert asked(guarded, made["secret"][:-1]).status_code == 401
    assert asked(guarded, made["secret"], method="POST").status_code == 403
    assert (
        run(command, ["access", "key", "revoke", made["id"], "--city", str(guarded.city)]).exit_code
        == 0
    )
    again = run(command, ["access", "key", "revoke", made["id"], "--city", str(guarded.city)])
    assert isinstance(again.exception, NotFoundError)
    time.sleep(1.1)
    assert asked(guarded, made["secret"]).status_code == 401
    assert read_policy(guarded.city / FILE).issuer is not None  # the rest of the file stays


def test_a_key_runs_out(tmp_path):
    key, secret = add_key(tmp_path, "k", Grant(), datetime(2026, 7, 1, tzinfo=UTC))
    policy = read_policy(tmp_path / FILE)
    assert policy.key_of(secret, datetime(2026, 6, 30, tzinfo=UTC)) == key
    assert policy.key_of(secret, datetime(2026, 7, 1, tzinfo=UTC)) is None
    revoke_key(tmp_path, key.id)
    assert read_policy(tmp_path / FILE).is_empty


@pytest.mark.parametrize(
    "text", ["[key.a]\nrole='king'\nhash='x'\ncreated=2026-01-01T00:00:00Z", "[issuer]\nname='a'\naudience='b'\njwks='c'\nalgorithms=['none']",
             "[issuer]\nname='a'\naudience='b'\njwks='http://x'", "[[grant]]\nrole='viewer'", "not toml"]
)  # fmt: skip
def test_a_policy_that_cannot_be_understood_lets_nobody_in(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(CityError):
        read_policy(tmp_path / FILE)
    callers = Callers(ServerSettings(city=tmp_path))
    assert callers.are_known
    assert isinstance(callers.caller("anything"), Refused)


def test_requests_are_named_counted_and_written_down(guarded):
    given = token()
    own = guarded.get(
        "/collections/nothing?x=1",
        headers={"Authorization": f"Bearer {given}", "X-Request-Id": "mine-1"},
    )
    assert own.headers["x-request-id"] == own.json()["request"] == "mine-1"
    odd = guarded.get(
        "/collections",
        headers={"Authorization": f"Bearer {given}", "X-Request-Id": "a b\u00e9".encode("latin-1")},
    )
    assert len(odd.headers["x-request-id"]) == 16
    refused = guarded.post(
        "/cases",
        json={"title": "t", "actor": "a"},
        headers={"Authorization": "Bearer wrong-secret"},
    )
    written = asked(guarded, given, "/nothing", "POST")
    assert (refused.status_code, written.status_code) == (401, 404)
    lines = [json.loads(line) for line in guarded.log.read_text().splitlines()]
    line = next(entry for entry in lines if entry["request"] == "mine-1")
    assert (line["subject"], line["role"], line["status"]) == ("jwt:zhang", "operator", 400)
    assert line["route"] == "/collections/{collectionId}"
    assert line["bytes"] == len(own.content)
    for _ in range(100):  # written when the answer is out
        if written.headers["x-request-id"] in (guarded.city / AUDIT).read_text():
            break
        time.sleep(0.02)
    audited = [json.loads(entry) for entry in (guarded.city / AUDIT).read_text().splitlines()]
    results = {
        entry.get("request"): (entry.get("method"), entry.get("status"), entry["result"])
        for entry in audited
    }
    assert results[refused.headers["x-request-id"]] == ("POST", 401, "refused")
    assert results[written.headers["x-request-id"]] == ("POST", 404, "failed")
    logs = guarded.log.read_text() + (guarded.city / AUDIT).read_text()
    assert given not in logs
    assert "wrong-secret" not in logs
    page = asked(guarded, given, "/metrics").text
    assert (
        'twin_requests_total{method="GET",route="/collections/{collectionId}",status="400"} 1.0'
        in page
    )
    assert 'twin_things{collection="buildings"} 40.0' in page
    assert "twin_request_seconds_bucket" in page
    assert asked(guarded, token(sub="li", groups=["gas"]), "/metrics").status_code == 403
    assert guarded.get("/metrics").status_code == 401
    assert guarded.get("/readyz").json() == {"status": "ready", "lacking": []}
    assert guarded.get("/healthz").json() == {"status": "ok"}


def test_the_audit_log_is_put_aside_when_full_and_does_not_fill_the_disk(tmp_path):
    log = AuditLog(tmp_path, 10_000)
    for number in range(300):
        log.write({"request": number, "pad": "x" * 80})
    files = sorted(tmp_path.glob("audit*.jsonl"))
    assert len(files) > 2
    assert all(file.stat().st_size <= 10_000 for file in files)
    assert {
        json.loads(line)["request"] for file in files for line in file.read_text().splitlines()
    } == set(range(300))
    quiet = AuditLog(tmp_path / ".", 10_000_000)
    for number in range(1000):
        quiet.refused({"refused": number})
    assert (
        sum(
            '"refused"' in line
            for file in tmp_path.glob("audit*.jsonl")
            for line in file.read_text().splitlines()
        )
        <= 50
    )


def test_who_asks_too_often_is_told_when_to_come_again(tmp_path, make_city, serve):
    city = make_city(tmp_path / "city")
    settings = ServerSettings(
        city=city.path, tokens={"viewer": "v", "admin": "a"}, rate_per_s=0.5, rate_burst=3
    )
    with serve(create_app(settings)) as root:
        asked = [httpx.get(f"{root}/landing", headers={"X-API-Key": "v"}) for _ in range(4)]
        assert [found.status_code for found in asked] == [200, 200, 200, 429]
        assert 1 <= int(asked[-1].headers["retry-after"]) <= 2
        assert asked[-1].json()["type"] == "urn:citytwin:problem:too-many-requests"
        assert httpx.get(f"{root}/landing", headers={"X-API-Key": "a"}).status_code == 200
        wrong = [
            httpx.get(f"{root}/landing", headers={"X-API-Key": f"guess-{n}"}).status_code
            for n in range(4)
        ]
        assert wrong == [401, 401, 401, 429]  # guesses count for the address


def test_buckets_fill_at_their_rate_and_are_bounded():
    rates = Rates(10.0, 5)
    granted = sum(rates.wait("a", at=step / 1000) == 0.0 for step in range(10_000))
    assert granted == 5 + 99
    for number in range(30_000):
        rates.wait(str(number), at=20.0)
    assert len(rates._buckets) <= 20_000
    assert timedelta(seconds=rates.wait("b", at=20.0)) == timedelta(0)
