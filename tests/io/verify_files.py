#!/usr/bin/env python3
"""Exchanges .npz and .safetensors files with the official numpy and safetensors packages, both ways.

    verify_files.py TESTS FOLDER

TESTS is the built test program, FOLDER an existing folder for the files. Needs Python 3.9 or later with numpy and
safetensors; not part of the test suite for that reason. Prints what agreed; exits 1 at the first difference.
"""

import os
import subprocess
import sys
import zipfile

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def sample_arrays():
    """One array for each dtype the library reads, in several shapes and both orders."""
    rng = np.random.default_rng(1)
    return {
        "f8": rng.standard_normal((5, 4, 3)),
        "f4": rng.standard_normal((7, 2)).astype("<f4"),
        "i8": rng.integers(-(2**62), 2**62, 9),
        "i4": rng.integers(-(2**31), 2**31 - 1, (2, 3), dtype="<i4"),
        "u1": rng.integers(0, 256, 300, dtype="u1"),
        "b1": rng.integers(0, 2, (4, 4)).astype(bool),
        "scalar": np.float64(0.1),
        "empty": np.zeros((0, 3)),
        "fortran": np.asfortranarray(rng.standard_normal((3, 4, 5))),
        "special": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
        "large": rng.integers(-1, 2, (400, 1000)).astype(float),
    }


def require_equal(name, got, want):
    want = np.asarray(want, order="C")
    if want.dtype == bool:
        want = want.astype("u1")
    same = got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()
    if not same:
        sys.exit(f"{name}: {got.dtype} {got.shape} differs from {want.dtype} {want.shape}")


def write_python_files(folder, arrays):
    np.savez(f"{folder}/savez.npz", **arrays)
    np.savez_compressed(f"{folder}/savez_compressed.npz", **arrays)
    np.savez(f"{folder}/refused.npz", x=np.arange(3, dtype=">f8"))
    tensors = {k: np.ascontiguousarray(v) for k, v in arrays.items() if k not in ("b1", "scalar")}
    save_file(tensors, f"{folder}/python.safetensors", metadata={"step": "12", "note": "π\n"})
    return tensors


def check_npz(path, arrays):
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            sys.exit(f"{path}: zipfile finds a wrong checksum")
    with np.load(path, allow_pickle=False) as loaded:
        if set(loaded.files) != set(arrays):
            sys.exit(f"{path}: has {sorted(loaded.files)}")
        for name, want in arrays.items():
            require_equal(f"{path}: {name}", loaded[name], want)
    print(f"{path}: {len(arrays)} arrays agree")


def check_npy_headers(path, reference, arrays):
    """The .npy bytes are NumPy's own where both store the array in the same order and dtype."""
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(reference) as theirs:
        names = [n for n in arrays if n not in ("b1", "fortran")]
        for name in names:
            if ours.read(f"{name}.npy") != theirs.read(f"{name}.npy"):
                sys.exit(f"{path}: {name}.npy has other bytes than NumPy's")
    print(f"{path}: {len(names)} entries have NumPy's bytes")


def check_safetensors(path, arrays, metadata):
    with safe_open(path, "np") as file:
        if set(file.keys()) != set(arrays) or file.metadata() != metadata:
            sys.exit(f"{path}: has {sorted(file.keys())} and metadata {file.metadata()}")
        for name, want in arrays.items():
            require_equal(f"{path}: {name}", file.get_tensor(name), want)
    print(f"{path}: {len(arrays)} arrays agree")


def main():
    if len(sys.argv) != 3 or not os.path.isdir(sys.argv[2]):
        sys.exit(__doc__)
    tests, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    arrays = sample_arrays()
    tensors = write_python_files(folder, arrays)
    case = "files of Python's packages are read*"
    environment = {**os.environ, "EQNN_VERIFY_FILES": folder}
    run = subprocess.run([tests, f"--test-case={case}"], env=environment, check=False)
    if run.returncode != 0:
        sys.exit("the test program could not read Python's files")

    for name in ("none", "deflate"):
        check_npz(f"{folder}/{name}.npz", arrays)
        check_npy_headers(f"{folder}/{name}.npz", f"{folder}/savez.npz", arrays)
    check_safetensors(f"{folder}/again.safetensors", tensors, {"step": "12", "note": "π\n"})
    weight = np.array([[1, 4], [2, 5], [3, 6]], dtype="<f4")  # [out, in]
    model = {"layer.weight": weight, "layer.bias": np.array([7, 8, 9], dtype="<f4")}
    check_safetensors(f"{folder}/model.safetensors", model, {"format": "pt"})


if __name__ == "__main__":
    main()
