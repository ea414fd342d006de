"""Every one of the 57 kinds has at least three cases."""

from collections import Counter

import test_absent
import test_analysts
import test_buildings
import test_divisions
import test_doors
import test_foreign
import test_readings
import test_relative
import test_spelling
import test_strangers
import test_villages
import test_wording
from hard_kinds import KINDS

GROUPS = (
    test_absent,
    test_analysts,
    test_buildings,
    test_divisions,
    test_doors,
    test_foreign,
    test_readings,
    test_relative,
    test_spelling,
    test_strangers,
    test_villages,
    test_wording,
)


def test_every_kind_has_three_cases_of_its_own() -> None:
    count = Counter(case.kind for group in GROUPS for case in (*group.FIELDS, *group.MATCHES))
    assert {kind: count[kind] for kind in KINDS if count[kind] < 3} == {}
    texts = [case.text for group in GROUPS for case in group.FIELDS]
    assert len(set(texts)) == len(texts)
