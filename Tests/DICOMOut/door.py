"""The entries of CDICOMWriting.h by ctypes: random masks without a model."""

import ctypes
import os
import pathlib
import shlex
import subprocess

FIELDS = {"fingerprint": 0, "algorithm": 1, "version": 2, "parameters": 3, "series": 4, "date": 5, "time": 6,
          "region_code": 7, "region_meaning": 8}


def build(folder):
    """Compiles Sources/CDICOM and the hash that it uses into a library."""
    root = pathlib.Path(__file__).resolve().parents[2]
    marker = pathlib.Path(folder) / "mcdrl_has_dicom.h"
    marker.write_text("")
    flags = subprocess.run(["pkg-config", "--cflags", "libopenjp2"], capture_output=True, text=True).stdout
    library = pathlib.Path(folder) / "door.so"
    kernels = root / "Sources/CKernels"
    sources = [*sorted((root / "Sources/CDICOM").glob("*.cpp")), kernels / "sha256.c"]
    subprocess.run(
        [os.environ.get("CXX", "c++"), "-std=c++20", "-O1", "-shared", "-fPIC", "-D_Nullable=", "-D_Nonnull=",
         "-Wno-nullability-completeness",
         "-I", str(root / "Sources/CDICOM/include"), "-I", str(kernels / "include"), "-I", str(folder),
         *shlex.split(flags), *map(str, sources), "-o", str(library),
         "-ldcmimage", "-ldcmimgle", "-ldcmjpls", "-ldcmjpeg", "-ldcmdata", "-loflog", "-lofstd", "-lopenjp2"], check=True)
    return library


class Failure(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Door:
    def __init__(self, library):
        self.c = ctypes.CDLL(str(library))
        self.c.dicom_derived_open.restype = ctypes.c_void_p
        self.message = ctypes.create_string_buffer(240)
        self.free = ctypes.CDLL(None).free
        self.free.argtypes = [ctypes.c_void_p]

    def call(self, name, *arguments):
        code = getattr(self.c, name)(*arguments, self.message)
        if code != 0:
            raise Failure(code, self.message.value.decode("utf-8", "replace"))

    def open(self, sources, fields):
        handle = ctypes.c_void_p(self.c.dicom_derived_open())
        for source in sources:
            self.call("dicom_derived_add_source", handle, os.fsencode(str(source)))
        for name, text in fields.items():
            self.call("dicom_derived_set", handle, FIELDS[name], text.encode())
        return handle

    def segmentation(self, sources, masks, segments, fields, to, all_frames=False, nominal=False):
        """`masks`: segment → source → frames × height × width. Returns whether there was anything."""
        handle = self.open(sources, fields)
        try:
            for label, code, meaning in segments:
                self.call("dicom_segmentation_add_segment", handle, label.encode(), code.encode(), meaning.encode(),
                          255, 221, 0)
            for index in range(len(sources)):
                for frame in range(len(masks[0][index])):
                    parts = [bytes(segment[index][frame].tobytes()) for segment in masks]
                    pointers = (ctypes.c_char_p * len(parts))(*parts)
                    self.call("dicom_segmentation_add_frame", handle, ctypes.c_size_t(index),
                              ctypes.c_uint32(frame + 1), pointers, ctypes.c_size_t(len(parts)), int(all_frames))
            header, size = ctypes.c_void_p(), ctypes.c_size_t()
            bits, bits_size, found = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_int()
            self.call("dicom_segmentation_finish", handle, int(nominal), ctypes.byref(header), ctypes.byref(size),
                      ctypes.byref(bits), ctypes.byref(bits_size), ctypes.byref(found))
            with open(to, "wb") as file:
                file.write(ctypes.string_at(header, size.value))
                file.write(ctypes.string_at(bits, bits_size.value))
            self.free(header)
            return bool(found.value)
        finally:
            self.c.dicom_derived_close(handle)

    def overlay(self, source, pictures, frames, fields, to):
        handle = self.open([source], fields)
        try:
            numbers = (ctypes.c_uint32 * len(frames))(*frames)
            header, size, total = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_uint64()
            self.call("dicom_overlay_header", handle, ctypes.c_size_t(0), numbers, ctypes.c_size_t(len(frames)),
                      ctypes.byref(header), ctypes.byref(size), ctypes.byref(total))
            pixels = b"".join(p.tobytes() for p in pictures)
            assert len(pixels) == total.value
            with open(to, "wb") as file:
                file.write(ctypes.string_at(header, size.value) + pixels + b"\0" * (len(pixels) % 2))
            self.free(header)
        finally:
            self.c.dicom_derived_close(handle)

    def read(self, path):
        """The frames of an object as (segment, source instance, source frame, pixels)."""
        import numpy

        class Facts(ctypes.Structure):
            _fields_ = [(n, ctypes.c_char * 66) for n in ("kind", "instance", "series", "syntax")] + [
                ("photometric", ctypes.c_char * 18)] + [
                (n, ctypes.c_uint32) for n in ("rows", "columns", "frames", "samples", "allocated", "stored", "storage", "own")]

        class Segment(ctypes.Structure):
            _fields_ = [("instance", ctypes.c_char * 66), ("label", ctypes.c_char * 130),
                        ("frame", ctypes.c_uint32), ("segment", ctypes.c_uint32)]

        facts, handle = Facts(), ctypes.c_void_p()
        limit = ctypes.c_uint64(1 << 30)
        self.call("dicom_open", os.fsencode(str(path)), limit, limit, ctypes.byref(handle), ctypes.byref(facts))
        try:
            result = []
            for index in range(facts.frames):
                place, pixels, channels = Segment(), ctypes.c_void_p(), ctypes.c_uint32()
                number = ctypes.c_uint32(index)
                self.call("dicom_segment_of", handle, number, ctypes.byref(place))
                self.call("dicom_frame", handle, number, ctypes.byref(pixels), ctypes.byref(channels))
                mask = numpy.frombuffer(ctypes.string_at(pixels, facts.rows * facts.columns), numpy.uint8)
                self.free(pixels)
                result.append((place.segment, place.instance.decode("ascii", "replace"), place.frame + 1,
                               mask.reshape(facts.rows, facts.columns)))
            return result
        finally:
            self.c.dicom_close(handle)
