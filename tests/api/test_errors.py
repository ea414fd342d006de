"""Whatever goes wrong leaves in one shape: RFC 9457."""

import asyncio
import inspect

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from api import errors as api_errors
from api.app import create_app
from twin import errors
from twin.settings import ServerSettings

MEMBERS = {"type", "title", "status", "detail", "instance"}


class Body(BaseModel):
    number: int


def problem(found: httpx.Response, status: int) -> dict:
    assert found.status_code == status, found.text
    assert found.headers["content-type"] == "application/problem+json"
    content = found.json()
    assert content.keys() >= MEMBERS
    assert content["status"] == status
    assert content["instance"] == found.request.url.path
    return content


def test_every_error_of_the_tree_has_a_line_in_the_table():
    tree = [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.TwinError) and cls is not errors.TwinError
    ]
    assert len(tree) >= 12
    own_line = {cls for cls, _ in api_errors.PROBLEMS if cls is not errors.TwinError}
    for cls in tree:
        assert any(issubclass(cls, line) for line in own_line), cls


def test_unknown_route_is_a_problem(client):
    content = problem(client.get("/nothing/here"), 404)
    assert "/nothing/here" in content["detail"]


def test_wrong_method_is_a_problem_that_names_the_right_one(client):
    found = client.delete("/collections")
    assert "GET" in problem(found, 405)["detail"]
    assert found.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "parameter", "said"),
    [
        ("/collections/buildings/items?bbox=1,2,3", "bbox", "west,south,east,north"),
        (
            "/collections/buildings/items?bbox=30.4,114,30.5,114.1",
            "bbox",
            "bbox=114,30.4,114.1,30.5",
        ),
        ("/collections/buildings/items?bbox=1,2,nan,4", "bbox", "west,south"),
        ("/collections/buildings/items?bbox=114,31,115,30", "bbox", "north"),
        ("/collections/buildings/items?limit=0", "limit", "at least 1"),
        ("/collections/buildings/items?limit=ten", "limit", "whole number"),
        ("/collections/buildings/items?offset=-1", "offset", "at least 0"),
        ("/collections/buildings/items?storeys=3", "storeys", "floors"),
        ("/collections/buildings/items?floors=many", "floors", "expected a number"),
        ("/collections/buildings/items?limit=1&limit=2", "limit", "2 times"),
        ("/collections/buildings/items?datetime=yesterday", "datetime", "RFC 3339"),
        (
            "/collections/buildings/items?datetime=2026-02-01/2026-01-01",
            "datetime",
            "after the end",
        ),
        ("/collections/buildings/items?valid_at=2026-13-01T00:00:00Z", "valid_at", "RFC 3339"),
        ("/collections?limit=3", "limit", "f, lang"),
        ("/conformance?x=1", "x", "f, lang"),
        ("/collections?lang=fr", "lang", "zh or en"),
        ("/?f=xml", "f", "json or html"),
        ("/imagery/99/0/0.webp", "z", "30"),
    ],
)
def test_bad_parameters_are_400_and_say_what_was_expected(client, path, parameter, said):
    content = problem(client.get(path), 400)
    assert content["parameter"] == parameter
    assert said in content["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/collections/castles",
        "/collections/castles/items",
        "/collections/buildings/items/42987101001000007",
        "/collections/grids/items/018f0000-0000-7000-8000-000a00000000",
        "/entities/018f0000-0000-7000-8000-ffff00000000",
        "/entities/018f0000-0000-7000-8000-ffff00000000/history",
        "/entities/not-an-id",
        "/terrain/5/1/1.terrain",
        "/imagery/3/1/1.webp",
        "/mvt/castles/3/6/3",
        "/tiles/",
    ],
)
def test_what_never_was_is_404(client, path):
    assert problem(client.get(path), 404)["detail"]


def test_titles_follow_the_language(client):
    chinese = client.get("/nothing", headers={"accept-language": "zh-CN,zh;q=0.9"}).json()
    english = client.get("/nothing", headers={"accept-language": "en-GB"}).json()
    assert (chinese["title"], english["title"]) == ("未找到", "No such thing")
    assert chinese["type"] == english["type"] == "urn:citytwin:problem:not-found"


@pytest.fixture
def small_app() -> FastAPI:
    """An application with nothing but the error shape and three routes that fail."""
    app = FastAPI()
    api_errors.install(app)

    @app.get("/breaks")
    def breaks() -> None:
        raise ZeroDivisionError("secret detail")

    @app.get("/refuses")
    def refuses() -> None:
        raise errors.ConflictError("case 7 is closed; reopen it first.")

    @app.post("/takes")
    def takes(body: Body) -> None:
        """Takes a body."""

    return app


@pytest.fixture
def small(small_app, serve):
    with serve(small_app) as root, httpx.Client(base_url=root) as session:
        yield session


def test_a_bug_is_a_500_that_leaks_nothing(small):
    content = problem(small.get("/breaks"), 500)
    assert "secret" not in str(content)
    assert "ZeroDivision" not in str(content)


def test_errors_of_the_tree_keep_their_message(small):
    assert problem(small.get("/refuses"), 409)["detail"] == "case 7 is closed; reopen it first."


def test_a_bad_body_is_422_and_a_bad_query_400(small):
    content = problem(small.post("/takes", json={"number": "seven"}), 422)
    assert content["errors"][0]["name"] == "number"
    assert "'seven'" in content["errors"][0]["given"]
    problem(small.post("/takes", content=b"{", headers={"content-type": "application/json"}), 422)


def test_a_folder_that_is_no_city_is_refused_when_the_server_starts(tmp_path):
    app = create_app(ServerSettings(city=tmp_path / "nowhere"))

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(errors.CityError, match=r"city\.toml is missing"):
        asyncio.run(start())
