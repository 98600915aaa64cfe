// What Embedded Swift needs to be pid 1 without libc, and what it cannot say itself.
//
// Without libc, because a static glibc spends about 300 us of a start in cpuid instructions, each of which leaves a
// virtual machine, and because nothing that is not here can be misused here. Functions return the value, or the
// negated errno, as the kernel does.
#pragma once

#include <asm/unistd.h>
#include <linux/landlock.h>
#include <stdint.h>

long init_syscall(long number, long a, long b, long c, long d, long e, long f);

// recvmsg(2) of one whole message with up to four descriptors. -EMSGSIZE when it does not fit.
long init_receive(int socket, void *_Nonnull bytes, unsigned long capacity, int *_Nonnull descriptors,
                  int *_Nonnull descriptor_count);
long init_send(int socket, const void *_Nonnull bytes, unsigned long count);
// A SOCK_SEQPACKET socket connected to the one at a path, close-on-exec.
long init_connect(const char *_Nonnull path);
// Whether nobody holds the other end any more, whatever is still to be received.
int init_peer_is_gone(int socket);

// Interface "lo" up, netdevice(7).
long init_loopback_up(void);
// getrusage(2) RUSAGE_CHILDREN; times in microseconds.
void init_children_usage(uint64_t *_Nonnull blocks_read, uint64_t *_Nonnull blocks_written,
                         uint64_t *_Nonnull context_switches, uint64_t *_Nonnull user_time,
                         uint64_t *_Nonnull system_time);
uint64_t init_monotonic(void);
// statfs(2) of a file system with limits: bit 0, no block is free; bit 1, no inode is.
unsigned int init_is_full(const char *_Nonnull path);
// Gives a signal its default action, also one of those that libc keeps for itself; EINVAL for what cannot be ignored.
long init_default_signal(long signal);
// Blocks all signals, or none.
long init_block_signals(int block);
// wait4(2); `wait` 0: without waiting. The pid, 0 when nobody has ended.
long init_reap(int *_Nonnull status, int wait);
// The bounding and ambient sets; while pid 1's capabilities are still held.
long init_drop_bounding_set(void);
// capset(2): effective, permitted and inheritable sets empty.
long init_clear_capabilities(void);
// The descriptor on which the calls that the filter hands over are heard of, seccomp_unotify(2).
long init_install_filter(const void *_Nonnull instructions, unsigned int count);
long init_landlock_ruleset(uint64_t filesystem, uint64_t network, uint64_t scoped);
long init_landlock_allow(int ruleset, int directory, uint64_t access);
long init_set_limit(int resource, uint64_t value);
// The same, where the limit is not lower already.
long init_lower_limit(int resource, uint64_t value);

// Memory of this process: no heap, only these. Pages that are not touched cost nothing.
unsigned char *_Nonnull init_prepare_memory(void);
unsigned char *_Nonnull init_command_memory(void);
// What this process was started with: argv, NULL, environment, NULL.
const char *_Nullable *_Nonnull init_arguments(void);
long init_argument_count(void);
// argv, NULL, environment, NULL for execve(2): INIT_MAXIMUM_STRINGS + 2 pointers.
const char *_Nullable *_Nonnull init_string_pointers(void);
