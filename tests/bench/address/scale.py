"""The index at millions of standard addresses: building, opening, asking, editing.

``python tests/bench/address/scale.py [ADDRESSES] [FILE]`` builds an index of the made-up town (or
takes FILE if it is there), then asks it in a process of its own. Times are CPU milliseconds of one
thread. Memory is what the kernel counts as resident for the asking process: all pages of the file
it has touched, shared or not, together with Python and its libraries.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

QUESTIONS = 2000
_DIGITS = "〇一二三四五六七八九"


def main() -> None:
    """Build, then ask in another process."""
    if sys.argv[1] == "--ask":
        sys.stdout.write(
            json.dumps(ask(Path(sys.argv[2]), Path(sys.argv[3])), ensure_ascii=False, indent=1)
            + "\n"
        )
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    path = Path(sys.argv[2] if len(sys.argv) > 2 else f"town-{count}.addresses")
    if not path.exists():
        sys.stdout.write(json.dumps(build(count, path)) + "\n")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as sheet:
        json.dump(questions(count), sheet)
        sheet.flush()
        subprocess.run([sys.executable, __file__, "--ask", sheet.name, str(path)], check=True)


def build(count: int, path: Path) -> dict[str, float]:
    """Build and save; the time the town takes to be made up is taken off."""
    import resource

    import town

    from address.index import AddressIndex

    made = [0.0]

    def timed():
        rows = town.batches(count)
        while True:
            begun = time.process_time()
            batch = next(rows, None)
            made[0] += time.process_time() - begun
            if batch is None:
                return
            yield batch

    begun = time.process_time()
    index = AddressIndex.build(timed(), "town")
    index.save(path)
    spent = time.process_time() - begun - made[0]
    return {
        "addresses": count,
        "nodes": len(index),
        "build_s": round(spent, 1),
        "build_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "file_mb": round(path.stat().st_size / 1e6),
    }


def resident_mb() -> int:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def questions(count: int, seed: int = 5) -> list[tuple[str, dict[str, str]]]:
    """Texts as people write them, with the row each means."""
    import town

    draw = np.random.default_rng(seed)
    rows = []
    for number, batch in enumerate(town.batches(count)):
        if number % max(1, count // 2_000_000) == 0:
            at = np.sort(draw.choice(len(batch), min(len(batch), 600), replace=False))
            rows += batch.take(at.tolist()).to_pylist()
        if len(rows) > QUESTIONS * 2:
            break
    draw.shuffle(rows)
    return [(worded(row, int(draw.integers(0, 9))), row) for row in rows[:QUESTIONS]]


def worded(row: dict[str, str], kind: int) -> str:
    """One way of nine to write an address."""
    part = {k: row[k] or "" for k in ("province", "city", "county", "street", "road", "number",
                                      "compound", "building", "unit", "floor", "room")}  # fmt: skip
    if not part["road"]:
        part["street"] += row["community"]
    if kind == 6:
        return standard(row, "county").translate({ord(str(d)): chr(0xFF10 + d) for d in range(10)})
    change = _WORDINGS[kind]
    if change is not None:
        change(part)
    names = ("province", "city") if kind == 0 else ()
    tail = ("county", "street", "road", "number", "compound", "building", "unit", "room")
    return "".join(part[name] for name in (*names, *tail))


def _dashes(part: dict[str, str]) -> None:
    if part["unit"] and part["room"]:
        part["building"] = part["building"].removesuffix("号楼")
        part["unit"] = "-" + part["unit"].removesuffix("单元")
        part["room"] = "-" + part["room"].removesuffix("室")


def _spoken(part: dict[str, str]) -> None:
    part["room"] = "".join(_DIGITS[int(c)] if c.isdigit() else c for c in part["room"])


_WORDINGS: list[Callable[[dict[str, str]], None] | None] = [
    None,
    lambda part: part.update(building=part["building"].replace("号楼", "栋")),
    lambda part: part.update(building=part["building"].replace("号楼", "#")),
    _dashes,
    _spoken,
    lambda part: part.update(street="" if part["road"] else part["street"]),
    None,
    lambda part: part.update(county="", room=part["room"].removesuffix("室")),
    lambda part: part.update(room=part["room"] + "（电话13800138000）"),
]


def timed(
    answer: Callable[[str], object], texts: list[str]
) -> tuple[list[object], dict[str, float]]:
    """Answers, and CPU milliseconds: median and 99th percentile."""
    out, spent = [], []
    for text in texts:
        begun = time.process_time_ns()
        out.append(answer(text))
        spent.append((time.process_time_ns() - begun) / 1e6)
    return out, {
        "p50_ms": round(float(np.median(spent)), 3),
        "p99_ms": round(float(np.percentile(spent, 99)), 3),
    }


def ask(sheet: Path, path: Path) -> dict[str, object]:
    """Open, match, suggest, edit; what each takes and how often it is right."""
    asked = json.loads(sheet.read_text())
    begun = time.process_time()
    from address.index import AddressIndex
    from address.pinyin import initials, spellings

    report: dict[str, object] = {"import_s": round(time.process_time() - begun, 2)}
    before = resident_mb()
    begun = time.process_time()
    index = AddressIndex.open(path)
    report["open_ms"] = round((time.process_time() - begun) * 1e3, 2)
    begun = time.process_time()
    index.match("人民路")
    report["first_question_s"] = round(time.process_time() - begun, 2)
    for text, _ in asked[:300]:
        index.match(text)
    found, report["match"] = timed(index.match, [text for text, _ in asked])
    right = [answer.status == "exact" and answer.full == standard(row)
             for answer, (_, row) in zip(found, asked, strict=True)]  # fmt: skip
    report["match"]["right"] = round(100 * float(np.mean(right)), 2)
    report["suggest"] = {}

    def plain(text: str) -> object:
        return index.suggest(text, 10)

    def near(text: tuple[str, tuple[float, float]]) -> object:
        return index.suggest(text[0], 10, text[1])

    for kind, typed in typings(asked, spellings, initials).items():
        texts = [text for text, _ in typed]
        answer = near if kind == "focus" else plain
        for text in texts[:50]:
            answer(text)
        lists, told = timed(answer, texts)
        hits = [want(s) for s, (_, want) in zip(lists, typed, strict=True)]
        report["suggest"][kind] = {"in_10": round(100 * float(np.mean(hits)), 2), **told}
    _, report["reverse"] = timed(
        lambda row: index.reverse(row["lon"], row["lat"]), [row for _, row in asked[:1000]]
    )
    report["resident_mb"] = {"before": before, "after": resident_mb()}
    report["edit"] = edits(index, asked)
    return report


def standard(row: dict[str, str], first: str = "province") -> str:
    """Standard string of a row, from a level on."""
    parts = ["province", "city", "county", "street"]
    parts += [] if row["road"] else ["community"]
    parts += ["road", "number", "compound", "building", "unit", "floor", "room"]
    return "".join(row[p] or "" for p in parts[parts.index(first) :])


def typings(asked, spellings, initials):
    """What is typed, by kind, with the test for having found it."""
    out: dict[str, list] = {
        k: [] for k in ("han", "pinyin", "initials", "mixed", "county", "town", "focus")
    }
    for number, (_, row) in enumerate(asked):
        road = row["road"]
        if not road or number > 1000:
            continue
        door = road + row["number"]
        digits = "".join(c for c in row["number"] if c.isdigit())
        way = spellings(road)[0]
        names = {road, door}

        def want(found, names=names, row=row):
            return any(s.text in names for s in found)

        def exactly(found, row=row, door=door):
            place = row["county"] + row["street"]
            return any(s.text == door and place in s.full for s in found)

        out["han"] += [(road[:2], want), (door, want)]
        out["pinyin"] += [("".join(way), want), ("".join(way) + digits, want)]
        out["initials"] += [(initials(way) + digits, want)]
        out["mixed"] += [
            (road[:2] + initials(way[2:]) + digits, want),
            (road[0] + "".join(way[1:]), want),
        ]
        out["county"] += [
            (
                row["county"] + door,
                lambda f, c=row["county"]: any(c in s.full for s in f),
            )
        ]
        out["town"] += [(row["street"] + road[:2], want), (row["street"] + door, exactly)]
        out["focus"] += [((road[:2], (row["lon"], row["lat"])), want)]
    return out


def edits(index, asked) -> dict[str, dict[str, float]]:
    """Insert, rename, retire: CPU and wall milliseconds, log included."""
    named: dict[str, dict[str, str]] = {}
    for _, row in asked[:600]:
        if row["road"]:
            node = index.match(row["county"] + row["street"] + row["road"]).node_id
            named.setdefault(node, row)
    roads = list(named.items())
    doors: list[str] = []
    wall: list[float] = []

    def insert(k: int) -> None:
        begun = time.perf_counter()
        node, row = roads[k]
        doors.append(index.insert(node, "number", f"{7001 + k}号", lon=row["lon"], lat=row["lat"]))
        wall.append((time.perf_counter() - begun) * 1e3)

    several = list(range(min(200, len(roads))))
    insert(0)
    _, inserted = timed(insert, several[1:])
    inserted["wall_p50_ms"] = round(float(np.median(wall)), 3)
    _, renamed = timed(lambda k: index.rename(roads[k][0], f"新名{k}路"), several[::2])
    _, retired = timed(lambda k: index.retire(doors[k]), several[1::2])
    seen = [
        index.match(f"{roads[k][1]['street']}新名{k}路{7001 + k}号").status for k in several[::2]
    ]
    _, after = timed(index.match, [text for text, _ in asked[:1000]])
    _, typed = timed(
        lambda t: index.suggest(t, 10), [row["road"][:2] for _, row in asked[:1000] if row["road"]]
    )
    return {
        "insert": inserted, "rename": renamed, "retire": retired,
        "seen": {"right": 100 * seen.count("exact") / len(seen)},
        "match_after": after, "suggest_after": typed,
    }  # fmt: skip


if __name__ == "__main__":
    main()
