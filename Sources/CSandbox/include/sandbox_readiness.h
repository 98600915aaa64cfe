// epoll(7), which Swift's Glibc module does not have. Every watch is one report (EPOLLONESHOT): who wants another asks
// again, so that a descriptor that nobody may read yet costs nothing.
#pragma once

#include <stddef.h>
#include <stdint.h>

int sandbox_readiness_create(void);
// Asks for one report of `token` when `descriptor` can be read (or written); again after a report.
int sandbox_readiness_watch(int set, int descriptor, int writing, uint64_t token);
int sandbox_readiness_forget(int set, int descriptor);
// Sleeps until something is ready. Returns how many tokens were stored, at most `capacity`.
int sandbox_readiness_wait(int set, uint64_t *_Nonnull tokens, size_t capacity);
