"""Damage sources of every kind by the thousand and load each: nothing may crash, hang, grow, get lost or stay open.

::

    python tests/real/fuzz.py [SEEDS…] [--count 10000] [--seed 1] [--only KIND] [--first N] [--jobs 2]
                              [--seconds 20] [--memory 2048] [--keep DIR] [--json [FILE]]

Small sources of all kinds are written (``seeds.py``); SEEDS are files or folders of real data, whose small sources
are damaged as well. Mutant ``i`` of a seed number is always the same: ``--first i --count 1 --keep DIR`` makes it
again and leaves it in DIR. Each is scanned, planned, loaded and anchored in a fresh city, all laws of the base are
asked afterwards, and it ends as one of

* **loaded**, with records in the base or in quarantine, the balance closed and every law kept;
* **refused**, with a sentence;
* or one of those that must not be: **crashed** (a signal, or an exception that is not citytwin's own), **hung**
  (``--seconds``), **too big** (``--memory`` MiB resident), **network** (an attempt to reach anything), **open** (a
  balance that does not close, a broken law), **lost** (records announced, missing and not mentioned; a refusal
  without words), **written** (files left beside the source).

Worker processes take mutant after mutant and are replaced when one of them ends badly. Exit code 1 where any mutant
ended so.
"""

import argparse
import contextlib
import faulthandler
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import isolation  # noqa: E402
import mutant  # noqa: E402
import mutation  # noqa: E402
import seeds  # noqa: E402

GOOD = ("loaded", "refused")
BAD = ("crashed", "hung", "too big", "network", "open", "lost", "written")
MOST_TAKEN = 400
READY = "ready"
START_SECONDS = 600
"""A worker imports every loader before its first mutant; the clock of a mutant starts after that."""
"""Mutants after which a worker is replaced."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """Where seeds, template and scratch are, the number all mutants follow from, and the bounds."""

    made: Sequence[Path]
    real: Sequence[Path]
    template: Path
    scratch: Path
    number: int
    seconds: float
    memory: int
    keep: Path | None = None

    def seed(self, index: int) -> Path:
        """What mutant ``index`` is made from: every other one of real data, where there are any."""
        group, turn = (
            (self.made, index) if not self.real else ((self.made, self.real)[index % 2], index // 2)
        )
        return group[turn % len(group)]


def make(job: Job, index: int, folder: Path) -> tuple[str, str]:
    """Write mutant ``index`` into ``folder``; the seed's name and what was done to it."""
    rng = Random(f"{job.number}:{index}")
    seed = job.seed(index)
    shutil.copytree(seed, folder, copy_function=shutil.copyfile)
    return seed.name, mutation.mutate(folder, rng)


