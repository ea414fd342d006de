"""The tests of arenas share what stands in arena_town.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
