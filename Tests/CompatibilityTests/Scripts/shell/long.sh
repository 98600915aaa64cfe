# Long argument lists, many arguments, many descriptors, deep recursion, big pipes.
set -e
python3 - <<'P'
import subprocess
for size in (100_000, 131_000):
    print(len(subprocess.run(["printf", "%s", "x" * size], capture_output=True).stdout))
many = [str(n) for n in range(50_000)]
print(subprocess.run(["sh", "-c", "echo $#", "sh", *many], capture_output=True, text=True).stdout.strip())
try:
    subprocess.run(["true", "x" * 140_000])
except OSError as error:
    print(error.strerror)
files = [open("/dev/null") for _ in range(900)]
print(len(files))
P
seq 100000 | xargs echo | wc -l; seq 20000 | xargs -n 5000 sh -c 'echo $#' | sort | uniq -c; echo {1..30000} | wc -w; set -- $(seq 40000); echo $#
f() { [ $1 -eq 0 ] || f $(($1 - 1)); }; f 800 && echo recursed; head -c 200000000 /dev/zero | wc -c; yes | head -c 30000000 | tr y n | md5sum; x=$(seq 100000); echo ${#x}
