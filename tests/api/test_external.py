"""Finished tilesets in a city: copied, listed, served, and nothing else with them."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.pipeline import load
from twin.city import City
from twin.settings import ServerSettings
from twin.store import Store
from twin.verify import verify


@pytest.fixture
def city(tmp_path: Path) -> City:
    folder = tmp_path / "delivery" / "模型"
    folder.mkdir(parents=True)
    place = {"region": [*np.deg2rad([114.0, 30.0, 114.01, 30.02]).tolist(), 5.0, 60.0]}
    root = {"boundingVolume": place, "geometricError": 1, "content": {"uri": "a.glb"}}
    (folder / "tileset.json").write_text(
        json.dumps({"asset": {"version": "1.1"}, "geometricError": 9, "root": root})
    )
    (folder / "a.glb").write_bytes(b"glTF\x02\x00\x00\x00\x0c\x00\x00\x00")
    (folder / "notes.docx").write_bytes(b"not served")
    made = City.init(tmp_path / "city")
    report = load(made, [tmp_path / "delivery"])
    assert [(r.status, r.balance.loaded) for r in report.layers] == [("loaded", 1)]
    return made


def test_a_tileset_is_listed_with_its_box_and_served_from_the_city(
    city: City, serve: Callable
) -> None:
    with (
        serve(create_app(ServerSettings(city=city.path))) as root,
        httpx.Client(base_url=root) as client,
    ):
        (found,) = [t for t in client.get("/city").json()["tilesets"] if t.get("external")]
        assert found["title"]["zh"] == "模型"
        assert found["bounds"] == pytest.approx([114.0, 30.0, 114.01, 30.02])
        assert client.get(found["url"]).json()["asset"]["version"] == "1.1"
        base = found["url"].rsplit("/", 1)[0]
        assert client.get(f"{base}/a.glb").content.startswith(b"glTF")
        assert client.get(f"{base}/notes.docx").status_code == 404
        assert client.get(f"{base}/../base.duckdb").status_code == 404
        assert client.get("/external/base.duckdb/x.json").status_code == 404


def test_loading_it_again_changes_nothing_and_every_law_holds(city: City, tmp_path: Path) -> None:
    report = load(city, [tmp_path / "delivery"])
    assert report.total.unchanged == 1
    with Store.open(city) as store:
        assert store.scalar("SELECT count(*) FROM tileset_asset") == 1
        assert [law.law for law in verify(store) if law.broken] == []
    assert len(list(city.assets.iterdir())) == 1
