"""What a sweep over open cases costs, and a step: CPU-seconds, beside one bare scan of the same tables.

python tests/bench/live/cases.py [open cases]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from twin.cases import Asked, CaseDesk
from twin.city import City
from twin.store import Store

NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
FILL = """
SELECT setseed(0.5);
CREATE TEMP TABLE made AS SELECT uuidv7() AS id, i, TIMESTAMP '2026-11-20' + to_minutes((random() * 10000)::INTEGER) AS began,
    1 + (random() * 7)::INTEGER AS steps, (random() * 400)::INTEGER AS cell FROM range($n) t(i);
INSERT INTO case_file SELECT id, 'AJ' || i, '管理事项', ['06010', '02103', '09009'][1 + i % 3], 'x', '案', NULL, NULL, 114.0, 30.4,
    ['上报', '受理', '立案', '派遣', '处置', '反馈', '核查', '挂账'][steps], began, NULL, '热线', '区城管局', NULL, NULL, NULL, NULL,
    CASE WHEN i % 50 = 0 THEN '紧急' END, began + to_minutes((steps * 37)::INTEGER) FROM made;
INSERT INTO case_event (case_id, at_time, event, from_stage, to_stage, actor, role)
SELECT id, began + to_minutes((k * 37)::INTEGER), 'x', ['上报', '受理', '立案', '派遣', '处置', '反馈', '核查', '挂账'][k - 1],
    ['上报', '受理', '立案', '派遣', '处置', '反馈', '核查', '挂账'][k], 'x', 'x'
FROM made, range(1, 9) t(k) WHERE k <= steps ORDER BY began, k;
INSERT INTO anchor SELECT 'case', id::VARCHAR, 'point', NULL, NULL, NULL, '429871001' || lpad(cell::VARCHAR, 6, '0'), 114.0, 30.4, 10, 10,
    'terrain', 1, NULL, NULL, began FROM made;
"""


def cpu(work: Callable[[], object], times: int = 5) -> float:
    """Least CPU-seconds of some runs, all threads together."""
    found = []
    for _ in range(times):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


def main(n: int) -> None:
    """Print the table of docs/cases.md."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(City.init(Path(folder) / "city", name="bench")) as store,
    ):
        with store.transaction() as con:
            for part in con.extract_statements(FILL):
                con.execute(part, {"n": n} if part.named_parameters else None)
        desk = CaseDesk(store, lambda: NOW)
        sql = "SELECT count(stage), count(from_stage), max(at_time) FROM case_file JOIN case_event USING (case_id)"
        bare = cpu(lambda: store.table(sql))
        events = store.scalar("SELECT count(*) FROM case_event")
        late = desk.listed(overdue=True).matched
        sys.stdout.write(
            f"{n} open cases, {events} events, {late} overdue; one bare join of both tables {bare:.3f} s CPU\n"
        )
        rows = {
            "overdue=true, a page of 100": lambda: desk.listed(Asked(limit=100), overdue=True),
            "overdue, the ids alone": lambda: desk.overdue(True),
            "a page of 100": lambda: desk.listed(Asked(limit=100)),
            "one case": lambda: desk.get("AJ17"),
        }
        for name, work in rows.items():
            found = cpu(work)
            sys.stdout.write(f"| {name} | {found:.3f} | {found / bare:.1f} |\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
