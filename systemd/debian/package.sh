#!/usr/bin/env bash
# Makes a Debian package of what `make install DESTDIR=STAGE PREFIX=/usr` installed: sandboxd_VERSION_ARCHITECTURE.deb.
# The same files, version and SOURCE_DATE_EPOCH (seconds, needed) make the same package, byte for byte.
# Usage: package.sh STAGE VERSION DIRECTORY   -> prints the package's path
# DEBFULLNAME and DEBEMAIL say who makes it, as for Debian's own tools; DEB_COMPRESSION are options of dpkg-deb (-Zxz; -Zzstd
# takes a hundredth of its minute, is half as large again, and unknown to lintian and to Debian 11).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
stage=$(realpath "$1") version=$2 directory=$3
: "${SOURCE_DATE_EPOCH:?seconds since 1970, of the sources}"
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
maintainer="${DEBFULLNAME:-sandboxd maintainers} <${DEBEMAIL:-sandboxd@example.org}>"
architecture=$(dpkg --print-architecture)
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
cp -R "$stage" "$tree"

# fill FILE: a template of this directory.
fill() {
    sed -e "s|@VERSION@|$version|; s|@ARCHITECTURE@|$architecture|; s|@MAINTAINER@|$maintainer|" \
        -e "s|@DATE@|$(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")|" "$here/$1"
}

# Symbols are for debuggers, and in the build's programs: they are three quarters of the bytes.
programs=("$tree"/usr/libexec/sandboxd/*)
for program in "${programs[@]}"; do strip --strip-unneeded --remove-section=.comment "$program"; done

install -D -m 644 "$here/README.policies" "$tree/etc/sandboxd/policies/README"
install -D -m 644 "$here/default" "$tree/etc/default/sandboxd"
documents=$tree/usr/share/doc/sandboxd
# Debian has the text of the licence.
rm "$documents/LICENSE"
install -m 644 "$here/copyright" "$documents/copyright"
fill changelog | gzip -9n >"$documents/changelog.Debian.gz"
gzip -9n "$tree"/usr/share/man/man*/*
install -D -m 644 "$here/lintian-overrides" "$tree/usr/share/lintian/overrides/sandboxd"

mkdir "$tree/DEBIAN" "$work/debian"
# dpkg-shlibdeps wants a source package around it.
printf 'Source: sandboxd\n\nPackage: sandboxd\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "${programs[@]/#/-e}" 2>"$work/shlibdeps.log" |
    sed -n 's/^shlibs:Depends=//p') || { cat "$work/shlibdeps.log" >&2; exit 1; }
# In KiB, each file and directory rounded up, as dpkg-gencontrol counts.
size=$(find "$tree" -not -path "$tree/DEBIAN*" -printf '%y %s\n' |
    awk '$1 == "f" { sum += int(($2 + 1023) / 1024); next } { sum += 1 } END { print sum }')
fill control.in | sed "s|@SIZE@|$size|; s|@DEPENDS@|$depends|" >"$tree/DEBIAN/control"
find "$tree/etc" -type f -printf '/etc/%P\n' | sort >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$tree/DEBIAN/$script"; done
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

# Whoever built it, and with whatever umask.
find "$tree" -type d -exec chmod 755 {} +
find "$tree" -type f -perm /111 -exec chmod 755 {} +
find "$tree" -type f -not -perm /111 -exec chmod 644 {} +
find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$directory"
package=$directory/sandboxd_${version}_$architecture.deb
# shellcheck disable=SC2086 # Words of their own.
dpkg-deb --root-owner-group ${DEB_COMPRESSION:--Zxz} --build "$tree" "$package" >/dev/null
echo "$package"
