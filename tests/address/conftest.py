import sys
from pathlib import Path

import pyarrow as pa
import pytest

from address.index import AddressIndex
from address.nodes import build_nodes

sys.path.insert(0, str(Path(__file__).parent))  # the town's rows are shared by the modules here

from address_town import table, town_rows


@pytest.fixture(scope="session")
def town() -> pa.Table:
    return build_nodes(table(town_rows()))


@pytest.fixture(scope="session")
def index(town: pa.Table) -> AddressIndex:
    return AddressIndex.from_nodes(town)
