"""Pseudo-terminals: pty.spawn, openpty, raw mode, window size, job control characters, getpass, a curses start."""
import curses
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import tty

master, slave = pty.openpty()
print("terminal", os.isatty(slave), os.ttyname(slave).startswith("/dev/pts/"))
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
print("size", os.get_terminal_size(slave))
os.write(master, b"typed\n")
print("line", os.read(slave, 100), os.read(master, 100))
tty.setraw(slave)
os.write(master, b"r\x03w")
print("raw", os.read(slave, 100))


def capture(command):
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    output = b""
    while True:
        try:
            data = os.read(descriptor, 10000)
        except OSError:
            break
        if not data:
            break
        output += data
    return output, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


print(capture(["sh", "-c", "test -t 0 && test -t 1 && echo a terminal; stty size; stty -a | grep -c isig; echo >/dev/tty"]))
print(capture(["python3", "-c", "import sys; print(sys.stdout.isatty())"]))
pid, descriptor = pty.fork()
if pid == 0:
    os.execvp("sleep", ["sleep", "60"])
select.select([], [], [], 0.2)
os.write(descriptor, b"\x03")
print("interrupt", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
code = "import pty, sys; sys.exit(pty.spawn(['echo', 'spawned']) >> 8)"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, stdin=subprocess.DEVNULL))
os.environ["TERM"] = "xterm"
curses.setupterm(fd=slave)
print("colours", curses.tigetnum("colors"), curses.tigetstr("cup"))
code = "import getpass; print(getpass.getpass('password: ', sys.stderr))".replace("sys.stderr", "None")
pid, descriptor = pty.fork()
if pid == 0:
    os.execvp("python3", ["python3", "-c", code])
output = b""
while b"password: " not in output:
    output += os.read(descriptor, 100)
os.write(descriptor, b"secret\n")
try:
    while data := os.read(descriptor, 100):
        output += data
except OSError:
    pass
print("getpass", output, os.wait()[1])
