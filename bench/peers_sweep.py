#!/usr/bin/env python3
"""The `sweep` row of `eqnn bench` in PyTorch: many small runs in a pool of processes of one thread each.

Run i is the network of the gnn rows (peers.py), trained by SGD on graphs of gnn-degree-parity that are drawn afresh
every step from seed i, and tested on 1,000 more at the end. The pool stands, with PyTorch imported, before the clock
starts. Prints JSON:

    {"pytorch": {"seconds": 31.4, "workers": 2, "version": "2.13.0"}}
"""
import argparse
import json
import multiprocessing
import os
import time

import peers

TEST_GRAPHS = 1000


def draw(count, n, counted, generator):
    """Graphs with independent fair edges, and the parity of the nodes whose out-degree counts, as 1 or -1."""
    import torch

    a = torch.randint(0, 2, (count, n, n), generator=generator, dtype=torch.float32)
    a.diagonal(dim1=1, dim2=2).zero_()
    odd = counted[a.sum(2).long()].sum(1) % 2
    return a, (1 - 2 * odd).float().unsqueeze(1)


def train(job):
    """One run; its test loss."""
    import torch

    a, seed = job
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    counted = torch.randint(0, 2, (a.n,), generator=generator)
    parameters = [(peers.deviation(a, s) * torch.randn(s, generator=generator)).requires_grad_()
                  for s in peers.parameter_shapes(a)]
    ops = peers.pytorch_operations(a, [])
    optimizer = torch.optim.SGD(parameters, lr=peers.RATE)

    def loss(count):
        adjacency, y = draw(count, a.n, counted, generator)
        return ((peers.network(a, ops, parameters, torch.ones(count, a.n, 1), adjacency) - y) ** 2).mean()

    for _ in range(a.steps):
        optimizer.zero_grad()
        loss(a.batch).backward()
        optimizer.step()
    with torch.no_grad():
        return loss(TEST_GRAPHS).item()


def ready(job):
    """Which process has warmed up."""
    train(job)
    return os.getpid()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=15)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    a = parser.parse_args()
    a.model, a.framework = "gnn", "pytorch"
    for name in [name for name in os.environ if name.startswith(("OPENBLAS_", "OMP_"))]:
        del os.environ[name]
    os.environ["OMP_NUM_THREADS"] = "1"
    # Not in the pool's initializer: one that fails is started again for ever.
    warm_up = argparse.Namespace(**{**vars(a), "steps": 100})
    with multiprocessing.get_context("spawn").Pool(a.workers) as pool:
        while len(set(pool.map(ready, [(warm_up, 0)] * (2 * a.workers), 1))) < a.workers:
            pass
        start = time.perf_counter()
        losses = pool.map(train, [(a, seed) for seed in range(a.runs)], 1)
        seconds = time.perf_counter() - start
    import torch

    finite = sum(loss == loss for loss in losses)
    print(json.dumps({"pytorch": {"seconds": seconds, "workers": a.workers, "finite": finite,
                                  "version": torch.__version__}}))


if __name__ == "__main__":
    main()
