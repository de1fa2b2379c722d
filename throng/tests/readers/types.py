"""Prints the type that each reader gives each column of a run's tables."""

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

for table in ("people", "agents", "rounds"):
    files = f"runs/demo/{table}/*.parquet"
    of_duckdb = {row[0]: row[1] for row in duckdb.sql(f"describe select * from '{files}'").fetchall()}
    of_pandas = pd.read_parquet(f"runs/demo/{table}").dtypes
    of_polars = pl.scan_parquet(files).collect_schema()
    of_arrow = pq.read_table(f"runs/demo/{table}").schema
    for column in of_arrow.names:
        print(
            f"{table}.{column}: duckdb {of_duckdb[column]}, pandas {of_pandas[column]},"
            f" polars {of_polars[column]}, arrow {of_arrow.field(column).type}"
        )
