"""The ``twin`` command: the one place that prints, and the one place that turns errors into exit codes.

``--json`` prints one document on standard output and nothing else; progress goes to standard error.
Exit code 0: done;
1: done, but something was quarantined, refused or broken and ``--strict`` was given (``verify``: a
law is broken);
2: cannot do it, with the reason; 130: stopped with Ctrl-C (a server that is stopped so is done: 0).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.ending import plain_endings
from twin.city import City

if TYPE_CHECKING:
    from api.demo import DemoReport

__all__ = ["app", "main"]

app = typer.Typer(
    name="twin",
    help="citytwin: one city, one folder, one base.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
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


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):  # a console of another encoding gets what it can show
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # both are text streams
    with plain_endings():
        app()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="New city folder.")],
    name: Annotated[
        str, typer.Option(help="Name of the city; the folder's name when absent.")
    ] = "",
    admin_code: Annotated[str, typer.Option(help="行政区划代码, 6 digits.")] = "000000",
    crs: Annotated[
        str, typer.Option(help="CRS expected of sources that declare none.")
    ] = "EPSG:4490",
    undulation: Annotated[
        float, typer.Option(help="Metres: ellipsoidal height = 1985 height + this.")
    ] = 0.0,
    time_zone: Annotated[
        str, typer.Option(help="Zone of times in sources that name none (tz database).")
    ] = "Asia/Shanghai",
) -> None:
    """Make a new city folder."""
    city = City.init(
        folder,
        name=name or None,
        admin_code=admin_code,
        source_crs=crs,
        undulation=undulation,
        time_zone=time_zone,
    )
    out.print(
        f"[green]✓[/] {city.name}: {city.path}. Next: twin load FILES… --city {city.path}",
        highlight=False,
    )


@app.command()
def scan(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    plan: Annotated[Path | None, typer.Option(help="Write the proposed plan here.")] = None,
    crs: Annotated[
        str | None, typer.Option(help="CRS the city expects; helps to judge sources without one.")
    ] = None,
    city: Annotated[
        Path | None,
        typer.Option(help="City folder: its CRS, its grids and what its base holds help to judge."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--map", help="Draw all layers and their candidates into this PNG."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what is in these files, and propose a plan."""
    from api.planning import relative_to
    from api.scan_console import scan_report
    from api.scanning import scan_sources

    known = None if city is None else City.open(city)
    with _progress(json) as tell:
        found = scan_sources(paths, crs, known, pictured=picture is not None, progress=tell)
    if plan is not None:
        plan.write_text(relative_to(found.plan, plan.parent).to_toml(), encoding="utf-8")
    if picture is not None:
        from api.scan_map import draw_scan

        draw_scan(found).save(picture, "PNG")
    if json:
        _document([asdict(row) for row in found.rows])
        return
    out.print(*scan_report(found.rows, plan, whole=not out.is_terminal), sep="\n")
    if picture is not None:
        out.print(f"Map drawn to {picture}", highlight=False)


@app.command()
def load(
    city: CityOption,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; not needed with --plan.")
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="Plan file that names the files.")] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder the plan's paths are relative to; the plan's own when absent."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell the balance; write nothing.")
    ] = False,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Load, fuse and anchor; print the balance."""
    from api import pipeline
    from api.console import load_tables

    if not paths and plan is None:
        raise typer.BadParameter("give files or folders to load, or --plan FILE")
    with _progress(json) as tell:
        report = pipeline.load(
            City.open(city), paths or [], plan, root=root, dry_run=dry_run, progress=tell
        )
    if json:
        _document(report.to_json())
    else:
        out.print(*load_tables(report), sep="\n")
    not_loaded = any(layer.status in ("refused", "failed") for layer in report.layers)
    if not_loaded and all(layer.status in ("refused", "failed") for layer in report.layers):
        raise typer.Exit(2)
    if strict and (not_loaded or report.total.quarantined):
        raise typer.Exit(1)


@app.command()
def tile(
    city: CityOption,
    layer: Annotated[list[str] | None, typer.Option(help="Only these layers.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Build everything anew.")] = False,
    json: JsonOption = False,
) -> None:
    """Build or refresh the tiles."""
    from api import pipeline
    from api.console import tile_table

    with _progress(json) as tell:
        report = pipeline.tile(City.open(city), layer or None, full=full, progress=tell)
    if json:
        _document(report.to_json())
    else:
        out.print(tile_table(report))


@app.command()
def serve(
    city: CityOption,
    host: Annotated[
        str, typer.Option(envvar="TWIN_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(envvar="TWIN_PORT", min=0, max=65535, help="Port; 0 takes a free one."),
    ] = 8000,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            envvar="TWIN_SIMULATE",
            help="Feed the streams from the sample simulator.",
        ),
    ] = False,
) -> None:
    """API and scene page."""
    from api.serving import listen, run_server, server_settings

    settings = server_settings(city, host, port, simulate)
    run_server(settings, listen(host, port), _welcome(City.open(city), simulate))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="City folder to make.")] = Path("demo-city"),
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Stop when the city is built.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            envvar="TWIN_PORT",
            min=0,
            max=65535,
            help="Port to serve on; when absent 8000, or a free one where 8000 is taken.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Sample city: generate, load, tile, then serve with simulated live data."""
    from api.demo import build_demo, built_demo
    from api.serving import listen, listen_near, run_server, server_settings

    if no_serve:
        with _progress(json) as tell:
            built = build_demo(folder, tell)
        _demo_report(folder, built, json)
        return
    # The port is taken first: nobody waits for a city to learn that it cannot be shown.
    listener = listen_near("127.0.0.1", 8000) if port is None else listen("127.0.0.1", port)
    with listener:
        there = built_demo(folder)
        if there is None:
            with _progress(json) as tell:
                built = build_demo(folder, tell)
            _demo_report(folder, built, json)
        elif json:
            _document(there)
        else:
            out.print(f"[green]✓[/] {folder}: built already by this version", highlight=False)
        settings = server_settings(folder, "127.0.0.1", port or 0, True)
        run_server(settings, listener, _welcome(City.open(folder), True, err if json else out))


