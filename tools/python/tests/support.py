"""What the tests share: a folder of their own, and a training run that takes no time."""
import importlib.util
import os
import pathlib
import shutil
import tempfile
import unittest

import eqnn

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parents[1]
TINY = dict(n=4, width=8, head_width=8, depth=1, steps=40, eval_every=10, test_samples=100, threads=1)


def has(module):
    return importlib.util.find_spec(module) is not None


class InFolder(unittest.TestCase):
    """Each test works in a new folder."""

    def setUp(self):
        before, folder = os.getcwd(), tempfile.mkdtemp()
        os.chdir(folder)
        self.addCleanup(shutil.rmtree, folder)
        self.addCleanup(os.chdir, before)

    def tiny(self, **flags):
        return eqnn.train("gnn-degree-parity", **{**TINY, "out": "run", **flags})

    def refused(self, pattern, error, function, *arguments, **flags):
        """That it raises `error` with one line that matches; the error."""
        with self.assertRaisesRegex(error, pattern) as raised:
            function(*arguments, **flags)
        self.assertNotIn("\n", str(raised.exception))
        return raised.exception
