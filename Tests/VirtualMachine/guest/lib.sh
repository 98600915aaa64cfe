# In the virtual machine: what the scripts that look at the installed service have in common. To be sourced.
# shellcheck shell=bash
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# On the root disk: it lasts over boots.
state=/var/lib/checks
mkdir -p "$state"
touch "$state"/{held,failed,recovery,times}

# check NAME COMMAND...: a command that must succeed; what it writes is shown where it does not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $name"
        echo "$name" >>"$state/held"
    else
        echo "NOT OK  $name: $*"
        printf '%s\n' "$output" | sed 's/^/        /' | tail -n 20
        echo "$name" >>"$state/failed"
    fi
}
# Waits up to a minute for a command to succeed.
eventually() {
    local end=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$end" ]; do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    "$@"
}
is() { [ "$1" = "$2" ] || { printf "'%s' is not '%s'\n" "$1" "$2"; return 1; }; }
not() { ! "$@"; }
# has PATTERN COMMAND...: what the command writes has a line that matches.
has() {
    local pattern=$1 output
    shift
    output=$("$@" 2>&1)
    grep -qE -- "$pattern" <<<"$output" || { printf '%s\n' "$output"; return 1; }
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

property() { systemctl show --property="$1" --value "${2:-sandboxd.service}"; }
main() { property MainPID; }
launcher() { pgrep -P "$(main)" -x sandbox-launche; }
# as USER COMMAND...
as() { runuser -u "$1" -- "${@:2}"; }
answers() { is "$(as agent sandboxctl exec -- sh -c 'echo inside; id -u' | tr '\n' ' ')" "inside 1000 "; }

# reported FILE: what `exec --report FILE` says: "code category" of an error, "outcome reason" of a run that came about.
reported() {
    jq -er 'if .error then "\(.error.code) \(.error.category)" else "outcome \(.outcome.reason)" end' "$1" 2>/dev/null ||
        echo "no report"
}

# What nobody may leave: processes outside of the service that runs, groups of another launcher, mounts.
mounts() { findmnt --list --noheadings --output TARGET | grep -v '^/run/user/' | sort; }
remember_mounts() { mounts >"$state/mounts"; }
left() {
    local pid
    for pid in $(pgrep -x 'sandboxd|sandbox-launche|sandbox-init'); do
        # Who has just ended is nobody's.
        ! [ -e "/proc/$pid/cgroup" ] || grep -q "/sandboxd.service/" "/proc/$pid/cgroup" || { ps -fp "$pid"; return 1; }
    done
    is "$(find /sys/fs/cgroup/sandbox.slice/sandboxd.service -maxdepth 1 -name 'sandboxd-*' | wc -l)" 1 &&
        is "$(mounts)" "$(cat "$state/mounts")"
}
restarted() { [ "$(property NRestarts)" -gt "$1" ] && is "$(property ActiveState)" active; }
# recover WHAT COMMAND...: the command breaks the service while somebody has a run. A line of the recovery table.
recover() {
    local what=$1 before start gone told clean=nothing
    shift
    before=$(property NRestarts)
    as agent sandboxctl exec --report /home/agent/report -- sleep 60 >/dev/null 2>&1 &
    sleep 1
    start=$(milliseconds)
    "$@"
    wait $!
    gone=$(($(milliseconds) - start)) told=$(reported /home/agent/report)
    check "$what: the run's caller is told" has "^([a-z_]+ temporary|outcome lost)$" echo "$told"
    check "$what: it is started again" eventually restarted "$before"
    check "$what: it answers" eventually answers
    answered=$(($(milliseconds) - start))
    check "$what: nothing is left" eventually left
    left >/dev/null 2>&1 || clean="**something**"
    echo "| $what | $clean | $told, $gone | $answered |" >>"$state/recovery"
}

# What is there when there is no service: nothing.
nothing_left() {
    not pgrep -x 'sandboxd|sandbox-launche|sandbox-init' && not test -e /sys/fs/cgroup/sandbox.slice/sandboxd.service &&
        is "$(mounts)" "$(cat "$state/mounts")"
}
