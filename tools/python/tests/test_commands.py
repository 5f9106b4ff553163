"""The command called: samples, training, predictions, sweeps, and how errors come back."""
import contextlib
import io
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import time
import unittest
from unittest import mock

import numpy as np

import eqnn
from eqnn.process import arguments, in_python
from eqnn.toml import to_toml
from support import TINY, InFolder, has


class Errors(InFolder):
    def test_the_line_and_the_code_of_the_command(self):
        error = self.refused("^unknown family 'nope'; there are", eqnn.EqnnError, eqnn.sample, "nope", count=1)
        self.assertEqual(error.exit_code, 2)
        self.refused("n is 'x'; it must be a whole number", eqnn.EqnnError, eqnn.sample, "gnn-degree-parity", count=1, n="x")
        self.refused("'no_such' is not a flag", eqnn.EqnnError, eqnn.train, "gnn-degree-parity", no_such=3)
        self.refused("run is", TypeError, eqnn.call, "train", run=[1])
        self.refused("eqnn.call", ValueError, eqnn.train, "gnn-degree-parity", dry_run=True)
        expected = self.refused("", eqnn.EqnnError, self.tiny, expect="learned")
        self.assertEqual((expected.exit_code, eqnn.run("run").result["steps"]), (4, 40))
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.exit_code), (str(error), 2))

    def test_a_command_that_is_missing(self):
        for environment in ({"EQNN": "/nowhere/eqnn"}, {"EQNN": "", "PATH": ""}):
            with mock.patch.dict(os.environ, environment):
                error = self.refused("set EQNN to its path", eqnn.EqnnError, eqnn.sample, "cnn-cyclic", count=1)
                self.assertEqual(error.exit_code, 127)

    def test_the_path_where_eqnn_is_not_set(self):
        os.symlink(os.environ["EQNN"], "eqnn")
        with mock.patch.dict(os.environ, {"EQNN": "", "PATH": os.getcwd()}):
            self.assertIn("cnn-cyclic", [family["id"] for family in eqnn.call("families", "list")])

    def test_flags(self):
        flags = dict(head_width=np.int64(8), lr=1e-5, control=True, strict=np.bool_(False), data=pathlib.Path("a b"), n=None)
        self.assertEqual(arguments(flags), ["--head-width=8", "--lr=1e-05", "--control=true", "--strict=false", "--data=a b"])


    def test_flags_in_messages_are_those_of_python(self):
        self.refused("momentum is 0.9 with optimizer adam", eqnn.EqnnError, self.tiny, momentum=0.9)
        self.refused("test_samples is '0'", eqnn.EqnnError, self.tiny, test_samples=0)
        self.assertEqual(in_python("a--b: --test-samples is 3; eqnn collect DIR --db x makes one; give --resume"),
                         "a--b: test_samples is 3; eqnn collect DIR --db x makes one; give resume=True")
        self.refused("head_width is given twice", TypeError, self.tiny, **{"head-width": 4})


class Samples(InFolder):
    def test_what_the_command_writes(self):
        x, y, member = eqnn.sample("gnn-degree-parity", n=6, count=50, seed=3)
        eqnn.call("families", "sample", "gnn-degree-parity", n=6, count=50, seed=3, out="s.npz")
        arrays = eqnn.load_npz("s.npz")
        self.assertTrue((arrays["adjacency"] == x).all() and (arrays["y"] == y).all())
        self.assertEqual(arrays["member.S"].tolist(), member["S"])
        # The definition: the parity of how many nodes have an out-degree of a class in S.
        nodes = sum((x.sum(axis=2) == i - 1).sum(axis=1) for i in member["S"])
        self.assertEqual(((member["b"] + nodes) % 2).tolist(), y.tolist())

    def test_seeds_and_members(self):
        def draw(**flags):
            return eqnn.sample("cnn-cyclic", n=8, count=4, **flags)
        x, y, member = draw(seed=1)
        other = draw(seed=1, data_seed=2)
        self.assertEqual(other[2], member)
        self.assertFalse((other[0] == x).any())
        given = draw(member=member, data_seed=1)
        self.assertTrue((given[0] == x).all() and (given[1] == y).all())
        self.assertNotEqual(draw(seed=2)[2], member)


