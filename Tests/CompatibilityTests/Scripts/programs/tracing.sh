# strace on a program and its children: what it calls, by name.
set -e
strace -f -o trace -e trace=execve,openat,exit_group sh -c 'cat /etc/hostname >/dev/null; true'
grep -c execve trace; grep -o '"/etc/hostname"' trace; tail -1 trace | sed 's/^[0-9]* *//'; strace -c -o counts true; grep -c -E 'execve|mmap' counts; strace -e trace=write -o writes echo text; grep -o 'write(1, "text\\n", 5)' writes
sleep 30 & strace -p $! -o attached -e trace=none 2>/dev/null & sleep 0.1; kill %1; wait %1 || echo "status $?"; wait; grep -o 'SIGTERM' attached | head -1; ltrace -V >/dev/null 2>&1 || true
