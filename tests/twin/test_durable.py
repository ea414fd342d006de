"""Files that are written whole or not at all."""

from pathlib import Path

import pytest

from twin.durable import write_once


def test_content_is_written_in_a_new_folder_and_a_second_writing_changes_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "abc.bin"
    write_once(path, b"one")
    write_once(path, memoryview(b"two"))
    assert path.read_bytes() == b"one"
    assert [p.name for p in path.parent.iterdir()] == ["abc.bin"]


def test_a_writing_that_fails_leaves_no_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_once(tmp_path / "abc.bin", b"one")
    assert not (tmp_path / "abc.bin").exists()
