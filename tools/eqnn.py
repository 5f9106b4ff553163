"""Runs of eqnn as NumPy arrays, for notebooks: `import eqnn` with this folder on sys.path. Needs numpy alone.

run = eqnn.load_run("runs/0123456789abcdef"); run["metrics"]["normalized_test_loss"]
table = eqnn.query("results.db", "SELECT lr, normalized_test_loss FROM runs WHERE family = ?", ["cnn-cyclic"])
"""
import json
import pathlib
import sqlite3
import numpy as np

DTYPES = dict(F64="<f8", F32="<f4", F16="<f2", I64="<i8", I32="<i4", I16="<i2", I8="i1", U64="<u8", U8="u1", BOOL="?")


def _column(values):
    """Numbers as float64 (None: nan) or int64, everything else as objects."""
    if not all(v is None or isinstance(v, (int, float)) for v in values):
        return np.array(values + [None], dtype=object)[:-1]
    if values and all(isinstance(v, int) and -2**63 <= v < 2**63 for v in values):
        return np.array(values)
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def load_run(directory):
    """A run directory: its "config" and "result" (None: unfinished), and "metrics", one array for each key."""
    folder = pathlib.Path(directory)
    run, result = folder / "run.json", folder / "result.json"
    lines = (folder / "metrics.jsonl").read_text().split("\n")[:-1] if (folder / "metrics.jsonl").exists() else []
    rows = [json.loads(line) for line in lines]  # what follows the last line break is being written
    keys = dict.fromkeys(key for row in rows for key in row if key != "time")
    metrics = {key: _column([row.get(key) for row in rows]) for key in keys}
    metrics["time.wall_seconds"] = _column([row.get("time", {}).get("wall_seconds") for row in rows])
    return {"config": json.loads(run.read_text())["config"], "metrics": metrics,
            "result": json.loads(result.read_text()) if result.exists() else None}


def load_npz(path):
    """The arrays of an npz that `families sample` or `predict` wrote, by name."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def load_safetensors(path):
    """The arrays of model.safetensors or checkpoint.safetensors, by name."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    part = {name: data[start + a["data_offsets"][0]:start + a["data_offsets"][1]] for name, a in header.items()}
    return {n: np.frombuffer(part[n], DTYPES[a["dtype"]]).reshape(a["shape"]).copy() for n, a in header.items()}


def query(db, sql, values=()):
    """One SQL query on a database that `collect` made, as arrays by column (docs/database.md has the tables)."""
    connection = sqlite3.connect(pathlib.Path(db).resolve().as_uri() + "?mode=ro", uri=True)
    try:
        cursor = connection.execute(sql, values)
        rows = cursor.fetchall()
        return {c[0]: _column([row[i] for row in rows]) for i, c in enumerate(cursor.description)}
    finally:
        connection.close()
