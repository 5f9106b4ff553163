#!/usr/bin/env python3
"""Compares what `eqnn export` writes with onnxruntime and PyTorch, on trained networks drawn at random.

    verify_interchange.py --eqnn COMMAND [--models N] [--seed S]

For each of N networks (20): trains it for some steps, exports it both ways, and checks that onnx.checker passes, that
the onnx package would write the same bytes, that onnxruntime and the PyTorch module give what the network gives (its
examples, and for families `eqnn predict` on other ones) to 1e-5, or to what `export --verify` allows where that is
more, and that the weights come back from the ONNX file, and from a state dict that PyTorch wrote, bit for bit. Prints
the largest difference of each kind of network; exits 1 at the first that is too large. Needs onnx, onnxruntime and torch, of the interpreter that
EQNN_PYTHON names where it is set; exits 77, the code of a skipped test, where they are missing.
"""

import argparse
import collections
import importlib.util
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

WANTED = os.environ.get("EQNN_PYTHON")
if WANTED and os.environ.get("EQNN_PYTHON_CHOSEN") != "1":
    os.environ["EQNN_PYTHON_CHOSEN"] = "1"
    os.execvp(WANTED, [WANTED] + sys.argv)

try:
    import numpy as np
    import onnx
    import onnxruntime
    import torch
except ImportError as missing:
    print(f"skipped: {sys.executable}: {missing} (EQNN_PYTHON names another interpreter)")
    sys.exit(77)

TOLERANCE = 1e-5
training = []  # the networks so far, for messages


def draw_network(draw, kind):
    """Flags of `eqnn train` for a network of this kind, of random sizes."""
    pick = draw.choice
    n = draw.randint(4, 9)
    pooled = ["--pool", pick(["sum", "mean", "sqrt"]), "--norm", pick(["none", "layer", "graph"]),
              "--head-width", pick(["0", "4"])]
    # Nodes of small graphs without features look alike: a norm over them gives rounding, magnified.
    alike = pooled[:2] + ["--norm", pick(["none", "layer"])] + pooled[4:]
    family = {
        "mlp": ["boolean-orbit", "--n", n + 3, "--model", "mlp", "--loss", pick(["mse", "cross-entropy"])],
        "gnn": ["gnn-degree-parity", "--n", n, "--adjacency", pick(["raw", "mean", "sqrt", "centred"])] + alike,
        "gin-dense": ["gnn-degree-parity", "--n", n, "--model", "gin"] + alike,
        "gnn-fixed": ["gnn-feature", "--n", n, "--d", draw.randint(2, 6), "--k", 2] + pooled,
        "gin-sparse": ["--model", "gin", "--norm", pick(["none", "layer", "graph"]), "--pool", pick(["sum", "mean"])],
        "cnn": ["cnn-cyclic", "--n", n, "--d", draw.randint(1, 3), "--k", 2, "--filter", draw.randint(1, 4)] + pooled,
        "deepsets": ["boolean-orbit", "--group", "symmetric", "--n", n + 3] + pooled,
        "group-mlp": ["cnn-cyclic", "--n", n, "--d", draw.randint(1, 2), "--k", 2, "--model", "group-mlp"],
        "frame-sort": ["frame-parity", "--n", n, "--k", 2, "--frame", "sort"],
        "frame-cyclic": ["frame-parity", "--n", n, "--k", 2, "--frame", "cyclic"],
        "poly": ["invariant-poly", "--r", 8 + n, "--degree", 2, "--terms", 2],
        # Large steps of points give large distances, and outputs of which float keeps fewer digits than are compared.
        "egnn": ["--model", "egnn", "--lr", "0.001"],
        "labelled-egnn": ["rotation-invariant", "--n", n, "--d", pick([2, 3]), "--k", 2, "--model", "labelled-egnn",
                          "--lr", "0.001"],
    }[kind]
    return family + ["--depth", draw.randint(2 if kind == "cnn" else 1, 3)] * (kind != "poly") + [
        "--width", draw.randint(2, 12 if "egnn" in kind else 40)] + [
        "--activation", pick(["relu", "tanh", "gelu"])] * (kind != "poly") + [
        "--dtype", pick(["f32", "f32", "f64"]), "--seed", draw.randint(0, 10**6)]


