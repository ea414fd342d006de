"""Commands about addresses: ``twin geocode``, ``twin reverse``, ``twin address …``."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.address_edit_cli import add_edit_commands
from api.terminal import CityOption, JsonOption, document, lines_of, out, place_of, progress

if TYPE_CHECKING:
    from address import AddressIndex
    from api.addresses import Geocoder

__all__ = ["address", "geocode", "reverse"]

address = typer.Typer(
    name="address",
    help="地名地址 standard addresses: parse, match, check, edit, measure.",
    no_args_is_help=True,
)
add_edit_commands(address)

MaybeCity = Annotated[
    Path | None, typer.Option("--city", envvar="TWIN_CITY", help="The city folder.")
]
Gazetteer = Annotated[
    Path | None,
    typer.Option(
        "--gazetteer", help="A gazetteer file instead of a city: Parquet of nodes, or any table."
    ),
]
Lang = Annotated[str, typer.Option("--lang", help="zh or en, for the sentences.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="The addresses of that time: 2026-01-01 or RFC 3339.")
]
Texts = Annotated[list[str], typer.Argument(help="Addresses as people write them.")]


def _index(city: Path | None, gazetteer: Path | None) -> "AddressIndex":
    from api.addresses import open_index

    with progress(quiet=False) as tell:
        return open_index(city, gazetteer, tell)


def _geocoder(city: Path | None, gazetteer: Path | None, at: str | None = None) -> "Geocoder":
    from api.address_edits import moment_of
    from api.addresses import open_geocoder

    with progress(quiet=False) as tell:
        return open_geocoder(city, gazetteer, moment_of(at), tell)[1]


def _language(lang: str) -> Literal["zh", "en"]:
    if lang not in ("zh", "en"):
        raise typer.BadParameter(f"--lang {lang}: expected zh or en")
    return "zh" if lang == "zh" else "en"


def geocode(
    city: MaybeCity = None,
    text: Annotated[str | None, typer.Argument(help="An address as people write it.")] = None,
    batch: Annotated[
        Path | None,
        typer.Option(help="CSV, Parquet, XLSX, or text with an address a line."),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write the answers here: .csv, .parquet or .xlsx, with a review list."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Column of --batch that holds the text; found when absent.")
    ] = None,
    gazetteer: Gazetteer = None,
    valid_at: AsOf = None,
    lang: Lang = "zh",
    json: JsonOption = False,
) -> None:
    """Find the place of an address, or of every address of a table."""
    from api.address_console import answers_table
    from api.addresses import geocode_texts

    if (text is None) == (batch is None):
        raise typer.BadParameter("give one address, or --batch FILE")
    if batch is not None and target is not None:
        _batch(_geocoder(city, gazetteer), batch, target, column, json)
        return
    if batch is None and (target is not None or column is not None):
        raise typer.BadParameter("--out and --column go with --batch FILE")
    texts = [text] if text is not None else _texts(batch, column)
    answers = geocode_texts(_geocoder(city, gazetteer, valid_at), texts, _language(lang))
    if json:
        document(answers[0] if text is not None else answers)
    else:
        out.print(answers_table(answers))
    if text is not None and answers[0]["status"] == "none":
        raise typer.Exit(1)


def _texts(path: Path | None, column: str | None) -> list[str]:
    """Texts of a table, empty ones left out."""
    from api.address_tables import open_source

    if path is None or not path.is_file():
        raise typer.BadParameter(f"{path}: no such file")
    batches = open_source(path, column).batches()
    return [text for _, texts in batches for text in texts if text]


def _batch(index: "Geocoder", source: Path, target: Path, column: str | None, json: bool) -> None:
    """A table in, a table out, and what became of it."""
    from api.address_batch import geocode_file
    from api.address_console import batch_tables

    with progress(json) as tell:
        report = geocode_file(index, source, target, column, tell).to_json()
    if json:
        document(report)
    else:
        out.print(*batch_tables(report), sep="\n")


def reverse(
    city: MaybeCity = None,
    lon: Annotated[float | None, typer.Argument(help="Longitude, degrees.")] = None,
    lat: Annotated[float | None, typer.Argument(help="Latitude, degrees.")] = None,
    z: Annotated[float | None, typer.Option(help="Height above the ellipsoid, metres.")] = None,
    batch: Annotated[Path | None, typer.Option(help="Text file: lon,lat[,z] a line.")] = None,
    gazetteer: Gazetteer = None,
    json: JsonOption = False,
) -> None:
    """Find the address of a place."""
    from api.address_console import answers_table
    from api.addresses import reverse_places

    places = [] if batch is None else [place_of(line) for line in lines_of(batch)]
    if batch is None:
        if lon is None or lat is None:
            raise typer.BadParameter("give LON and LAT, or --batch FILE with lon,lat[,z] a line")
        places = [(lon, lat, z)]
    answers = reverse_places(_index(city, gazetteer), places)
    if json:
        document(answers[0] if batch is None else answers)
    else:
        out.print(answers_table(answers))
    if batch is None and answers[0]["status"] == "none":
        raise typer.Exit(1)


@address.command()
def parse(texts: Texts, json: JsonOption = False) -> None:
    """Cut texts into their elements; no gazetteer is asked."""
    from address import parse as parse_text
    from address import standardise
    from api.address_console import elements_table

    answers = [(text, parse_text(text), standardise(text)) for text in texts]
    if json:
        document(
            [
                {"query": text, "standard": standard, "elements": [asdict(e) for e in elements]}
                for text, elements, standard in answers
            ]
        )
        return
    for text, elements, standard in answers:
        out.print(elements_table(elements, f"{text} → {standard or '–'}"))


@address.command()
def match(
    texts: Texts,
    city: MaybeCity = None,
    gazetteer: Gazetteer = None,
    valid_at: AsOf = None,
    lang: Lang = "zh",
    json: JsonOption = False,
) -> None:
    """The standard address each text means: parts, faults with penalties, alternatives."""
    from api.address_console import answer_tables
    from api.addresses import geocode_texts

    answers = geocode_texts(_geocoder(city, gazetteer, valid_at), texts, _language(lang))
    if json:
        document(answers)
    else:
        for answer in answers:
            out.print(*answer_tables(answer), sep="\n", end="\n\n")
    if all(answer["status"] == "none" for answer in answers):
        raise typer.Exit(1)


@address.command()
def suggest(
    text: Annotated[str, typer.Argument(help="What is being typed: characters, pinyin, initials.")],
    city: MaybeCity = None,
    gazetteer: Gazetteer = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="At most so many.")] = 10,
    near: Annotated[str | None, typer.Option(help="lon,lat: the nearest first.")] = None,
    json: JsonOption = False,
) -> None:
    """Complete what is being typed."""
    from api.address_console import suggestion_table

    focus = None if near is None else place_of(near)[:2]
    found = _index(city, gazetteer).suggest(text, limit, focus)
    if json:
        document([asdict(s) for s in found])
    else:
        out.print(suggestion_table(found))


@address.command()
def compare(
    a: Annotated[str, typer.Argument(help="One address.")],
    b: Annotated[str, typer.Argument(help="Another.")],
    json: JsonOption = False,
) -> None:
    """Whether two texts mean one place, element by element; no gazetteer is asked."""
    from address import parse as parse_text
    from address.compare import compare as compare_texts
    from api.address_console import comparison_table

    said: dict[str, Any] = {**asdict(compare_texts(a, b))}
    left, right = ({e.level: e.value for e in reversed(parse_text(text))} for text in (a, b))
    said["elements"] = {
        level: (left.get(level), right.get(level)) for level in _in_order(left, right)
    }
    if json:
        document({"a": a, "b": b, **said})
    else:
        out.print(comparison_table(a, b, said))


def _in_order(*elements: Mapping[str, str]) -> list[str]:
    """Levels of both, from the widest to the narrowest."""
    from address.model import RANK

    levels = {level for one in elements for level in one}
    return sorted(levels, key=lambda level: (RANK.get(level, 99), level))


@address.command("eval")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Folder with <track>.jsonl files.")],
    target: Annotated[Path, typer.Option("--out", help="Folder for the predictions.")],
    gazetteer: Annotated[
        Path | None,
        typer.Option(help="Parquet of nodes; gazetteer.parquet of the folder when absent."),
    ] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Compare with what the rows expect, where they say it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Answer the tracks of an evaluation folder; rows, processor time and quantiles of each."""
    from address.evaluate import run
    from api.address_console import eval_table

    if not folder.is_dir():
        raise typer.BadParameter(f"{folder}: no such folder")
    report: dict[str, Any] = {"tracks": run(folder, gazetteer, target)}
    if score:
        from address.scoring import score_folder

        report["score"] = score_folder(folder, target)
    if json:
        document(report)
        return
    out.print(eval_table(report["tracks"]))
    for track, scores in report.get("score", {}).items():
        said = "  ".join(f"{name} {value:g}" for name, value in scores.items())
        out.print(f"[bold]{track}[/]  {said}", highlight=False)


