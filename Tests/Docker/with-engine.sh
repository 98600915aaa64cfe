#!/bin/bash
# Runs a command with a Docker Engine: the one that DOCKER_HOST names, or one of its own, started here and ended with the command. The
# engine has the images that the tests use (README.md beside this), made offline out of Debian's packages.
#
#   with-engine.sh STATE-DIRECTORY COMMAND...
#
# STATE-DIRECTORY keeps images from one use to the next.
set -euo pipefail

state=$(realpath -m "$1")
shift
here=$(dirname "$(realpath "$0")")

answers() { curl -sf --max-time 5 --unix-socket "$1" http://docker/_ping >/dev/null 2>&1; }

if [ -n "${DOCKER_HOST:-}" ]; then
    socket=${DOCKER_HOST#unix://}
    answers "$socket" || { echo "with-engine.sh: nobody answers at $DOCKER_HOST" >&2; exit 69; }
else
    mkdir -p "$state"
    run=$(mktemp -d /run/sandboxd-test-engine.XXXXXX)
    # Its socket has a group; the directory must not be in the way.
    chmod 711 "$run"
    socket=$run/docker.sock
    # Mounts of its own, and no network of the host's: images are imported from files. A containerd of the host's, which it would use
    # if it saw that one's socket, does not see these mounts.
    # It ignores SIGRTMIN, as engines do whose parent did: containers inherit that.
    # shellcheck disable=SC2016
    setsid unshare --mount --propagation private sh -c 'trap "" 34; [ ! -d /run/containerd ] || mount -t tmpfs tmpfs /run/containerd; exec "$@"' \
        sh dockerd --data-root "$state/data" --exec-root "$run/exec" --pidfile "$run/pid" \
        --host "unix://$socket" --group root --bridge none --iptables=false --ip-forward=false --ip-masq=false \
        --log-level warn >"$run/log" 2>&1 &
    engine=$!
    end() {
        kill "$engine" 2>/dev/null || true
        wait "$engine" 2>/dev/null || true
        rm -rf "$run"
    }
    trap end EXIT
    for _ in $(seq 300); do
        answers "$socket" && break
        kill -0 "$engine" 2>/dev/null || { cat "$run/log" >&2; exit 69; }
        sleep 0.1
    done
    answers "$socket" || { cat "$run/log" >&2; exit 69; }
fi
export DOCKER_HOST=unix://$socket
"$here/images.sh" "$state" "$socket"
"$@"
