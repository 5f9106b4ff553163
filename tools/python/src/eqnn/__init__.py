"""eqnn from Python: its runs as arrays and tables, its samples, and the command called (docs/python.md).

Read:     run, runs, metrics, query; load_run, load_npz, load_safetensors (NumPy alone)
Compute:  sample, train, predict, sweep, learn, bound, batches; call, for every other subcommand
Draw:     plot
PyTorch:  eqnn.torch.Samples
"""
import importlib

from .commands import bound, learn, predict, sample, sweep, train
from .database import metrics, query, runs
from .figures import Plot, plot
from .files import load_npz, load_safetensors
from .process import EqnnError, call
from .runs_on_disk import Run, load_run, run
from .stream import batches

__all__ = ["EqnnError", "Plot", "Run", "batches", "bound", "call", "learn", "load_npz", "load_run", "load_safetensors",
           "metrics", "plot", "predict", "query", "run", "runs", "sample", "sweep", "torch", "train"]


def __getattr__(name):
    """eqnn.torch, imported when it is first used: PyTorch takes a second, and need not be there."""
    if name == "torch":
        return importlib.import_module(".torch", __name__)
    raise AttributeError(f"module 'eqnn' has no attribute '{name}'")
