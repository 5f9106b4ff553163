#!/usr/bin/env python3
"""One row of `eqnn bench` in PyTorch (eager and compiled) and JAX, on the CPU.

The same network, batch and update as bench/rows.cc, squared error, plain SGD, float32:

    gnn     message-passing layers on the raw adjacency, relu, sum over nodes, a head of two layers
    cnn     full-length cyclic convolutions, relu, mean over positions, a linear layer to 1; pytorch-fft computes
            them with torch.fft
    frame   mean over the cyclic shifts of a network with one hidden layer
    sparse  GraphConv layers on one random graph, a loss at every node, by index_add; pytorch-sparse multiplies with
            a sparse matrix, torch-geometric is its GraphConv

Every framework runs in a process of its own for each thread count; the fastest is printed, as JSON:

    {"pytorch": {"microseconds_per_step": 900.1, "threads": 1, "version": "2.13.0"}, ...}

A framework that cannot be imported, or fails, has null for its time and a line that says why.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from types import SimpleNamespace

FRAMEWORKS = ("pytorch", "pytorch-compile", "jax")
MORE_FRAMEWORKS = {"cnn": ("pytorch-fft",), "sparse": ("pytorch-sparse", "torch-geometric")}
RATE = 1e-7


def parameter_shapes(a):
    """Shapes of the weights and of the biases [c], in the order in which the models use them."""
    layers, w = range(a.layers), a.width
    if a.model == "gnn":
        shapes = [s for i in layers for s in ((2 if i == 0 else 2 * w, w), (w,))]
        return shapes + [(w, w), (w,), (w, 1), (1,)]
    if a.model == "cnn":
        shapes = [s for i in layers for s in ((w, 1 if i == 0 else w, a.n), (w,))]
        return shapes + [(w, 1), (1,)]
    if a.model == "frame":
        return [(a.n, w), (w,), (w, 1), (1,)]
    return [s for _ in layers for s in ((w, w), (w,), (w, w))]


def deviation(a, shape):
    if len(shape) == 1:
        return 0.0
    fan_in = shape[0] if len(shape) == 2 else shape[1] * shape[2]
    factor = {"gnn": 4 / a.n, "sparse": 0.3}.get(a.model, 1.0)
    return factor * (2 / fan_in) ** 0.5


def arrays(a):
    """Inputs, target and parameters, as numpy arrays."""
    import numpy

    rng = numpy.random.default_rng(0)
    normal = lambda shape: rng.standard_normal(shape).astype(numpy.float32)
    if a.model == "sparse":
        inputs = [normal((a.n, a.width)), rng.integers(0, a.n, (2, a.edges))]
        y = normal((a.n, a.width))
    else:
        y = (2 * rng.integers(0, 2, (a.batch, 1)) - 1).astype(numpy.float32)
    if a.model == "gnn":
        x = numpy.ones((a.batch, a.n, 1), numpy.float32)
        inputs = [x, rng.integers(0, 2, (a.batch, a.n, a.n)).astype(numpy.float32)]
    elif a.model == "cnn":
        inputs = [normal((a.batch, 1, a.n))]
    elif a.model == "frame":
        shifts = (numpy.arange(a.n)[:, None] + numpy.arange(a.n)) % a.n
        inputs = [normal((a.batch, a.n)), shifts]
    parameters = [(deviation(a, s) * normal(s)).astype(numpy.float32) for s in parameter_shapes(a)]
    return inputs, y, parameters


def network(a, ops, parameters, x, *more):
    """The model in whatever framework `ops` belongs to."""
    p = iter(parameters)
    for layer in range(a.layers if a.model != "frame" else 0):
        if a.model == "gnn":
            x = ops.relu(ops.concatenate((x, more[0] @ x), -1) @ next(p) + next(p))
        elif a.model == "cnn":
            x = ops.relu(ops.convolution(x, next(p), next(p)))
        else:
            x = x @ next(p) + next(p) + ops.neighbor_sum(x, more[0]) @ next(p)
            x = ops.relu(x) if layer + 1 < a.layers else x
    if a.model == "sparse":
        return x
    if a.model == "cnn":
        return x.mean(-1) @ next(p) + next(p)
    if a.model == "frame":
        return (ops.relu(x[:, more[0]] @ next(p) + next(p)) @ next(p) + next(p)).mean(1)
    return ops.relu(x.sum(1) @ next(p) + next(p)) @ next(p) + next(p)


def pytorch_operations(a, inputs):
    import torch

    def convolution(x, weight, bias):
        return torch.nn.functional.conv1d(torch.cat((x, x[..., :-1]), -1), weight, bias)

    def spectral(x, weight, bias):
        f = torch.einsum("bif,oif->bof", torch.fft.rfft(x), torch.fft.rfft(weight).conj())
        return torch.fft.irfft(f, a.n) + bias[:, None]

    def neighbor_sum(x, edges):
        return torch.zeros_like(x).index_add(0, edges[0], x[edges[1]])

    if a.framework == "pytorch-sparse":
        ones = torch.ones(a.edges)
        matrix = torch.sparse_coo_tensor(inputs[1], ones, (a.n, a.n)).coalesce().to_sparse_csr()
        neighbor_sum = lambda x, edges: matrix @ x  # noqa: E731
    return SimpleNamespace(
        relu=torch.relu,
        concatenate=torch.cat,
        convolution=spectral if a.framework == "pytorch-fft" else convolution,
        neighbor_sum=neighbor_sum,
    )


def geometric_network(a):
    """torch_geometric's own layers, and their parameters."""
    import torch
    from torch_geometric.nn import GraphConv

    layers = torch.nn.ModuleList(GraphConv(a.width, a.width) for _ in range(a.layers))

    def forward(x, edges):
        edges = edges.flip(0)  # (from, to)
        for i, layer in enumerate(layers):
            x = layer(x, edges)
            x = torch.relu(x) if i + 1 < a.layers else x
        return x

    return forward, list(layers.parameters())


