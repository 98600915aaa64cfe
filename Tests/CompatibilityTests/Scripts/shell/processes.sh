# ps, /proc, kill, pgrep, nice, ulimit, limits per process; numbers that must differ are not printed.
sleep 61 & sleeper=$!; while read -r name </proc/$sleeper/comm && [ "$name" != sleep ]; do :; done
ps -o comm=,stat=,nice= -p $sleeper; ps -o args= -p $sleeper; pgrep -x sleep -P $$ | wc -l; ps -o ppid= -p $sleeper | grep -qw $$ && echo child
grep -E '^(Name|State|PPid|Threads):' /proc/$sleeper/status | sed "s/$$/PARENT/"; tr '\0' ' ' </proc/$sleeper/cmdline; echo; readlink /proc/$sleeper/cwd /proc/$sleeper/exe
ls /proc/self/fd | wc -l; ls /proc/self/task | wc -l; head -1 /proc/self/maps | grep -c cat
kill -0 $sleeper && echo alive; kill $sleeper; wait $sleeper; echo "status $?"; kill -0 $sleeper 2>/dev/null || echo gone; kill -l 15 SIGHUP
ulimit -a | sed 's/processes.*/processes N/; s/signals.*/signals N/; s/locked.*/locked N/; s/queues.*/queues N/'; ulimit -Sn 100; ulimit -n; ulimit -Hn; prlimit -n --noheadings -o RESOURCE,SOFT,HARD 2>/dev/null
nice -n 3 sh -c 'nice'; renice -n 4 -p $$ >/dev/null && nice; ionice -c 3 true && echo ionice; taskset -c 0 nproc; chrt -p $$ >/dev/null && echo chrt; nproc; getconf CLK_TCK
cat /proc/sys/kernel/ostype /proc/sys/fs/pipe-max-size; test -r /proc/meminfo -a -r /proc/cpuinfo -a -r /proc/stat -a -r /proc/uptime -a -r /proc/loadavg -a -r /proc/version && echo readable; free >/dev/null && uptime >/dev/null && vmstat >/dev/null && echo "procps works"
top -b -n 1 >/dev/null && echo top; uname -smo; hostname >/dev/null && arch; time true 2>/dev/null; (exec -a renamed bash -c 'echo $0'); which sh; command -v which; getent passwd 0 | cut -d: -f1,3
for s in HUP INT TERM PIPE; do sh -c "kill -$s \$\$"; echo "$s $?"; done; sh -c 'trap "" PIPE; seq 100000' 2>/dev/null | head -1; yes | head -2; : | true; sleep 0 | sleep 0; echo "${PIPESTATUS[@]}"
