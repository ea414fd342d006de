"""Make the compiled code of addresses now: `python -m address.kernel`."""

import os
from contextlib import suppress

from address.made import make, only_maker

if __name__ == "__main__":
    with suppress(OSError, AttributeError):  # beside whatever else runs
        os.nice(10)
    with only_maker() as alone:  # else another server's makes it
        if alone:
            make()
