// SCM_RIGHTS, SO_PEERCRED and SO_PEERGROUPS: cmsg macros and option structures cannot be said in Swift.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SANDBOX_MAXIMUM_DESCRIPTORS 8

// One message with descriptors. Returns sendmsg(2)'s value.
ssize_t sandbox_send(int socket, const void *_Nonnull bytes, size_t count, const int *_Nullable descriptors,
                     size_t descriptor_count, int flags);

// One message. Received descriptors are close-on-exec and the caller's; `*descriptor_count` is how many. When the
// message or its descriptors did not fit, everything received is closed and errno is EMSGSIZE.
ssize_t sandbox_receive(int socket, void *_Nonnull bytes, size_t capacity, int *_Nonnull descriptors,
                        size_t *_Nonnull descriptor_count, int flags);

struct sandbox_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
// socket(7) SO_PEERCRED: who connected, as the kernel recorded it then.
int sandbox_peer_credentials(int socket, struct sandbox_peer *_Nonnull peer);
// accept4(2), close-on-exec.
int sandbox_accept(int socket);
// socket(7) SO_PEERGROUPS: the peer's supplementary groups. Returns how many, -1 with ERANGE when there are more.
int sandbox_peer_groups(int socket, gid_t *_Nonnull groups, size_t capacity);

// The file that a Unix socket is bound to; a connection that a listener accepted has its listener's. unix(7)
// SIOCUNIXFILE, with CAP_NET_ADMIN. ENOENT: none.
int sandbox_socket_file(int socket, uint64_t *_Nonnull device, uint64_t *_Nonnull inode);
// socket(7) SO_COOKIE: a number that no other socket has or gets.
int sandbox_socket_cookie(int socket, uint64_t *_Nonnull cookie);

// Buffers for messages of `bytes`, beyond the host's maximum while the caller may (SO_SNDBUFFORCE).
int sandbox_grow_buffers(int socket, int bytes);

// The kernel's audit messages as whoever listens gets them, audit netlink multicast group AUDIT_NLGRP_READLOG: a
// non-blocking socket; CAP_AUDIT_READ. Each datagram is one struct nlmsghdr and its text.
int sandbox_audit_stream(void);
// Whether the kernel makes audit messages, AUDIT_GET: 1, 0, or -1 and errno; CAP_AUDIT_CONTROL.
int sandbox_audit_is_enabled(void);
