#!/usr/bin/env bash
# Boots the virtual machine, shows what its payload writes, and ends with the payload's exit status: 124 when it was
# killed for its time, 125 when the machine told no status.
# Usage: boot.sh ROOT PAYLOAD LOGS SECONDS
#   ROOT     the directory that root.sh made
#   PAYLOAD  the image that payload.sh made. Both stay as they are: what the machine writes is thrown away.
#   LOGS     gets output.log, journal.log, console.log (the kernel's and systemd's), qemu.log, status
#   SECONDS  how long the machine may run, its boot included
# VM_ACCEL (tcg,thread=multi), VM_CPUS (2) and VM_MEMORY (3G) are for qemu. VM_REBOOTS=yes: the payload may have the machine
# started again; otherwise that is its end.
set -euo pipefail
root=$1 payload=$2 logs=$3 limit=$4
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/output.log"

# A fifth level of page tables, which nobody needs here, costs a fifth of the host's time. The network leads nowhere: it is
# there to be attacked. A panic is a reboot, and ends qemu where there is none.
arguments=(
    -accel "${VM_ACCEL:-tcg,thread=multi}" -cpu max,la57=off -smp "${VM_CPUS:-2}" -m "${VM_MEMORY:-3G}"
    -nodefaults -no-user-config -display none
    -kernel "$root/vmlinuz" -initrd "$root/initrd.img"
    -append "root=LABEL=root rw console=ttyS0 loglevel=4 panic=-1"
    -drive "file=$root/disk.img,format=raw,if=virtio,snapshot=on,cache=unsafe"
    -drive "file=$payload,format=raw,if=virtio,snapshot=on,cache=unsafe"
    -device virtio-rng-pci
    -netdev user,id=network,restrict=on -device virtio-net-pci,netdev=network,romfile=
    -chardev "file,id=console,path=$logs/console.log" -serial chardev:console
    -device virtio-serial-pci
)
port() {
    arguments+=(-chardev "file,id=$1,path=$logs/$2" -device "virtserialport,chardev=$1,name=$1")
}
port output output.log
port journal journal.log
port status status

if [ -z "${VM_REBOOTS:-}" ]; then arguments+=(-no-reboot); fi

# What is thrown away goes into a file of qemu's without a name, in this directory.
export TMPDIR=$logs
timeout --foreground --kill-after=10 "$limit" qemu-system-x86_64 "${arguments[@]}" </dev/null >"$logs/qemu.log" 2>&1 &
vm=$!
# timeout passes TERM on to qemu.
trap 'kill "$vm" 2>/dev/null || true' EXIT
tail -n +1 -f --pid="$vm" "$logs/output.log"
ended=0
wait "$vm" || ended=$?
trap - EXIT

status=$(cat "$logs/status" 2>/dev/null || true)
if [[ $status =~ ^[0-9]{1,3}$ ]]; then exit "$status"; fi
if [ "$ended" = 124 ] || [ "$ended" = 137 ]; then
    echo "the virtual machine was killed after $limit s" >&2
    ended=124
else
    echo "the virtual machine ended without telling a status (qemu: $ended)" >&2
    ended=125
fi
tail -n 25 "$logs/qemu.log" "$logs/console.log" >&2
exit "$ended"
