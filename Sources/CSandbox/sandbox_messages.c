#include "sandbox_messages.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPACE CMSG_SPACE(sizeof(int) * SANDBOX_MAXIMUM_DESCRIPTORS)

ssize_t sandbox_send(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count,
                     int flags) {
    if (descriptor_count > SANDBOX_MAXIMUM_DESCRIPTORS) {
        errno = EINVAL;
        return -1;
    }
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    _Alignas(struct cmsghdr) char control[SPACE] = {0};
    if (descriptor_count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

static size_t take_descriptors(struct msghdr *message, int *descriptors) {
    size_t count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t bytes = header->cmsg_len - CMSG_LEN(0);
        memcpy(descriptors + count, CMSG_DATA(header), bytes);
        count += bytes / sizeof(int);
    }
    return count;
}

ssize_t sandbox_receive(int socket, void *bytes, size_t capacity, int *descriptors, size_t *descriptor_count,
                        int flags) {
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    _Alignas(struct cmsghdr) char control[SPACE];
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    *descriptor_count = 0;
    ssize_t received;
    do {
        received = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) return -1;
    *descriptor_count = take_descriptors(&message, descriptors);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t index = 0; index < *descriptor_count; index++) close(descriptors[index]);
        *descriptor_count = 0;
        errno = EMSGSIZE;
        return -1;
    }
    return received;
}

int sandbox_peer_credentials(int socket, struct sandbox_peer *peer) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return -1;
    peer->pid = credentials.pid;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    return 0;
}

int sandbox_accept(int socket) { return accept4(socket, NULL, NULL, SOCK_CLOEXEC); }

int sandbox_peer_groups(int socket, gid_t *groups, size_t capacity) {
    socklen_t size = (socklen_t)(capacity * sizeof *groups);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) return -1;
    return (int)(size / sizeof *groups);
}

// <linux/un.h> has it, and cannot be included beside <sys/un.h>.
#define SANDBOX_SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)

int sandbox_socket_file(int socket, uint64_t *device, uint64_t *inode) {
    int file = ioctl(socket, SANDBOX_SIOCUNIXFILE);
    if (file < 0) {
        // Of an O_PATH descriptor: the sender's mistake and not the caller's.
        if (errno == EBADF) errno = EINVAL;
        return -1;
    }
    struct stat status;
    int result = fstat(file, &status);
    close(file);
    *device = status.st_dev;
    *inode = status.st_ino;
    return result;
}

int sandbox_socket_cookie(int socket, uint64_t *cookie) {
    socklen_t size = sizeof *cookie;
    return getsockopt(socket, SOL_SOCKET, SO_COOKIE, cookie, &size);
}

int sandbox_grow_buffers(int socket, int bytes) {
    for (int index = 0; index < 2; index++) {
        int forced = index == 0 ? SO_SNDBUFFORCE : SO_RCVBUFFORCE;
        int plain = index == 0 ? SO_SNDBUF : SO_RCVBUF;
        if (setsockopt(socket, SOL_SOCKET, forced, &bytes, sizeof bytes) == 0) continue;
        if (setsockopt(socket, SOL_SOCKET, plain, &bytes, sizeof bytes) != 0) return -1;
    }
    return 0;
}
