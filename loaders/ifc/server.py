"""The warm server: imports once what reading models needs, forks a process per job, tells how each ended.

Reads one job per line from standard input; the job's process answers in JSON lines on standard
output, and after it the server writes ``{"ended": code}`` (negative: the signal that killed it).
"""

import gc
import os
import sys
from pathlib import Path
from types import ModuleType

import orjson

from loaders.ifc.limits import limit_memory
from twin.errors import PlanError, SourceError, UnsafeSourceError

__all__ = ["main", "prepare"]


def _answer(said: dict[str, object]) -> None:
    os.write(1, orjson.dumps(said, default=str) + b"\n")


def _run(job: dict[str, object]) -> None:
    """One job in a process of its own; never returns to the caller's loop.

    It ends soon, so Python does not search its objects for circular garbage.
    """
    from loaders.ifc import tasks  # as prepared

    code = 0
    gc.disable()
    try:
        path = Path(str(job["path"]))
        limit_memory(2.0e9 + 12 * path.stat().st_size)
        options = job["options"] if isinstance(job["options"], dict) else {}
        for said in tasks.run(str(job["task"]), path, Path(str(job["folder"])), options):
            _answer(said)
    except SourceError as err:
        kind = "unsafe" if isinstance(err, UnsafeSourceError) else "source"
        _answer({"error": err.reason, "kind": kind})
    except PlanError as err:
        _answer({"error": str(err), "kind": "plan"})
    except MemoryError:
        _answer({"error": "needs more memory than a file of its size should", "kind": "unsafe"})
    except BaseException as err:  # noqa: BLE001 (the process ends here, and says why)
        _answer({"error": f"cannot be read: {type(err).__name__}: {err}"[:500], "kind": "source"})
    finally:
        os._exit(code)


class _WithoutPandas:
    """Keeps pyarrow from loading pandas at its first array: half a second for what nothing here uses."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Refuse pandas, know nothing of anything else."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _do_without() -> None:
    """Stand in for what libraries load and nothing here uses.

    ifcopenshell would load a parser generator for streams of entities (1.4 MB), pyproj a client for HTTP
    for its grids (4 MB): nothing here goes online.
    """
    sys.modules["lark"] = None  # type: ignore[assignment]  # an import that is refused
    grids = ModuleType("pyproj.sync")

    def refused(*_: object) -> None:
        raise OSError("the process that holds a model does not go online")

    vars(grids)["_download_resource_file"] = refused
    sys.modules["pyproj.sync"] = grids


def prepare() -> None:
    """Load once what every job needs, and without what none does."""
    sys.meta_path.insert(0, _WithoutPandas())
    _do_without()
    from loaders.ifc import tasks  # not before: it loads all of them

    tasks.rehearse()
    gc.collect()
    gc.freeze()  # what is loaded stays shared with every job


def main() -> None:
    """Serve jobs until standard input ends."""
    prepare()
    for line in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            _run(orjson.loads(line))
        _, status = os.waitpid(child, 0)
        _answer({"ended": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
