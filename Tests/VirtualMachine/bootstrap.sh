#!/usr/bin/env bash
# Installs Debian 12 in a directory. For root.sh alone, which starts it in a mount namespace of its own: it mounts and
# does not unmount.
# Usage: bootstrap.sh DIRECTORY PACKAGE...
set -euo pipefail
# Of the host: inside it is no directory, and packages want one while they are installed.
unset TMPDIR
tree=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
# PATH, locale and the mode of new files come from whoever calls; what is installed must not depend on them.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
umask 022

# From where this host has its own Debian 12: "URI SUITE COMPONENT" for each of its sources.
sources() {
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
        awk '$2 ~ /^bookworm(-updates|-security)?$/ && $3 == "main"' | sort -u
}
# Whose a source is, is known once its index is there.
[ -n "$(sources)" ] || apt-get update -qq
mirror=$(sources | awk '$2 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || { echo "apt on this host has no source of Debian's suite bookworm" >&2; exit 1; }
# debootstrap asks the environment for a proxy, apt its configuration.
eval "$(apt-config shell proxy Acquire::http::Proxy)"
if [ -n "${proxy:-}" ]; then export http_proxy=${http_proxy:-$proxy}; fi

debootstrap --variant=minbase bookworm "$tree" "$mirror"

# While packages are installed, this host's ways to its sources; none of it stays.
sources | sed 's|^|deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] |' >"$tree/etc/apt/sources.list"
apt-config dump | grep '^Acquire::' | grep -vE '^Acquire::(IndexTargets|Changelogs|Languages|CompressionTypes)' \
    >"$tree/etc/apt/apt.conf.d/99host"
cp --dereference /etc/resolv.conf /etc/hosts "$tree/etc"
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
mount -t sysfs -o ro sysfs "$tree/sys"
chroot "$tree" apt-get update -qq
chroot "$tree" apt-get install -y -qq --no-install-recommends "$@"
chroot "$tree" apt-get clean

rm -rf "$tree"/var/lib/apt/lists/* "$tree/etc/apt/apt.conf.d/99host" "$tree/etc/apt/sources.list"
: >"$tree/etc/resolv.conf"
printf '127.0.0.1 localhost vm\n::1 localhost\n' >"$tree/etc/hosts"
echo vm >"$tree/etc/hostname"
# Empty, it is filled at boot; without it systemd takes each boot for the first one.
: >"$tree/etc/machine-id"
# The journal of a boot before the last one is wanted too.
mkdir -p "$tree/var/log/journal"

install -m 755 "$here/guest/payload" "$tree/usr/local/sbin/payload"
install -m 644 "$here/guest/payload.service" "$tree/etc/systemd/system/payload.service"
chroot "$tree" systemctl enable payload.service
# Started by those who need them: every machine would pay for it at its boot.
chroot "$tree" systemctl disable docker.socket docker.service containerd.service apparmor.service
# The serial line is a log, and nobody logs in.
chroot "$tree" systemctl mask getty.target serial-getty@ttyS0.service
