"""Resource limits read and lowered, usage counted, processors, priorities, what the interpreter says of its host."""
import os
import platform
import resource
import subprocess
import sys
import threading

for name in ("NOFILE", "FSIZE", "CORE", "CPU", "DATA", "STACK", "AS", "RSS"):
    print(name, resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    files = [open("/dev/null") for _ in range(100)]
except OSError as error:
    print("too many", error.strerror)
print("lower", subprocess.run("ulimit -n", shell=True, capture_output=True, text=True).stdout)
limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28)); bytearray(1 << 29)"
print(subprocess.run([sys.executable, "-c", limited], stderr=subprocess.PIPE, text=True).stderr.splitlines()[-1])
limited = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"
print("cpu", subprocess.run([sys.executable, "-c", limited]).returncode)
limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (999, 999)); open('big', 'wb').write(bytes(5000))"
print("size", subprocess.run([sys.executable, "-c", limited], stderr=subprocess.PIPE).returncode, os.path.getsize("big"))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
print("cores", os.cpu_count(), os.sched_getaffinity(0))
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print("usage", usage.ru_utime + usage.ru_stime > 0.5, usage.ru_maxrss > 1000)
print("priority", os.getpriority(os.PRIO_PROCESS, 0), os.nice(5), os.sched_getscheduler(0))
threading.stack_size(1 << 20)
print("interpreter", sys.version_info[:2], platform.machine(), platform.system(), platform.libc_ver())
print("memory", os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES") > 1000, sys.getrecursionlimit())
print("system", platform.freedesktop_os_release()["ID"], os.uname().sysname)
