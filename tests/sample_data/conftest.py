"""The sample city as the demo city was made of it, by another process."""

import pytest


@pytest.fixture(scope="session")
def sample(demo):
    """Folder with every file of the sample city, and the counts that generate() returned."""
    folder, report = demo
    return folder / "inbox" / "sample", report["counts"]
