"""A base comes into being as a whole, whoever makes it and whatever stops them."""

import multiprocessing
from pathlib import Path

import pytest

from twin.city import City
from twin.errors import CityError, CityInUseError
from twin.store import Store
from twin.store import store as module


def test_what_is_stopped_while_a_base_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = City.init(tmp_path / "city")
    install = module._install

    def stopped(connection: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_install", stopped)
    with pytest.raises(KeyboardInterrupt):
        Store.open(city)
    assert not city.base_path.exists()
    with pytest.raises(CityError, match="has no base yet"):
        Store.open(city, read_only=True)
    monkeypatch.setattr(module, "_install", install)
    with Store.open(city) as store:
        assert store.scalar("SELECT count(*) FROM entity") == 0
    with Store.open(city, read_only=True):
        pass


def _make(folder: str) -> str:
    try:
        with Store.open(City.open(Path(folder))) as store:
            return str(store.scalar("SELECT value FROM base_meta WHERE key = 'schema_version'"))
    except CityInUseError:
        return "in use"


def test_of_several_who_make_it_at_once_one_is_first(tmp_path: Path) -> None:
    city = City.init(tmp_path / "city")
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        told = pool.map(_make, [str(city.path)] * 8, chunksize=1)
    assert set(told) <= {module.SCHEMA_VERSION, "in use"}
    assert module.SCHEMA_VERSION in told
    assert [p.name for p in city.path.iterdir() if ".new" in p.name] == []