class Training(InFolder):
    def test_train_and_predict(self):
        run = self.tiny(member={"n": 4, "S": [2], "b": 0})
        self.assertEqual(run.member["S"], [2])
        x, y, _ = eqnn.sample("gnn-degree-parity", n=4, count=4000, member=run.member, seed=5)
        outputs = eqnn.predict(run, x)
        # The mean squared error on other samples than those of the run's own test.
        found = np.mean((outputs - (1 - 2 * y)) ** 2)
        self.assertTrue(0.5 < found < 1.5 and abs(found - run.result["test_loss"]) < 0.2, found)
        self.assertTrue((eqnn.predict("run", x.astype(np.int16)) == outputs).all())
        self.assertTrue(np.allclose(eqnn.predict(run, x[:, ::-1, ::-1]), outputs, atol=1e-5))  # nodes in another order
        self.refused("", eqnn.EqnnError, eqnn.predict, run, x[:, :2])

    def test_the_weights_are_those_of_the_outputs(self):
        run = eqnn.train("boolean-orbit", group="trivial", n=4, model="mlp", width=8, depth=1, steps=20,
                         test_samples=100, dtype="f64", out="run", quiet=True)
        x = eqnn.sample("boolean-orbit", group="trivial", n=4, count=9, quiet=True)[0]
        (first, bias), (last, offset) = list(zip(*[iter(run.weights.values())] * 2))
        by_hand = np.maximum(x.astype(float) @ first.T + bias, 0) @ last.T + offset
        self.assertTrue(np.allclose(by_hand[:, 0], eqnn.predict(run, x), atol=1e-12))

    def test_where_the_run_is(self):
        run = self.tiny(out=None)
        self.assertEqual(run.directory, pathlib.Path("runs", run.id))
        error = self.refused("exists; resume=True goes on with it, force=True replaces it, out names another", eqnn.EqnnError,
                             self.tiny, out=None)
        self.assertEqual(error.exit_code, 2)
        self.assertEqual(self.tiny(out=None, resume=True, quiet=True).result, run.result)

    def test_progress(self):
        with mock.patch.dict("sys.modules", {"tqdm.auto": None, "tqdm": None}):
            plain = self.said(progress=True)
        self.assertRegex(plain, r"^\rgnn-degree-parity: 10 of 40, test loss [0-9.]+\r.*: 40 of 40, test loss [0-9.]+ *\n$")
        self.assertEqual(self.said(progress=None), "")  # nobody looks on
        if has("tqdm"):
            self.assertRegex(self.said(progress=True), r"gnn-degree-parity: 100%.* 40/40 .*test loss [0-9.]+")

    def said(self, **flags):
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            self.tiny(force=True, **flags)
        return stderr.getvalue()

    def test_an_interrupt_leaves_a_checkpoint(self):
        flags = {**TINY, "steps": 10 ** 7, "eval_every": 100, "out": "run"}
        program = f"import eqnn; eqnn.train('gnn-degree-parity', **{flags})"
        child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
        with child:
            metrics, latest = pathlib.Path("run/metrics.jsonl"), time.monotonic() + 60
            while child.poll() is None and time.monotonic() < latest and not (metrics.exists() and metrics.stat().st_size):
                time.sleep(0.02)
            child.send_signal(signal.SIGINT)  # to Python alone
            said = child.communicate(timeout=60)[1]
        self.assertIn("KeyboardInterrupt", said)
        self.assertIn("a checkpoint is in run", said)
        step = eqnn.load_safetensors("run/checkpoint.safetensors")
        self.assertTrue(any(name.startswith("optimizer.m.") for name in step))
        # Nobody holds the directory any more.
        self.tiny(force=True)


