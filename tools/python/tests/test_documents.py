"""The notebook, README.md and the guides: what stands there runs, and the notebook ends as it says."""
import ast
import contextlib
import io
import json
import os
import re
import shutil
import unittest

import eqnn
from support import PACKAGE, ROOT, InFolder, has


def exported():
    """What docs/interchange.md has before its cell."""
    eqnn.train("gnn-degree-parity", n=15, steps=10, out="run")
    eqnn.call("export", "run", to="torch", out="exported")


# What the reader of a page has before its first cell.
BEFORE = {
    "README.md": lambda: shutil.copy(ROOT / "docs/examples/grid.toml", "grid.toml"),
    "interchange.md": exported,
}
# Cells that are compiled and not run: a training of half a minute.
LONG = {"coming-from-pytorch.md"}


def until(cell, names):
    """The cell, without its statements from the first on that has one of the names in it."""
    statements = [ast.get_source_segment(cell, statement) for statement in ast.parse(cell).body]
    first = (i for i, text in enumerate(statements) if any(re.search(rf"\b{name}\b", text) for name in names))
    return "\n".join(statements[:next(first, None)])


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

    def test_pages(self):
        """Each in a folder of its own. Where a package is missing a cell ends at the first statement that names it."""
        missing = [name for name in ("safetensors", "torch") if not has(name)] + ["eqnn.plot"] * (not shutil.which("gnuplot"))
        seen, above = 0, os.getcwd()
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            cells = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
            seen += len(cells)
            if not cells:
                continue
            with self.subTest(page.name), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                os.mkdir(os.path.join(above, page.name))
                os.chdir(os.path.join(above, page.name))
                cells = [until(cell, missing) for cell in cells]
                if page.name not in LONG:
                    BEFORE.get(page.name, lambda: None)()
                    run_cells(cells)
        os.chdir(above)
        self.assertGreater(seen, 7)


if __name__ == "__main__":
    unittest.main()
