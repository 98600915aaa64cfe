"""subprocess: pipelines, much data both ways, shells, descriptors, timeouts, sessions, errors."""
import os
import subprocess
import sys

print(subprocess.check_output(["echo", "one", "two words"], text=True))
first = subprocess.Popen(["seq", "100000"], stdout=subprocess.PIPE)
second = subprocess.Popen(["grep", "7"], stdin=first.stdout, stdout=subprocess.PIPE)
third = subprocess.Popen(["wc", "-l"], stdin=second.stdout, stdout=subprocess.PIPE, text=True)
first.stdout.close()
second.stdout.close()
print("pipeline", third.communicate()[0].strip(), first.wait(), second.wait())
noise = bytes(range(256)) * 20000
print("both ways", subprocess.run(["cat"], input=noise, stdout=subprocess.PIPE).stdout == noise)
done = subprocess.run("echo out; echo err >&2; exit 3", shell=True, capture_output=True, text=True)
print(done)
print(subprocess.run(["sh", "-c", "echo to both; echo err >/dev/stderr; echo out >/dev/stdout"],
                     stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True).stdout)
read, write = os.pipe()
subprocess.run(["sh", "-c", f"echo passed >&{write}"], pass_fds=[write])
print("descriptor", os.read(read, 100))
try:
    subprocess.run(["sleep", "60"], timeout=0.05)
except subprocess.TimeoutExpired as error:
    print("timed out", error.cmd)
for command in (["no-such-program"], ["/etc/passwd"], ["/tmp"]):
    try:
        subprocess.run(command)
    except OSError as error:
        print(type(error).__name__, error)
child = subprocess.Popen(["sh", "-c", "ps -o pid= >/dev/null; echo $$"], stdout=subprocess.PIPE, text=True, start_new_session=True)
print("session", child.communicate()[0].strip() == str(child.pid))
print(subprocess.run([sys.executable, "-c", "import os; print(os.getcwd(), os.environ['A'])"], cwd="/usr",
                     env={"A": "b"}, capture_output=True, text=True).stdout)
print(subprocess.run(["id", "-u"], preexec_fn=lambda: os.umask(0o77), capture_output=True).returncode)
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], {}, setpgroup=0)
print("spawned", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print("popen", os.popen("echo $((6 * 7))").read(), os.system("exit 4") >> 8)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon", "w").write("written by a daemon")
        os.rename("daemon", "daemon.done")
    os._exit(0)
os.wait()
while not os.path.exists("daemon.done"):
    pass
print(open("daemon.done").read())
