"""What os offers for files: links, modes, times, attributes, locks, holes, copies in the kernel, descriptors without names."""
import fcntl
import errno
import os
import select
import shutil
import stat

with open("file", "wb") as file:
    file.write(b"contents " * 1000)
os.link("file", "hard")
os.symlink("file", "soft")
os.symlink("nowhere", "dangling")
os.mkfifo("fifo", 0o620)
os.mknod("node", 0o600 | stat.S_IFREG)
print(os.stat("file").st_nlink, os.readlink("soft"), os.path.exists("dangling"), os.path.samefile("hard", "soft"))
for mode in (0o755, 0o400, 0o1700, 0o000, 0o644):
    os.chmod("file", mode)
    print(oct(os.stat("file").st_mode))
os.utime("file", ns=(10**18 + 1, 10**18 + 123456789))
print(os.stat("file").st_mtime_ns, os.stat("file").st_size)
os.truncate("file", 100)
with open("file", "r+b") as file:
    os.posix_fallocate(file.fileno(), 0, 10000)
    os.lseek(file.fileno(), 1 << 20, os.SEEK_SET)
    os.write(file.fileno(), b"after a hole")
    fcntl.lockf(file, fcntl.LOCK_EX)
    if (child := os.fork()) == 0:
        with open("file", "r+b") as second:
            try:
                fcntl.lockf(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                os._exit(error.errno)
    print("locked", errno.errorcode[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])])
    fcntl.flock(file, fcntl.LOCK_SH)
def sent(target, source, offset, count):
    # As programs do where files cannot be used with it.
    try:
        return os.sendfile(target.fileno(), source.fileno(), offset, count)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return os.write(target.fileno(), os.pread(source.fileno(), count, offset))


with open("file", "rb") as source, open("copied", "wb") as target:
    print("copied", os.copy_file_range(source.fileno(), target.fileno(), 1000),
          sent(target, source, 1000, 500))
memory = os.memfd_create("memory")
os.write(memory, b"#!/bin/sh\necho from memory\n")
print("memory", os.fstat(memory).st_size, os.pread(memory, 9, 0))
unnamed = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(unnamed, b"named later")
os.link(f"/proc/self/fd/{unnamed}", "unnamed", src_dir_fd=0, follow_symlinks=True)
print("unnamed", open("unnamed").read())
for name in ("user.colour",):
    try:
        os.setxattr("hard", name, b"blue")
        print(name, os.getxattr("hard", name), os.listxattr("hard"))
    except OSError as error:
        print(name, error.strerror)
counter = os.eventfd(3)
poll = select.epoll()
poll.register(counter, select.EPOLLIN)
print("event", poll.poll(1)[0][1], os.eventfd_read(counter))
os.rename("copied", "renamed")
try:
    os.rename("file", "/usr/file")
except OSError as error:
    print("out", error.errno in (errno.EXDEV, errno.EROFS, errno.EACCES))
for call in (lambda: os.chown("file", 0, 0), lambda: os.setuid(0), lambda: os.mknod("null", stat.S_IFCHR, 259),
             lambda: os.chroot("."), lambda: os.open("/etc/shadow", os.O_RDONLY)):
    try:
        call()
        print("allowed")
    except OSError as error:
        print("refused")
print("user", shutil.which("sh"), os.access("file", os.X_OK), os.getcwd(), os.path.realpath("soft"))
for name in sorted(os.listdir("."), key=os.fsencode):
    entry = os.lstat(name)
    print(stat.filemode(entry.st_mode), entry.st_nlink, entry.st_uid == os.getuid(), entry.st_gid == os.getgid(), name)
with os.scandir(".") as entries:
    print(sum(entry.is_symlink() for entry in entries))
os.mkdir("closed", 0o500)
print("closed", os.access("closed", os.W_OK))
