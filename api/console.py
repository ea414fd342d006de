"""Reports as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # their modules are heavy, and most commands print none of these
    from api.report import LoadReport
    from tiles import TileReport
    from twin.verify import LawResult

__all__ = ["info_tables", "law_table", "load_tables", "plain_table", "tile_table"]


MOST_EVENTS = 12
"""So many single events of a layer are shown in a terminal."""


def plain_table(*headings: str, title: str | None = None) -> Table:
    """A table without lines that folds what is too wide."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in headings:  # a narrow terminal folds names and numbers; it never cuts them
        table.add_column(heading, overflow="fold")
    return table


def load_tables(report: "LoadReport") -> list[Table | Text]:
    """Balance per layer, and what was bound and anchored."""
    table = plain_table(
        "layer",
        "in",
        "loaded",
        "changed",
        "merged",
        "unchanged",
        "quarantined",
        "CRS",
        "s",
        title="Balance" + (" (dry run: nothing was written)" if report.dry_run else ""),
    )
    for layer in report.layers:
        b = layer.balance
        if layer.status == "loaded":
            counts = [
                f"{n:,}"
                for n in (b.n_in, b.loaded, b.changed, b.merged, b.unchanged, b.quarantined)
            ]
            table.add_row(layer.layer, *counts, layer.crs or "–", f"{layer.seconds:.1f}")
        else:
            table.add_row(layer.layer, f"[red]{layer.status}[/]")
    t = report.total
    total = [
        f"[bold]{n:,}[/]"
        for n in (t.n_in, t.loaded, t.changed, t.merged, t.unchanged, t.quarantined)
    ]
    table.add_row("[bold]all[/]", *total, "", f"{sum(report.timings.values()):.1f}")
    anchors = plain_table("anchored", "with a place", "without, reason listed", title="")
    for kind in ("entity", "datastream", "case"):
        if kind in report.anchors:
            anchors.add_row(
                kind, f"{report.anchors[kind]:,}", f"{report.anchors[f'{kind}_without']:,}"
            )
    reload = _reload_table(report)
    more: list[Table | Text] = [*([reload] if reload.rows else []), *_finding_lines(report)]
    return [table, *more, anchors] if report.anchors else [table, *more]


def _reload_table(report: "LoadReport") -> Table:
    """What each layer says against its delivery before; layers that are new, or say the same, are left out."""
    table = plain_table(
        "since the last delivery",
        "added",
        "changed",
        "moved",
        "split",
        "merged",
        "replaced",
        "gone",
        title="",
    )
    for layer in report.layers:
        r = layer.reload
        if r is None or not any((r.changed, r.moved, r.split, r.merged, r.replaced, r.gone)):
            continue
        counts = (r.added, r.changed, r.moved, r.split, r.merged, r.replaced, r.gone)
        table.add_row(layer.layer, *(f"{n:,}" for n in counts))
        for event in r.events[:MOST_EVENTS]:
            table.add_row(Text(f"  {_event_text(event)}", style="dim"))
        if len(r.events) > MOST_EVENTS:
            table.add_row(Text("  … all of them with --json", style="dim"))
    return table


def _event_text(event: Mapping[str, Any]) -> str:
    who = event["name"] or event["key"]
    if event["event"] == "moved":
        far = event.get("distance_m")
        return f"moved: {who}" + (f", {far:,.1f} m" if far is not None else "")
    if "into" in event:
        shares = ", ".join(f"{part['share']:.0%}" for part in event["into"])
        return f"{event['event']}: {who} ({shares} of its area)"
    return f"{event['event']}: {who}"


def _finding_lines(report: "LoadReport") -> list[Text]:
    """What a person should do about layers that were refused, and about a reload."""
    lines = []
    reasons: dict[str, list[str]] = {}
    for layer in report.layers:
        if layer.status in ("refused", "failed"):
            reasons.setdefault(layer.reason or layer.status, []).append(layer.layer)
    for reason, names in reasons.items():
        lines.append(Text(f"{', '.join(names)}: {reason}", style="red"))
    for layer in report.layers:
        r = layer.reload
        if r is not None and r.gone and not r.ended:
            text = (
                f"{layer.layer}: {r.gone:,} things of the delivery before are not in this one; they stay as they are. "
                'If this is a full delivery, write mode = "replace" in the plan.'
            )
            lines.append(Text(text, style="yellow"))
    return lines


def tile_table(report: "TileReport") -> Table:
    """Tiles per layer."""
    table = plain_table("tiles", "files", "features", "MB", "s", "", title="")
    for layer in report.layers:
        state = "unchanged" if layer.skipped else ""
        table.add_row(
            layer.layer,
            f"{layer.tiles:,}",
            f"{layer.features:,}",
            f"{layer.bytes / 1e6:.1f}",
            f"{layer.seconds:.1f}",
            state,
        )
    return table


def law_table(results: Sequence["LawResult"]) -> Table:
    """Laws with their counts."""
    table = plain_table("law", "checked", "broken", "says", "e.g.")
    for r in results:
        colour = "green" if r.broken == 0 else "red"
        table.add_row(
            r.law, f"{r.checked:,}", f"[{colour}]{r.broken:,}[/]", r.says, "; ".join(r.examples[:2])
        )
    return table


def info_tables(summary: dict[str, Any]) -> list[Table]:
    """What a city holds."""
    head = plain_table("city", summary["name"], title="")
    for name, value in summary["sizes"].items():
        head.add_row(name, f"{value / 1e6:,.1f} MB")
    table = plain_table("collection", "things", "anchored", title="")
    for row in summary["collections"]:
        table.add_row(row["collection"], f"{row['n']:,}", f"{row['anchored']:,}")
    loads = plain_table(
        "source", "in", "loaded", "merged", "unchanged", "quarantined", "CRS", title=""
    )
    for row in summary["datasets"]:
        loads.add_row(
            row["source_key"],
            *(
                f"{row[k]:,}"
                for k in ("n_in", "n_loaded", "n_merged", "n_unchanged", "n_quarantined")
            ),
            row["crs_used"],
        )
    return [head, table, loads]
