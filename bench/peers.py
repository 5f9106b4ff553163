#!/usr/bin/env python3
"""PyTorch and JAX beside `eqnn bench`: one variant of one row, which takes blocks of steps when it is told to.

    peers.py --list --model gnn --layers 3          the variants, as a JSON list of names LIBRARY-NETWORK[:compile...]
    peers.py --variant pytorch-split --threads 2 --data row.npz --answer gradient.npz --model gnn --n 15 ...

row.npz has the engine's data and parameters. On standard output one line of JSON when all is loaded, {"version": ..};
then one for each line of standard input, with whose end it ends:

    gradient OFFSET   loss and gradients with OFFSET added to every bias: gradient.npz is written, {"loss": ..}
    go SECONDS        a block of steps of about so many seconds, {"steps": .., "seconds": ..}

Instead of any of them {"error": ".."}, and the end.
"""
import argparse
import importlib.util
import sys
import time

import peers_answers

LIBRARIES = {"pytorch": "peers_torch", "jax": "peers_jax"}


def names(model, layers):
    """Of what can be imported; the networks that need no more than that."""
    found = []
    for library, module in LIBRARIES.items():
        if importlib.util.find_spec({"pytorch": "torch"}.get(library, library)) is None:
            continue
        found += [f"{library}-{v}" for v in importlib.import_module(module).variants(model, layers)]
    if importlib.util.find_spec("torch_geometric") is None:
        found = [name for name in found if "geometric" not in name]
    return found


def read(path, model):
    """Parameters are named pNNN.NAME, so that they sort into the engine's order."""
    import numpy

    with numpy.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    keys = sorted(name for name in arrays if name[0] == "p" and name[1:4].isdigit())
    y = arrays.pop("y")
    return {"keys": keys, "parameters": [arrays.pop(k) for k in keys], "inputs": arrays, "y": y}


def block(peer, seconds, steps_per_second):
    """Runs of steps of at most a third of the time; returns how many and how long."""
    steps, start, elapsed = 0, time.perf_counter(), 0.0
    while elapsed < seconds:
        count = max(1, int(min(seconds - elapsed, seconds / 3) * steps_per_second))
        peer.run(count)
        steps += count
        elapsed = time.perf_counter() - start
        steps_per_second = steps / elapsed
    return steps, elapsed


def serve(a, say):
    import numpy

    arrays = read(a.data, a.model)
    library, _, variant = a.variant.partition("-")
    peer = importlib.import_module(LIBRARIES[library]).Peer(variant, a, arrays)
    say({"version": peer.version})
    rate = 0.0
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "gradient":
            loss, gradient = peer.gradient(float(number))
            numpy.savez(a.answer, **{k: numpy.ascontiguousarray(g, "f4") for k, g in zip(arrays["keys"], gradient)})
            say({"loss": loss})
            continue
        if word != "go":
            raise ValueError(f"'{line.strip()}' is no command; 'gradient OFFSET' and 'go SECONDS' are")
        if rate == 0:
            peer.run(3)  # what is compiled or chosen at the first steps
        steps, elapsed = block(peer, float(number), rate or 1.0)
        rate = steps / elapsed
        say({"steps": steps, "seconds": elapsed})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--variant")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data")
    parser.add_argument("--answer")
    parser.add_argument("--model", choices=("gnn", "cnn", "frame", "sparse"), default="gnn")
    for name, value in (("n", 15), ("width", 32), ("batch", 32), ("layers", 3)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--rate", type=float, default=1e-7)
    a = parser.parse_args()
    say = peers_answers.sayer()
    if a.list:
        return say(names(a.model, a.layers))
    peers_answers.answering(serve, a, say)


if __name__ == "__main__":
    main()
