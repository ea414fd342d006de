"""What is written through the API is in the tiles that lie on disk, and only there."""

from types import SimpleNamespace

import httpx
import pytest

import tiles
import tiles.membership
from api.app import create_app
from api.state import CityState
from twin.settings import ServerSettings
from twin.store import Store
from twin.store.scene import Scene

PATCH = {"content-type": "application/merge-patch+json"}


@pytest.fixture(scope="module")
def here(make_city, serve, tmp_path_factory):
    """A city whose buildings are tiled, a dozen a tile, served."""
    city = make_city(tmp_path_factory.mktemp("retile") / "city")
    settings = ServerSettings(city=city.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.membership, "LEAF_FEATURES", 6)
        patch.setattr(tiles.membership, "DISTRICT_FEATURES", 14)
        with Store.open(city) as store:
            tiles.build(Scene(store), city.tiles, ["buildings"])
        with (
            CityState.open(settings) as state,
            serve(create_app(settings, state)) as root,
            httpx.Client(base_url=root, timeout=60) as client,
        ):
            client.headers["accept-encoding"] = "identity"
            yield SimpleNamespace(client=client, state=state, city=city)


def tags(here) -> dict[str, str]:
    """ETag of every file of the layer that is served."""
    layer = here.city.tiles / "buildings"
    names = [p.relative_to(here.city.tiles).as_posix() for p in layer.rglob("*.*") if p.suffix in (".glb", ".json", ".subtree")]  # fmt: skip
    found = {n: here.client.get(f"/tiles/{n}") for n in names}
    assert {r.status_code for r in found.values()} == {200}
    return {n: r.headers["etag"] for n, r in found.items()}


def whole(here, folder):
    """Bytes of a build from nothing, by their path in the tiles folder."""
    tiles.build(Scene(here.state.store), folder, ["buildings"])
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in (folder / "buildings").rglob("*.*") if p.is_file() and ".records" not in p.parts}  # fmt: skip


def raise_to(here, building: str, height: float) -> None:
    """Another height through OGC Features Part 4."""
    path = f"/collections/buildings/items/{building}"
    lock = {"if-match": here.client.get(path).headers["etag"]}
    body = {"properties": {"height_m": height}}
    answer = here.client.patch(path, json=body, headers=PATCH | lock)
    assert answer.status_code == 204, answer.text


def test_an_edit_is_in_its_tile_and_in_no_other(here, tmp_path, ids):
    assert here.state.retiler.wait(60)
    before = tags(here)
    raise_to(here, ids.building(5), 77.0)
    assert here.state.retiler.wait(60)
    after = tags(here)
    changed = {n for n in before if before[n] != after.get(n)}
    fresh = whole(here, tmp_path / "anew")
    assert {n: (here.city.tiles / n).read_bytes() for n in fresh} == fresh
    own = [n for n in changed if b'"eid"' in fresh[n]]
    assert len(own) == 1
    assert len([n for n in before if n.endswith(".glb") and b'"eid"' in fresh[n]]) > 4


def test_writes_that_follow_one_another_end_in_one_state(here, tmp_path, ids):
    for height in (20.0, 21.0, 22.0, 23.0):
        raise_to(here, ids.building(5), height)
    assert here.state.retiler.wait(60)
    fresh = whole(here, tmp_path / "anew")
    assert {n: (here.city.tiles / n).read_bytes() for n in fresh} == fresh


def test_a_write_whose_server_ended_is_caught_up_by_the_next(make_city, tmp_path, ids):
    city = make_city(tmp_path / "city")
    with Store.open(city) as store:
        tiles.build(Scene(store), city.tiles, ["buildings"])
        was = (city.tiles / "manifest.json").read_bytes()
        with store.transaction() as con:
            con.execute(
                "UPDATE entity SET height_m = 99 WHERE eid = $e::UUID", {"e": ids.building(5)}
            )
            con.execute(
                "INSERT INTO change (kind, subject_kind, subject_id, collection) VALUES ('change', 'entity', $e, 'buildings')",
                {"e": ids.building(5)},
            )
    with CityState.open(ServerSettings(city=city.path)) as state:
        assert state.retiler.wait(60)
        assert (city.tiles / "manifest.json").read_bytes() != was
        tiles.build(Scene(state.store), tmp_path / "anew", ["buildings"])
    for path in (tmp_path / "anew" / "buildings").rglob("*.glb"):
        assert (city.tiles / path.relative_to(tmp_path / "anew")).read_bytes() == path.read_bytes()