def write_data(draw, kind, folder):
    """A file of examples for the networks that no family trains; its flags."""
    path = os.path.join(folder, "data.npz")
    numbers = np.random.default_rng(draw.randint(0, 10**6))
    if kind == "egnn":
        x = numbers.standard_normal((80, draw.randint(3, 7), draw.choice([2, 3])))
        np.savez(path, x=x, y=np.sin(x).sum((1, 2)))
        return ["--data", path, "--format", "npz"]
    path = os.path.join(folder, "data.txt")
    with open(path, "w", encoding="ascii") as file:
        file.write("40\n")
        for graph in range(40):
            n = draw.randint(1, 8)
            file.write(f"{n} {graph % 3}\n")
            for node in range(n):
                neighbours = [j for j in range(n) if draw.random() < 0.4]
                # Attributes tell nodes apart: a norm over equal ones gives rounding, magnified.
                attributes = [f"{draw.gauss(0, 1):.6f}" for _ in range(2)]
                file.write(" ".join(map(str, [draw.randint(0, 2), len(neighbours)] + neighbours + attributes)) + "\n")
    return ["--data", path, "--format", "gin"]


def run(command, *arguments):
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{training[-1]}\nfailed: eqnn {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def module_of(folder):
    spec = importlib.util.spec_from_file_location("model", os.path.join(folder, "model.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def write_state_dict(path, state):
    """A state dict as safetensors, in the order and with the header of PyTorch's own package."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    types = {torch.float32: "F32", torch.float64: "F64"}
    for name, value in sorted(state.items()):
        array = value.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": types[value.dtype], "shape": list(value.shape),
                        "data_offsets": [len(data), len(data) + len(array)]}
        data += array
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def difference(found, wanted):
    """Largest difference over max(1, largest |wanted|), as `eqnn certify` has it."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    if found.shape != wanted.shape:
        sys.exit(f"shapes differ: {found.shape} and {wanted.shape}")
    return float(np.max(np.abs(found - wanted)) / max(1, np.max(np.abs(wanted)))) if wanted.size else 0.0


def check_onnx(path, example):
    """onnx.checker, the bytes, and onnxruntime on the examples; the session."""
    with open(path, "rb") as file:
        data = file.read()
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    if model.SerializeToString(deterministic=True) != data:
        sys.exit(f"{path}: the onnx package writes other bytes")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    results = dict(zip(names, session.run(names, {i.name: example[i.name] for i in session.get_inputs()})))
    return session, max(difference(results[name], example[name]) for name in names)


def check_torch(folder, example, session):
    network = module_of(folder)
    inputs = [torch.from_numpy(example[i.name]) for i in session.get_inputs()]
    with torch.no_grad():
        results = network(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    return network, max(difference(r.numpy(), example[o.name]) for r, o in zip(results, session.get_outputs()))


def check_predict(eqnn, folder, session, network):
    """Other inputs than the examples, in another number, by `eqnn predict`, onnxruntime and PyTorch."""
    with np.load(f"{folder}/example.npz") as archive:
        example = dict(archive)
    inputs = session.get_inputs()
    if len(inputs) != 1 or "logits" in example and "y" not in example:
        return 0.0
    name = inputs[0].name
    numbers = np.random.default_rng(5)
    x = example[name][numbers.integers(0, len(example[name]), 77)]
    if name != "adjacency" and not np.isin(x, [0, 1]).all():
        x = x + 0.3 * numbers.standard_normal(x.shape).astype(x.dtype)
    np.savez(f"{folder}/in.npz", **{name: x})
    done = subprocess.run([eqnn, "predict", f"{folder}/run", "--in", f"{folder}/in.npz", "--out", f"{folder}/out.npz"],
                          capture_output=True, text=True)
    if done.returncode != 0:  # of a run on a file, or where the network reads what predict computes
        return 0.0
    with np.load(f"{folder}/out.npz") as archive:
        wanted = archive["y"]
    outputs = [o.name for o in session.get_outputs()]
    found = session.run(["y"], {name: x})[0]
    with torch.no_grad():
        y = network(torch.from_numpy(x))
    y = y[outputs.index("y")] if isinstance(y, tuple) else y
    return max(difference(found, wanted), difference(y.numpy(), wanted))


def check_import(eqnn, folder, network):
    """The weights back from the ONNX file, and from a state dict: the same model file, but for its run id."""
    write_state_dict(f"{folder}/state.safetensors", network.state_dict())
    for weights in ["model.onnx", "state.safetensors"]:
        out = f"{folder}/imported-{weights}"
        run(eqnn, "import", f"{folder}/run", "--weights", f"{folder}/{weights}", "--out", out, "--verify", "-q")
        with open(f"{folder}/run/model.safetensors", "rb") as a, open(f"{out}/model.safetensors", "rb") as b:
            first, second = a.read(), b.read()
        (length,) = struct.unpack("<Q", first[:8])
        if first[8 + length:] != second[8 + length:]:
            sys.exit(f"{out}: other weights than the run's")


def verify(eqnn, kind, draw, folder):
    flags = draw_network(draw, kind)
    training.append(f"{kind}: eqnn train {' '.join(map(str, flags))}")
    data = write_data(draw, kind, folder) if kind in ["egnn", "gin-sparse"] else []
    run(eqnn, "train", *flags, *data, "--steps", draw.randint(5, 60), "--batch", 8, "--out", f"{folder}/run", "-q",
        "--threads", 1, *([] if data else ["--test-samples", 100]))
    told = json.loads(run(eqnn, "export", f"{folder}/run", "--to", "onnx", "--out", f"{folder}/model.onnx", "--verify",
                          "--json", "--example", f"{folder}/example.npz"))
    run(eqnn, "export", f"{folder}/run", "--to", "torch", "--out", f"{folder}/torch", "--verify", "-q")
    with np.load(f"{folder}/example.npz") as archive:
        example = dict(archive)
    session, by_onnx = check_onnx(f"{folder}/model.onnx", example)
    network, by_torch = check_torch(f"{folder}/torch", example, session)
    by_predict = check_predict(eqnn, folder, session, network)
    check_import(eqnn, folder, network)
    found = [by_onnx, by_torch, by_predict]
    # Where a network magnifies rounding beyond that, float is of no use to compare: what the export allows counts.
    allowed = max(TOLERANCE, told["verify"]["tolerance"])
    if max(found) > allowed or not np.isfinite(found).all():
        sys.exit(f"{training[-1]}\nfailed: differences {found}")
    return found + [told["verify"]["rounding"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eqnn", required=True)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kinds = ["mlp", "gnn", "gin-dense", "gnn-fixed", "gin-sparse", "cnn", "deepsets", "group-mlp", "frame-sort",
             "frame-cyclic", "poly", "egnn", "labelled-egnn"]
    torch.set_num_threads(1)
    largest = collections.defaultdict(lambda: [0, 0.0, 0.0, 0.0, 0.0])
    for i in range(given.models):
        kind = kinds[i % len(kinds)]
        with tempfile.TemporaryDirectory() as folder:
            found = verify(os.path.abspath(given.eqnn), kind, random.Random(f"{given.seed} {i}"), folder)
        row = largest[kind]
        largest[kind] = [row[0] + 1] + [max(a, b) for a, b in zip(row[1:], found)]
    print(f"{'network':15s} models  onnxruntime  torch     predict   rounding")
    for kind, (count, *found) in largest.items():
        print(f"{kind:15s} {count:6d}  {found[0]:.1e}      {found[1]:.1e}  {found[2]:.1e}  {found[3]:.1e}")
    print(f"{given.models} networks agree to {TOLERANCE:g}, or ten times their rounding; weights come back bit for bit")


if __name__ == "__main__":
    main()
