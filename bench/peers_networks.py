"""The networks of `eqnn bench` as functions of a list of parameters, for PyTorch and JAX alike.

`ops` has what the two libraries spell differently (peers_torch.py, peers_jax.py). Weights come as PyTorch stores
them, [out, in] or [out, in, n]; a network whose `frequency_major` is set has filters as [n, in, out] instead, and
its values as [n, b, c], so that transforms and products by frequency need no copies.
"""


def graph_network(ops, row, split=False):
    """Message passing: one product with [W_self, W_nbr], or (split) A (x W_nbr) added to x W_self."""

    def forward(parameters, inputs):
        x, a = inputs["x"], inputs["adjacency"]
        p = iter(parameters)
        for layer in range(row.layers):
            weight, bias = next(p), next(p)
            if split and layer > 0:
                own, neighbors = weight[:, : row.width], weight[:, row.width:]
                x = ops.relu(ops.add_product(ops.linear(x, own, bias), a, ops.linear(x, neighbors)))
            else:
                x = ops.relu(ops.linear(ops.concatenate((x, a @ x), -1), weight, bias))
        x = ops.relu(ops.linear(x.sum(1), next(p), next(p)))
        return ops.linear(x, next(p), next(p))

    return forward


def shifted_copies(ops, x, n):
    """[b, n] -> [b, n, n]: row t is x shifted by t."""
    return ops.windows(ops.concatenate((x, x[:, : n - 1]), -1), n)


def convolution_network(ops, row, convolve):
    """Layers by `convolve` on [b, c, n]; the mean goes before the linear layer, which is linear."""

    def forward(parameters, inputs):
        x, p = inputs["x"].reshape(-1, 1, row.n), iter(parameters)
        for _ in range(row.layers):
            x = ops.relu(convolve(x, next(p), next(p)))
        return ops.linear(x.mean(-1), next(p), next(p))

    return forward


def by_convolution(ops, row):
    return convolution_network(ops, row, lambda x, w, b: ops.convolution(ops.concatenate((x, x[..., :-1]), -1), w, b))


def by_einsum_fft(ops, row):
    def convolve(x, weight, bias):
        f = ops.einsum("bif,oif->bof", ops.rfft(x, -1), ops.rfft(weight, -1).conj())
        return ops.irfft(f, row.n, -1) + bias[:, None]

    return convolution_network(ops, row, convolve)


def by_copies(ops, row):
    """One layer: all shifts of the input side by side, one product (im2col)."""

    def forward(parameters, inputs):
        weight, bias, head, head_bias = parameters
        copies = shifted_copies(ops, inputs["x"].reshape(-1, row.n), row.n)
        x = ops.relu(ops.linear(copies, weight[:, 0], bias))
        return ops.linear(x.mean(1), head, head_bias)

    return forward


def by_circulant(ops, row):
    """One layer: the input times the circulant matrix [n, n c_out] of the filters."""

    def forward(parameters, inputs):
        weight, bias, head, head_bias = parameters
        w = weight[:, 0].T  # [n, out]; entry (p, t) of the matrix is row p - t
        rows = ops.gather_rows(w, inputs["differences"]).reshape(row.n, row.n * row.width)
        x = (inputs["x"].reshape(-1, row.n) @ rows).reshape(-1, row.n, row.width)
        return ops.linear(ops.relu(x + bias).mean(1), head, head_bias)

    return forward


def frequency_network(ops, row, convolve):
    """Layers on [n, b, c]; of several layers the first, with its one channel, is a product with shifted copies."""

    def forward(parameters, inputs):
        p = iter(parameters)
        x = inputs["x"].reshape(-1, row.n)
        for layer in range(row.layers):
            weight, bias = next(p), next(p)
            if layer == 0 and row.layers > 1:
                copies = shifted_copies(ops, x, row.n).swapaxes(0, 1)
                x = copies @ weight[:, 0] + bias
            else:
                x = convolve(x.T[..., None] if layer == 0 else x, weight, inputs) + bias
            x = ops.relu(x)
        return ops.linear(x.mean(0), next(p), next(p))

    forward.frequency_major = True
    return forward


def by_frequencies(ops, row):
    """One complex product a frequency."""

    def convolve(x, weight, inputs):
        return ops.irfft(ops.rfft(x, 0) @ ops.rfft(weight, 0).conj(), row.n, 0)

    return frequency_network(ops, row, convolve)


def by_matrices(ops, row):
    """The same in real numbers: transforms are products with matrices of cosines and sines."""
    frequencies = row.n // 2 + 1

    def transform(x, matrix):
        f = (matrix @ x.reshape(row.n, -1)).reshape(2 * frequencies, *x.shape[1:])
        return f[:frequencies], f[frequencies:]

    def convolve(x, weight, inputs):
        xr, xi = transform(x, inputs["transform"])
        wr, wi = transform(weight, inputs["transform"])
        real = ops.add_product(xr @ wr, xi, wi)
        imaginary = ops.add_product(xi @ wr, -xr, wi)
        f = ops.concatenate((real, imaginary), 0)
        return (inputs["inverse"] @ f.reshape(2 * frequencies, -1)).reshape(row.n, *f.shape[1:])

    return frequency_network(ops, row, convolve)


def sparse_network(ops, row, neighbor_sum):
    """GraphConv layers; neighbor_sum(x) is A x."""

    def forward(parameters, inputs):
        x, p = inputs["x"], iter(parameters)
        for layer in range(row.layers):
            own, bias, neighbors = next(p), next(p), next(p)
            x = ops.linear(x, own, bias) + ops.linear(neighbor_sum(x, inputs), neighbors)
            x = ops.relu(x) if layer + 1 < row.layers else x
        return x

    return forward


def constants(row, numpy):
    """What by_circulant and by_matrices read beside the data."""
    if row.model not in ("cnn", "frame"):
        return {}
    n, f = row.n, row.n // 2 + 1
    position = numpy.arange(n)
    angle = 2 * numpy.pi * numpy.outer(numpy.arange(f), position) / n
    twice = numpy.where((numpy.arange(f) == 0) | (2 * numpy.arange(f) == n), 1.0, 2.0) / n
    transform = numpy.concatenate((numpy.cos(angle), -numpy.sin(angle)))
    inverse = numpy.concatenate((twice[:, None] * numpy.cos(angle), -twice[:, None] * numpy.sin(angle))).T
    return {"differences": (position[:, None] - position) % n,
            "transform": transform.astype(numpy.float32), "inverse": inverse.astype(numpy.float32)}
