"""Calls functions of an emulated GPU's library, in a process of its own that the address sanitizer watches.

Reads requests from standard input and writes answers to standard output, both pickled. No torch here: the process
starts at once, and a kernel that reads or writes a byte beside its memory ends nothing but itself.
"""

import ctypes
import pickle
import sys
from typing import Any

SIMPLE = {"int": ctypes.c_int, "int64": ctypes.c_int64, "double": ctypes.c_double, "bool": ctypes.c_bool}

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


class Call:
    """The arguments of one call; its buffers are freed by :meth:`finish`."""

    def __init__(self, arguments: list[tuple]) -> None:
        self.buffers: list[tuple[int, int, int]] = []
        self.kept: list[Any] = []
        self.arguments = [self.convert(*argument) for argument in arguments]

    def convert(self, kind: str, value: Any = None, offset: int = 0) -> Any:
        if kind == "null":
            return ctypes.c_void_p(None)
        if kind == "address":
            return ctypes.c_void_p(value)
        if kind == "buffer":  # of exactly its bytes, which begin at a multiple of 16 unless there is an offset
            start = libc.malloc(offset + len(value))
            ctypes.memmove(start + offset, value, len(value))
            self.buffers.append((start, offset, len(value)))
            return ctypes.c_void_p(start + offset)
        if kind == "struct":
            fields = [self.convert(*field) for field in value]
            names = [f"field{k}" for k in range(len(fields))]
            types = [(name, type(field)) for name, field in zip(names, fields, strict=True)]
            for k, field in enumerate(fields):  # a structure inside a structure lies in it
                if hasattr(field, "_obj"):
                    types[k], fields[k] = (names[k], type(field._obj)), field._obj
            layout = type("Layout", (ctypes.Structure,), {"_fields_": types})
            self.kept.append(layout(*fields))
            return ctypes.byref(self.kept[-1])
        return SIMPLE[kind](value)

    def finish(self) -> list[bytes]:
        """Returns what is in the buffers now."""
        contents = [ctypes.string_at(start + offset, size) for start, offset, size in self.buffers]
        for start, _, _ in self.buffers:
            libc.free(start)
        return contents


def main(path: str) -> None:
    library = ctypes.CDLL(path)
    library.emulator_forget_shared_memory()
    while True:
        try:
            name, arguments, orders = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        function = getattr(library, name)
        function.restype = ctypes.c_char_p
        answers = []
        for order in orders:
            library.emulator_set_order(order)
            call = Call(arguments)
            error = function(*call.arguments)
            answers.append((error.decode() if error else None, call.finish()))
        pickle.dump(answers, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
