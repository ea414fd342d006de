"""The ``twin`` command: the one place that prints, and the one place that turns errors into exit codes.

``--json`` prints one document on standard output and nothing else; progress goes to standard error.
Exit code 0: done;
1: done, but something was quarantined, refused or broken and ``--strict`` was given (``verify``: a
law is broken);
2: cannot do it, with the reason; 130: stopped with Ctrl-C (a server that is stopped so is done: 0).
"""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from api.access_cli import access
from api.address_cli import address, geocode, reverse
from api.alarm_cli import alarm
from api.ending import plain_endings
from api.terminal import CityOption, JsonOption, StrictOption, document, err, out, progress
from twin.city import City
from twin.garbage import collection_paused

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
app.command()(geocode)
app.command()(reverse)
app.add_typer(address)
app.add_typer(access, name="access")
app.add_typer(alarm, name="alarm")


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
    with progress(json) as tell:
        found = scan_sources(paths, crs, known, pictured=picture is not None, progress=tell)
    if plan is not None:
        plan.write_text(relative_to(found.plan, plan.parent).to_toml(), encoding="utf-8")
    if picture is not None:
        from api.scan_map import draw_scan

        draw_scan(found).save(picture, "PNG")
    if json:
        document([asdict(row) for row in found.rows])
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
    with progress(json) as tell:
        report = pipeline.load(
            City.open(city), paths or [], plan, root=root, dry_run=dry_run, progress=tell
        )
    if json:
        document(report.to_json())
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
    to: Annotated[
        Path | None,
        typer.Option("--out", help="Export: a folder, FILE.3tz (3D) or FILE.pmtiles (vector)."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=256, help="Processes that make tiles of buildings.")
    ] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler whose workers make them.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Build or refresh the tiles; with --out, carry them away as well."""
    from api import pipeline
    from api.console import tile_table

    with progress(json) as tell:
        report = pipeline.tile(
            City.open(city), layer or None, full=full, progress=tell, jobs=jobs, scheduler=scheduler
        )
        exported = None if to is None else pipeline.export(City.open(city), to)
    if json:
        document(report.to_json() | ({} if exported is None else {"export": exported}))
        return
    out.print(tile_table(report))
    if exported is not None:
        out.print(f"{exported['path']}: {exported['bytes'] / 1e6:.1f} MB ({exported['kind']})")


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
    workers: Annotated[
        int,
        typer.Option(
            envvar="TWIN_WORKERS",
            min=1,
            max=64,
            help="Processes that answer reads, beside one that writes; 1: one process does both.",
        ),
    ] = 1,
) -> None:
    """API and scene page."""
    with collection_paused():  # nothing that is imported becomes garbage
        from api.serving import listen, run_server, server_settings

    settings = server_settings(city, host, port, simulate, workers)
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
        with progress(json) as tell:
            built = build_demo(folder, tell)
        _demo_report(folder, built, json)
        return
    # The port is taken first: nobody waits for a city to learn that it cannot be shown.
    listener = listen_near("127.0.0.1", 8000) if port is None else listen("127.0.0.1", port)
    with listener:
        there = built_demo(folder)
        if there is None:
            with progress(json) as tell:
                built = build_demo(folder, tell)
            _demo_report(folder, built, json)
        elif json:
            document(there)
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
        document({"laws": [asdict(r) for r in results], "broken": broken})
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
        document(summary)
    else:
        out.print(*info_tables(summary), sep="\n")


def _demo_report(folder: Path, report: "DemoReport", json: bool) -> None:
    """What was built, as a document or as tables."""
    from api.console import load_tables, tile_table

    if json:
        document(report.to_json())
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
