"""Cases (案件): what was reported, who does what about it, step by step from 上报 to 结案.

``transitions.csv`` is the stage machine, read by ``stages.py`` and walked by ``machine.py``; ``saying.py`` checks what a step
says. ``reporting.py`` says what a report needs, ``desk.py`` opens cases and moves them, ``listing.py`` tells of them,
``place.py`` says where they stand, ``clocks.py`` until when, on ``calendar.py``; ``register.py`` loads the cases of a table.
``office.py`` is the desk with ``counting.py``, ``duplicates.py``, ``photos.py`` and ``units.py``.
"""

from twin.cases.desk import CaseDesk
from twin.cases.listing import Asked, CasePage
from twin.cases.office import CaseOffice
from twin.cases.register import register_cases
from twin.cases.reporting import NewCase

__all__ = ["Asked", "CaseDesk", "CaseOffice", "CasePage", "NewCase", "register_cases"]
