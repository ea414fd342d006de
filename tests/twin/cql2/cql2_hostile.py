"""Filters made to harm: each must be refused or answered, at once, and never crash the process."""

import json

_OPEN = "S_INTERSECTS(geometry, "


def _deep(n: int) -> list[tuple[str, str]]:
    return [
        ("cql2-text", s)
        for s in (
            "(" * n + "floors=1" + ")" * n, "(" * n + "floors=1", "floors=1" + ")" * n, "(" * n + "floors=1 x" + ")" * n,
            "NOT " * n + "flag", "NOT (" * n + "flag" + ")" * n, "floors=" + "-" * n + "1", "floors=" + "- " * n + "rank",
            "floors=" + "2^" * n + "2", "floors=" + "1+" * n + "1", "floors=" + "1 div " * n + "1", "casei(" * n + "name" + ")" * n + "='a'",
            "casei(" * n + "name" + "='a'", "(flag or " * n + "flag" + ")" * n, "flag and " * n + "flag", "flag or not " * n + "flag",
            "A_CONTAINS(tags," + "(" * n + "1,2" + ")" * n + ")", "A_CONTAINS(tags," + "(1," * n + "2" + ")" * n + ")",
            "A_CONTAINS(tags," + "(" * n + "1" + ",2)" * n + ")", "A_CONTAINS(tags," + "((" * n, "floors in (" + "(" * n + "1" + ")" * n + ")",
            _OPEN + "GEOMETRYCOLLECTION(" * n + "POINT(1 2)" + ")" * (n + 1), _OPEN + "POLYGON" + "(" * n + "1 2" + ")" * (n + 1),
            "floors between " * n + "1 and 2", "floors between 1 and 2 and " * n + "flag", "ABS(" * n + "floors" + ")" * n + "=1",
            "floors " + "is not null " * n, "floors = " * n + "1", "name like " * n + "'a'", "," * n, "f(" + "," * n + ")", '"' * n, "'" * n, "q0 " * n,
        )
    ]  # fmt: skip


def _json_deep(n: int) -> list[tuple[str, str]]:
    flag = '{"property":"flag"}'
    return [
        ("cql2-json", s)
        for s in (
            '{"op":"not","args":[' * n + flag + "]}" * n, '{"op":"and","args":[' * n + flag + "]}" * n, "[" * n + "]" * n, "[" * n,
            '{"op":"and","args":[true,' * n + flag + "]}" * n, '{"a":' * n + "1" + "}" * n,
            '{"op":"=","args":[{"property":"floors"},' + '{"op":"+","args":[1,' * n + "1" + "]}" * n + "]}",
            '{"op":"a_contains","args":[{"property":"tags"},' + "[" * n + "1" + "]" * n + "]}",
            '{"op":"s_intersects","args":[{"property":"geometry"},' + '{"type":"GeometryCollection","geometries":[' * n + '{"type":"Point","coordinates":[1,2]}' + "]}" * n + "]}",
            '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Polygon","coordinates":' + "[" * n + "1,2" + "]" * n + "}]}",
            '{"op":"or","args":[' + ",".join([flag] * n) + "]}",
        )
    ]  # fmt: skip


