"""Commands that edit addresses: ``twin address add | rename | retire | merge | split``.

They edit the city themselves, or, where a server holds it, through that server.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.terminal import CityOption, JsonOption, document, out, place_of

if TYPE_CHECKING:
    from api.address_edits import Edits
    from api.address_remote import RemoteEdits

__all__ = ["add_edit_commands"]

Who = Annotated[str, typer.Option("--actor", help="Who does it; kept with the event.")]
When = Annotated[
    str | None,
    typer.Option("--at", help="Since when it is so: 2026-07-01 or RFC 3339; now when absent."),
]
Node = Annotated[
    str, typer.Argument(help="Node id, code, or an address that means exactly one node.")
]


def add_edit_commands(group: typer.Typer) -> None:
    """Add the commands to ``twin address``."""
    for command in (add, rename, retire, merge, split):
        group.command()(command)


def _edited(
    city: Path,
    actor: str,
    at: str | None,
    json: bool,
    edit: "Callable[[Edits | RemoteEdits], dict[str, Any]]",
) -> None:
    """Make one edit and say what it did."""
    from api.address_edits import open_edits

    with open_edits(city, actor, at) as edits:
        said = edit(edits)
    if json:
        document(said)
        return
    before = f"{said['before']} → " if said["before"] not in (None, said["full"]) else ""
    into = f" → {', '.join(said['into'])}" if said["into"] else ""
    out.print(
        f"[green]✓[/] {said['event']}: {before}{said['full']}{into} "
        f"({said['node_id']}, {said['touched']} nodes)",
        highlight=False,
    )


def add(
    city: CityOption,
    parent: Node,
    level: Annotated[str, typer.Option(help="Level of the new node: road, number, building …")],
    name: Annotated[str, typer.Option(help="Its name: 37号, 5号楼 …")],
    lonlat: Annotated[
        str | None, typer.Option(help="Its place: lon,lat[,z] in degrees and metres.")
    ] = None,
    alias: Annotated[
        list[str] | None, typer.Option(help="A further name; several times for several.")
    ] = None,
    actor: Who = "cli",
    at: When = None,
    json: JsonOption = False,
) -> None:
    """Add one address below another."""
    place = None if lonlat is None else place_of(lonlat)
    _edited(city, actor, at, json, lambda e: e.add(parent, level, name, place, alias or []))


def rename(
    city: CityOption,
    node: Node,
    name: Annotated[str, typer.Argument(help="The new name.")],
    actor: Who = "cli",
    at: When = None,
    json: JsonOption = False,
) -> None:
    """Give an address another name; the old one goes on being understood."""
    _edited(city, actor, at, json, lambda e: e.rename(node, name))


def retire(
    city: CityOption,
    node: Node,
    into: Annotated[
        list[str] | None,
        typer.Option("--into", help="What replaces it; several times for several."),
    ] = None,
    actor: Who = "cli",
    at: When = None,
    json: JsonOption = False,
) -> None:
    """Let an address end, with all that lies below it."""
    _edited(city, actor, at, json, lambda e: e.retire(node, into or []))


def merge(
    city: CityOption,
    node: Node,
    into: Annotated[str, typer.Option("--into", help="What it goes into.")],
    actor: Who = "cli",
    at: When = None,
    json: JsonOption = False,
) -> None:
    """Let an address go into another; what lies below it moves there."""
    _edited(city, actor, at, json, lambda e: e.merge(node, into))


def split(
    city: CityOption,
    node: Node,
    into: Annotated[
        list[str], typer.Option("--into", help="Name of a new address; at least twice.")
    ],
    share: Annotated[
        list[str] | None,
        typer.Option(
            "--share",
            help="CHILDREN=NAME: what goes where. Children by name, id, range of numbers (1-99, 1-99单), 单, 双, or * "
            "for the rest; every child needs a share.",
        ),
    ] = None,
    actor: Who = "cli",
    at: When = None,
    json: JsonOption = False,
) -> None:
    """Let an address go into several new ones; what lies below is shared out."""
    _edited(city, actor, at, json, lambda e: e.split(node, into, share or []))