class Sweeps(InFolder):
    flags = {k.replace("_", "-"): v for k, v in TINY.items() if k != "threads"}
    plan = dict(name="rates", seeds="0:2", run={**flags, "family": "gnn-degree-parity"},
                grid=dict(lr=[1e-3, 1e-2], control=[False, True]))

    def test_a_dict_and_its_file(self):
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            table = eqnn.sweep(self.plan, out="a", progress=True)
            before = {path: path.stat().st_mtime_ns for path in pathlib.Path("a").glob("*/result.json")}
            again = eqnn.sweep(self.plan, out="a")
            pathlib.Path("plan.toml").write_text(to_toml(self.plan))
            file = eqnn.sweep("plan.toml", out="b", jobs=1)
        self.assertRegex(stderr.getvalue(), "8 of 8 runs done in a")
        self.assertEqual((len(table), set(table["status"]), len(before)), (8, {"done"}, 8))
        self.assertEqual(table.groupby(["lr", "control"]).size().tolist(), [2, 2, 2, 2])
        self.assertTrue(again.equals(table))
        self.assertEqual(before, {path: path.stat().st_mtime_ns for path in before})
        self.assertEqual(file[["run_id", "test_loss"]].values.tolist(), table[["run_id", "test_loss"]].values.tolist())

    def test_what_cannot_run_is_told(self):
        error = self.refused("speed", eqnn.EqnnError, eqnn.sweep, {**self.plan, "grid": {"speed": [1]}}, out="a")
        self.assertEqual(error.exit_code, 2)
        self.refused("run is <object", TypeError, eqnn.sweep, {**self.plan, "run": object()}, out="a")

    def test_both_spellings_of_flags(self):
        run = {**TINY, "family": "gnn-degree-parity"}
        del run["threads"]
        plan = {**self.plan, "run": run, "grid": {"rate": [{"lr": 1e-3, "clip_norm": 1}, {"lr": 1e-2, "clip_norm": 2}]}}
        table = eqnn.sweep(plan, out="a", quiet=True)
        self.assertEqual((len(table), set(table["config.clip-norm"]), set(table["test_samples"])), (4, {1, 2}, {100}))
        several = {"name": "s", "sweeps": [{"name": "one", "run": run, "grid": {"clip_norm": [1, 2], "lr": [1e-3, 1e-2]}}]}
        self.assertEqual(len(eqnn.sweep(several, out="a", quiet=True)), 6)  # two of the four were there
        run["test-samples"] = 200
        self.refused("test-samples is given twice, as test_samples too", TypeError, eqnn.sweep, {**self.plan, "run": run}, out="b")

    def test_errors_name_no_file_that_nobody_wrote(self):
        wrong = {**self.plan, "run": {"family": "gnn-degree-parity", "n": 1}, "grid": {}}
        self.refused("^the sweep: at seed 0: n is 1", eqnn.EqnnError, eqnn.sweep, wrong, out="a")
        self.refused('^the sweep: seeds is 4.*seeds = "0:4" for 4 seeds', eqnn.EqnnError, eqnn.sweep, {**self.plan, "seeds": 4}, out="a")

    @unittest.skipUnless(has("tomllib"), "no tomllib before Python 3.11")
    def test_toml(self):
        import tomllib
        document = {"a": 'é "quoted" \\ \n\t\x7f 🙂', "b": [1, 2.5, 1e-30, 1e300], "c": {"x y": [{"z": True}, {}]},
                    "d": "", "e": -3}
        self.assertEqual(tomllib.loads(to_toml(document)), document)
        values = tomllib.loads(to_toml({"a": np.arange(3), "b": np.float64(0.1), "c": None, "d": range(2),
                                        "e": float("inf")}))
        self.assertEqual(values, {"a": [0, 1, 2], "b": 0.1, "d": [0, 1], "e": float("inf")})


class Learners(InFolder):
    def test_learn_and_bound(self):
        found = eqnn.learn("gnn-degree-parity", n=6, seed=1, member={"n": 6, "S": [3, 5], "b": 0})
        self.assertEqual((found["algorithm"], found["recovered"]["S"]), ("gf2", [3, 5]))
        bounds = eqnn.bound("gnn-degree-parity", n=64, tau=0.1)["bounds"]
        self.assertTrue(bounds and all("statement" in bound for bound in bounds))
        self.refused("tau is", eqnn.EqnnError, eqnn.bound, "gnn-degree-parity", n=64, tau=-1)


@unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
class Plots(InFolder):
    def test_what_the_command_draws(self):
        self.tiny(out="runs/a")
        self.tiny(out="runs/b", n=5)
        eqnn.call("plot", "runs", figure="learning-curves", out="c.svg", size="120x90mm")
        plot = eqnn.plot("runs", "learning-curves", size="120x90mm", out="d.pdf")
        self.assertEqual(plot.svg, pathlib.Path("c.svg").read_text())
        self.assertEqual((plot._repr_svg_(), plot._repr_html_()), (plot.svg, None))
        self.assertTrue(pathlib.Path("d.pdf").read_bytes().startswith(b"%PDF"))
        self.assertIn("learning-curves", repr(plot))
        both = eqnn.plot(["runs/a", "runs/b"], "anything", x="n", y="test_loss", axes={"n": "nodes"})
        self.assertIn("nodes", both.svg)
        self.refused("d.pdf exists; give force=True to replace it, or another out", eqnn.EqnnError, eqnn.plot, "runs",
                     "learning-curves", out="d.pdf")
        self.refused("'curvs' is not known", eqnn.EqnnError, eqnn.plot, "runs", "curvs")

    def test_several_figures_are_html(self):
        self.tiny(out="runs/a")
        eqnn.train("boolean-orbit", n=4, group="trivial", model="mlp", width=4, depth=1, steps=20, test_samples=100,
                   out="runs/b", quiet=True)
        plot = eqnn.plot("runs", "verdicts")
        self.assertEqual((len(plot.figures), plot._repr_svg_()), (2, None))
        self.assertEqual(plot._repr_html_().count("<svg"), 2)


if __name__ == "__main__":
    unittest.main()
