"""Tests of scripts/to-safetensors: python3 -m unittest, without PyTorch."""
import collections
import importlib.machinery
import importlib.util
import io
import os
import pickle
import struct
import sys
import tempfile
import types
import unittest
import zipfile

sys.dont_write_bytecode = True
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "to-safetensors")
loader = importlib.machinery.SourceFileLoader("to_safetensors", SCRIPT)
script = importlib.util.module_from_spec(importlib.util.spec_from_loader("to_safetensors", loader))
loader.exec_module(script)


def stand_in(module, name):
    """A function that pickles under a name of PyTorch, which is not installed."""
    torch = sys.modules.setdefault(module, types.ModuleType(module))

    def function(*_):
        return None

    function.__module__, function.__qualname__, function.__name__ = module, name, name
    setattr(torch, name, function)
    return function


FloatStorage = stand_in("torch", "FloatStorage")
rebuild = stand_in("torch._utils", "_rebuild_tensor_v2")


class Fake:
    """A tensor as PyTorch pickles it."""

    def __init__(self, key, count, shape, strides, offset=0):
        self.reference = ("storage", FloatStorage, key, "cpu", count)
        self.arguments = (offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild, (self, *self.arguments)


class Pickler(pickle.Pickler):
    """Writes the storage of a tensor as a persistent reference."""

    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.open = set()

    def persistent_id(self, value):
        if isinstance(value, Fake):
            if id(value) in self.open:
                return value.reference
            self.open.add(id(value))
        return None


def pickled(value):
    file = io.BytesIO()
    Pickler(file).dump(value)
    return file.getvalue()


class ToSafetensors(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "x.pth")

    def tearDown(self):
        self.folder.cleanup()

    def zip(self, value, numbers=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)):
        with zipfile.ZipFile(self.path, "w") as archive:
            archive.writestr("x/data.pkl", pickled(value))
            archive.writestr("x/byteorder", "little")
            archive.writestr("x/data/0", struct.pack(f"<{len(numbers)}f", *numbers))

    def numbers(self, tensor):
        data = tensor.bytes()
        return list(struct.unpack(f"<{len(data) // 4}f", data))

    def test_a_zip_is_read_whatever_its_strides_and_wrapper(self):
        self.zip({"state_dict": {"a": Fake("0", 6, (2, 3), (3, 1)), "b": Fake("0", 6, (3, 2), (1, 3))}, "epoch": 3})
        found = script.load(self.path)
        self.assertEqual(self.numbers(found["a"]), [1, 2, 3, 4, 5, 6])
        self.assertEqual(self.numbers(found["b"]), [1, 4, 2, 5, 3, 6])

    def test_the_older_format_is_read(self):
        with open(self.path, "wb") as file:
            for value in (script.LEGACY_MAGIC, 1001, {"little_endian": True}, {"w": Fake("7", 2, (2,), (1,))}, ["7"]):
                file.write(pickled(value))
            file.write(struct.pack("<q2f", 2, 8.0, 9.0))
        self.assertEqual(self.numbers(script.load(self.path)["w"]), [8, 9])

    def test_code_is_refused_by_name_and_not_run(self):
        class Evil:
            def __reduce__(self):
                return os.mkdir, (os.path.join(folder, "run"),)

        folder = self.folder.name
        self.zip({"a": Evil()})
        with self.assertRaisesRegex(script.Refused, "mkdir"):
            script.load(self.path)
        self.assertFalse(os.path.exists(os.path.join(folder, "run")))

    def test_a_tensor_beyond_its_storage_is_refused(self):
        self.zip({"a": Fake("0", 6, (4, 3), (3, 1))})
        with self.assertRaisesRegex(script.Refused, "larger"):
            script.load(self.path)["a"].bytes()

    def test_other_files_are_named(self):
        with open(self.path, "wb") as file:
            file.write(b"no checkpoint")
        self.assertEqual(script.main([self.path]), 1)
        self.zip({"epoch": 3})
        self.assertEqual(script.main([self.path]), 1)

    def test_what_is_written_is_safetensors(self):
        self.zip({"a": Fake("0", 6, (2, 3), (3, 1))})
        out = os.path.join(self.folder.name, "x.safetensors")
        self.assertEqual(script.main([self.path, out]), 0)
        with open(out, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            self.assertIn(b'"shape": [2, 3]', file.read(size))
            self.assertEqual(struct.unpack("<6f", file.read()), (1, 2, 3, 4, 5, 6))


if __name__ == "__main__":
    unittest.main()
