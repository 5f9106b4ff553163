"""families sample, train, predict, sweep, learn and bound as functions."""
import contextlib
import json
import os
import pathlib
import tempfile

import numpy as np

from .database import runs
from .files import load_npz
from .process import EqnnError, call
from .progress import Progress
from .runs_on_disk import Run
from .tables import frame
from .toml import to_toml

READ = ("<f8", "<f4", "<i8", "<i4", "|u1", "|b1")  # the dtypes that `predict` reads


@contextlib.contextmanager
def _member_file(flags):
    """The flags, with a member that is a dict in a file."""
    if not isinstance(flags.get("member"), dict):
        yield flags
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "member.json")
        path.write_text(json.dumps(flags["member"]), encoding="utf-8")
        yield {**flags, "member": path}


def sample(family, *, count, seed=0, **parameters):
    """`count` inputs of a family with a member's values: (x, y, member).

    x: uint8 or float64, [count, ...] as docs/formats.md has it for the family. y: float64 [count], the member's values;
    two-valued members give 0 and 1, and networks are trained on 1 - 2y. member: a dict, drawn by `seed` or `member_seed`;
    or given, member=dict or a file. Inputs are drawn by `seed` or `data_seed`. `parameters` are the flags of
    `eqnn families sample`: n=8, edge_probability=0.3. Equal arguments give equal arrays. Raises EqnnError.
    """
    with tempfile.TemporaryDirectory() as folder, _member_file(parameters) as flags:
        out = os.path.join(folder, "sample.npz")
        call("families", "sample", family, count=count, seed=seed, out=out, **flags)
        arrays = load_npz(out)
        member = json.loads(pathlib.Path(folder, "sample.member.json").read_text(encoding="utf-8"))
    return arrays["adjacency" if "adjacency" in arrays else "x"], arrays["y"], member


def train(family=None, *, progress=None, **flags):
    """Trains one network, and returns its Run.

    `flags` are those of `eqnn train`: train("gnn-degree-parity", n=4, steps=500, out="runs/x"); member may be a dict, and
    a file is data="graphs.txt" without a family. A run that is there is refused (exit code 2) unless resume=True, which
    goes on with it, or returns it where it is finished, or force=True. progress: True, False, or None, in a terminal
    and in a notebook alone. Interrupted, it leaves a checkpoint for resume=True. Raises EqnnError.
    """
    for name in {"dry_run", "print_config"} & set(flags):
        raise ValueError(f"{name} makes no run, and eqnn.train returns one; "
                         "eqnn.call('train', ..., dry_run=True) has the plan")
    words = ["train"] + ([family] if family is not None else [])
    with _member_file(flags) as spelt:
        config = call(*words, **{**spelt, "dry_run": True, "quiet": True})["config"]
        watcher = Progress(family or "data", config["steps"], progress)
        result = call(*words, watcher=watcher, **{"progress": "none", **spelt})
    return Run(flags.get("out") or pathlib.Path("runs", result["run_id"]))


def predict(run, x, **flags):
    """A trained network's outputs on inputs of its family, float64 [count].

    run: a Run or its directory. x: [count, ...], as `sample` gives it, in any dtype. flags: average="family" averages
    over the group. Trained on 1 - 2y: an output below 0 says that a two-valued member is 1. Raises EqnnError.
    """
    run = run if isinstance(run, Run) else Run(run)
    name = json.loads((run.directory / "run.json").read_text(encoding="utf-8"))["input"]["name"]
    x = np.asarray(x)
    with tempfile.TemporaryDirectory() as folder:
        inputs, out = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
        np.savez(inputs, **{name: x if x.dtype.str in READ else x.astype("<f8")})
        call("predict", run, out=out, **{"in": inputs}, **flags)
        return load_npz(out)["y"]


def learn(family, **flags):
    """What a learner that is not gradient descent finds, a dict: verdict, queries, recovered, the losses.

    flags: those of `eqnn learn`, such as algo="gf2", n=64, samples=500, out="runs/gf2"; member may be a dict. Raises EqnnError.
    """
    with _member_file(flags) as spelt:
        return call("learn", family, **spelt)


def bound(family, **flags):
    """Lower bounds on the queries that a family needs, a dict: "bounds" is a list, each with its statement and source.

    flags: those of `eqnn bound`, such as n=64, tau=0.1. Raises EqnnError.
    """
    return call("bound", family, **flags)


def _spelt(plan):
    """A sweep's dict with the command's names of flags: test-samples for test_samples."""
    def names(flags):
        if not isinstance(flags, dict):
            return flags
        spelt = {}
        for name, value in flags.items():
            flag = str(name).replace("_", "-")
            if flag in spelt:
                raise TypeError(f"{flag} is given twice, as {flag.replace('-', '_')} too; leave one of them out")
            spelt[flag] = [names(item) for item in value] if isinstance(value, (list, tuple)) else value
        return spelt
    spelt = {key: names(value) if key in ("run", "grid") else value for key, value in plan.items()}
    if isinstance(plan.get("sweeps"), (list, tuple)):
        spelt["sweeps"] = [_spelt(part) if isinstance(part, dict) else part for part in plan["sweeps"]]
    return spelt


@contextlib.contextmanager
def _plan_file(plan):
    """The path of a sweep's file; of a dict a temporary one, which errors call "the sweep"."""
    if not isinstance(plan, dict):
        yield plan
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "sweep.toml")
        path.write_text(to_toml(_spelt(plan)), encoding="utf-8")
        try:
            yield path
        except EqnnError as error:
            raise EqnnError(str(error).replace(str(path), "the sweep"), error.exit_code, error.output) from None


def sweep(plan, *, out, progress=None, **flags):
    """Does what is left of a sweep, and returns all its runs as a DataFrame (eqnn.runs(out)).

    plan: a sweep's file, or a dict of what stands in one: dict(name="rates", seeds="0:5", run=dict(family=..., steps=2000),
    grid=dict(n=[4, 6], control=[False, True])); test_samples stands for test-samples. out: the folder of its runs. flags: those of `eqnn sweep run`, such as
    jobs=2. Called again it goes on where it was interrupted. Raises EqnnError; with exit code 5 some runs failed,
    and eqnn.runs(out) has them with `status` and `error`.
    """
    frame({})  # without pandas nothing is run
    with _plan_file(plan) as file:
        watcher = Progress("sweep", call("sweep", "plan", file, out=out)["runs"], progress)
        call("sweep", "run", file, out=out, watcher=watcher, **{"progress": "plain", **flags})
    return runs(out)
