# Job control in a script: background jobs, wait, kill, suspend and continue, disown, wait -n, process groups.
set -m; exec 3>&2 2>/dev/null  # bash tells of jobs when it likes
sleep 30 & first=$!
jobs | sed 's/[[:space:]]*&$//'
kill -STOP %1; while [[ $(jobs -s) == "" ]]; do :; done; echo "stopped: $(jobs -s | grep -c sleep)"
kill -CONT %1; kill %1; wait $first; echo "status $?"
(exit 7) & wait $!; echo "status $?"
for n in 1 2 3; do (exit $n) & done
sum=0; for n in 1 2 3; do wait -n; sum=$((sum + $?)); done; echo "sum $sum"
sleep 60 | cat & kill -TERM -- -$(jobs -p | tail -1); wait; echo "group ended"
sleep 60 & disown; kill $!; echo "disowned"
{ sleep 0.05; echo "from behind"; } & wait
set +m; exec 2>&3; trap 'echo "interrupted"' USR1; (sleep 0.05; kill -USR1 $$) & sleep 30 & s=$!; wait $s; kill $s; wait $s; echo "status $?"
nice -n 5 nice; nohup sh -c 'echo "hung up"' </dev/null 2>&1; setsid -w sh -c 'echo "session of its own"'
timeout 0.05 sleep 60; echo "timeout $?"; timeout -s KILL 0.05 sleep 60; echo "killed $?"
seq 20 | xargs -P 4 -n 1 sh -c 'echo $0 >>lines-$0'; cat lines-* | sort -n | tr '\n' ' '
trap - USR1; sh -c 'kill -9 $$'; echo "signal $?"; sh -c 'kill -SEGV $$' 2>/dev/null; echo "signal $?"
