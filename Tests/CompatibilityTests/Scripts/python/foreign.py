"""ctypes: calls into libc and libm, callbacks, structures, errno, a library of our own by name."""
import ctypes
import ctypes.util
import os

libc = ctypes.CDLL(None, use_errno=True)
print("pid", libc.getpid() == os.getpid(), "strtol", libc.strtol(b"0x2a", None, 16), "abs", libc.abs(-7))
order = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
values = (ctypes.c_int * 8)(5, 3, 8, 1, 9, 2, 7, 4)
libc.qsort(values, len(values), ctypes.sizeof(ctypes.c_int), order(lambda a, b: a[0] - b[0]))
print("sorted", list(values))
libm = ctypes.CDLL(ctypes.util.find_library("m"))
libm.pow.restype, libm.pow.argtypes = ctypes.c_double, (ctypes.c_double, ctypes.c_double)
print("pow", libm.pow(2, 10))


class TimeSpec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


now = TimeSpec()
print("clock", libc.clock_gettime(0, ctypes.byref(now)), now.seconds > 10**9)
print("open", libc.open(b"/no/such/file", 0), os.strerror(ctypes.get_errno()))
buffer = ctypes.create_string_buffer(64)
libc.snprintf(buffer, 64, b"%s-%d", b"text", ctypes.c_int(42))
print("snprintf", buffer.value)
libc.puts(b"puts")
libc.fflush(None)
print("libraries", ctypes.util.find_library("c"), ctypes.util.find_library("z"))
