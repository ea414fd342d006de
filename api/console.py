"""Reports as tables for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from api.report import LoadReport
from api.scanning import ScanRow
from tiles import TileReport
from twin.verify import LawResult

__all__ = ["info_tables", "law_table", "load_tables", "scan_table", "tile_table"]


def _plain(*headings: str, title: str | None = None) -> Table:
    return Table(
        *headings, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold"
    )


def scan_table(rows: Sequence[ScanRow]) -> Table:
    """What is in files: one row per layer."""
    table = _plain(
        "file",
        "layer",
        "kind",
        "class",
        "records",
        "geometry",
        "encoding",
        "CRS",
        "sure",
        "remarks",
    )
    for row in rows:
        table.add_row(
            row.file,
            row.layer,
            row.kind,
            row.class_code or "–",
            "–" if row.count is None else f"{row.count:,}",
            row.geometry_type or "–",
            row.encoding or "–",
            row.crs or "?",
            f"{row.confidence:.0%}",
            "; ".join((*_rather(row), *row.findings))[:160],
        )
    return table


def _rather(row: ScanRow) -> list[str]:
    """What a layer may be in besides, where that is not certain."""
    others = [f"{c['crs']} {c['confidence']:.0%}" for c in row.candidates if c["crs"] != row.crs]
    return [f"or {', '.join(others[:4])}"] if others and row.confidence < 0.6 else []


def load_tables(report: LoadReport) -> list[Table]:
    """Balance per layer, and what was bound and anchored."""
    table = _plain(
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
            table.add_row(layer.layer, f"[red]{layer.status}[/]", layer.reason or "")
    t = report.total
    total = [
        f"[bold]{n:,}[/]"
        for n in (t.n_in, t.loaded, t.changed, t.merged, t.unchanged, t.quarantined)
    ]
    table.add_row("[bold]all[/]", *total, "", f"{sum(report.timings.values()):.1f}")
    anchors = _plain("anchored", "with a place", "without, reason listed", title="")
    for kind in ("entity", "datastream", "case"):
        if kind in report.anchors:
            anchors.add_row(
                kind, f"{report.anchors[kind]:,}", f"{report.anchors[f'{kind}_without']:,}"
            )
    return [table, anchors] if report.anchors else [table]


def tile_table(report: TileReport) -> Table:
    """Tiles per layer."""
    table = _plain("tiles", "files", "features", "MB", "s", "", title="")
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


def law_table(results: Sequence[LawResult]) -> Table:
    """Laws with their counts."""
    table = _plain("law", "checked", "broken", "says", "e.g.")
    for r in results:
        colour = "green" if r.broken == 0 else "red"
        table.add_row(
            r.law, f"{r.checked:,}", f"[{colour}]{r.broken:,}[/]", r.says, "; ".join(r.examples[:2])
        )
    return table


def info_tables(summary: dict[str, Any]) -> list[Table]:
    """What a city holds."""
    head = _plain("city", summary["name"], title="")
    for name, value in summary["sizes"].items():
        head.add_row(name, f"{value / 1e6:,.1f} MB")
    table = _plain("collection", "things", "anchored", title="")
    for row in summary["collections"]:
        table.add_row(row["collection"], f"{row['n']:,}", f"{row['anchored']:,}")
    loads = _plain("source", "in", "loaded", "merged", "unchanged", "quarantined", "CRS", title="")
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