@address.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="Gazetteer file; the base's last loads when absent.")
    ] = None,
    city: MaybeCity = None,
    plan: Annotated[
        Path | None, typer.Option(help="Plan file that names columns and system.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds of faults.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="So many examples of a kind.")] = 5,
    lang: Lang = "zh",
    json: JsonOption = False,
) -> None:
    """What is wrong with a gazetteer: duplicates, orphans, holes, places, spellings, parents."""
    from api.address_console import fault_tables
    from api.gazetteers import check_file, loaded_faults
    from twin.city import City

    if file is None and city is None:
        raise typer.BadParameter("give a gazetteer file, or --city DIR for what its loads found")
    where = None if city is None else City.open(city)
    if file is not None:
        report = check_file(file, where, plan).to_json()
    else:
        assert where is not None  # noqa: S101 -- asked above
        report = loaded_faults(where)
    if kind:
        report["faults"] = [fault for fault in report["faults"] if fault["kind"] in kind]
    if json:
        document(report)
    else:
        out.print(*fault_tables(report, limit, _language(lang)), sep="\n")


@address.command()
def resolve(
    city: CityOption,
    code: Annotated[str, typer.Argument(help="A code or node id, of now or of any time.")],
    json: JsonOption = False,
) -> None:
    """What a code or id means, and what became of it."""
    from api.address_console import node_tables
    from api.address_edits import resolve_code

    found = resolve_code(city, code)
    if json:
        document(found)
    else:
        out.print(*node_tables(found), sep="\n")
