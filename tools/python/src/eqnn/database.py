"""Databases that `eqnn collect` made (docs/database.md), and folders of runs as if they were collected."""
import contextlib
import os
import pathlib
import sqlite3
import tempfile

from .process import call
from .tables import column, frame

APPLICATION, SCHEMA = 0x65716E6E, 1


def query(db, sql, values=()):
    """One SQL query on a database that `collect` made, as NumPy arrays by column.

    Raises FileNotFoundError, and ValueError for a file that is no database of eqnn.
    """
    path = pathlib.Path(db).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"{db}: there is no such database; eqnn collect DIR --db {db} makes it")
    with contextlib.closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as connection:
        try:
            found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{db} is no database: {error}") from None
        if found != [APPLICATION, SCHEMA]:
            raise ValueError(f"{db} is a database of another program, or of another version of eqnn: "
                             f"application_id {found[0]:#x}, user_version {found[1]}; collect the runs again")
        cursor = connection.execute(sql, values)
        rows = cursor.fetchall()
        return {name[0]: column([row[i] for row in rows]) for i, name in enumerate(cursor.description)}


def runs(source):
    """All runs of a database, or of a folder of run directories, as a DataFrame: a row a run, columns as in docs/database.md.

    A folder is put into a temporary database first, by `eqnn collect`.
    """
    return _table(source, "SELECT * FROM runs ORDER BY run_id")


def metrics(source):
    """All evaluations of all runs of a database or a folder, as a DataFrame with `run_id` and `step`."""
    return _table(source, "SELECT * FROM metrics ORDER BY run_id, step")


def _table(source, sql):
    frame({})  # without pandas nothing is collected
    if not pathlib.Path(source).is_dir():
        return frame(query(source, sql))
    with tempfile.TemporaryDirectory() as folder:
        db = os.path.join(folder, "runs.db")
        call("collect", os.fspath(source), db=db)
        return frame(query(db, sql))
