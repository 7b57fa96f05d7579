"""The video door of Sources/CVideo by ctypes. The structures are those of CVideo.h."""
import ctypes
import hashlib
import os

I32, I64, DOUBLE = ctypes.c_int32, ctypes.c_int64, ctypes.c_double
OK, END, DAMAGED, UNSUPPORTED, NO_VIDEO, ENCRYPTED, TOO_LARGE, SYSTEM, ABSENT = range(9)
OVERLAY, LOSSLESS = 0, 1


class Options(ctypes.Structure):
    _fields_ = [("maximum_pixels", I64), ("threads", I32)]


class Properties(ctypes.Structure):
    _fields_ = (
        [(name, I32) for name in ("width", "height", "stored_width", "stored_height", "pixel_width", "pixel_height")]
        + [(name, I32) for name in ("orientation", "time_base_num", "time_base_den")]
        + [("frame_rate", DOUBLE), ("duration", DOUBLE), ("frame_count", I64)]
        + [(name, I32) for name in ("streams", "channels", "bits", "full_range", "high_dynamic_range")]
        + [("container", ctypes.c_char * 64)]
        + [(name, ctypes.c_char * 32) for name in ("codec", "pixel_format", "matrix")]
    )


class Frame(ctypes.Structure):
    _fields_ = [(name, I64) for name in ("index", "pts", "duration")] + [
        (name, I32) for name in ("is_estimated", "is_damaged", "is_interlaced", "is_resized")
    ]


class Target(ctypes.Structure):
    _fields_ = [(name, I32) for name in ("kind", "width", "height", "time_base_num", "time_base_den")] + [
        ("frame_rate", DOUBLE),
        ("threads", I32),
        ("without_h264", I32),
    ]


class DoorError(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Door:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))
        self.library.video_version.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        """Calls an entry whose last argument is room for a message; gives its result, OK or END."""
        message = ctypes.create_string_buffer(400)
        code = getattr(self.library, name)(*arguments, message)
        if code > END:
            raise DoorError(code, message.value.decode("utf-8", "replace"))
        return code

    def reader(self, path=None, **options):
        return Reader(self, path, **options)

    def writer(self, path, **options):
        return Writer(self, path, **options)


class Reader:
    def __init__(self, door, path=None, content=None, threads=1, limit=100_000_000):
        self.door, self.content = door, content
        self.handle, self.properties, self.descriptor = ctypes.c_void_p(), Properties(), -1
        if path:
            self.descriptor = os.open(path, os.O_RDONLY)
        size = len(content) if content is not None else os.fstat(self.descriptor).st_size
        try:
            door.call(
                "video_open", self.descriptor, content, ctypes.c_size_t(size), Options(limit, threads),
                ctypes.byref(self.handle), ctypes.byref(self.properties),
            )
        except DoorError:
            self.close()
            raise
        found = self.properties
        self.buffer = ctypes.create_string_buffer(found.width * found.height * found.channels)

    def next(self):
        frame = Frame()
        code = self.door.call("video_next", self.handle, ctypes.byref(frame))
        return frame if code == OK else None

    def pixels(self):
        self.door.call("video_pixels", self.handle, self.buffer, ctypes.c_size_t(len(self.buffer)))
        return self.buffer.raw

    def hashes(self):
        """Timestamp and MD5 of each frame that is left, and the frames."""
        while frame := self.next():
            yield frame, hashlib.md5(self.pixels()).hexdigest()

    @property
    def ended_early(self):
        bad = I64()
        return bool(self.door.library.video_ended_early(self.handle, ctypes.byref(bad))), bad.value

    def close(self):
        if self.handle:
            self.door.library.video_close(self.handle)
            self.handle = None
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Writer:
    def __init__(self, door, path, kind, width, height, unit, rate=0.0, without_h264=0):
        self.door, self.handle = door, ctypes.c_void_p()
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        codec = ctypes.create_string_buffer(32)
        target = Target(kind, width, height, unit[0], unit[1], rate, 1, without_h264)
        door.call("video_create", self.descriptor, target, ctypes.byref(self.handle), codec)
        self.codec = codec.value.decode()

    def append(self, pixels, pts, duration=0):
        self.door.call("video_append", self.handle, pixels, ctypes.c_size_t(len(pixels)), I64(pts), I64(duration))

    def finish(self):
        self.door.call("video_finish", self.handle)
        self.close()

    def close(self):
        if self.handle:
            self.door.library.video_discard(self.handle)
            self.handle = None
            os.close(self.descriptor)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