def _wide(n: int) -> list[tuple[str, str]]:
    ring = ",".join(f"{i % 360 - 180} {i % 180 - 90}" for i in range(n))
    return [
        ("cql2-text", s)
        for s in (
            "floors in (" + ",".join(map(str, range(n))) + ")", "name in (" + ",".join(f"'{i}'" for i in range(n)) + ")",
            "floors in (" + ",".join(["rank"] * n) + ")", "name in (" + ",".join(["casei('x')"] * n) + ")", _OPEN + f"POLYGON(({ring},-180 -90)))",
            _OPEN + f"LINESTRING({ring}))", _OPEN + f"MULTIPOINT({ring}))", _OPEN + "MULTIPOLYGON(" + ",".join(["((0 0,1 0,1 1,0 0))"] * n) + "))",
            _OPEN + "GEOMETRYCOLLECTION(" + ",".join(["POINT(1 1)"] * n) + "))", " or ".join([_OPEN + "POINT(1 1))"] * n),
            "name = '" + "x" * n * 20 + "'", "name like '" + "%a" * n + "'", "name like '" + "_" * n + "%" * n + "'", "name like '" + "%_" * (n // 2) + "b'",
            "A_EQUALS(tags,(" + ",".join(["'x'"] * n) + "))", " ".join(["floors"] * n), "floors=1;" * n, "a" * n * 20 + "=1", "floors=" + "9" * n,
            "floors=1" + " " * n * 20, "floors=1" + "\n" * n, "floors>=" * n, "/*" * n, "--" * n, "\\" * n, "'\\" * n, "é" * n,
        )
    ]  # fmt: skip


_SINGLE = [
    "pg_sleep(10) IS NULL", "pg_sleep(3)=1", "SLEEP(5)", "version() = 'x'", "read_text('/etc/passwd') = 'x'", "read_csv('/etc/passwd') IS NOT NULL",
    "read_blob('/etc/shadow') IS NOT NULL", "pg_read_file('/etc/passwd') LIKE '%'", "glob('/*') IS NULL", "getenv('HOME') = 'x'", "current_setting('x')='y'",
    "query('select 1')=1", "duckdb_secrets()=1", "copy_database('a')=1", "load('x')=true", "install('httpfs')=true", "system('id')=0", "eval('1')=1",
    "__import__('os')=1", "lo_import('/etc/passwd')=1", "xp_cmdshell('dir')=1", "ST_AsText(geometry)='x'", "ST_Buffer(geometry,1e9) IS NULL",
    "Buffer(geometry,1e9) IS NULL", "generate_series(1,1000000000)=1", "repeat('x',1000000000)='x'", "regexp_matches(name,'(a+)+$')", "name ~ '(a+)+$'",
    "floors=1; DROP TABLE entity", "floors=1; DROP TABLE entity --", "floors=1 UNION SELECT * FROM entity", "1=1) OR (1=1", "') OR 1=1 --", "name='' OR ''=''--'",
    "name = 'x' /* */ OR 1=1", "name = $1", "name = ?", "name = :x", "name = @@version", "name || name = 'x'", "name = E'\\x41'", "name = $$x$$", "name=`id`",
    "floors = NaN", "floors = Infinity", "floors = -Infinity", "floors = 1e999", "floors = -1e999", "floors = 0x41", "floors = 1_000", "floors = ١", "floors = 1e",
    "floors = .", "floors = 1..2", "floors = --1", "floors = +-+1", "rank = 9e307*9e307", "floors = null", "null = null", "null", "floors is true", "floors in ()",
    "floors in (null)", "floors between 1", "floors between 1 and", "not", "and", "or flag", "flag and", "flag flag", "()", "(", ")", "", " ", ",", "'", '"', "''", '""', "=", "==",
    "floors == 1", "floors === 1", "floors => 1", "floors =< 1", "floors <=> 1", "floors = 'a", 'floors = "a', "\"\" = 1", '"a""b" = 1', "name = 'a'b'", "name = '\\'",
    "DATE('2020-02-31') = built", "DATE('0000-00-00') = built", "DATE('99999-01-01') = built", "DATE('2020-1-1') = built", "DATE(built) = built", "DATE() = built",
    "TIMESTAMP('2020-01-01') = seen", "TIMESTAMP('2020-01-01T25:00:00Z') = seen", "TIMESTAMP('2020-01-01T00:00:00') = seen", "TIMESTAMP('now') = seen",
    "TIMESTAMP('2020-01-01T00:00:00+99:99') = seen", "TIMESTAMP('9999-12-31T23:59:59-14:00') = seen", "TIMESTAMP('0001-01-01T00:00:00+14:00') = seen",
    "T_AFTER(seen, INTERVAL('a','b'))", "T_AFTER(seen, INTERVAL('..'))", "T_AFTER(seen, INTERVAL())", "T_AFTER(seen, INTERVAL('2021-01-01','2020-01-01'))",
    "T_AFTER(seen, INTERVAL(INTERVAL('..','..'),'..'))", "T_AFTER(seen)", "T_AFTER(seen,seen,seen)", "T_NEVER(seen,seen)", "T_DURING(seen, seen)", "T_AFTER(name, seen)",
    _OPEN + "POINT EMPTY)", _OPEN + "POINT())", _OPEN + "POINT(1))", _OPEN + "POINT(1 2 3 4 5))", _OPEN + "POINT(nan nan))", _OPEN + "POINT(inf 1))", _OPEN + "POINT(1e999 1))",
    _OPEN + "POINT(1e300 1))", _OPEN + "POINT(500 1))", _OPEN + "POINT(1 -91))", _OPEN + "POLYGON((0 0,1 1)))", _OPEN + "POLYGON((0 0,1 1,1 0)))", _OPEN + "POLYGON(()))", _OPEN + "LINESTRING(0 0))",
    _OPEN + "CIRCULARSTRING(0 0,1 1,2 0))", _OPEN + "SRID=4326;POINT(1 2))", _OPEN + "POINT(1 2", _OPEN + "BBOX())", _OPEN + "BBOX(1,2,3))", _OPEN + "BBOX(1,2,3,4,5))", _OPEN + "BBOX(0,1,1,0))",
    _OPEN + "BBOX(0,0,5,1,1,1))", _OPEN + "BBOX(floors,0,1,1))", _OPEN + "BBOX('a',0,1,1))", _OPEN + "BBOX(-1e308,-1e308,1e308,1e308))", _OPEN + "name)", _OPEN + "1)", "S_INTERSECTS(geometry)", "S_INTERSECTS()",
    "S_NEAR(geometry,POINT(1 2))", "S3D_DWITHIN(geometry,POINT(1 2),3)", "S3D_DWITHIN(geometry,POINT Z(1 2 3),-1)", "S3D_DWITHIN(geometry,POINT Z(1 2 3),1e308)", "S3D_DWITHIN(geometry,POINT Z(1 2 3),floors)",
    "S3D_DWITHIN(geometry,geometry,3)", "S3D_INTERSECTS(geometry,BBOX(-180,-90,0,180,90,1))", "ABOVE(geometry)", "ABOVE(geometry,name)", "ABOVE(geometry,floors)", "ABOVE(POINT Z(1 2 3),3)", "HEIGHT(name)=1",
    "A_CONTAINS(tags,name)", "A_CONTAINS(name,('a'))", "A_CONTAINS(tags)", "A_NOTHING(tags,('a'))", "casei(floors)='a'", "casei()='a'", "casei(name,name)='a'", "accenti(flag)='a'", "upper(floors)='A'",
    "name like name", "name like 1", "floors like '%'", "name like", "name between 'a' and 'b'", "flag between true and false", "floors + name = 1", "name + name = 'a'", "flag + 1 = 2", "built + 1 = built", "-name = 'a'",
    "name = 1", "floors = 'a'", "flag = 1", "built = 'yesterday'", "seen = 1", "geometry = geometry", "geometry = 1", "tags = tags", "tags = ('a')", "nothing = 1", "__class__ = 1", "floors.__class__ = 1", "constructor = 1",
    "geometry", "name", "floors", "tags", "1", "'a'", "POINT(1 2)", "DATE('2020-01-01')", "INTERVAL('..','..')", "('a','b')", "\u202e = 1", "name = '\ud800'", "name = '\x00'", "\x00", "\ufeffflag\x00", "name = 'a' \u0000",
]  # fmt: skip

_SINGLE_JSON = [
    "", "{", "{}", "[]", "null", "1", '"a"', "NaN", '{"op":"="}', '{"args":[]}', '{"op":"=","args":{}}', '{"op":1,"args":[]}', '{"op":null,"args":[]}', '{"op":"=","args":[]}', '{"op":"=","args":[1]}', '{"op":"=","args":[1,2,3]}',
    '{"op":"and","args":[]}', '{"op":"and","args":[true]}', '{"op":"not","args":[]}', '{"op":"in","args":[1,2]}', '{"op":"in","args":[{"property":"floors"},[]]}', '{"op":"=","args":[{"property":"floors"},null]}', '{"op":"=","args":[{"property":1},1]}',
    '{"op":"=","args":[{"property":"floors"},NaN]}', '{"op":"=","args":[{"property":"floors"},1e999]}', '{"op":"=","args":[{"property":"floors","x":1},1]}', '{"op":"=","args":[{"property":"floors"},1],"x":1}', '{"op":"=","args":[{"x":1},1]}',
    '{"op":"pg_sleep","args":[10]}', '{"op":"read_text","args":["/etc/passwd"]}', '{"op":"; DROP TABLE entity","args":[]}', '{"op":"||","args":["a","b"]}', '{"date":"2020-01-01"}', '{"op":"=","args":[{"property":"built"},{"date":1}]}',
    '{"op":"=","args":[{"property":"built"},{"date":{"property":"built"}}]}', '{"op":"t_after","args":[{"property":"seen"},{"interval":[]}]}', '{"op":"t_after","args":[{"property":"seen"},{"interval":"x"}]}', '{"op":"t_after","args":[{"property":"seen"},{"interval":[1,2]}]}',
    '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point"}]}', '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point","coordinates":[]}]}', '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Point","coordinates":["a","b"]}]}',
    '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Circle","coordinates":[1,2]}]}', '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Feature","geometry":null,"properties":{}}]}', '{"op":"s_intersects","args":[{"property":"geometry"},{"type":"Polygon","coordinates":[[[0,0],[1,1]]]}]}',
    '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[1,2,3]}]}', '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":"x"}]}', '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[1,2,"3",4]}]}', '{"op":"like","args":[{"property":"name"},{"property":"name"}]}',
    '{"op":"=","args":["\\ud800","a"]}', '{"op":"=","args":["\\u0000","a"]}', "\ud800", '{"op":"casei","args":[{"property":"name"}]}', json.dumps({"op": "like", "args": [{"property": "name"}, "%a" * 5000]}),
]  # fmt: skip

FILTERS: list[tuple[str, str | bytes]] = [
    *(("cql2-text", s) for s in _SINGLE), *(("cql2-json", s) for s in _SINGLE_JSON), *_deep(20), *_deep(60), *_deep(4_000), *_deep(20_000), *_json_deep(40), *_json_deep(110), *_json_deep(2_000),
    *_wide(500), *_wide(4_000), *_wide(20_000), ("cql2-text", b"name = '\xff\xfe'"), ("cql2-json", b"\xff"), ("cql2-text", b"\xed\xa0\x80"), ("cql2-jsn", "flag"), ("cql2-text\x00", "flag"), ("", "flag"),
]  # fmt: skip
