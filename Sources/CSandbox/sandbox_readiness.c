#include "sandbox_readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define BATCH 64

int sandbox_readiness_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int add(int set, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    int result = epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
    if (result < 0 && errno == EEXIST) result = epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event);
    return result;
}

int sandbox_readiness_add(int set, int descriptor, uint64_t token) { return add(set, descriptor, EPOLLIN, token); }

int sandbox_readiness_add_changing(int set, int descriptor, uint64_t token) {
    return add(set, descriptor, EPOLLPRI, token);
}

int sandbox_readiness_watch(int set, int descriptor, int writing, uint64_t token) {
    struct epoll_event event = {.events = (writing ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT, .data.u64 = token};
    int result = epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event);
    if (result < 0 && errno == ENOENT) result = epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
    return result;
}

int sandbox_readiness_forget(int set, int descriptor) { return epoll_ctl(set, EPOLL_CTL_DEL, descriptor, NULL); }

int sandbox_pipe_bytes(int descriptor) {
    int count = 0;
    if (fcntl(descriptor, F_GETPIPE_SZ) < 0 || ioctl(descriptor, FIONREAD, &count) < 0) return -1;
    return count;
}

ssize_t sandbox_splice(int from, int to, size_t count) {
    return splice(from, NULL, to, NULL, count, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

int sandbox_enlarge_pipe(int descriptor, int bytes) { return fcntl(descriptor, F_SETPIPE_SZ, bytes); }

int sandbox_readiness_wait(int set, uint64_t *tokens, size_t capacity, int milliseconds) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(set, events, capacity < BATCH ? (int)capacity : BATCH, milliseconds);
    for (int index = 0; index < count; index++) tokens[index] = events[index].data.u64;
    return count;
}

ssize_t sandbox_read_now(int descriptor, void *bytes, size_t count) {
    struct iovec part = {bytes, count};
    return preadv2(descriptor, &part, 1, -1, RWF_NOWAIT);
}

ssize_t sandbox_write_now(int descriptor, const void *bytes, size_t count) {
    struct iovec part = {(void *)bytes, count};
    return pwritev2(descriptor, &part, 1, -1, RWF_NOWAIT);
}
