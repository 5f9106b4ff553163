#!/usr/bin/env python3
"""The row `sweep` of `eqnn bench` in PyTorch and JAX: many small runs at once.

Run i is the network of the gnn rows, trained by SGD on graphs of gnn-degree-parity that are drawn afresh every step
from seed i, and tested on 1,000 more at its end.

    pytorch-pool      eager, a pool of processes of one thread each
    jax-vmap          all runs side by side in one program, one scan over steps, graphs drawn inside
    jax-map           one run after the other in one program
    jax-*-devices     the runs dealt out to as many devices of the host as there are workers

    peers_sweep.py --list --workers 2
    peers_sweep.py --variant jax-vmap --runs 64 --workers 2

Answers {"compile_seconds": .., "version": ..} when all is imported, started and compiled, and then for each line
`go STEPS` {"seconds": .., "finite": ..} for as many steps of every run, from new parameters. STEPS is a multiple of 100.
"""
import argparse
import importlib.util
import multiprocessing
import os
import sys
import time
from types import SimpleNamespace

import peers_answers
import peers_networks as networks

TEST_GRAPHS = 1000
CHUNK = 100  # steps of one call of a compiled program
ROW = SimpleNamespace(model="gnn", n=15, width=32, batch=32, layers=3)
RATE = 1e-7


def shapes():
    w = ROW.width
    hidden = [s for i in range(ROW.layers) for s in ((w, 2 if i == 0 else 2 * w), (w,))]
    return hidden + [(w, w), (w,), (1, w), (1,)]


def deviation(shape):
    return 4 / ROW.n * (2 / shape[1]) ** 0.5 if len(shape) == 2 else 0.0


def train_in_pytorch(job):
    """One run; its test loss."""
    import torch

    import peers_torch

    steps, seed = job
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    counted = torch.randint(0, 2, (ROW.n,), generator=generator)
    parameters = [(deviation(s) * torch.randn(s, generator=generator)).requires_grad_() for s in shapes()]
    network = networks.graph_network(peers_torch.operations(), ROW)

    def loss(count):
        a = torch.empty(count, ROW.n, ROW.n).bernoulli_(0.5, generator=generator)
        a.diagonal(dim1=1, dim2=2).zero_()
        y = (1 - 2 * (counted[a.sum(2).long()].sum(1) % 2)).float().unsqueeze(1)
        inputs = {"x": torch.ones(count, ROW.n, 1), "adjacency": a}
        return ((network(parameters, inputs) - y) ** 2).mean()

    for _ in range(steps):
        gradient = torch.autograd.grad(loss(ROW.batch), parameters)
        with torch.no_grad():
            torch._foreach_add_(parameters, gradient, alpha=-RATE)
    with torch.no_grad():
        return loss(TEST_GRAPHS).item()


def ready(job):
    """Which process has warmed up."""
    train_in_pytorch(job)
    return os.getpid()


class Pool:
    def __init__(self, a):
        import torch

        os.environ["OMP_NUM_THREADS"] = "1"
        self.version, self.compile_seconds, self.runs = "PyTorch " + torch.__version__, 0.0, a.runs
        # Not in the pool's initializer: one that fails is started again for ever.
        self.pool = multiprocessing.get_context("spawn").Pool(a.workers)
        while len(set(self.pool.map(ready, [(CHUNK, 0)] * (2 * a.workers), 1))) < a.workers:
            pass

    def run(self, steps):
        return self.pool.map(train_in_pytorch, [(steps, seed) for seed in range(self.runs)], 1)


class Jax:
    def __init__(self, a):
        kind, _, devices = a.variant.removeprefix("jax-").partition("-")
        self.devices = a.workers if devices else 1
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={self.devices}"
        import peers_jax

        jax = self.jax = peers_jax.start(a.workers)
        self.version, self.runs = "JAX " + jax.__version__, a.runs
        self.network = networks.graph_network(peers_jax.operations(jax), ROW)
        over_runs = jax.vmap if kind == "vmap" else lambda f: lambda state: jax.lax.map(f, state)
        over_devices = jax.pmap if self.devices > 1 else lambda f, **more: jax.jit(f, **more)
        self.start = over_devices(over_runs(self.new_run))
        self.train = over_devices(over_runs(self.chunk), donate_argnums=0)
        self.test = over_devices(over_runs(lambda state: self.loss(state[0], state[1], state[2], TEST_GRAPHS)))
        begin = time.perf_counter()
        self.run(CHUNK)
        whole = time.perf_counter() - begin
        begin = time.perf_counter()
        self.run(CHUNK)
        self.compile_seconds = max(0.0, whole - (time.perf_counter() - begin))

    def new_run(self, seed):
        jax = self.jax
        keys = jax.random.split(jax.random.key(seed), len(shapes()) + 2)
        counted = jax.random.bits(keys[0], (ROW.n,)) & 1
        parameters = [deviation(s) * jax.random.normal(k, s) for s, k in zip(shapes(), keys[2:])]
        return parameters, counted, keys[1]

    def loss(self, parameters, counted, key, count):
        jnp = self.jax.numpy
        size = count * ROW.n * ROW.n
        words = self.jax.random.bits(key, (-(-size // 32), 1))
        bits = (words >> jnp.arange(32, dtype=jnp.uint32)) & 1
        a = bits.reshape(-1)[:size].reshape(count, ROW.n, ROW.n) * (1 - jnp.eye(ROW.n, dtype=jnp.uint32))
        y = 1.0 - 2.0 * (counted[a.sum(2)].sum(1) & 1).astype(jnp.float32)
        inputs = {"x": jnp.ones((count, ROW.n, 1)), "adjacency": a.astype(jnp.float32)}
        return ((self.network(parameters, inputs) - y[:, None]) ** 2).mean()

    def chunk(self, state):
        def step(state, _):
            parameters, counted, key = state
            key, mine = self.jax.random.split(key)
            gradient = self.jax.grad(self.loss)(parameters, counted, mine, ROW.batch)
            return ([p - RATE * g for p, g in zip(parameters, gradient)], counted, key), None

        return self.jax.lax.scan(step, state, length=CHUNK)[0]

    def run(self, steps):
        seeds = self.jax.numpy.arange(self.runs)
        state = self.start(seeds.reshape(self.devices, -1) if self.devices > 1 else seeds)
        for _ in range(steps // CHUNK):
            state = self.train(state)
        return [float(loss) for loss in self.test(state).reshape(-1)]


def variants(workers):
    found = ["pytorch-pool"] if importlib.util.find_spec("torch") else []
    if importlib.util.find_spec("jax"):
        found += ["jax-vmap", "jax-map"] + (["jax-vmap-devices", "jax-map-devices"] if workers > 1 else [])
    return found


def serve(a, say):
    peer = Pool(a) if a.variant == "pytorch-pool" else Jax(a)
    say({"compile_seconds": peer.compile_seconds, "version": peer.version})
    for line in sys.stdin:
        steps = int(line.split()[1])
        start = time.perf_counter()
        losses = peer.run(steps)
        say({"seconds": time.perf_counter() - start, "finite": sum(loss == loss for loss in losses)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--variant")
    parser.add_argument("--runs", type=int, default=64, help="a multiple of the workers")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    a = parser.parse_args()
    say = peers_answers.sayer()
    if a.list:
        return say(variants(a.workers))
    peers_answers.answering(serve, a, say)


if __name__ == "__main__":
    main()
