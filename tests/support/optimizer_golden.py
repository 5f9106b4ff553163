#!/usr/bin/env python3
"""Writes optimizer_golden.h: where PyTorch's optimisers take a small network in twelve steps, in double.

  pip install torch; python3 optimizer_golden.py > optimizer_golden.h

The network is Linear(3, 4), square, Linear(4, 1) with the mean squared error of six examples. Parameters and
data are multiples of 1/16, so that test_trainer.cc can make the same ones without rounding.
"""
import torch

STEPS, BATCH = 12, 6


def parameter(rows, cols, a, b, m, unit):
    values = [[((a * r + b * c) % m - m // 2) * unit for c in range(cols)] for r in range(rows)]
    return torch.tensor(values, dtype=torch.float64)


def network():
    """Weights [out, in] and biases [out], as torch.nn.Linear has them."""
    tensors = [
        parameter(4, 3, 5, 3, 7, 1 / 8),
        parameter(1, 4, 1, 1, 3, 1 / 16)[0],
        parameter(1, 4, 1, 3, 5, 1 / 8),
        parameter(1, 1, 1, 1, 3, 1 / 4)[0],
    ]
    return [t.clone().requires_grad_(True) for t in tensors]


def batch(step):
    examples = range(step * BATCH, (step + 1) * BATCH)
    x = [[((7 * e + 4 * i) % 13 - 6) / 8 for i in range(3)] for e in examples]
    y = [[((5 * e) % 9 - 4) / 8] for e in examples]
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)


def run(make, clip=None, schedule=None):
    params = network()
    optimizer = make(params)
    scheduler = schedule(optimizer) if schedule else None
    clipped = 0
    for step in range(STEPS):
        x, y = batch(step)
        w1, b1, w2, b2 = params
        loss = torch.nn.functional.mse_loss((x @ w1.T + b1).square() @ w2.T + b2, y)
        optimizer.zero_grad()
        loss.backward()
        if clip:
            clipped += torch.nn.utils.clip_grad_norm_(params, clip).item() > clip
        optimizer.step()
        if scheduler:
            scheduler.step()
    assert clip is None or 0 < clipped < STEPS, "clipping must act at some steps and not at others"
    return [v for p in params for v in p.detach().flatten().tolist()]


def cases():
    sgd, adam, adamw = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
    yield "sgd", run(lambda p: sgd(p, lr=0.1))
    yield "sgd_decay", run(lambda p: sgd(p, lr=0.1, weight_decay=0.05))
    yield "momentum", run(lambda p: sgd(p, lr=0.05, momentum=0.9))
    yield "momentum_decay", run(lambda p: sgd(p, lr=0.05, momentum=0.9, weight_decay=0.05))
    yield "nesterov", run(lambda p: sgd(p, lr=0.05, momentum=0.8, nesterov=True))
    yield "nesterov_decay", run(lambda p: sgd(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.05))
    yield "sgd_clip", run(lambda p: sgd(p, lr=0.1, momentum=0.9, weight_decay=0.05), clip=0.4)
    yield "adam", run(lambda p: adam(p, lr=0.02))
    yield "adam_betas", run(lambda p: adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-3))
    yield "adam_decay", run(lambda p: adam(p, lr=0.02, weight_decay=0.05))
    yield "adam_clip", run(lambda p: adam(p, lr=0.02), clip=0.4)
    yield "adamw", run(lambda p: adamw(p, lr=0.02))
    yield "adamw_decay", run(lambda p: adamw(p, lr=0.02, weight_decay=0.5))
    yield "adamw_clip", run(lambda p: adamw(p, lr=0.02, weight_decay=0.1), clip=0.4)
    cosine = lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.01)
    yield "sgd_cosine", run(lambda p: sgd(p, lr=0.1), schedule=cosine)
    step = lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=4, gamma=0.3)
    yield "adam_step", run(lambda p: adam(p, lr=0.02), schedule=step)


def main():
    print("// Written by optimizer_golden.py with PyTorch", torch.__version__.split("+")[0] + "; do not edit.")
    print("#pragma once\n")
    print("namespace eqnn::golden {\n")
    print("// Parameters after twelve steps: weight 1 [4, 3], bias 1 [4], weight 2 [1, 4], bias 2 [1].")
    print("struct Optimized {\n  const char* name;\n  double parameters[21];\n};")
    print("inline constexpr Optimized kOptimized[] = {")
    for name, values in cases():
        print(f'    {{"{name}",\n     {{', end="")
        for i, v in enumerate(values):
            print(repr(v), end="}},\n" if i == len(values) - 1 else ",\n      " if i % 4 == 3 else ", ")
    print("};\n\n}  // namespace eqnn::golden")


if __name__ == "__main__":
    main()
