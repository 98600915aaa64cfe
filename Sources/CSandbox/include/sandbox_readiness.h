// epoll(7), which Swift's Glibc module does not have.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int sandbox_readiness_create(void);
// Reports `token` whenever `descriptor` can be read or has ended, until it is forgotten.
int sandbox_readiness_add(int set, int descriptor, uint64_t token);
// Reports `token` whenever a file of the kernel's has changed since it was read last (EPOLLPRI, cgroups(7)), until it is forgotten.
int sandbox_readiness_add_changing(int set, int descriptor, uint64_t token);
// Asks for one report of `token` (EPOLLONESHOT) when `descriptor` can be read (or written); again after a report. A
// descriptor that nobody may read yet costs nothing.
int sandbox_readiness_watch(int set, int descriptor, int writing, uint64_t token);
int sandbox_readiness_forget(int set, int descriptor);
// How many bytes a pipe holds (FIONREAD); -1 for what is no pipe.
int sandbox_pipe_bytes(int descriptor);
// Moves bytes between a pipe and a non-blocking socket without copying them, splice(2). As write(2) it returns how many, or -1
// with errno.
ssize_t sandbox_splice(int from, int to, size_t count);
// Lets a pipe hold so many bytes, F_SETPIPE_SZ of fcntl(2). What it holds then, or -1.
int sandbox_enlarge_pipe(int descriptor, int bytes);
// Sleeps until something is ready, or for `milliseconds` (-1: without end). Returns how many tokens were stored, at most
// `capacity`.
int sandbox_readiness_wait(int set, uint64_t *_Nonnull tokens, size_t capacity, int milliseconds);
// preadv2(2) and pwritev2(2) with RWF_NOWAIT at the file's own position: what there is, or what is taken, at once; EAGAIN
// where one would have to wait, EOPNOTSUPP from a file that cannot say so. Not for regular files, which poll(2) always
// calls ready.
ssize_t sandbox_read_now(int descriptor, void *_Nonnull bytes, size_t count);
ssize_t sandbox_write_now(int descriptor, const void *_Nonnull bytes, size_t count);
