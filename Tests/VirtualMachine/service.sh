#!/usr/bin/env bash
# Installs the release programs in the virtual machine that root.sh made and looks at the service as systemd runs it.
# Usage: service.sh STAGE   what `make install` put below its DESTDIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
vm=$checkout/.build/vm
stage=$(realpath "$1")
exec 9>"$vm/lock"
flock --nonblock 9 || { echo "the virtual machine of this checkout is running already" >&2; exit 1; }

find "$stage" -not -type d -print0 | "$here/payload.sh" "$vm/payload.img" 900 "$here/guest/run-service" "$stage"
status=0
"$here/boot.sh" "$vm/root" "$vm/payload.img" "$vm/service-logs" 1200 || status=$?
chown -R --reference="$vm" "$vm"
echo "== exit status $status, logs in $vm/service-logs"
exit "$status"
