"""Run directories (docs/formats.md)."""
import json
import os
import pathlib

from .files import load_safetensors
from .tables import column, frame


def _read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def load_run(directory):
    """A run directory: its "config" and "result" (None: unfinished), and "metrics", one array for each key."""
    folder = pathlib.Path(directory)
    metrics, result = folder / "metrics.jsonl", folder / "result.json"
    lines = metrics.read_text(encoding="utf-8").split("\n")[:-1] if metrics.exists() else []
    rows = [json.loads(line) for line in lines]  # what follows the last line break is being written
    keys = dict.fromkeys(key for row in rows for key in row if key != "time")
    columns = {key: column([row.get(key) for row in rows]) for key in keys}
    columns["time.wall_seconds"] = column([row.get("time", {}).get("wall_seconds") for row in rows])
    return {"config": _read_json(folder / "run.json")["config"], "metrics": columns,
            "result": _read_json(result) if result.exists() else None}


class Run(os.PathLike):
    """A run directory, of `train` or of a cross-validation. Every attribute is read from the files when it is asked for.

    directory  its path
    id         the run id
    config     what was run: a dict of the flags of `train`, with "family" and "params"
    member     the member that is learnt, a dict; None for runs on files
    metrics    a DataFrame, one row for each line of metrics.jsonl; empty for the whole of a cross-validation
    result     the dict of result.json; None while the run is unfinished
    weights    the parameters, NumPy arrays by PyTorch's names
    folds      the runs of a cross-validation, in order; else empty

    Raises FileNotFoundError where there is no run.json.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        if not (self.directory / "run.json").exists():
            raise FileNotFoundError(f"{directory} is no run directory: it has no run.json; eqnn train makes them")

    @property
    def id(self):
        return _read_json(self.directory / "run.json")["run_id"]

    @property
    def config(self):
        return _read_json(self.directory / "run.json")["config"]

    @property
    def member(self):
        return _read_json(self.directory / "run.json").get("member")

    @property
    def metrics(self):
        return frame(load_run(self.directory)["metrics"])

    @property
    def result(self):
        return load_run(self.directory)["result"]

    @property
    def weights(self):
        return load_safetensors(self.directory / "model.safetensors")

    @property
    def folds(self):
        found = [folder for folder in self.directory.glob("fold-*") if (folder / "run.json").exists()]
        return [Run(folder) for folder in sorted(found, key=lambda folder: int(folder.name[5:]))]

    def __fspath__(self):
        return os.fspath(self.directory)

    def __repr__(self):
        result = self.result
        ending = "unfinished" if result is None else result.get("verdict")
        return f"<eqnn run {self.directory}: {self.config['family'] or 'data'}, {ending}>"


def run(directory):
    """The Run of a directory."""
    return Run(directory)
