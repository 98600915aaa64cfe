#include "sandbox_readiness.h"

#include <errno.h>
#include <sys/epoll.h>

#define BATCH 64

int sandbox_readiness_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int sandbox_readiness_add(int set, int descriptor, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
    return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
}

int sandbox_readiness_watch(int set, int descriptor, int writing, uint64_t token) {
    struct epoll_event event = {.events = (writing ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT, .data.u64 = token};
    int result = epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &event);
    if (result < 0 && errno == ENOENT) result = epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
    return result;
}

int sandbox_readiness_forget(int set, int descriptor) { return epoll_ctl(set, EPOLL_CTL_DEL, descriptor, NULL); }

int sandbox_readiness_wait(int set, uint64_t *tokens, size_t capacity, int milliseconds) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(set, events, capacity < BATCH ? (int)capacity : BATCH, milliseconds);
    for (int index = 0; index < count; index++) tokens[index] = events[index].data.u64;
    return count;
}
