"""Every module of the standard library is imported, twelve in a process."""
import concurrent.futures
import subprocess
import sys

# Windows', or with effects on import.
skipped = {"antigravity", "this", "msvcrt", "winreg", "winsound", "nt", "_winapi", "idlelib"}


def attempt(names):
    code = f"""
import importlib
for name in {names}:
    try:
        importlib.import_module(name)
        print(name)
    except BaseException as error:
        print(name, repr(error))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return f"{done.stdout}{done.returncode} {done.stderr}"


names = sorted(name for name in sys.stdlib_module_names - skipped if not name.startswith("_"))
groups = [names[at:at + 12] for at in range(0, len(names), 12)]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for line in pool.map(attempt, groups):
        print(line)
