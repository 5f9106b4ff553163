"""Runs all tests of this folder; the last line is "N passed, M failed"."""
import pathlib
import sys
import unittest

result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(
    unittest.defaultTestLoader.discover(str(pathlib.Path(__file__).parent)))
failed = len(result.failures) + len(result.errors)
print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
sys.exit(failed > 0 or result.testsRun == 0)
