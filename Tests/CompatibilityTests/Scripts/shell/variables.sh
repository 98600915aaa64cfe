# The environment as it is, env -i, exported functions, many and long variables.
env | grep -v '^_=' | sort
env -i A=b env; env -u HOME sh -c 'echo ${HOME-unset}'; A='two words' sh -c 'echo "$A"'; export -n PATH; PATH=/usr/bin:/bin printenv PATH
f() { echo "function $1"; }; export -f f; bash -c 'f exported'
for n in $(seq 2000); do export "VARIABLE_$n=value $n of a variable"; done; env | grep -c VARIABLE_; export LONG=$(printf '%100000s' x); sh -c 'echo ${#LONG}'
pwd; echo "$PWD $OLDPWD $SHLVL $UID $EUID $HOSTTYPE $OSTYPE $TERM"; id -u; id -g; cd /; pwd; cd - >/dev/null; ls /proc/self/fd | wc -l
grep -E '^(SigBlk|ShdPnd|SigPnd|Threads|Umask)' /proc/self/status; ignored=$(awk '/^SigIgn/ { print $2 }' /proc/self/status); echo $((16#$ignored & 0x7fffffff)); tr '\0' '\n' </proc/self/environ | grep -c =
test -t 0 || echo "no terminal"; stat -Lc %F /dev/stdin /dev/stdout /dev/stderr /dev/null /dev/zero /dev/urandom /dev/tty /dev/fd /dev/shm /tmp /usr
