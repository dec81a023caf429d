"""SQL on Spark: the dialect of the local engine, translated by sqlglot."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import ExtremeEarthError, InputError, LimitError
from extremeearth.core.progress import CancelToken
from extremeearth.infrastructure.engine._spark_jobs import run_job, said
from extremeearth.infrastructure.engine._spark_space import (
    asks_for_space,
    has_sedona,
    leave_functions,
    register,
    take_functions,
)
from extremeearth.infrastructure.engine._spark_tables import frame_of, sent_again
from extremeearth.infrastructure.engine._sql import WANTED

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot.expressions import Expression

    from extremeearth.infrastructure.engine._spark_workers import Patience

DIALECT = "postgres"
"""The dialect of sqlglot nearest to DataFusion's: quotes, casts, order of nulls, division of integers."""


def translated(statement: Expression | str, tables: Mapping[str, str]) -> Any:
    """Read a query and give each table the name that it has in Spark.

    Examples
    --------
    >>> translated("SELECT n FROM t ORDER BY n", {"t": "ee_1"}).sql(dialect="spark")
    'SELECT n FROM ee_1 AS t ORDER BY n NULLS LAST'
    """
    import sqlglot
    from sqlglot import exp

    text = statement if isinstance(statement, str) else statement.sql()
    try:
        trees = sqlglot.parse(text, dialect=DIALECT)
    except sqlglot.errors.SqlglotError as err:
        raise InputError(
            f"The SQL query cannot be read: {str(err).splitlines()[0]}", hint="Check its syntax."
        ) from err
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Query):
        raise InputError("This SQL statement is not a query.", hint="Begin it with SELECT or WITH.")
    steps = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        if not isinstance(table.this, exp.Identifier) or (name in steps and not table.db):
            continue
        if table.db or name not in tables:
            raise InputError(
                f"There is no table '{table.sql()}'.",
                hint=f"There are: {', '.join(tables) or 'none'}.",
            )
        if not table.alias:
            table.set("alias", exp.TableAlias(this=table.this.copy()))
        table.set("this", exp.to_identifier(tables[name]))
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.lower() == WANTED:
            call.replace(exp.true())  # Spark's own cancelling does what it is for
    return tree


def run_sql(
    session: Any,
    statement: Expression | str,
    tables: Mapping[str, pa.Table],
    *,
    token: CancelToken,
    patience: Patience,
    most_bytes: int | None,
) -> pa.Table:
    """Do what `SparkEngine.sql` says."""
    run = uuid.uuid4().hex
    names = {name.lower(): f"ee_{run}_{number}" for number, name in enumerate(tables)}
    tree = translated(statement, names)
    functions = []
    if asks_for_space(tree):
        if has_sedona(session):
            leave_functions(tree)
        else:
            functions = take_functions(tree)
    try:
        register(session, functions)
        text = tree.sql(dialect="spark")
        named = {names[name.lower()]: table for name, table in tables.items()}
        return run_job(
            session,
            lambda: sent_again(lambda: _answer(session, text, named, most_bytes)),
            token,
            patience,
        )
    except ExtremeEarthError:
        raise
    except Exception as err:  # Py4J, gRPC and Spark errors have no common class
        token.check()
        raise InputError(
            f"The SQL query could not be run: {said(err)}",
            hint="Check its names against those of the tables.",
        ) from err
    finally:
        for name in names.values():
            session.catalog.dropTempView(name)


def _answer(
    session: Any, text: str, tables: Mapping[str, pa.Table], most_bytes: int | None
) -> pa.Table:
    for name, table in tables.items():
        frame_of(session, table).createOrReplaceTempView(name)
    return _collected(session.sql(text), most_bytes)


def _collected(frame: Any, most_bytes: int | None) -> pa.Table:
    """Fetch the answer; with a limit, piece by piece, so that the driver never holds more."""
    import pyarrow as pa

    if most_bytes is None:
        return frame.toArrow()
    schema = frame.limit(0).toArrow().schema
    pieces, size = [], 0
    for row in frame.mapInArrow(_as_ipc, "piece binary").toLocalIterator():
        size += len(row[0])
        if size > most_bytes:
            raise LimitError(
                f"An intermediate result is larger than {most_bytes / 2**20:.0f} MiB.",
                hint="Ask for less: add a LIMIT or a narrower pattern.",
            )
        with pa.ipc.open_stream(pa.py_buffer(bytes(row[0]))) as reader:
            pieces.append(reader.read_all().cast(schema))
    return pa.concat_tables(pieces) if pieces else schema.empty_table()


def _as_ipc(batches: Any) -> Any:
    import pyarrow as pa

    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write(batch)
        yield pa.RecordBatch.from_pydict({"piece": [sink.getvalue().to_pybytes()]})
