#!/usr/bin/env bash
# Installs a package in the virtual machine that root.sh made, and looks at the service as systemd runs it: guest/run-service.
# Usage: service.sh PACKAGE [STAGE...]   with stages, those of guest/stages alone
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
vm=$checkout/.build/vm logs=$checkout/.build/vm/service-logs
package=$(realpath "$1")
shift
exec 9>"$vm/service.lock"
flock --nonblock 9 || { echo "the service of this checkout is being looked at already" >&2; exit 1; }

# The same again as a newer version.
newer=$vm/newer.deb
tree=$newer.tree
rm -rf "$tree"
trap 'rm -rf "$tree"' EXIT
dpkg-deb -R "$package" "$tree"
sed -i 's/^Version: .*/&+newer/' "$tree/DEBIAN/control"
dpkg-deb --root-owner-group -Znone --build "$tree" "$newer" >/dev/null

printf '%s\0' "$package" "$newer" |
    "$here/payload.sh" "$vm/service.img" 1500 "$here/guest/run-service" "$package" "$newer" "$@"
status=0
VM_REBOOTS=yes "$here/boot.sh" "$vm/root" "$vm/service.img" "$logs" 2400 || status=$?
grep '^| ' "$logs/output.log" >"$logs/tables.md" || true
chown -R --reference="$vm" "$vm"
echo "== exit status $status, logs in $logs"
exit "$status"
