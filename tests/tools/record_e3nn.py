#!/usr/bin/env python3
"""Writes tests/golden/golden_so3.json: what e3nn computes, in double.

  pip install torch e3nn; python3 record_e3nn.py > ../golden/golden_so3.json

Spherical harmonics to degree 6, Wigner 3j symbols, a Wigner matrix of each degree, and a fully connected tensor product
with its gradients. Inputs are multiples of 1/64, so that tests/so3/test_golden_so3.cc can make the same ones.
"""
import json
import math

import torch
from e3nn import o3

torch.set_default_dtype(torch.float64)
DEGREE = 6
VECTORS = [[0.25, -0.5, 1], [0, 1, 0], [0, -1, 0], [1, 0, 0], [0, 0, -2], [-0.75, 0.125, 0.5], [3, 1.5, -0.25]]
TRIPLES = [(0, 0, 0), (0, 3, 3), (1, 1, 0), (1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 2), (2, 2, 3), (3, 2, 2), (3, 4, 2), (5, 2, 6), (6, 1, 5)]
IN, FILTER, OUT = "3x0 + 2x1 + 2x2", 2, "2x0 + 3x1 + 2x2"


def numbers(shape, a, b):
    """((a k + b) mod 97 - 48) / 64 for k = 0, 1, .., in rows of the last size."""
    return torch.tensor([((a * k + b) % 97 - 48) / 64 for k in range(math.prod(shape))]).reshape(shape)


def irreps(text):
    return o3.Irreps([(int(mul), (int(l), 1)) for mul, l in (part.split("x") for part in text.split(" + "))])


def flat(t):
    return t.detach().flatten().tolist()


def harmonics():
    x = torch.tensor(VECTORS)
    return {"vectors": VECTORS} | {
        scale: flat(torch.cat([o3.spherical_harmonics(l, x, True, scale) for l in range(DEGREE + 1)], -1))
        for scale in ("component", "norm", "integral")
    }


def product():
    first, second, out = irreps(IN), irreps(" + ".join(f"1x{l}" for l in range(FILTER + 1))), irreps(OUT)
    f = o3.FullyConnectedTensorProduct(first, second, out, internal_weights=True, shared_weights=True)
    with torch.no_grad():
        f.weight.copy_(numbers(f.weight.shape, 31, 5))
    x = numbers((4, first.dim), 29, 3).requires_grad_(True)
    v = numbers((4, 3), 37, 11).requires_grad_(True)
    y = torch.cat([o3.spherical_harmonics(l, v, True, "component") for l in range(FILTER + 1)], -1)
    z = f(x, y)
    (z * numbers(z.shape, 43, 7)).sum().backward()
    paths = [[first[i.i_in1].ir.l, second[i.i_in2].ir.l, out[i.i_out].ir.l] for i in f.instructions]
    return {"z": flat(z), "dx": flat(x.grad), "dv": flat(v.grad), "dw": flat(f.weight.grad), "paths": paths}


def main():
    quaternion = torch.nn.functional.normalize(torch.tensor([0.5, -0.25, 0.75, 1.0]), dim=0)
    rotation = o3.quaternion_to_matrix(quaternion)
    data = {
        "harmonics": harmonics(),
        "wigner_3j": [{"l": t, "values": flat(o3.wigner_3j(*t))} for t in TRIPLES],
        "wigner_d": {
            "rotation": flat(rotation),
            "values": [flat(o3.Irrep(l, 1).D_from_matrix(rotation)) for l in range(DEGREE + 1)],
        },
        "product": product(),
    }
    print(json.dumps(data, separators=(",", ":")))


if __name__ == "__main__":
    main()
