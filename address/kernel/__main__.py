"""Make the compiled code of addresses now: `python -m address.kernel`."""

import os
from contextlib import suppress

from address.made import make

if __name__ == "__main__":
    with suppress(OSError, AttributeError):  # beside whatever else runs
        os.nice(10)
    make()
