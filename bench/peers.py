#!/usr/bin/env python3
"""One row of `eqnn bench` in PyTorch (eager and compiled) and JAX, on the CPU.

The same network, batch and update as bench/hand_written.cc: three message-passing layers on the raw adjacency,
relu, sum over nodes, a head of two layers, squared error, plain SGD, float32. Every framework runs in a process
of its own for each thread count; the fastest is printed, as JSON:

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

FRAMEWORKS = ("pytorch", "pytorch-compile", "jax")
LAYERS = 3
RATE = 1e-7


def parameter_shapes(width):
    """Weights [in, out], each followed by its bias."""
    shapes = []
    for layer in range(LAYERS):
        shapes += [(2 if layer == 0 else 2 * width, width), (width,)]
    return shapes + [(width, width), (width,), (width, 1), (1,)]


def arrays(n, width, batch):
    """Inputs and parameters, as numpy arrays."""
    import numpy

    rng = numpy.random.default_rng(0)
    x = numpy.ones((batch, n, 1), numpy.float32)
    adjacency = rng.integers(0, 2, (batch, n, n)).astype(numpy.float32)
    y = (2 * rng.integers(0, 2, (batch, 1)) - 1).astype(numpy.float32)
    parameters = []
    for shape in parameter_shapes(width):
        deviation = 4 / n * (2 / shape[0]) ** 0.5 if len(shape) == 2 else 0.0
        parameters.append((deviation * rng.standard_normal(shape)).astype(numpy.float32))
    return (x, adjacency, y), parameters


def network(concatenate, relu, parameters, x, adjacency):
    """The model in whatever framework `concatenate` (over channels) and `relu` belong to."""
    for layer in range(LAYERS):
        x = relu(concatenate(x, adjacency @ x) @ parameters[2 * layer] + parameters[2 * layer + 1])
    w1, b1, w2, b2 = parameters[2 * LAYERS :]
    return relu(x.sum(1) @ w1 + b1) @ w2 + b2


def pytorch_step(inputs, parameters, threads, compiled):
    import torch

    torch.set_num_threads(threads)
    x, adjacency, y = (torch.from_numpy(a) for a in inputs)
    parameters = [torch.from_numpy(p).requires_grad_() for p in parameters]
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def loss(x, adjacency, y):
        f = network(lambda a, b: torch.cat((a, b), -1), torch.relu, parameters, x, adjacency)
        return ((f - y) ** 2).mean()

    if compiled:
        loss = torch.compile(loss)

    def step():
        optimizer.zero_grad()
        loss(x, adjacency, y).backward()
        optimizer.step()

    return step, torch.__version__


def jax_step(inputs, parameters, threads):
    # XLA has no thread count: it takes the processors that the process may use, so they are cut here.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    x, adjacency, y = (jnp.asarray(a) for a in inputs)
    state = [jnp.asarray(p) for p in parameters]

    def loss(parameters, x, adjacency, y):
        f = network(lambda a, b: jnp.concatenate((a, b), -1), jax.nn.relu, parameters, x, adjacency)
        return ((f - y) ** 2).mean()

    @jax.jit
    def update(parameters, x, adjacency, y):
        gradient = jax.grad(loss)(parameters, x, adjacency, y)
        return [p - RATE * g for p, g in zip(parameters, gradient)]

    def step():
        nonlocal state
        state = jax.block_until_ready(update(state, x, adjacency, y))

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


def run_one(arguments):
    """In a process of its own: one framework, one thread count."""
    inputs, parameters = arrays(arguments.n, arguments.width, arguments.batch)
    if arguments.framework == "jax":
        step, version = jax_step(inputs, parameters, arguments.threads)
    else:
        step, version = pytorch_step(inputs, parameters, arguments.threads, arguments.framework != "pytorch")
    time_us = measure(step, arguments.seconds)
    print(json.dumps({"microseconds_per_step": time_us, "threads": arguments.threads, "version": version}))


def run_best(arguments, framework, thread_counts):
    """The fastest thread count of one framework."""
    best, why = None, "it printed nothing"
    for threads in thread_counts:
        command = [sys.executable, os.path.abspath(__file__), "--framework", framework, "--threads", str(threads)]
        for name in ("n", "width", "batch", "seconds"):
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
    parser.add_argument("--n", type=int, default=15, help="nodes of a graph")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=1.5, help="of measuring, each framework and thread count")
    parser.add_argument("--threads", type=int, default=0, help="one thread count; 0: 1 and all, the faster counts")
    parser.add_argument("--framework", choices=FRAMEWORKS, help="only this one, in this process")
    arguments = parser.parse_args()
    if arguments.framework:
        arguments.threads = arguments.threads or 1
        return run_one(arguments)
    cores = len(os.sched_getaffinity(0))
    counts = [arguments.threads] if arguments.threads else sorted({1, cores})
    print(json.dumps({name: run_best(arguments, name, counts) for name in FRAMEWORKS}))


if __name__ == "__main__":
    main()
