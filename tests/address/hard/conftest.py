import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the modules here share cases and towns
