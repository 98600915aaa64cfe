#!/usr/bin/env bash
# Runs the tests of .build/debug in the virtual machine that root.sh made.
# Usage: test.sh NAME PROGRAMS LIBRARIES...
#   NAME       of the machine: its image and logs are in .build/vm under it, and there is one of a name at a time
#   PROGRAMS   package: the one in .build/deb is installed, and its programs are tested; debug: those beside the tests are
#   LIBRARIES  directories of the Swift runtime that the tests are linked with
# VM_FILTER and VM_SKIP (regular expressions of `swift test`) choose tests, VM_SECONDS says how long they may take together. The
# machine has one processor unless VM_CPUS says otherwise: emulated, what goes to and fro between two costs several times as
# much, in seconds of the host's (README).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
name=$1
shift
vm=$checkout/.build/vm image=$vm/$name.img logs=$vm/$name-logs
products=$(realpath "$checkout/.build/debug")
seconds=${VM_SECONDS:-1500}
package='' released=''
if [ "$1" = package ]; then
    package=$(realpath "$checkout"/.build/deb/sandboxd_*.deb)
    released=$(realpath "$checkout/.build/release")
fi
shift
exec 9>"$vm/$name.lock"
flock --nonblock 9 || { echo "the machine $name of this checkout is running already" >&2; exit 1; }

# The sources as they are, also those that are not committed yet; the programs; the runtime.
files() {
    git -c "safe.directory=$checkout" -C "$checkout" ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' name; do
            if [ -e "$checkout/$name" ]; then printf '%s\0' "$checkout/$name"; fi
        done
    printf '%s\0' "$checkout/.build/debug"
    find "$products" -maxdepth 1 -type f -executable -print0
    find "$@" -maxdepth 1 -name '*.so' -print0
    if [ -n "$package" ]; then printf '%s\0' "$package" "$released/example-agent" "$released/sandbox-bench"; fi
}

command=("$products/sandboxdPackageTests.xctest" --testing-library swift-testing --no-parallel)
if [ -n "${VM_FILTER:-}" ]; then command+=(--filter "$VM_FILTER"); fi
if [ -n "${VM_SKIP:-}" ]; then command+=(--skip "$VM_SKIP"); fi
files "$@" | "$here/payload.sh" "$image" "$seconds" "$here/guest/run-tests" \
    "$checkout" "$@" -- "$package" "$released" "${command[@]}"

status=0
# Beside the tests' time: what the boot takes on a loaded machine.
VM_CPUS=${VM_CPUS:-1} "$here/boot.sh" "$vm/root" "$image" "$logs" "$((seconds + 300))" || status=$?
chown -R --reference="$vm" "$vm"

echo "== exit status $status, logs in $logs; skipped and failed tests again:"
grep -E '^(. )?(Test|Suite) .* (skipped|failed)|^. Test run with' "$logs/output.log" || true
exit "$status"
