"""The peers of ``over_http.py``: tipg and pygeoapi over one PostGIS, each in an environment of its own.

They are never part of this project's environment. What the bench needs of them::

    apt install postgresql-15-postgis-3
    createuser --superuser bench; createdb -O bench bench; psql bench -c "ALTER ROLE bench PASSWORD 'bench'" -c "CREATE EXTENSION postgis"
    python -m venv DIR/tipg && DIR/tipg/bin/pip install tipg uvicorn psycopg2-binary
    python -m venv DIR/pygeoapi && DIR/pygeoapi/bin/pip install pygeoapi gunicorn psycopg2-binary sqlalchemy geoalchemy2

and ``--peers DIR --postgres postgresql://bench:bench@127.0.0.1:5432/bench``. A peer that is not there is skipped and named.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote, urlsplit

TABLE = """
DROP TABLE IF EXISTS buildings;
CREATE TABLE buildings (id text PRIMARY KEY, name text, height_m float8, floors int, usage text, year int, area_m2 float8,
    code text, street text, status text, geom geometry(Polygon, 4326));
COPY buildings FROM STDIN WITH (FORMAT csv);
"""
INDEX = (
    "CREATE INDEX ON buildings USING gist (geom); CREATE INDEX ON buildings (usage, year);"
    "VACUUM ANALYZE buildings"
)
COLUMNS = """
COPY (SELECT eid::VARCHAR, name, height_m, floors, attributes->>'usage', attributes->>'year', attributes->>'area_m2',
    attributes->>'code', attributes->>'street', lifecycle, hex(wkb) FROM entity JOIN geometry USING (eid) ORDER BY hilbert) TO '{0}' (FORMAT csv, HEADER false)
"""


def filled(con, postgres: str) -> None:
    """Write the buildings of a base into PostGIS, in the order of the Hilbert curve, indexed and analysed."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        con.execute(COLUMNS.format(rows))
        script = TABLE.replace("COPY buildings FROM STDIN", f"\\copy buildings FROM '{rows}'")
        script = script.replace("(FORMAT csv);", "(FORMAT csv)")
        _psql(postgres, script)
    for statement in INDEX.split(";"):
        _psql(postgres, statement)


def _psql(postgres: str, script: str) -> None:
    subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", postgres], input=script.encode(), check=True)  # fmt: skip


def postmaster() -> int | None:
    """The process that all of PostgreSQL's are children of."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (entry / "stat").read_text(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if stat.split("(")[1].startswith("postgres)") and b"-D" in line:
            return int(entry.name)
    return None


class Tipg:
    """tipg behind uvicorn, two workers."""

    name = "tipg"

    def start(self, folder: Path, postgres: str, port: int) -> subprocess.Popen:
        """Start it on a port."""
        env = os.environ | {"DATABASE_URL": postgres, "TIPG_DB_SCHEMAS": '["public"]'}
        program = [folder / "tipg/bin/uvicorn", "tipg.main:app", "--port", str(port), "--workers", "2", "--log-level", "error"]  # fmt: skip
        return subprocess.Popen(program, env=env, stdout=sys.stderr)

    ready = "/collections/public.buildings"
    items = "/collections/public.buildings/items"

    def path(self, kind: str, given: dict) -> str:
        """Address of a request."""
        if kind == "item":
            return f"{self.items}/{given['id']}?f=geojson"
        if kind == "tile":
            return f"/collections/public.buildings/tiles/WebMercatorQuad/{given['z']}/{given['x']}/{given['y']}"
        if kind == "bbox":
            return f"{self.items}?f=geojson&limit=1000&bbox={given['bbox']}"
        if kind == "page":
            return f"{self.items}?f=geojson&limit=1000&offset={given['offset']}"
        if kind == "cql2":
            return f"{self.items}?f=geojson&limit=1000&bbox={given['bbox']}&filter-lang=cql2-text&filter={quote(given['filter'])}"
        return f"{self.items}?f=geojson&limit=1000&filter-lang=cql2-text&filter={quote('S_INTERSECTS(geom,' + given['wkt'] + ')')}"


class Pygeoapi:
    """pygeoapi behind gunicorn, two workers of four threads."""

    name = "pygeoapi"

    def start(self, folder: Path, postgres: str, port: int) -> subprocess.Popen:
        """Write its configuration and its API definition, then start it on a port."""
        at = urlsplit(postgres)
        data = {"host": at.hostname, "port": at.port or 5432, "dbname": at.path[1:], "user": at.username, "password": at.password, "search_path": ["public"]}  # fmt: skip
        base = {"data": data, "id_field": "id", "table": "buildings", "geom_field": "geom"}
        tiles = base | {
            "type": "tile", "name": "MVT-postgresql", "options": {"zoom": {"min": 0, "max": 16}},
            "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
        }  # fmt: skip
        content = {
            "server": {
                "bind": {"host": "127.0.0.1", "port": port}, "url": f"http://127.0.0.1:{port}", "mimetype": "application/json",
                "encoding": "utf-8", "languages": ["en-US"], "limits": {"default_items": 10, "max_items": 10000},
                "map": {"url": "http://127.0.0.1/{z}/{x}/{y}", "attribution": "-"},
            },
            "logging": {"level": "ERROR"},
            "metadata": {
                "identification": {"title": "b", "description": "b", "keywords": ["b"], "keywords_type": "theme", "terms_of_service": "-", "url": "http://127.0.0.1"},
                "license": {"name": "-", "url": "http://127.0.0.1"}, "provider": {"name": "b", "url": "http://127.0.0.1"},
                "contact": {"name": "b", "email": "b@example.com"},
            },
            "resources": {"buildings": {
                "type": "collection", "title": "b", "description": "b", "keywords": ["b"], "links": [],
                "extents": {"spatial": {"bbox": [113, 29, 116, 31], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}},
                "providers": [base | {"type": "feature", "name": "PostgreSQL"}, tiles],
            }},
        }  # fmt: skip
        config = Path(tempfile.mkdtemp()) / "pygeoapi.yml"
        config.write_text(json.dumps(content))  # JSON is YAML
        env = os.environ | {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(config.with_name("openapi.yml"))}  # fmt: skip
        programs = folder / "pygeoapi/bin"
        subprocess.run(
            [programs / "pygeoapi", "openapi", "generate", config, "--output-file", env["PYGEOAPI_OPENAPI"]],
            env=env, check=True, stdout=sys.stderr,
        )  # fmt: skip
        program = [programs / "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2", "--threads", "4", "--log-level", "error", "pygeoapi.flask_app:APP"]  # fmt: skip
        return subprocess.Popen(program, env=env, stdout=sys.stderr)

    ready = "/collections/buildings?f=json"
    items = "/collections/buildings/items"

    def path(self, kind: str, given: dict) -> str:
        """Address of a request."""
        if kind == "item":
            return f"{self.items}/{given['id']}?f=json"
        if kind == "tile":
            return f"/collections/buildings/tiles/WebMercatorQuad/{given['z']}/{given['y']}/{given['x']}?f=mvt"
        if kind == "bbox":
            return f"{self.items}?f=json&limit=1000&bbox={given['bbox']}"
        if kind == "page":
            return f"{self.items}?f=json&limit=1000&offset={given['offset']}"
        if kind == "cql2":
            return f"{self.items}?f=json&limit=1000&bbox={given['bbox']}&filter-lang=cql-text&filter={quote(given['filter'])}"
        return f"{self.items}?f=json&limit=1000&filter-lang=cql-text&filter={quote('INTERSECTS(geom,' + given['wkt'] + ')')}"


PEERS = (Tipg(), Pygeoapi())
