#!/bin/bash
# Gives an engine the images of the tests, those that it does not have.
#
#   images.sh STATE-DIRECTORY SOCKET [NAME...]
#
# All of them, or those that are named: busybox, greedy, debian.
set -euo pipefail

state=$1
socket=$2
shift 2
names=" ${*:-busybox greedy debian} "
mkdir -p "$state"

# Whether there is nothing to do for one.
has() {
    case $names in *" ${1%%:*} "*) ;; *) return 0 ;; esac
    curl -sf --unix-socket "$socket" "http://docker/images/sandboxd-test/$1/json" >/dev/null
}

# import NAME TAG [CHANGE...] <archive
import() {
    local query="fromSrc=-&repo=$1&tag=$2" change
    shift 2
    for change in "$@"; do query+="&changes=$(printf %s "$change" | od -An -tx1 | tr -d '\n' | sed 's/ /%/g')"; done
    local answer
    answer=$(curl -sf --unix-socket "$socket" -X POST -H 'Content-Type: application/x-tar' --data-binary @- \
        "http://docker/images/create?$query")
    case $answer in *'"error"'*) echo "images.sh: $answer" >&2; exit 70 ;; esac
}

# From where this host has its own Debian 12.
mirror() {
    # apt's own syntax, not the shell's.
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' |
        awk '$2 == "bookworm" { print $1; exit }'
}

busybox_tree() {
    local tree=$state/busybox name
    rm -rf "$tree"
    mkdir -p "$tree"/{bin,etc,tmp}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    for name in $("$tree/bin/busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$tree/bin/$name"; done
    echo 'root:x:0:0::/:/bin/sh' >"$tree/etc/passwd"
    tar -C "$tree" -c .
}

# One static program and its names.
has busybox:1 || busybox_tree | import sandboxd-test/busybox 1 'ENV PATH=/bin' 'ENV FROM_IMAGE=yes'

# An image that asks for everything that an image can ask for.
has greedy:1 || busybox_tree | import sandboxd-test/greedy 1 'USER root' 'VOLUME /data' 'VOLUME /tmp' 'WORKDIR /data' \
    'ENTRYPOINT ["/bin/busybox","echo","entrypoint"]' 'CMD ["/bin/sh"]' 'HEALTHCHECK --interval=1s CMD touch /tmp/healthy' \
    'ENV LD_PRELOAD=/data/evil.so' 'ENV PATH=/bin' 'EXPOSE 80'

# What an agent's tools need.
if ! has debian:12; then
    if [ ! -s "$state/debian.tar" ]; then
        rm -rf "$state/debian"
        [ -n "$(mirror)" ] || apt-get update -qq
        eval "$(apt-config shell proxy Acquire::http::Proxy)"
        if [ -n "${proxy:-}" ]; then export http_proxy=${http_proxy:-$proxy}; fi
        # It mounts, and does not unmount.
        unshare --mount --propagation private debootstrap --variant=minbase --include=python3,procps bookworm \
            "$state/debian" "$(mirror)" >"$state/debootstrap.log" 2>&1 || { tail -20 "$state/debootstrap.log" >&2; exit 70; }
        rm -rf "$state"/debian/var/cache/apt/archives/*.deb "$state"/debian/var/lib/apt/lists/*
        tar -C "$state/debian" -cf "$state/debian.tar" .
        rm -rf "$state/debian"
    fi
    import sandboxd-test/debian 12 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' <"$state/debian.tar"
fi
