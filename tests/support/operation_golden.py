#!/usr/bin/env python3
"""Writes tests/golden/golden_operations.json: what PyTorch's operations give, with their gradients, in double.

  pip install torch torch_geometric; python3 operation_golden.py > ../golden/golden_operations.json

Two examples of three points with four channels, x and y. Inputs and the weights of the sum whose gradient is taken
are multiples of 1/64, so that test_golden_operations.cc can make the same ones without rounding.
"""
import json
import math

import torch
import torch.nn.functional as F
from torch_geometric.nn import GATConv

B, N, C = 2, 3, 4
EDGES = [(0, 1), (0, 2), (1, 0), (2, 2), (2, 1), (2, 0), (4, 0)]  # (node, neighbour); node 3 has none, nor 5
LABELS = [[0, 2, 3], [1, 1, 2]]
MASK = [[1, 0, 1], [1, 1, 0]]
CLASSES = [0.5, 1, 2, 0.25]
INDEX = [[2, 0, 2], [1, 1, 0]]
torch.set_default_dtype(torch.float64)


def numbers(shape, a, b):
    """((a k + b) mod 97 - 48) / 64 for k = 0, 1, .., in rows of the last size."""
    count = math.prod(shape)
    return torch.tensor([((a * k + b) % 97 - 48) / 64 for k in range(count)]).reshape(shape)


def case(f, x=None, y=None):
    x = numbers((B, N, C), 29, 3) if x is None else x
    y = numbers((B, N, C), 37, 11) if y is None else y
    x, y = x.clone().requires_grad_(True), y.clone().requires_grad_(True)
    z = f(x, y)
    (z * numbers(z.shape, 43, 7)).sum().backward()
    flat = lambda t: [0.0] * x.numel() if t is None else t.flatten().tolist()
    return {"z": flat(z.detach()), "dx": flat(x.grad), "dy": flat(y.grad)}


def each(loss):
    """A loss of every example."""
    return lambda x, y: torch.stack([loss(x[e], y[e], e) for e in range(B)])


def labels(weighted, masked):
    def loss(x, y, e):
        target = torch.tensor([l if m or not masked else -100 for l, m in zip(LABELS[e], MASK[e])])
        return F.cross_entropy(x, target, weight=torch.tensor(CLASSES) if weighted else None)

    return each(loss)


def attention(heads, masked):
    layer = torch.nn.MultiheadAttention(C, heads, batch_first=True)
    parameters = [numbers((C, C), 17 + 2 * k, k) for k in range(4)], [numbers((C,), 19, 5 * k) for k in range(4)]
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat(parameters[0][:3]))
        layer.in_proj_bias.copy_(torch.cat(parameters[1][:3]))
        layer.out_proj.weight.copy_(parameters[0][3])
        layer.out_proj.bias.copy_(parameters[1][3])
    hidden = torch.tensor([[j == (i + 1) % N for j in range(N)] for i in range(N)]) if masked else None
    return lambda x, y: layer(x, x, x, attn_mask=hidden, need_weights=False)[0]


def gat(heads):
    """Rows of x are nodes."""
    layer = GATConv(C, C // heads, heads=heads, add_self_loops=False)
    with torch.no_grad():
        layer.lin.weight.copy_(numbers((C, C), 17, 1))
        layer.att_src.copy_(numbers((1, heads, C // heads), 19, 2))
        layer.att_dst.copy_(numbers((1, heads, C // heads), 23, 3))
        layer.bias.copy_(numbers((C,), 31, 4))
    edges = torch.tensor([[j for _, j in EDGES], [v for v, _ in EDGES]])
    return lambda x, y: layer(x.reshape(B * N, C), edges).reshape(B, N, C)


mask = torch.tensor(MASK)
cases = {
    "sigmoid": lambda x, y: torch.sigmoid(x),
    "exp": lambda x, y: torch.exp(x),
    "log": lambda x, y: torch.log(x * x + 0.5),
    "sqrt": lambda x, y: torch.sqrt(x * x + 0.5),
    "abs": lambda x, y: torch.abs(x),
    "sin": lambda x, y: torch.sin(x),
    "cos": lambda x, y: torch.cos(x),
    "leaky_relu": lambda x, y: F.leaky_relu(x, 0.2),
    "clamp": lambda x, y: torch.clamp(x, -0.25, 0.375),
    "gelu": lambda x, y: F.gelu(x, approximate="tanh"),
    "sub": lambda x, y: x - y,
    "div": lambda x, y: x / (y * y + 0.5),
    "softmax": lambda x, y: torch.softmax(x, -1),
    "log_softmax": lambda x, y: torch.log_softmax(x, -1),
    "softmax_masked": lambda x, y: torch.softmax(x.masked_fill(y < 0.25, -math.inf), -1).nan_to_num(),
    "max_points": lambda x, y: torch.amax(x, 1, keepdim=True),
    "join_channels": lambda x, y: torch.cat([x, y], -1),
    "join_points": lambda x, y: torch.cat([x, y], 1),
    "slice_channels": lambda x, y: x[:, :, 1:3],
    "slice_points": lambda x, y: x[:, 1:3],
    "transpose": lambda x, y: x.transpose(1, 2),
    "product": lambda x, y: torch.bmm(x, y.transpose(1, 2)),
    "gather_points": lambda x, y: torch.gather(x, 1, torch.tensor(INDEX).unsqueeze(-1).expand(-1, -1, C)),
    "embedding": lambda x, y: F.embedding(torch.tensor(INDEX), x.reshape(B * N, C)),
    "l1": each(lambda x, y, e: F.l1_loss(x, y.detach())),
    "huber": each(lambda x, y, e: F.huber_loss(x, y.detach(), delta=0.5)),
    "binary_cross_entropy": each(lambda x, y, e: F.binary_cross_entropy_with_logits(x, y.detach() * y.detach())),
    "cross_entropy": labels(False, False),
    "cross_entropy_classes": labels(True, False),
    "cross_entropy_mask": labels(True, True),
    "attention_1": attention(1, False),
    "attention_2": attention(2, False),
    "attention_masked": attention(2, True),
    "gat_1": gat(1),
    "gat_2": gat(2),
}
print(json.dumps({name: case(f) for name, f in cases.items()}, indent=1).replace("\n   ", " ").replace("\n  ]", " ]"))
