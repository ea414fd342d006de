"""``twin alarm``: alarms of a running server, listed and answered."""

import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.terminal import JsonOption, document, out
from twin.errors import InvalidRequestError

if TYPE_CHECKING:
    from api.client import City

__all__ = ["alarm"]

alarm = typer.Typer(help="Alarms of a running server.", no_args_is_help=True)
UrlOption = Annotated[str, typer.Option("--url", envvar="TWIN_URL", help="Address of the server.")]
TokenOption = Annotated[
    str | None, typer.Option("--token", envvar="TWIN_TOKEN", help="Token or key of the caller.")
]
ActorOption = Annotated[
    str, typer.Option("--actor", help="Who takes the step; the user of this machine when absent.")
]
NoteOption = Annotated[str | None, typer.Option("--note", help="Why.")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ALARM", help="Id of the alarm, as `twin alarm list` shows it.")
]
RuleOption = Annotated[
    bool, typer.Option("--rule", help="ALARM is the id of a rule, also of one in normal state.")
]
HERE: Final = "http://127.0.0.1:8000"


@contextmanager
def _server(url: str, token: str | None) -> Iterator["City"]:
    """The server; what it says no to ends the command."""
    from api.client import City, ClientError

    try:
        with City(url, token, retries=0) as city:
            yield city
    except ClientError as error:
        raise InvalidRequestError(f"{error}") from error


@alarm.command("list")
def listed(
    state: Annotated[
        str | None,
        typer.Option(help="States with commas, or all; those that wait for a person when absent."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    url: UrlOption = HERE,
    token: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Alarms with their stream and place, newest first."""
    with _server(url, token) as city:
        found = city.alarms(state=state, limit=limit)
    if json:
        document(found)
        return
    for row in found["alarms"]:
        out.print(_line(row), highlight=False, markup=False, soft_wrap=True)
    out.print(f"{found['count']} alarms", highlight=False)


@alarm.command()
def show(
    id: IdArgument, url: UrlOption = HERE, token: TokenOption = None, json: JsonOption = False
) -> None:
    """One alarm with every step of its life."""
    with _server(url, token) as city:
        found = city.alarm(id)
    if json:
        document(found)
        return
    out.print(_line(found), highlight=False, markup=False, soft_wrap=True)
    for event in found["events"]:
        who = f"{event['actor']}: {event['note'] or ''}".rstrip(": ")
        text = f"  {event['at_time']}  {event['event']} → {event['to_state']}  {who}"
        out.print(text, highlight=False, markup=False, soft_wrap=True)


@alarm.command()
def shelve(
    id: IdArgument,
    hours: Annotated[float, typer.Option(min=0.01, max=168, help="For how long.")] = 8.0,
    rule: RuleOption = False,
    actor: ActorOption = "",
    note: NoteOption = None,
    url: UrlOption = HERE,
    token: TokenOption = None,
    json: JsonOption = False,
) -> None:
    """Silence it for some hours; it comes back by itself."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    _step("shelve", id, actor, note, url, token, json, rule=rule, until=until)


def _answers(step: str) -> Callable[..., None]:
    def take(
        id: IdArgument,
        actor: ActorOption = "",
        note: NoteOption = None,
        url: UrlOption = HERE,
        token: TokenOption = None,
        json: JsonOption = False,
    ) -> None:
        _step(step, id, actor, note, url, token, json)

    return take


def _silences(step: str) -> Callable[..., None]:
    def take(
        id: IdArgument,
        rule: RuleOption = False,
        actor: ActorOption = "",
        note: NoteOption = None,
        url: UrlOption = HERE,
        token: TokenOption = None,
        json: JsonOption = False,
    ) -> None:
        _step(step, id, actor, note, url, token, json, rule=rule)

    return take


def _step(
    step: str,
    given: str,
    actor: str,
    note: str | None,
    url: str,
    token: str | None,
    json: bool,
    *,
    rule: bool = False,
    until: datetime | None = None,
) -> None:
    with _server(url, token) as city:
        who = actor or getpass.getuser()
        found = city.answer_alarm(given, step, actor=who, note=note, until=until, of_rule=rule)
    if json:
        document(found)
        return
    out.print(f"✓ {_line(found)}", highlight=False, markup=False, soft_wrap=True)


def _line(row: Mapping[str, Any]) -> str:
    return (
        f"{row['id']}  {row['state']:<14} {row['level']:<8} {row['raised_at']}  {row['message_zh']}"
    )


alarm.command("ack", help="Acknowledge: somebody has seen it.")(_answers("acknowledge"))
alarm.command("close", help="Close; needs a note while the condition holds.")(_answers("close"))
alarm.command("reset", help="Reset a latched alarm.")(_answers("reset"))
alarm.command("unshelve", help="Take it off the shelf before its time.")(_answers("unshelve"))
alarm.command("suppress", help="Suppress by design, until unsuppressed.")(_silences("suppress"))
alarm.command("unsuppress", help="End a suppression.")(_answers("unsuppress"))
alarm.command("out-of-service", help="Take it out of service, as for repairs.")(
    _silences("remove_from_service")
)
alarm.command("in-service", help="Return it to service.")(_answers("return_to_service"))
