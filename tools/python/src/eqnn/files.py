"""The array files of docs/formats.md, with NumPy alone."""
import json
import math
import pathlib

import numpy as np

DTYPES = dict(F64="<f8", F32="<f4", F16="<f2", I64="<i8", I32="<i4", I16="<i2", I8="i1", U64="<u8", U32="<u4", U16="<u2",
              U8="u1", BOOL="?", BF16="<u2")


def load_npz(path):
    """The arrays of an npz that `families sample` or `predict` wrote, by name."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def load_safetensors(path):
    """The arrays of model.safetensors or checkpoint.safetensors, by name; bf16, which NumPy does not have, as float32.

    Raises ValueError for a file that is cut off or malformed, and for dtypes that NumPy cannot hold.
    """
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        if len(data) < 8 or start > len(data):
            raise ValueError(f"it has {len(data)} bytes, and its header ends at {start}")
        header = json.loads(data[8:start])
        header.pop("__metadata__", None)
        return {name: _array(name, entry, data[start:]) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no safetensors file that can be read: {error}") from None


def _array(name, entry, data):
    dtype, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in DTYPES:
        raise ValueError(f"{name} has dtype {dtype}; allowed are {', '.join(DTYPES)}")
    if not 0 <= first <= last <= len(data) or last - first != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise ValueError(f"{name} of shape {shape} and dtype {dtype} stands at {first} to {last} of {len(data)} bytes")
    values = np.frombuffer(data[first:last], DTYPES[dtype]).reshape(shape)
    if dtype == "BF16":  # the upper half of a float
        return (values.astype("<u4") << 16).view("<f4")
    return values.copy()