def _work(answers: Connection, job: Job, own: Path) -> None:
    """A worker process: take mutants by number until told to stop."""
    os.setsid()
    log = (own / "log").open("w+", buffering=1)
    sys.stdout = sys.stderr = log
    for stream in (1, 2):
        os.dup2(log.fileno(), stream)
    faulthandler.enable(log)
    faulthandler.register(signal.SIGUSR1, log, all_threads=False)
    resource.setrlimit(resource.RLIMIT_AS, (isolation.ADDRESS_SPACE, isolation.ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tempfile.tempdir = str(own / "tmp")
    os.environ["TMPDIR"] = tempfile.tempdir
    watched = isolation.cut_network().startswith("kernel")
    answers.send(READY)
    while (index := answers.recv()) is not None:
        log.truncate(0)
        shutil.rmtree(own / "tmp", ignore_errors=True)
        shutil.rmtree(own / "mutant", ignore_errors=True)
        shutil.rmtree(own / "city", ignore_errors=True)
        (own / "tmp").mkdir()
        before = isolation.network_attempts() if watched else 0
        row = _one(job, index, own)
        if watched and (n := isolation.network_attempts() - before):
            row |= {"outcome": "network", "reason": f"{n} attempts to reach something"}
        answers.send(row)


def _one(job: Job, index: int, own: Path) -> Row:
    name, done = make(job, index, own / "mutant")
    used = time.process_time()
    try:
        row = mutant.take(own / "mutant", job.template, own / "city")
    except Exception as err:  # noqa: BLE001 -- whatever is not the product's own answer is what is looked for
        frames = [f for f in traceback.extract_tb(err.__traceback__) if str(ROOT) in f.filename and ".venv" not in f.filename]  # fmt: skip
        last = frames[-1]
        row = {
            "outcome": "crashed",
            "reason": f"{type(err).__name__} in {Path(last.filename).relative_to(ROOT)}:{last.lineno}: {str(err)[:300]}",
            "trace": traceback.format_exc()[-4000:],
        }
    return row | {"index": index, "seed": name, "change": done, "cpu": time.process_time() - used}


class Worker:
    """A worker process and the talk with it; ends when closed."""

    def __init__(self, job: Job, own: Path, context: multiprocessing.context.BaseContext) -> None:
        own.mkdir(parents=True, exist_ok=True)
        self.job, self.own, self.taken = job, own, 0
        self.talk, other = multiprocessing.Pipe()
        self.process = context.Process(target=_work, args=(other, job, own))
        self.process.start()
        other.close()
        if not self.talk.poll(START_SECONDS) or self.talk.recv() != READY:
            self.close()
            raise SystemExit(f"a worker did not start within {START_SECONDS} s")

    def take(self, index: int) -> Row:
        """Outcome of one mutant; the worker is of no use after a crash, a hang or too much memory."""
        self.taken += 1
        started, how = time.monotonic(), ""
        with contextlib.suppress(OSError, EOFError):
            self.talk.send(index)
            while not self.talk.poll(0.1):
                if time.monotonic() - started > self.job.seconds:
                    how = "hung"
                elif isolation.group_memory(self.process.pid) > self.job.memory:
                    how = "too big"
                if how:
                    break
            else:
                return self.talk.recv() | {"seconds": round(time.monotonic() - started, 3)}
        return self._ended(index, how)

    def _ended(self, index: int, how: str) -> Row:
        if how:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGUSR1)  # where it stands, for the log
            time.sleep(0.3)
        self.close()
        log = (self.own / "log").read_text(errors="replace").strip("\0")
        again = self.own.parent / f"again-{index}"
        name, done = make(self.job, index, again)
        shutil.rmtree(again)
        return {
            "outcome": how or "crashed",
            "reason": f"exit code {self.process.exitcode}: {_where(log)}",
            "trace": log[-3000:],
            **{"index": index, "seed": name, "change": done, "seconds": self.job.seconds, "cpu": 0},
        }

    def close(self) -> None:
        """End the process and all it started."""
        with contextlib.suppress(OSError):
            self.talk.send(None)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()
        self.taken = MOST_TAKEN


def _where(log: str) -> str:
    """The innermost product lines of a stack that a signal left behind."""
    lines = [x.strip() for x in log.splitlines() if f'"{ROOT}' in x and ".venv" not in x]
    return " < ".join(lines[:3]).replace(f"{ROOT}/", "")


def _share(job: Job, indices: Sequence[int], context: multiprocessing.context.BaseContext, note: Console) -> Iterator[Row]:  # fmt: skip
    own, worker = job.scratch / f"worker-{indices[0]}" if indices else job.scratch, None
    for done, index in enumerate(indices):
        if done and done % 500 == 0:
            note.print(f"{done} of {len(indices)}")
        if worker is None or worker.taken >= MOST_TAKEN:
            if worker is not None:
                worker.close()
            worker = Worker(job, own, context)
        row = worker.take(index)
        if row["outcome"] in BAD:
            note.print(f"{row['outcome']} {index} {row['seed']} ({row['change']}): {row['reason'][:250]}", highlight=False, markup=False)  # fmt: skip
        if job.keep is not None and (row["outcome"] in BAD or len(indices) == 1):
            kept = job.keep / f"{index}-{row['seed']}"
            shutil.rmtree(kept, ignore_errors=True)
            make(job, index, kept)
        yield row
    if worker is not None:
        worker.close()


def run(job: Job, indices: Sequence[int], jobs: int, note: Console) -> list[Row]:
    """Take all mutants, shared among ``jobs`` workers; rows in the order of their numbers."""
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])  # the fork server finds its modules so
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fuzz"])
    shares = [indices[i::jobs] for i in range(jobs)]
    with ThreadPoolExecutor(jobs) as pool:
        done = pool.map(lambda share: list(_share(job, share, context, note)), shares)
        return sorted((row for rows in done for row in rows), key=lambda row: row["index"])


