"""Tables of raster tiles in a GeoPackage: nobody reads them here, so they are told."""

from pathlib import Path

from loaders.sqlitefiles import asked

__all__ = ["told_pyramids"]


def told_pyramids(path: Path) -> str | None:
    """A sentence on the raster tables of a GeoPackage, with what to do; None where it has none.

    Parameters
    ----------
    path : Path
        Any file; others than GeoPackages have none.
    """
    if path.suffix.lower() != ".gpkg":
        return None
    ask = "SELECT table_name FROM gpkg_contents WHERE data_type IN ('tiles', '2d-gridded-coverage') ORDER BY 1"
    names = [str(name) for (name,) in asked(path, ask) or ()]
    if not names:
        return None
    shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return (
        f"its raster tables ({shown}) are not read from a GeoPackage; export them as GeoTIFF: "
        f"gdal_translate GPKG:{path.name}:{names[0]} {names[0]}.tif"
    )
