"""The notebook and the guide: what stands there runs, and ends as it says."""
import contextlib
import io
import json
import re
import unittest

from support import PACKAGE, ROOT, InFolder, has


def run_cells(cells):
    """Executes pieces of code in order in one namespace; the namespace."""
    namespace = {"__name__": "__main__"}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), namespace)
    return namespace


class Documents(InFolder):
    @unittest.skipUnless(has("matplotlib"), "matplotlib is not installed")
    def test_notebook(self):
        notebook = json.loads((PACKAGE / "notebooks/question-to-figure.ipynb").read_text(encoding="utf-8"))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = run_cells("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code")
        losses = found["table"].groupby(["control", "n"])["normalized_test_loss"].agg(["min", "max", "size"])
        self.assertEqual(losses["size"].tolist(), [3] * 8)
        self.assertTrue((losses.loc[1, "max"] < 0.05).all() and losses.loc[(0, 4), "max"] < 0.05, losses)
        self.assertTrue(losses.loc[(0, 6), "max"] < 0.5 and (losses.loc[[(0, 8), (0, 10)], "min"] > 0.9).all(), losses)
        self.assertEqual(found["run"].result["verdict"], "learned")
        self.assertGreater(found["hits"], 0.95)
        self.assertEqual(sorted(len(axes.lines) for axes in found["figure"].axes), [3, 6])

    def test_guide(self):
        text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
        cells = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        self.assertGreater(len(cells), 4)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_cells(cell for cell in cells if has("torch") or "torch" not in cell)


if __name__ == "__main__":
    unittest.main()