@app.command()
def verify(
    city: CityOption,
    tiles: Annotated[bool, typer.Option("--tiles", help="Check every tile too.")] = False,
    json: JsonOption = False,
) -> None:
    """Check every law on this city."""
    from api.checking import check_city
    from api.console import law_table

    results = check_city(City.open(city), with_tiles=tiles)
    broken = sum(r.broken for r in results)
    if json:
        _document({"laws": [asdict(r) for r in results], "broken": broken})
    else:
        out.print(law_table(results))
    if broken:
        raise typer.Exit(1)


@app.command()
def info(city: CityOption, json: JsonOption = False) -> None:
    """Counts, coverage, sizes, anchors."""
    from api.checking import describe_city
    from api.console import info_tables

    summary = describe_city(City.open(city))
    if json:
        _document(summary)
    else:
        out.print(*info_tables(summary), sep="\n")


@app.command()
def geocode(
    city: CityOption,
    text: Annotated[str | None, typer.Argument(help="An address as people write it.")] = None,
    batch: Annotated[Path | None, typer.Option(help="Text file, one address a line.")] = None,
    json: JsonOption = False,
) -> None:
    """Find the place of an address."""
    from api.addresses import geocode_texts

    if (text is None) == (batch is None):
        raise typer.BadParameter("give one address, or --batch FILE with one address a line")
    texts = [text] if text is not None else _lines(batch)
    answers = geocode_texts(City.open(city), texts)
    _answers(answers, json, single=text is not None)


@app.command()
def reverse(
    city: CityOption,
    lon: Annotated[float | None, typer.Argument(help="Longitude, degrees.")] = None,
    lat: Annotated[float | None, typer.Argument(help="Latitude, degrees.")] = None,
    z: Annotated[float | None, typer.Option(help="Height above the ellipsoid, metres.")] = None,
    batch: Annotated[Path | None, typer.Option(help="Text file: lon,lat[,z] a line.")] = None,
    json: JsonOption = False,
) -> None:
    """Find the address of a place."""
    from api.addresses import reverse_places

    if batch is None and (lon is None or lat is None):
        raise typer.BadParameter("give LON and LAT, or --batch FILE with lon,lat[,z] a line")
    places = [(lon, lat, z)] if batch is None else [_place(line) for line in _lines(batch)]
    _answers(reverse_places(City.open(city), places), json, single=batch is None)  # type: ignore[arg-type]  # checked above


def _demo_report(folder: Path, report: "DemoReport", json: bool) -> None:
    """What was built, as a document or as tables."""
    from api.console import load_tables, tile_table

    if json:
        _document(report.to_json())
        return
    out.print(*load_tables(report.load), tile_table(report.tiles), sep="\n")
    out.print(f"[green]✓[/] {folder} in {sum(report.timings.values()):.0f} s", highlight=False)


def _welcome(city: City, simulated: bool, console: Console = out) -> Callable[[str], None]:
    """The last sentence before the server takes over: where the page is, and how to end it."""

    def tell(url: str) -> None:
        live = " · 实时数据为模拟 live data is simulated" if simulated else ""
        console.print(
            f"[green]✓[/] {city.name}{live}\n  浏览器打开 open in a browser: [bold]{url}[/]\n"
            "  按 Ctrl-C 结束 press Ctrl-C to end",
            highlight=False,
            soft_wrap=True,
        )

    return tell


def _answers(answers: list[dict[str, Any]], json: bool, single: bool) -> None:
    """Address answers as a document or a table; exit 1 where a single question has none."""
    if json:
        _document(answers[0] if single else answers)
    else:
        table = Table("given", "status", "address", "lon", "lat", "± m", "confidence")
        for a in answers:
            place = a["location"] or {}
            table.add_row(
                str(a["query"]),
                a["status"],
                a["full"] or "–",
                *(f"{place[k]:.6f}" if k in place else "–" for k in ("lon", "lat")),
                f"{place.get('error_m', 0):.0f}",
                f"{a['confidence']:.2f}",
            )
        out.print(table)
    if single and answers[0]["status"] == "none":
        raise typer.Exit(1)


def _lines(path: Path | None) -> list[str]:
    """Lines of a text file, empty ones left out."""
    if path is None or not path.is_file():
        raise typer.BadParameter(f"{path}: no such file")
    return [
        line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()
    ]


def _place(line: str) -> tuple[float, float, float | None]:
    """``lon,lat[,z]`` of a line."""
    try:
        numbers = [float(part) for part in line.replace("\t", ",").split(",")]
        return numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else None
    except (ValueError, IndexError) as error:
        raise typer.BadParameter(f"{line!r}: expected lon,lat[,z]") from error


def _document(value: Any) -> None:  # noqa: ANN401 -- any plain value
    """One JSON document on standard output, in UTF-8 whatever the console's encoding is."""
    written = orjson.dumps(
        value,
        option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE,
        default=str,
    )
    sys.stdout.buffer.write(written)
    sys.stdout.flush()


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int | None], None] | None]:
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