def pytorch_step(a):
    import torch

    torch.set_num_threads(a.threads)
    inputs, y, parameters = arrays(a)
    inputs, y = [torch.from_numpy(i) for i in inputs], torch.from_numpy(y)
    version = torch.__version__
    if a.framework == "torch-geometric":
        import torch_geometric

        version = torch_geometric.__version__ + " on PyTorch " + version
        forward, parameters = geometric_network(a)
    else:
        parameters = [torch.from_numpy(p).requires_grad_() for p in parameters]
        ops = pytorch_operations(a, inputs)
        forward = lambda *inputs: network(a, ops, parameters, *inputs)  # noqa: E731
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def loss(y, *inputs):
        return ((forward(*inputs) - y) ** 2).mean()

    if a.framework == "pytorch-compile":
        loss = torch.compile(loss)

    def step():
        optimizer.zero_grad()
        loss(y, *inputs).backward()
        optimizer.step()

    return step, version


def jax_step(a):
    # XLA has no thread count: it takes the processors that the process may use, so they are cut here.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: a.threads])
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    def convolution(x, weight, bias):
        extended = jnp.concatenate((x, x[..., :-1]), -1)
        return jax.lax.conv_general_dilated(extended, weight, (1,), "VALID") + bias[:, None]

    ops = SimpleNamespace(
        relu=jax.nn.relu,
        concatenate=jnp.concatenate,
        convolution=convolution,
        neighbor_sum=lambda x, edges: jnp.zeros_like(x).at[edges[0]].add(x[edges[1]]),
    )
    inputs, y, parameters = arrays(a)
    inputs, y = [jnp.asarray(i) for i in inputs], jnp.asarray(y)
    state = [jnp.asarray(p) for p in parameters]

    def loss(parameters, y, *inputs):
        return ((network(a, ops, parameters, *inputs) - y) ** 2).mean()

    @jax.jit
    def update(parameters, y, *inputs):
        gradient = jax.grad(loss)(parameters, y, *inputs)
        return [p - RATE * g for p, g in zip(parameters, gradient)]

    def step():
        nonlocal state
        state = jax.block_until_ready(update(state, y, *inputs))

    return step, jax.__version__


def measure(step, seconds):
    """Median microseconds of blocks of steps, after warm-up."""
    for _ in range(3):
        step()
    start = time.perf_counter()
    step()
    count = max(1, int(0.1 / (time.perf_counter() - start)))
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(count):
            step()
        times.append((time.perf_counter() - start) / count)
    return 1e6 * statistics.median(times)


def run_one(a):
    """In a process of its own: one framework, one thread count."""
    step, version = jax_step(a) if a.framework == "jax" else pytorch_step(a)
    time_us = measure(step, a.seconds)
    print(json.dumps({"microseconds_per_step": time_us, "threads": a.threads, "version": version}))


def run_best(arguments, framework, thread_counts):
    """The fastest thread count of one framework."""
    best, why = None, "it printed nothing"
    for threads in thread_counts:
        command = [sys.executable, os.path.abspath(__file__), "--framework", framework, "--threads", str(threads)]
        for name in ("model", "n", "width", "batch", "layers", "edges", "seconds"):
            command += ["--" + name, str(getattr(arguments, name))]
        # OPENBLAS_CORETYPE and the like are meant for the engine's yardstick, not for the frameworks.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "OMP_"))}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=True)
            result = json.loads(done.stdout.splitlines()[-1])
        except subprocess.CalledProcessError as error:
            why = (error.stderr.strip().splitlines() or [why])[-1]
            continue
        except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
            why = type(error).__name__
            continue
        if best is None or result["microseconds_per_step"] < best["microseconds_per_step"]:
            best = result
    return best or {"microseconds_per_step": None, "why": why}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("gnn", "cnn", "frame", "sparse"), default="gnn")
    parser.add_argument("--n", type=int, default=15, help="nodes of a graph, or positions")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--edges", type=int, default=0, help="of the one graph of `sparse`")
    parser.add_argument("--seconds", type=float, default=1.5, help="of measuring, each framework and thread count")
    parser.add_argument("--threads", type=int, default=0, help="one thread count; 0: 1 and all, the faster counts")
    parser.add_argument("--framework", choices=FRAMEWORKS + sum(MORE_FRAMEWORKS.values(), ()),
                        help="only this one, in this process")
    arguments = parser.parse_args()
    if arguments.framework:
        arguments.threads = arguments.threads or 1
        return run_one(arguments)
    cores = len(os.sched_getaffinity(0))
    counts = [arguments.threads] if arguments.threads else sorted({1, cores})
    names = FRAMEWORKS + MORE_FRAMEWORKS.get(arguments.model, ())
    print(json.dumps({name: run_best(arguments, name, counts) for name in names}))


if __name__ == "__main__":
    main()
