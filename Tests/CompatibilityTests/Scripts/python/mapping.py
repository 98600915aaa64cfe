"""mmap: files shared between processes, private copies, anonymous memory, resizing, flushing, searching."""
import mmap
import os

with open("data", "wb") as file:
    file.write(b"line of text\n" * 100000)
with open("data", "r+b") as file:
    with mmap.mmap(file.fileno(), 0) as area:
        print("size", len(area), area.find(b"text"), area.rfind(b"line"), area.readline())
        area[0:4] = b"LINE"
        area.flush()
        if (child := os.fork()) == 0:
            area[5:7] = b"OF"
            os._exit(0)
        os.waitpid(child, 0)
        print("shared", area[:12])
        area.madvise(mmap.MADV_SEQUENTIAL)
        area.resize(8192)
        print("resized", len(area), os.path.getsize("data"))
    private = mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE)
    private[0:4] = b"mine"
    print("private", private[:4], os.pread(file.fileno(), 4, 0))
    private.close()
anonymous = mmap.mmap(-1, 16 << 20)
anonymous[-5:] = b"bytes"
print("anonymous", anonymous[-5:], len(anonymous))
