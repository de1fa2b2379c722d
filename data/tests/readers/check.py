"""Reads a run with DuckDB, polars, pandas and pyarrow: the snippets of its README, and the types.

python check.py RUN TYPES.md    where TYPES.md has the table of types

A run for it is written by `cargo run -p throng-data --example sample_run OUT`.
"""

import glob
import json
import os
import re
import sys

import duckdb
import pandas
import polars
import pyarrow.parquet

READERS = ("DuckDB", "polars", "pandas", "pyarrow")


def expected_types(page):
    """The rows of the table whose header names the readers."""
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in page.splitlines() if line.startswith("|")]
    start = rows.index(["type", *READERS])
    table = {}
    for row in rows[start + 2 :]:
        if len(row) != len(READERS) + 1:
            break
        table[row[0]] = dict(zip(READERS, row[1:]))
    return table


def found_types(table):
    """The type of each column by reader."""
    files = sorted(glob.glob(f"{table}/*.parquet"))
    relation = duckdb.sql(f"SELECT * FROM read_parquet('{table}/*.parquet')")
    frame = pandas.read_parquet(files[0])
    return {
        "DuckDB": dict(zip(relation.columns, map(str, relation.types))),
        "polars": {name: str(kind) for name, kind in polars.scan_parquet(f"{table}/*.parquet").collect_schema().items()},
        "pandas": {name: str(kind) for name, kind in frame.dtypes.items()},
        "pyarrow": {field.name: str(field.type) for field in pyarrow.parquet.read_schema(files[0])},
    }


def rows_agree(table):
    """Every reader must see the same values, missing ones included."""
    files = sorted(glob.glob(f"{table}/*.parquet"))
    arrow = pyarrow.concat_tables(pyarrow.parquet.read_table(file) for file in files)
    sources = {
        "polars": polars.scan_parquet(f"{table}/*.parquet").collect().to_arrow(),
        "DuckDB": duckdb.sql(f"SELECT * FROM read_parquet('{table}/*.parquet')").to_arrow_table(),
    }
    for reader, other in sources.items():
        for name in arrow.column_names:
            kind = arrow.schema.field(name).type
            plain = kind.value_type if pyarrow.types.is_dictionary(kind) else kind
            expected, found = arrow.column(name).cast(plain).to_pylist(), other.column(name).cast(plain).to_pylist()
            assert len(expected) == len(found), f"{table}.{name}: {len(found)} rows in {reader}"
            assert repr(expected) == repr(found), f"{table}.{name} differs in {reader}"
    return len(arrow)


def main(run, types_page):
    with open(types_page, encoding="utf-8") as page:
        expected = expected_types(page.read())
    os.chdir(run)
    with open("schema.json", encoding="utf-8") as file:
        tables = json.load(file)["tables"]
    wrong, seen = [], set()
    for table, schema in tables.items():
        found = found_types(table)
        for column in schema["x-columns"]:
            if column["nullable"]:
                continue
            seen.add(column["kind"])
            for reader in READERS:
                want, have = expected[column["kind"]][reader], found[reader][column["name"]]
                # polars and arrow add the categories' own details in brackets or versions of them.
                if want != have and not (column["kind"] == "category" and have.startswith(want)):
                    wrong.append(f"{table}.{column['name']}: {reader} has {have}, the table {want}")
        print(f"{table}: {rows_agree(table)} rows agree")
    assert seen == set(expected), f"types without a column: {set(expected) - seen}"
    with open("README.md", encoding="utf-8") as page:
        snippets = re.findall(r"```python\n(.*?)```", page.read(), re.DOTALL)
    assert len(snippets) >= 4, "the README has a snippet for each reader"
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), {})
    print(f"{len(snippets)} snippets ran")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1], os.path.abspath(sys.argv[2]))
