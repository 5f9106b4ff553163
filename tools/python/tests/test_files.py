"""Arrays in files."""
import json
import pathlib
import struct
import unittest

import numpy as np

import eqnn
from support import InFolder


def safetensors(arrays, length=None):
    """A file's bytes: arrays is {name: (dtype, shape, bytes)}; length, where the header is not to say its own."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, values) in arrays.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


class Safetensors(InFolder):
    def load(self, *arguments, **flags):
        pathlib.Path("a.safetensors").write_bytes(safetensors(*arguments, **flags))
        return eqnn.load_safetensors("a.safetensors")

    def test_every_dtype_by_its_bytes(self):
        cases = {  # struct's letter, values that the dtype has exactly
            "F64": ("d", [1.5, -2.0 ** -1000]), "F32": ("f", [1.5, -2.0 ** -100]), "F16": ("e", [1.5, -2.0 ** -14]),
            "I64": ("q", [2 ** 62, -2 ** 63]), "I32": ("i", [2 ** 30, -2 ** 31]), "I16": ("h", [2 ** 14, -2 ** 15]),
            "I8": ("b", [127, -128]), "U64": ("Q", [2 ** 64 - 1, 0]), "U32": ("I", [2 ** 32 - 1, 0]),
            "U16": ("H", [2 ** 16 - 1, 0]), "U8": ("B", [255, 0]), "BOOL": ("?", [True, False])}
        found = self.load({name: (name, [1, 2], struct.pack("<2" + letter, *values))
                           for name, (letter, values) in cases.items()})
        self.assertEqual(set(found), set(cases))
        for name, (letter, values) in cases.items():
            self.assertEqual(found[name].tolist(), [values], name)
            self.assertEqual(found[name].dtype, np.dtype("<" + letter) if letter != "?" else bool, name)
            found[name][0, 0] = 0  # a copy that may be written

    def test_bf16_is_the_upper_half_of_a_float(self):
        values = [1.0, -3.140625, 2.0 ** 100, float("inf")]
        found = self.load({"w": ("BF16", [4], b"".join(struct.pack("<f", v)[2:] for v in values))})["w"]
        self.assertEqual((found.dtype, found.tolist()), (np.float32, values))

    def test_scalars_and_empty_arrays(self):
        found = self.load({"a": ("F32", [], struct.pack("<f", 2.5)), "b": ("F64", [0, 3], b"")})
        self.assertEqual((found["a"].shape, float(found["a"]), found["b"].shape), ((), 2.5, (0, 3)))

    def test_what_is_malformed_is_told(self):
        entry = {"w": ("F32", [2], bytes(8))}
        self.refused("its header ends at 1000008", ValueError, self.load, entry, length=10 ** 6)
        self.refused("dtype F8_E4M3; allowed are F64", ValueError, self.load, {"w": ("F8_E4M3", [8], bytes(8))})
        self.refused(r"shape \[3\]", ValueError, self.load, {"w": ("F32", [3], bytes(8))})
        self.refused("no safetensors file", ValueError, self.load, entry, length=5)
        pathlib.Path("a.safetensors").write_bytes(safetensors(entry)[:-1])
        self.refused("stands at 0 to 8 of 7 bytes", ValueError, eqnn.load_safetensors, "a.safetensors")
        pathlib.Path("a.safetensors").write_bytes(b"abc")
        self.refused("it has 3 bytes", ValueError, eqnn.load_safetensors, "a.safetensors")


if __name__ == "__main__":
    unittest.main()
