"""tempfile: every kind, in TMPDIR and in the workspace; names differ and are not printed."""
import os
import stat
import tempfile

print("directory", tempfile.gettempdir())
with tempfile.TemporaryFile() as file:
    file.write(b"x" * 5_000_000)
    print("unnamed", file.tell(), os.fstat(file.fileno()).st_nlink)
with tempfile.NamedTemporaryFile("w+", suffix=".txt", delete=False) as file:
    file.write("text")
print("named", open(file.name).read(), oct(stat.S_IMODE(os.stat(file.name).st_mode)))
os.unlink(file.name)
with tempfile.TemporaryDirectory(dir=".") as directory:
    for number in range(100):
        open(os.path.join(directory, str(number)), "w").close()
    print("directory", len(os.listdir(directory)), oct(stat.S_IMODE(os.stat(directory).st_mode)))
print("gone", os.path.exists(directory))
with tempfile.SpooledTemporaryFile(10) as file:
    file.write(b"more than ten bytes")
    print("spooled", file.tell())
handle, path = tempfile.mkstemp(dir=".", prefix="kept-")
os.write(handle, b"kept")
os.rename(path, "kept")
print("writable", [os.access(path, os.W_OK) for path in ("/tmp", "/dev/shm", ".", "/usr", "/etc")])
with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
    print("shared memory", file.name.startswith("/dev/shm/"))
