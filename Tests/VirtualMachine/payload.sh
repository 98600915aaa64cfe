#!/usr/bin/env bash
# Makes the second disk of the virtual machine, from scratch: a program, its arguments, what is in `guest` here, and files of
# this host at the paths that they have here, below `files`.
# Usage: payload.sh IMAGE SECONDS PROGRAM [ARGUMENT...] <LIST
#   SECONDS  how long the program may run, in each boot
#   LIST     absolute paths of files and links, each ended by a NUL byte
set -euo pipefail
image=$1 limit=$2 program=$3
shift 3
tree=$image.tree
rm -rf --one-file-system "$tree" "$image"
trap 'rm -rf --one-file-system "$tree"' EXIT
mkdir -p "$tree/files"
install -m 755 "$program" "$tree/run"
cp -R "$(dirname "$0")/guest" "$tree/guest"
echo "$limit" >"$tree/limit"
printf '%s\0' "$@" >"$tree/arguments"
# The leading slash goes from names, and stays where links point.
tar --create --absolute-names --transform='s|^/||S' --null --files-from=- |
    tar -C "$tree/files" --extract --same-owner --same-permissions
kilobytes=$(du -sk --apparent-size "$tree" | cut -f1)
# A quarter more for the file system itself, and 64 MiB for what tests write beside their sources.
mke2fs -q -t ext4 -m 0 -L payload -d "$tree" "$image" "$((kilobytes * 5 / 4 + 65536))k" >/dev/null
