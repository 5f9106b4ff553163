"""Run directories and databases, read back."""
import importlib.metadata
import pathlib
import re
import shutil
import sqlite3
import unittest
from unittest import mock

import numpy as np

import eqnn
from support import PACKAGE, ROOT, InFolder


class Package(unittest.TestCase):
    def test_what_is_tested_is_what_was_installed(self):
        self.assertNotIn(PACKAGE, pathlib.Path(eqnn.__file__).resolve().parents)

    def test_one_version(self):
        version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
        self.assertEqual(importlib.metadata.version("eqnn"), version)


class Runs(InFolder):
    def test_run_directory(self):
        run = self.tiny(dtype="f64")
        self.assertEqual((run.config["width"], run.config["params"]["n"], run.member["n"]), (8, "4", 4))
        self.assertEqual(run.metrics["step"].tolist(), [10, 20, 30, 40])
        self.assertEqual(run.metrics["test_loss"].iloc[-1], run.result["test_loss"])
        self.assertTrue(np.isnan(run.metrics["batch_loss"].iloc[-1]))
        self.assertTrue((run.metrics["time.wall_seconds"].diff().iloc[1:] > 0).all())
        self.assertEqual(run.result["run_id"], run.id)
        self.assertEqual(sum(w.size for w in run.weights.values()), run.result["parameters"])
        self.assertTrue(all(w.dtype == np.float64 and w.any() and abs(w).max() < 10 for w in run.weights.values() if w.ndim > 1))
        self.assertEqual(run.weights["head.0.weight"].shape, (8, 8))
        self.assertEqual(repr(run), f"<eqnn run run: gnn-degree-parity, {run.result['verdict']}>")

    def test_a_run_that_is_not_finished(self):
        run = self.tiny()
        pathlib.Path("run/result.json").unlink()
        with open("run/metrics.jsonl", "a") as file:
            file.write('{"step": 50, "test_l')  # being written
        self.assertIsNone(run.result)
        self.assertEqual(len(run.metrics), 4)
        self.assertIn("unfinished", repr(run))
        self.refused("nowhere is no run directory", FileNotFoundError, eqnn.run, "nowhere")

    def test_arrays_without_pandas(self):
        self.tiny()
        eqnn.call("collect", "run", db="r.db")
        with mock.patch.dict("sys.modules", pandas=None):
            loaded = eqnn.load_run("run")
            self.assertEqual(loaded["metrics"]["step"].tolist(), [10, 20, 30, 40])
            self.assertEqual(eqnn.query("r.db", "SELECT steps FROM runs")["steps"].tolist(), [40])
            self.refused(r'pip install "./tools/python\[pandas\]"', ImportError, eqnn.runs, "r.db")
            self.refused("pip install pandas", ImportError, lambda: eqnn.run("run").metrics)

    def test_cross_validation(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(60, 2))
        np.savetxt("t.csv", np.c_[x, x[:, 0] > 0], delimiter=",", header="a,b,y", comments="", fmt="%g")
        whole = eqnn.train(data="t.csv", format="csv", folds=3, steps=20, width=4, eval_every=10, out="cv", quiet=True)
        self.assertEqual([fold.config["fold"] for fold in whole.folds], [0, 1, 2])
        losses = [fold.metrics["test_loss"].iloc[-1] for fold in whole.folds]
        self.assertAlmostEqual(whole.result["test_loss"], np.mean(losses), 12)
        self.assertEqual((len(whole.metrics), whole.member), (0, None))


class Databases(InFolder):
    def setUp(self):
        super().setUp()
        self.tiny(out="runs/a")
        self.tiny(out="runs/b", control=True)
        eqnn.call("collect", "runs", db="r.db")

    def test_tables(self):
        runs, rows = eqnn.runs("r.db"), eqnn.metrics("r.db")
        self.assertEqual(runs["control"].sum(), 1)
        self.assertEqual(set(runs["params.n"]), {4})
        self.assertEqual(rows.groupby("run_id").size().tolist(), [4, 4])
        both = rows.merge(runs, on="run_id", suffixes=("", "_of_run"))
        last = both[both["step"] == 40]
        self.assertEqual(last["test_loss"].tolist(), last["test_loss_of_run"].tolist())

    def test_a_folder_is_read_as_its_database(self):
        for table in (eqnn.runs, eqnn.metrics):
            collected, folder = table("r.db"), table("runs")
            self.assertTrue(len(folder) > 0 and folder.equals(collected))

    def test_queries(self):
        table = eqnn.query("r.db", "SELECT lr, family, steps, NULL AS none FROM runs WHERE steps = ? AND control = ?", [40, 1])
        self.assertEqual((table["lr"].tolist(), table["family"].tolist()), ([0.002], ["gnn-degree-parity"]))
        self.assertTrue(table["steps"].dtype == int and np.isnan(table["none"][0]))
        self.assertEqual(eqnn.query("r.db", "SELECT run_id FROM runs WHERE 0")["run_id"].size, 0)

    def test_what_is_no_database_is_told(self):
        self.refused("there is no such database", FileNotFoundError, eqnn.runs, "nothing.db")
        shutil.copy("runs/a/model.safetensors", "weights.db")
        self.refused("weights.db is no database", ValueError, eqnn.runs, "weights.db")
        sqlite3.connect("other.db").execute("CREATE TABLE runs (a)").connection.close()
        self.refused("another program", ValueError, eqnn.runs, "other.db")
        self.refused("no such folder", eqnn.EqnnError, eqnn.call, "collect", "nowhere", db="n.db")


if __name__ == "__main__":
    unittest.main()
