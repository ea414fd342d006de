"""Connections that send too slowly, or never end a head, are ended."""

import socket
import threading
import time

import pytest
import uvicorn

from api.app import create_app
from api.standing.wire import bounded
from twin.settings import ServerSettings


@pytest.fixture(scope="module")
def port(city):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    settings = ServerSettings(city=city.path)
    app = create_app(settings)
    config = uvicorn.Config(
        app, log_level="critical", ws="none", http=bounded(0.4), timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    assert server.started
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def sent(port: int, pieces, pause: float) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
            time.sleep(pause)
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except ConnectionResetError:
            pass
        return found


def test_a_head_that_drips_is_ended(port):
    drip = (
        b"GET /page/index.html HTTP/1.1\r\nHost: a\r\n" if n == 0 else b"X-%d: 1\r\n" % n
        for n in range(40)
    )
    assert sent(port, drip, 0.05).startswith(b"HTTP/1.1 408")


def test_a_body_that_never_comes_is_ended(port):
    began = time.monotonic()
    found = sent(port, [b"POST /cases HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"], 0.0)
    assert not found.startswith(b"HTTP/1.1 2")
    assert time.monotonic() - began < 8


def test_nothing_at_all_is_ended(port):
    assert sent(port, [], 0.0).startswith(b"HTTP/1.1 408")


def test_a_head_that_never_ends_is_ended(port):
    taken = 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        try:
            for number in range(2_000):  # 120 MB
                connection.sendall(b"X-%d: " % number + b"a" * 60_000 + b"\r\n")
                taken += 60_000
        except OSError:
            pass
    assert taken < 20_000_000  # what the sockets' own buffers hold, and no more


def test_an_ordinary_request_is_answered_on_a_kept_connection(port):
    one = b"GET /page/index.html HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(one)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.1)
