"""Columns of numbers, and tables of them."""
import numpy as np


def column(values):
    """Numbers as float64 (None: nan) or int64, everything else as objects."""
    if not all(v is None or isinstance(v, (int, float)) for v in values):
        return np.array(values + [None], dtype=object)[:-1]
    if values and all(isinstance(v, int) and -2**63 <= v < 2**63 for v in values):
        return np.array(values)
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def frame(columns):
    """A DataFrame of columns by name; ImportError, saying what to do, where pandas is missing."""
    try:
        import pandas
    except ImportError:
        raise ImportError("tables need pandas, which is not installed: pip install pandas, or in a clone "
                          'pip install "./tools/python[pandas]"; '
                          "eqnn.load_run and eqnn.query give NumPy arrays without it") from None
    return pandas.DataFrame(columns)