@contextlib.contextmanager
def prepared(asked: argparse.Namespace) -> Iterator[Job]:
    """Seeds, an empty city and scratch space, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="citytwin-fuzz-") as scratch:
        folder = Path(scratch)
        made = [s for s in seeds.write_seeds(folder / "seeds") if asked.only in s.name]
        real = seeds.real_seeds(asked.seeds, folder / "real") if asked.seeds else []
        real = [s for s in real if asked.only in s.name]
        empty = mutant.template(folder / "template")
        yield Job(made or real, real, empty, folder, asked.seed, asked.seconds, asked.memory * 2**20, asked.keep)  # fmt: skip


def table_of(rows: Sequence[Row]) -> Table:
    """One line per kind of seed made here, one for all real ones."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        kind = "real data" if row["seed"].split("-")[0].isdigit() else row["seed"]
        counts[kind][row["outcome"]] += 1
        counts["all"][row["outcome"]] += 1
    table = Table("seed", "mutants", *GOOD, *BAD)
    for kind in [*sorted(set(counts) - {"all"}), "all"]:
        cells = [str(counts[kind][o] or "–") for o in (*GOOD, *BAD)]
        table.add_row(kind, str(counts[kind].total()), *cells)
    return table


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("seeds", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--seed", type=int, default=1, help="number that all mutants follow from")
    parser.add_argument("--only", default="", help="only seeds whose name contains this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--memory", type=int, default=2048, help="MiB")
    parser.add_argument("--keep", type=Path, help="folder for the mutants that end badly")
    parser.add_argument("--json", nargs="?", const="-", default=None)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run it; exit code."""
    asked = parsed(arguments)
    note = Console(stderr=True, soft_wrap=True)
    started = time.monotonic()
    with prepared(asked) as job:
        rows = run(job, range(asked.first, asked.first + asked.count), asked.jobs, note)
    outcomes = Counter(row["outcome"] for row in rows)
    cpu = sum(row["cpu"] for row in rows)
    if asked.json is not None:
        document = {
            "seconds": round(time.monotonic() - started, 1),
            "cpu_seconds": round(cpu, 1),
            "seeds": len({*job.made, *job.real}),
            "outcomes": outcomes,
            "records": {k: sum(row.get(k, 0) for row in rows) for k in ("n_in", "quarantined")},
            "bad": [row for row in rows if row["outcome"] in BAD],
            "mutants": [{k: row[k] for k in ("index", "seed", "change", "outcome", "reason", "seconds")} for row in rows],
        }  # fmt: skip
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2)
        if asked.json == "-":
            sys.stdout.buffer.write(text + b"\n")
        else:
            Path(asked.json).write_bytes(text)
    if asked.json != "-":
        Console(width=160).print(table_of(rows))
        Console().print(f"{len(rows)} mutants of {len({*job.made, *job.real})} seeds in {time.monotonic() - started:.0f} s, {cpu / max(1, len(rows)):.3f} CPU-s each")  # fmt: skip
    return 1 if any(outcomes[o] for o in BAD) else 0


if __name__ == "__main__":
    sys.exit(main())
