"""Streams of fresh batches, and the data set of PyTorch."""
import unittest

import numpy as np

import eqnn
from support import has

FLAGS = dict(family="gnn-degree-parity", n=6, batch=4)


def stacked(stream):
    pairs = list(stream)
    return np.array([np.asarray(x) for x, _ in pairs]), np.array([np.asarray(y) for _, y in pairs])


class Batches(unittest.TestCase):
    def test_the_same_arguments_give_the_same_batches(self):
        x, y = stacked(eqnn.batches(**FLAGS, steps=70))
        self.assertEqual((x.shape, y.shape), ((70, 4, 6, 6), (70, 4)))
        again, shorter = stacked(eqnn.batches(**FLAGS, steps=70)), stacked(eqnn.batches(**FLAGS, steps=33))
        self.assertTrue((again[0] == x).all() and (again[1] == y).all())
        self.assertTrue((shorter[0] == x[:33]).all() and (shorter[1] == y[:33]).all())

    def test_no_example_comes_twice(self):
        x, _ = stacked(eqnn.batches(**FLAGS, steps=70))
        self.assertEqual(len(np.unique(x.reshape(280, 36), axis=0)), 280)  # of 2^30 graphs
        other, _ = stacked(eqnn.batches(**FLAGS, steps=70, data_seed=1))
        self.assertEqual(len(np.unique(np.concatenate([x, other]).reshape(560, 36), axis=0)), 560)

    def test_another_data_seed_is_of_the_same_member(self):
        member = eqnn.sample("gnn-degree-parity", n=6, count=1)[2]
        for x, y in eqnn.batches(**FLAGS, steps=3, data_seed=9):
            nodes = sum((x.sum(axis=2) == i - 1).sum(axis=1) for i in member["S"])
            self.assertEqual(((member["b"] + nodes) % 2).tolist(), y.tolist())

    def test_workers_share_the_batches(self):
        x, _ = stacked(eqnn.batches(**FLAGS, steps=70))
        parts = [stacked(eqnn.batches(**FLAGS, steps=70, worker=w, workers=2))[0] for w in range(2)]
        self.assertEqual([len(part) for part in parts], [38, 32])
        self.assertTrue((np.concatenate([parts[0][:32], parts[1], parts[0][32:]]) == x).all())
        self.assertEqual(list(eqnn.batches(**FLAGS, steps=70, worker=3, workers=4)), [])

    def test_what_is_not_allowed(self):
        for flags in (dict(batch=0), dict(steps=-1), dict(worker=2, workers=2)):
            with self.assertRaisesRegex(ValueError, "allowed are"):
                next(eqnn.batches("gnn-degree-parity", **flags))


@unittest.skipUnless(has("torch"), "PyTorch is not installed")
class Torch(unittest.TestCase):
    def test_tensors(self):
        import torch
        data = eqnn.torch.Samples(**FLAGS, steps=40)
        self.assertEqual((len(data), data.member), (40, eqnn.sample("gnn-degree-parity", n=6, count=1)[2]))
        x, y = next(iter(data))
        self.assertEqual((x.dtype, y.dtype, tuple(x.shape), tuple(y.shape)), (torch.float32, torch.float32, (4, 6, 6), (4,)))
        expected = stacked(eqnn.batches(**FLAGS, steps=40))
        self.assertTrue(all((a == b).all() for a, b in zip(stacked(data), expected)))

    def test_workers_of_a_loader(self):
        from torch.utils.data import DataLoader
        data = eqnn.torch.Samples(**FLAGS, steps=70)
        alone, y = stacked(DataLoader(data, batch_size=None))
        for workers in (1, 2):
            found, of = stacked(DataLoader(data, batch_size=None, num_workers=workers))
            again, _ = stacked(DataLoader(data, batch_size=None, num_workers=workers))
            self.assertTrue((found == again).all())
            order = [sorted(zip(a.reshape(70, -1).tolist(), b.tolist())) for a, b in ((alone, y), (found, of))]
            self.assertEqual(order[0], order[1])

    def test_errors(self):
        with self.assertRaisesRegex(eqnn.EqnnError, "unknown family") as raised:
            eqnn.torch.Samples("nope")
        self.assertEqual(raised.exception.exit_code, 2)


if __name__ == "__main__":
    unittest.main()
