"""What every command shares: the two consoles, the usual options, one JSON document, a bar of progress."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = [
    "CityOption",
    "JsonOption",
    "StrictOption",
    "document",
    "err",
    "lines_of",
    "out",
    "place_of",
    "progress",
]

UNBROKEN = 1_000
"""Columns of a table that goes to a file or a pipe: lines stay whole there."""

out = Console(width=None if sys.stdout.isatty() else UNBROKEN)
err = Console(stderr=True)

CityOption = Annotated[Path, typer.Option("--city", envvar="TWIN_CITY", help="The city folder.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit 1 when something was quarantined or refused.")
]


def document(value: Any) -> None:  # noqa: ANN401 -- any plain value
    """One JSON document on standard output, in UTF-8 whatever the console's encoding is."""
    written = orjson.dumps(
        value,
        option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE,
        default=str,
    )
    sys.stdout.buffer.write(written)
    sys.stdout.flush()


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, int, int | None], None] | None]:
    """Progress on standard error: a bar for the layer at work on a terminal, a line per layer elsewhere."""
    if not err.is_terminal:
        begun: set[str] = set()

        def note(name: str, done: int, total: int | None) -> None:  # noqa: ARG001 -- as a bar is told
            if name not in begun:
                begun.add(name)
                err.print(f"· {name}", highlight=False, markup=False, soft_wrap=True)

        yield None if quiet else note
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                for done_with in tasks.values():
                    bar.update(done_with, visible=False)
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield tell


def lines_of(path: Path | None) -> list[str]:
    """Lines of a text file, empty ones left out."""
    if path is None or not path.is_file():
        raise typer.BadParameter(f"{path}: no such file")
    return [
        line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()
    ]


def place_of(line: str) -> tuple[float, float, float | None]:
    """``lon,lat[,z]`` of a line."""
    try:
        numbers = [float(part) for part in line.replace("\t", ",").split(",")]
        return numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else None
    except (ValueError, IndexError) as error:
        raise typer.BadParameter(f"{line!r}: expected lon,lat[,z]") from error
