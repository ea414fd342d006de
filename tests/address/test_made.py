"""When the compiled code is asked: soon where it is made, late where it is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from address import AddressIndex, made
from address.made import CUT, LATE, SINGLE, SOON, is_made, making, note_made, only_maker, pays


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is made."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_it_pays_soon_where_it_is_made_and_late_where_not(fresh: Path) -> None:
    assert not pays(SINGLE, SOON[SINGLE])
    assert pays(SINGLE, LATE)
    note_made(SINGLE)
    assert pays(SINGLE, SOON[SINGLE])
    assert not pays(SINGLE, SOON[SINGLE] - 1)
    assert not pays(CUT, SOON[CUT]), "what else is made says nothing of it"


def test_another_source_is_another_code(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note_made(SINGLE)
    monkeypatch.setattr(made, "stamp", lambda: "sources_of_tomorrow")
    assert not pays(SINGLE, SOON[SINGLE])


def test_what_was_made_of_other_sources_is_removed(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fresh / "kernel_0a1b" / "sheet.told-70.py311.1.nbc"
    kept.parent.mkdir()
    kept.touch()
    note_made(SINGLE)
    with making(CUT):
        pass
    assert kept.exists(), "it is of the same sources as what is made already"
    monkeypatch.setattr(made, "stamp", lambda: "sources_of_tomorrow")
    with making(CUT):
        assert not kept.exists()


def test_few_texts_do_not_wait_for_a_compiler(index: AddressIndex, fresh: Path) -> None:
    other = AddressIndex(index.arena)
    texts = ["江北街道古墩路35号", "没有的路5号"]
    told = [other.geocode_each(texts) for _ in range(SOON[SINGLE])]
    assert other._fast is None
    assert told[0] == [other.geocode(text) for text in texts]


def test_one_process_makes_the_code_while_servers_come_and_go(fresh: Path) -> None:
    maker = [sys.executable, "-m", "address.kernel"]
    with only_maker() as alone:
        assert alone
        subprocess.run(maker, check=True, timeout=60)  # ends at once: it would take a minute
    assert not is_made(SINGLE)
    with only_maker() as alone:
        assert alone, "the lock went with its process"
