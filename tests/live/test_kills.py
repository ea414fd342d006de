"""Kill -9 while devices publish: every receipt is kept, once, in order; a broken promise is noticed."""

import random

from crashing import crash, verdict

KILLS = 20


def test_what_was_acknowledged_is_stored_once_and_in_order_through_20_kills(city, running):
    workers, _ = crash(running(), KILLS, random.Random(3), calm=(0.05, 0.6))
    found = verdict(city.path, workers)
    assert found["lost"] == found["duplicates"] == found["disorder"] == 0, found
    assert all(not worker.open for worker in workers), "a message was never acknowledged"
    assert found["acknowledged"] == found["stored"] == sum(worker.sent for worker in workers)
    assert found["acknowledged"] > 10_000


def test_receipts_given_before_the_disk_has_it_are_noticed(city, running):
    workers, _ = crash(running({"ACK_EARLY": "1"}), 3, random.Random(3), calm=(0.2, 0.5))
    assert verdict(city.path, workers)["lost"] > 0
