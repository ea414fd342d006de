"""What happens now: streams of readings, their newest state, and the alarms they raise.

``hub.py`` is the way of a reading, told in its docstring: ``groups.py`` gathers batches, ``incoming.py``
judges them, ``archive.py`` keeps them (``log.py``, ``tail.py`` and ``readings.py`` the open part,
``chunks.py`` the sealed one), ``aside.py`` what does not fit,
``conditions.py`` holds readings against the rules (``rules.py``, ``kernel.py``);
``rulebook.py`` knows what rules may say and their versions, ``trial.py`` tries one on history; ``life_cycle.py`` takes
the steps of alarms, ``operating.py`` those of people and the clock, ``alarms.py`` writes and lists them;
``memory.py`` keeps the newest state and ``view.py`` answers from it, ``ledger.py`` and ``completeness.py`` know what
is missing, ``events.py`` tells subscribers.
``catalogue.py`` knows the streams, ``state.py`` the words normal, warning, alarm and stale,
``register.py`` makes streams known, ``history.py`` loads and reads past readings, ``indicators.py`` counts,
``simulate.py`` runs the threads.
"""

from twin.live.history import insert_observations
from twin.live.hub import LiveHub
from twin.live.incoming import IngestReport
from twin.live.register import Counts, register_streams
from twin.live.simulate import Simulator, run_committer, run_simulator, run_ticker

__all__ = [
    "Counts",
    "IngestReport",
    "LiveHub",
    "Simulator",
    "insert_observations",
    "register_streams",
    "run_committer",
    "run_simulator",
    "run_ticker",
]
