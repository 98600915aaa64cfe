// epoll(7), which Swift's Glibc module does not have.
#pragma once

#include <stddef.h>
#include <stdint.h>

int sandbox_readiness_create(void);
// Reports `token` whenever `descriptor` can be read or has ended, until it is forgotten.
int sandbox_readiness_add(int set, int descriptor, uint64_t token);
// Asks for one report of `token` (EPOLLONESHOT) when `descriptor` can be read (or written); again after a report. A
// descriptor that nobody may read yet costs nothing.
int sandbox_readiness_watch(int set, int descriptor, int writing, uint64_t token);
int sandbox_readiness_forget(int set, int descriptor);
// Sleeps until something is ready, or for `milliseconds` (-1: without end). Returns how many tokens were stored, at most
// `capacity`.
int sandbox_readiness_wait(int set, uint64_t *_Nonnull tokens, size_t capacity, int milliseconds);
