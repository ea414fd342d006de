"""``twin access``: keys of a city, made, listed and revoked."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.terminal import CityOption, JsonOption, document, out
from twin.city import City

if TYPE_CHECKING:
    from api.access.policy import Key

__all__ = ["access"]

access = typer.Typer(help="Who may see and do what.", no_args_is_help=True)
key = typer.Typer(help="API keys.", no_args_is_help=True)
access.add_typer(key, name="key")


@key.command()
def add(
    city: CityOption,
    name: Annotated[str, typer.Argument(help="Whose key it is, as people will read it.")],
    role: Annotated[str, typer.Option(help="viewer, analyst, operator or admin.")] = "viewer",
    collection: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these collections; streams, cases, addresses, imagery, terrain too."
        ),
    ] = None,
    klass: Annotated[
        list[str] | None, typer.Option("--class", help="Only these class codes.")
    ] = None,
    area: Annotated[
        str, typer.Option(help="Only there: code of a unit or grid cell, or WKT in degrees.")
    ] = "",
    duty: Annotated[
        list[str] | None,
        typer.Option(help="Steps of cases only as one of these: 操作员, 值班长, 派遣员, …"),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=36500, help="Days until it runs out; never when absent."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a key. Its secret is shown once, and kept as a hash alone."""
    from api.access.policy import Grant, add_key
    from api.access.sights import parse_area

    where = City.open(city)
    if "(" in area:
        parse_area(area)
    lists = {"collections": collection or (), "classes": klass or (), "duties": duty or ()}
    grant = Grant.of({"role": role, "area": area, **lists})
    ends = None
    if days is not None:
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    made, secret = add_key(where.path, name, grant, ends)
    if json:
        document({**_told(made), "secret": secret})
        return
    out.print(
        f"[green]✓[/] key {made.id} for {name}. It is shown once:\n  [bold]{secret}[/]\n"
        "  Send it as 'Authorization: Bearer …' or 'X-API-Key: …'.",
        highlight=False,
        soft_wrap=True,
    )


@key.command("list")
def listed(city: CityOption, json: JsonOption = False) -> None:
    """Keys of the city, without their secrets."""
    from api.access.policy import FILE, read_policy

    found = [_told(entry) for entry in read_policy(City.open(city).path / FILE).keys.values()]
    if json:
        document(found)
        return
    for entry in found:
        limits = ", ".join(
            [
                *entry["collections"],
                *entry["classes"],
                *entry["duties"],
                *([entry["area"]] if entry["area"] else []),
            ]
        )
        ends = f", until {entry['expires']}" if entry["expires"] else ""
        out.print(
            f"{entry['id']}  {entry['role']}  {entry['name']}  {limits or 'everything'}{ends}",
            highlight=False,
            markup=False,
        )
    if not found:
        out.print("No keys. Make one with `twin access key add NAME`.", markup=False)


@key.command()
def revoke(
    city: CityOption,
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="As `twin access key list` has it.")
    ],
) -> None:
    """Let a key end; a running server refuses it within a second."""
    from api.access.policy import revoke_key

    revoke_key(City.open(city).path, identity)
    out.print(f"[green]✓[/] key {identity} is revoked", highlight=False)


def _told(entry: "Key") -> dict[str, Any]:
    return {
        "id": entry.id, "name": entry.name, "role": entry.grant.role, "collections": entry.grant.collections,
        "classes": entry.grant.classes, "area": entry.grant.area, "duties": entry.grant.duties,
        "created": entry.created, "expires": entry.expires,
    }  # fmt: skip
