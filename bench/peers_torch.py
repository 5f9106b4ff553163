"""The rows of `eqnn bench` in PyTorch, as variants of which the fastest counts."""
from types import SimpleNamespace

import numpy
import torch

import peers_networks as networks


def operations():
    functional = torch.nn.functional
    return SimpleNamespace(
        relu=torch.relu,
        linear=functional.linear,
        concatenate=torch.cat,
        add_product=torch.baddbmm,
        convolution=functional.conv1d,
        einsum=torch.einsum,
        rfft=lambda x, axis: torch.fft.rfft(x, dim=axis),
        irfft=lambda x, n, axis: torch.fft.irfft(x, n, dim=axis),
        windows=lambda x, n: x.unfold(-1, n, 1),
        gather_rows=lambda x, indices: x[indices],
    )


def channels_last(ops, row):
    def convolve(x, weight, bias):
        x = torch.cat((x, x[..., :-1]), -1).unsqueeze(2).contiguous(memory_format=torch.channels_last)
        weight = weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        return torch.nn.functional.conv2d(x, weight, bias).squeeze(2)

    return networks.convolution_network(ops, row, convolve)


def index_add(x, inputs):
    return torch.zeros_like(x).index_add(0, inputs["targets"], x[inputs["neighbors"]])


class CsrProduct(torch.autograd.Function):
    """A x, with A and its transpose in compressed rows."""

    @staticmethod
    def forward(ctx, x, matrix, transpose):
        ctx.transpose = transpose
        return matrix @ x

    @staticmethod
    def backward(ctx, gradient):
        return ctx.transpose @ gradient, None, None


def csr_sum(x, inputs):
    return CsrProduct.apply(x, inputs["matrix"], inputs["transpose"])


def plain_csr_sum(x, inputs):
    return inputs["matrix"] @ x


def geometric_network(ops, row):
    """torch_geometric's GraphConv with the parameters given."""
    from torch_geometric.nn import GraphConv

    layers = [GraphConv(row.width, row.width) for _ in range(row.layers)]

    def forward(parameters, inputs):
        x = inputs["x"]
        for i, layer in enumerate(layers):
            own, bias, neighbors = parameters[3 * i: 3 * i + 3]
            weights = {"lin_root.weight": own, "lin_rel.bias": bias, "lin_rel.weight": neighbors}
            x = torch.func.functional_call(layer, weights, (x, inputs["edges"]))
            x = torch.relu(x) if i + 1 < row.layers else x
        return x

    return forward


def graph_inputs(inputs, n):
    """Both matrices of the sparse row, and what index_add and torch_geometric read."""
    def matrix(offsets, columns):
        return torch.sparse_csr_tensor(inputs.pop(offsets), inputs[columns], torch.ones(inputs[columns].shape[0]), (n, n))

    inputs["matrix"] = matrix("offsets", "neighbors")
    inputs["transpose"] = matrix("reverse_offsets", "reverse_targets")
    inputs["targets"], inputs["neighbors"] = inputs["targets"].long(), inputs["neighbors"].long()
    inputs["edges"] = torch.stack((inputs["neighbors"], inputs["targets"]))
    del inputs["reverse_targets"]


NETWORKS = {
    "concatenated": networks.graph_network,
    "split": lambda ops, row: networks.graph_network(ops, row, split=True),
    "conv1d": networks.by_convolution,
    "channels-last": channels_last,
    "copies": networks.by_copies,
    "circulant": networks.by_circulant,
    "fft-einsum": networks.by_einsum_fft,
    "fft": networks.by_frequencies,
    "dft": networks.by_matrices,
    "index-add": lambda ops, row: networks.sparse_network(ops, row, index_add),
    "csr": lambda ops, row: networks.sparse_network(ops, row, csr_sum),
    "csr-autograd": lambda ops, row: networks.sparse_network(ops, row, plain_csr_sum),
    "geometric": geometric_network,
}


def variants(model, layers):
    """Names NETWORK or NETWORK:compile (forward and loss compiled) or NETWORK:compile-step (the whole step)."""
    if model == "gnn":
        return ["concatenated", "split", "concatenated:compile", "concatenated:compile-step", "split:compile-step"]
    if model == "sparse":
        return ["index-add", "csr", "csr-autograd", "geometric", "index-add:compile"]
    if layers == 1:
        return ["conv1d", "channels-last", "copies", "circulant", "fft-einsum", "fft", "dft", "copies:compile-step",
                "circulant:compile-step"]
    return ["conv1d", "channels-last", "fft-einsum", "fft", "dft", "conv1d:compile", "dft:compile-step"]


class Peer:
    """One variant: `gradient(offset)` is loss and gradients with biases moved by that much, run(count) takes steps."""

    def __init__(self, variant, row, arrays):
        torch.set_num_threads(row.threads)
        self.version = "PyTorch " + torch.__version__
        name, _, compiled = variant.partition(":")
        self.network = NETWORKS[name](operations(), row)
        turned = [self.turn(p) for p in arrays["parameters"]]
        self.parameters = [torch.from_numpy(numpy.ascontiguousarray(p)).requires_grad_() for p in turned]
        extra = networks.constants(row, numpy)
        self.inputs = {k: torch.from_numpy(v) for k, v in (arrays["inputs"] | extra).items()}
        if row.model == "sparse":
            graph_inputs(self.inputs, row.n)
        self.y, self.rate = torch.from_numpy(arrays["y"]), row.rate
        self.step = self.compiled_step() if compiled == "compile-step" else self.eager_step(compiled == "compile")

    def turn(self, p):
        return p.transpose(2, 1, 0) if p.ndim == 3 and hasattr(self.network, "frequency_major") else p

    def loss(self, parameters):
        return ((self.network(parameters, self.inputs) - self.y) ** 2).mean()

    def eager_step(self, compiled):
        loss = torch.compile(self.loss, fullgraph=True) if compiled else self.loss

        def step(rate):
            value = loss(self.parameters)
            gradient = torch.autograd.grad(value, self.parameters)
            with torch.no_grad():
                torch._foreach_add_(self.parameters, gradient, alpha=-rate)
            return value, gradient

        return step

    def compiled_step(self):
        """Forward, backward and update in one graph."""
        gradient = torch.func.grad_and_value(self.loss)
        self.parameters = [p.detach() for p in self.parameters]

        def one(parameters):
            g, value = gradient(parameters)
            return value, g, [p - self.rate * d for p, d in zip(parameters, g)]

        compiled = torch.compile(one, fullgraph=True)

        def step(rate):
            value, g, updated = compiled(self.parameters)
            if rate:
                self.parameters = updated
            return value, g

        return step

    def gradient(self, offset):
        trained = self.parameters
        self.parameters = [(p.detach() + offset).requires_grad_(p.requires_grad) if p.ndim == 1 else p for p in trained]
        value, gradient = self.step(0.0)
        self.parameters = trained
        return value.item(), [self.turn(g.detach().numpy()) for g in gradient]

    def run(self, count):
        for _ in range(count):
            self.step(self.rate)
