"""Signals: handlers, alarm, interval timers, masks, waiting, children, real-time signals, faulthandler, exit statuses."""
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time

seen = []
for number in (signal.SIGUSR1, signal.SIGALRM, signal.SIGVTALRM, signal.SIGCHLD, signal.SIGRTMIN + 3):
    signal.signal(number, lambda n, _: seen.append(n))
os.kill(os.getpid(), signal.SIGUSR1)
signal.alarm(1)
print("alarm left", signal.alarm(0) > 0)
signal.setitimer(signal.ITIMER_REAL, 0.01)
while signal.SIGALRM not in seen:
    time.sleep(0.001)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)
while signal.SIGVTALRM not in seen:
    pass
os.kill(os.getpid(), signal.SIGRTMIN + 3)
print("seen", [signal.Signals(n).name if n < signal.SIGRTMIN else "RT" for n in seen])
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
os.kill(os.getpid(), signal.SIGUSR2)
print("pending", signal.sigpending(), signal.sigwait({signal.SIGUSR2}))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
print("timed", signal.sigtimedwait({signal.SIGTERM}, 20).si_signo)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
for code in ("import os; os.abort()", "import os; os.kill(os.getpid(), 9)", "import ctypes; ctypes.string_at(0)",
             "1 / 0", "import sys; sys.exit(300)", "raise KeyboardInterrupt"):
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    print(done.returncode, done.stderr.splitlines()[-1:])
sleeper = subprocess.Popen(["sleep", "60"])
sleeper.send_signal(signal.SIGSTOP)
print("stopped", os.WIFSTOPPED(os.waitpid(sleeper.pid, os.WUNTRACED)[1]))
sleeper.send_signal(signal.SIGCONT)
sleeper.terminate()
print("ended", sleeper.wait())
group = subprocess.Popen("sleep 60 & sleep 60; wait", shell=True, start_new_session=True)
time.sleep(0.05)
os.killpg(group.pid, signal.SIGTERM)
print("group", group.wait())
pidfd = os.pidfd_open(os.getpid())
signal.pidfd_send_signal(pidfd, signal.SIGUSR1)
print("by descriptor", signal.SIGUSR1 in seen)
with open("trace", "w") as file:
    faulthandler.dump_traceback(file)
print("traceback", "signals.py" in open("trace").read())
