"""The short way to items and tiles gives what the whole way gives, byte for byte."""

import re
import socket
from urllib.parse import quote, urlsplit

import numpy as np
import pytest

from api.ogc import lane

ITEMS = "/collections/buildings/items"
TILES = "/collections/buildings/tiles/WebMercatorQuad"
DRAWN = [
    f"{TILES}/14/6738/13380",
    "/mvt/buildings/14/13380/6738",
    "/mvt/buildings/14/13380/6738.mvt",
]
"""A tile of the sample's buildings."""
TIME = re.compile(rb'"timeStamp":"[^"]*"')
ODD = [
    "/collections/nothing/items", "/collections/buildings%2F/items", f"{ITEMS}/no-id", f"{ITEMS}/", f"{ITEMS}?limit=0", f"{ITEMS}?limit=1&limit=2",
    f"{ITEMS}?unknown=1", f"{ITEMS}?bbox=1,2,3", f"{ITEMS}?token=9-9", f"{ITEMS}?token=999999-0", f"{ITEMS}?lang=xx", f"{ITEMS}?f=html", f"{ITEMS}?f=csv",
    f"{ITEMS}?f=", f"{ITEMS}?bbox=114,30.4,114.01,30.41&filter=pg_sleep(3)%20IS%20NULL", f"{ITEMS}?valid_at=2026-02-01", f"{ITEMS}?offset=99999",
    f"{ITEMS}?properties=name", f"{ITEMS}?sortby=-height_m", f"{ITEMS}?name=%00", f"{ITEMS}%0A", "/collections//items",
]  # fmt: skip


def paths(ids, rng):
    """Requests of every ordinary kind, and odd ones."""
    yield from ODD
    for _ in range(120):
        x, y = 114 + rng.random() * 0.01, 30.4 + rng.random() * 0.004
        box = f"bbox={x:.5f},{y:.5f},{x + 0.004:.5f},{y + 0.002:.5f}"
        height = rng.integers(0, 120)
        yield rng.choice(
            [
                f"{ITEMS}?{box}&limit={rng.integers(1, 40)}",
                f"{ITEMS}?{box}&filter=" + quote(f"height_m > {height}"),
                f"{ITEMS}?{box}&filter-lang=cql2-text&lang=en&filter="
                + quote(f"S_INTERSECTS(geometry,POINT({x} {y}))"),
                f"{ITEMS}?limit=7&offset={rng.integers(0, 50)}",
                f"{ITEMS}?height_m={height}",
                f"{ITEMS}/{ids.building(int(rng.integers(0, 45)))}?lang=en",
                f"{ITEMS}/{ids.building(int(rng.integers(0, 45))).upper()}",
                "/collections/pipes/items?f=json",
            ]
        )


def told(answer):
    """What must be alike of two answers: all but when they were given, and so how small they were packed."""
    heads = {n: v for n, v in answer.headers.items() if n not in ("date", "content-length")}
    body = TIME.sub(b"", answer.content)
    return answer.status_code, heads, body


@pytest.mark.parametrize("aside", [{}, {"x-forwarded-for": "127.0.0.1"}], ids=["short", "lane"])
def test_answers_are_those_of_the_routes(client, ids, monkeypatch, aside):
    """Of what is answered in the protocol, and of what is in the application before its routes (a proxy's requests)."""
    asked = list(paths(ids, np.random.default_rng(6)))
    whole, answered = lane.found, []

    def noted(scope, request_of):
        found = whole(scope, request_of)
        answered.append(found is not None and (lane.TRIED in scope) is not bool(aside))
        return found

    more = [{}, {"accept-encoding": "gzip"}, {"accept-language": "en"}, {"accept": "text/html"}]
    heads = [more[k % 4] | aside | {"x-request-id": f"r{k}"} for k in range(len(asked))]
    monkeypatch.setattr(lane, "found", noted)
    assert client.get(DRAWN[0], headers=aside).status_code == 200  # from now on it is ready
    assert [client.get(path, headers=aside).status_code for path in DRAWN] == [200] * 3
    assert answered[-3:] == [True] * 3
    short = [client.get(p, headers=h) for p, h in zip(asked, heads, strict=True)]
    again = [
        client.get(p, headers={**h, "if-none-match": s.headers.get("etag", "*")})
        for p, h, s in zip(asked, heads, short, strict=True)
    ]
    assert sum(answered) > len(asked)  # of twice as many
    monkeypatch.setattr(lane, "found", lambda *_: None)
    for path, head, one, two in zip(asked, heads, short, again, strict=True):
        assert told(client.get(path, headers=head)) == told(one), path
        known = {**head, "if-none-match": one.headers.get("etag", "*")}
        assert told(client.get(path, headers=known)) == told(two), path
    assert {a.status_code for a in short} >= {200, 400, 404}
    assert 304 in {a.status_code for a in again}


@pytest.mark.parametrize("way", ["short", "whole"])
def test_a_format_that_is_not_offered_is_refused_either_way(client, ids, monkeypatch, way):
    """The refusal of a format is no error of the city's, and goes the whole way as those do."""
    if way == "whole":
        monkeypatch.setattr(lane, "found", lambda *_: None)
    for path in (f"{ITEMS}?limit=1", f"{ITEMS}/{ids.tower}"):
        assert client.get(path, headers={"accept": "image/png"}).status_code == 406, path


def test_requests_are_counted_under_their_route(client, ids):
    """What the metrics call a request does not tell which way it went."""
    client.get(f"{ITEMS}/{ids.tower}")
    client.get(f"{ITEMS}?limit=1")
    text = client.get("/metrics").text
    for path in (lane.ITEMS_ROUTE.path, lane.ITEM_ROUTE.path):
        assert re.search(rf'route="{re.escape(path)}"', text), path


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT"])
def test_other_methods_go_the_whole_way(client, method):
    """HEAD answers as GET does, without a body; the rest is not for this lane."""
    found = client.request(method, f"{ITEMS}?limit=1")
    assert (found.status_code, found.content == b"") == {
        "HEAD": (200, True), "OPTIONS": (200, True), "PUT": (405, False),
    }[method]  # fmt: skip


def test_requests_sent_at_once_are_answered_in_their_order(address, ids):
    """Short, whole and short again on one connection, and more than its buffer holds before anything is read."""
    where = urlsplit(address)
    asked = [f"{ITEMS}?limit=1", "/collections", f"{ITEMS}/{ids.tower}", "/nothing", "/healthz"]
    asked += [f"{ITEMS}?limit=40&offset={k % 3}" for k in range(60)] + ["/conformance", f"{ITEMS}?limit=2"]  # fmt: skip
    sent = b"".join(
        f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nX-Request-Id: n{k}\r\n\r\n".encode()
        for k, path in enumerate(asked)
    )
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        connection.sendall(sent)
        stream = connection.makefile("rb")
        for k, path in enumerate(asked):
            status = stream.readline()
            heads = dict(line.rstrip().split(b": ", 1) for line in iter(stream.readline, b"\r\n"))
            body = stream.read(int(heads[b"content-length"]))
            assert heads[b"x-request-id"] == b"n%d" % k, path
            assert (b"200" in status) is (path != "/nothing"), path
            if path.startswith(ITEMS):
                assert body.startswith(b'{"type":"Feature'), path
                assert body.endswith(b"}"), path
