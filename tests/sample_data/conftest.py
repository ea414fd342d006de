"""The sample city, generated once for all tests of this folder."""

import pytest

from sample_data.make import generate


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Folder with every file of the sample city, and the counts that generate() returned."""
    out = tmp_path_factory.mktemp("sample")
    return out, generate(out)
