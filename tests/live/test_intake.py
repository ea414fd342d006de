"""What is put into the intake is settled, whatever the threads do."""

import gc
import sys
import threading
import time

import pytest

from api.intake import Intake


class Everything(Intake):
    """An intake whose store takes everything."""

    def _stored(self, group):
        return [0] * len(group)


@pytest.fixture
def hasty():
    """Threads are switched wherever they can be: also while a tuple is built, where garbage is collected."""

    def give_way(phase, info):
        time.sleep(0)

    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50, 10**6, 10**6)
    gc.callbacks.append(give_way)
    yield
    gc.callbacks.remove(give_way)
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def test_every_message_is_settled_once_and_in_order(hasty):
    told, done = [], threading.Event()
    n = 60_000

    def settled(groups):
        told.extend(reference for reference, _ in groups["device"])
        if len(told) >= n:
            done.set()

    intake = Everything(None, settled, "test")
    for reference in range(n):
        intake.put("device", reference, "t", b"x")
        if reference % 7 == 0:
            intake.flush()
    intake.flush()
    done.wait(20)
    intake.close()
    assert told == list(range(n))
    assert intake.waiting == (0, 0)
