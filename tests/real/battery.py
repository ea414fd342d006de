"""Run every loader over a folder of real files and say what became of each.

::

    python tests/real/battery.py [FOLDER…] [--json [FILE]] [--ground-truth] [--only TEXT] [--jobs N]
                                 [--seconds 60] [--memory 2048] [--quiet]

FOLDER is any folder or file (default: ``../shared/data`` beside the checkout). Each source that
discovery finds, and each file it leaves out, ends as one of

* **loaded** – read through its loader and loaded into a throw-away city; with counts, bounds in the
  source's CRS, fields and balance (layers whose CRS nobody can know are asked for, then loaded with
  one given, so that staging is run too);
* **refused** – with the sentence a person would see;
* **skipped** – discovery named it as no source, with the reason;
* or one of the five that must not be: **crashed**, **hung** (``--seconds``), **too big**
  (``--memory`` MiB resident, all processes of the source together), **network** (an attempt to reach
  anything: the child has a network namespace without interfaces where the system allows it, and the
  kernel's own counters are read), **lost** (records fewer than announced without a word, a
  balance that does not close, text in the wrong character set).

``--ground-truth`` compares with each ``GROUND_TRUTH.json`` found in or above the folders: counts,
bounds (1e-6 of a degree or 1e-6 of their size), field values and sums, text, heights. What differs and is right so
is explained, one by one, in ``explained.json`` beside this file; where the truth's own reader was wrong,
``corrections.py`` reckons it anew from the file, and that is compared.
``--json`` prints the whole result as one document (to FILE if given). Exit code 1 where anything
crashed, hung, grew, called or lost.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import examination  # noqa: E402
import isolation  # noqa: E402
import truth  # noqa: E402

from loaders.discovery import survey  # noqa: E402
from loaders.foreseen import DEFECT  # noqa: E402
from twin.city import City  # noqa: E402
from twin.store import Store  # noqa: E402

DEFAULT = ROOT.parent / "shared" / "data"
VERDICTS = ("match", "corrected", "explained", "differs")
BAD = ("crashed", "hung", "too big", "network", "lost")
Row = dict[str, Any]


def kind_of(path: str) -> str:
    """Kind for the table: the extension, two of them for packed ones."""
    name = path.rsplit("/", 1)[-1].lower()
    parts = name.split(".")
    if len(parts) > 2 and parts[-1] in ("gz", "zip", "pbf", "json", "jsonl", "bz2", "xz"):
        return "." + ".".join(parts[-2:]) if len(parts[-2]) <= 8 else "." + parts[-1]
    return "." + parts[-1] if len(parts) > 1 else "(none)"


def reasons_of(value: Row) -> list[str]:
    """All reasons that a source was given."""
    return [
        str(value.get("refused") or ""),
        *(str(la.get("reason") or "") for la in value["layers"]),
    ]


def outcome_of(ending: isolation.Ending) -> tuple[str, str]:
    """Outcome of a source, with its sentence."""
    if ending.how != "done":
        return ending.how, ending.detail
    value = ending.value
    if value["network"]["attempts"]:
        return "network", f"{value['network']['attempts']} attempts: {value['network']['calls']}"
    losses = [text for layer in value["layers"] for text in layer["losses"]]
    defects = [text for text in (*losses, *reasons_of(value)) if DEFECT in text]
    if defects:
        return "crashed", defects[0]
    if losses:
        return "lost", "; ".join(losses)
    if value.get("refused"):
        return "refused", value["refused"]
    if not value["layers"]:
        if value["skipped"]:
            return "refused", "nothing in it is a source: " + value["skipped"][0]["reason"]
        return "lost", "the source has no layers and nothing says why"
    if all(layer["outcome"] == "refused" for layer in value["layers"]):
        reason = value["layers"][0]["reason"]
        return ("refused", reason) if reason else ("lost", "refused without a reason")
    refused = [
        f"{la['layer']}: {la['reason']}" for la in value["layers"] if la["outcome"] == "refused"
    ]
    return "loaded", "; ".join(refused)


def run_battery(
    folders: list[Path], only: str, jobs: int, seconds: float, memory: int, note: Console
) -> list[Row]:
    """All sources and skipped files, each with its outcome."""
    found = survey(folders)
    rows: list[Row] = [
        {"path": s.shown, "outcome": "skipped", "reason": s.reason, "layers": []}
        for s in found.skipped
        if only in s.shown
    ]
    sources = [
        path for path in found.sources if only in str(path) and path.name != "GROUND_TRUTH.json"
    ]
    os.environ["PYTHONPATH"] = os.pathsep.join(
        sys.path[:2]
    )  # the fork server looks for its modules there
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["examination", "isolation"])
    with tempfile.TemporaryDirectory(prefix="citytwin-battery-") as scratch:
        template = Path(scratch) / "template"
        Store.open(City.init(template, name="battery")).close()

        def one(numbered: tuple[int, Path]) -> Row:
            number, path = numbered
            own = Path(scratch) / str(number)
            own.mkdir()
            ending = isolation.run(
                partial(examination.examine, template=template), path, own, seconds, memory, context
            )
            outcome, reason = outcome_of(ending)
            if outcome in BAD:
                note.print(
                    f"[red]{outcome}[/] {path}: {reason[-300:]}", markup=True, highlight=False
                )
            return {
                "path": str(path),
                "outcome": outcome,
                "reason": reason,
                "seconds": round(ending.seconds, 3),
                "peak_mib": ending.peak // 2**20,
                "layers": ending.value.get("layers", []),
                "skipped": ending.value.get("skipped", []),
                "isolation": ending.value.get("network", {}).get("how"),
            }

        with ThreadPoolExecutor(jobs) as pool:
            rows += pool.map(one, enumerate(sources))
    return rows


def table_of(rows: list[Row], compared: list[truth.Comparison]) -> Table:
    """One line per kind."""
    outcomes = ("loaded", "refused", "skipped", *BAD)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[kind_of(row["path"])][row["outcome"]] += 1
    matched: dict[str, Counter[str]] = defaultdict(Counter)
    for c in compared:
        matched[kind_of(c.path)][c.verdict] += 1
    table = Table("kind", *outcomes, "truth ✓", "corrected ✓", "explained", "differs")
    for kind in sorted(counts, key=lambda k: -sum(counts[k].values())):
        cells = [str(counts[kind][o] or "–") for o in outcomes]
        truths = [str(matched[kind][v] or "–") for v in VERDICTS]
        table.add_row(kind, *cells, *truths)
    total = Counter(row["outcome"] for row in rows)
    verdicts = Counter(c.verdict for c in compared)
    table.add_section()
    table.add_row(
        "all",
        *(str(total[o]) for o in outcomes),
        *(str(verdicts[v]) for v in VERDICTS),
    )
    return table


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", nargs="*", type=Path, default=[DEFAULT])
    parser.add_argument("--json", nargs="?", const="-", default=None)
    parser.add_argument("--ground-truth", action="store_true")
    parser.add_argument("--only", default="", help="only paths that contain this text")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--memory", type=int, default=2048, help="MiB")
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run it; exit code."""
    asked = parsed(arguments)
    note = Console(stderr=True, quiet=asked.quiet)
    started = time.monotonic()
    rows = run_battery(
        asked.folders, asked.only, asked.jobs, asked.seconds, asked.memory * 2**20, note
    )
    compared = truth.compare(asked.folders, rows, asked.only) if asked.ground_truth else []
    if asked.json is not None:
        document = {
            "seconds": round(time.monotonic() - started, 1),
            "outcomes": Counter(row["outcome"] for row in rows),
            "truth": Counter(c.verdict for c in compared),
            "sources": rows,
            "compared": [c.as_dict() for c in compared],
        }
        text = orjson.dumps(
            document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str
        )
        if asked.json == "-":
            sys.stdout.buffer.write(text + b"\n")
        else:
            Path(asked.json).write_bytes(text)
    if asked.json != "-":
        Console(width=200).print(table_of(rows, compared))
        for c in compared:
            if c.verdict == "differs":
                note.print(
                    f"differs {c.path}: {'; '.join(c.differences)[:300]}",
                    highlight=False,
                    markup=False,
                )
    return 1 if any(row["outcome"] in BAD for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
