#!/usr/bin/env bash
# Makes the root of the virtual machine: a minimal Debian 12 with its own kernel, and a service that runs what is on the
# second disk. It knows nothing of sandboxd. Made once, and again when the recipe changes: the files here that it
# consists of, and the packages. New versions in Debian's archive do not change it: remove DIRECTORY to get them.
# Usage: root.sh DIRECTORY PACKAGE... -> DIRECTORY/disk.img, vmlinuz, initrd.img
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
directory=$1
shift
packages=("$@")
while read -r line; do
    for package in ${line%%#*}; do packages+=("$package"); done
done <"$here/packages"

# Two at once would write the same files.
exec 9>"$directory.lock"
flock 9
recipe=$({ cat "$here/root.sh" "$here/bootstrap.sh" "$here"/guest/payload*; printf '%s\n' "${packages[@]}"; } |
    sha256sum | cut -d' ' -f1)
if [ "$(cat "$directory/recipe" 2>/dev/null)" = "$recipe" ]; then exit; fi

[ "$(id -u)" = 0 ] || { echo "$0: only root can make a root file system" >&2; exit 1; }
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "$0: the virtual machine is x86_64, as its host must be" >&2; exit 1; }
new=$directory.new
rm -rf --one-file-system "$new"
trap 'rm -rf --one-file-system "$new"' EXIT
mkdir -p "$new"
echo "making the virtual machine's root, Debian 12 with ${#packages[@]} packages: some minutes, log in $directory.log"

# In namespaces of its own: what is mounted there, and whoever still runs there, goes away with it, however it ends.
if ! unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    "$here/bootstrap.sh" "$new/tree" "${packages[@]}" >"$directory.log" 2>&1 </dev/null 9>&-; then
    tail -n 25 "$directory.log" >&2
    exit 1
fi
cp --dereference "$new/tree/vmlinuz" "$new/tree/initrd.img" "$new"
mke2fs -q -t ext4 -L root -d "$new/tree" "$new/disk.img" 8G >/dev/null
rm -rf --one-file-system "$new/tree"
echo "$recipe" >"$new/recipe"
# So that whoever owns the checkout can remove it.
chown -R --reference="$(dirname "$directory")" "$new"
rm -rf --one-file-system "$directory"
mv "$new" "$directory"
