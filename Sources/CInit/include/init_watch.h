// What pid 1 needs to hear of refused system calls, seccomp_unotify(2), and to wait for several things at once.
// Functions return the value, or the negated errno, as the kernel does.
#pragma once

#include <stdint.h>

#include "init_plan.h"

// A system call that waits for an answer. `process` is a thread's id in this pid namespace.
struct init_notification {
    uint64_t id;
    uint32_t process;
    uint32_t call;
    uint32_t architecture;
    uint64_t arguments[6];
};

// The AUDIT_ARCH_* of this program; the x32 calls of x86_64 have it too, and a bit in their number.
uint32_t init_native_architecture(void);
#define INIT_X32_BIT 0x40000000u

// The descriptor `number` of another process, pidfd_getfd(2).
long init_take_descriptor(int process, int number);
// signalfd(2) of all signals, which must be blocked.
long init_signal_descriptor(void);
// The next signal, or -EAGAIN.
long init_next_signal(int descriptor);
// Waits until one of the descriptors has something; bit N of the result is descriptor N, bit N + 8 its hang-up.
// A negative descriptor is left out. After `nanoseconds`, below a second, the result is 0; negative: never.
long init_wait_events(const int *_Nonnull descriptors, int count, long nanoseconds);

long init_notification_receive(int listener, struct init_notification *_Nonnull notification);
// Whether the call still waits: until then its process is the one that was named.
long init_notification_is_valid(int listener, uint64_t id);
// The call fails with `error`, a positive errno; or, with 0, goes on as if nobody had asked.
long init_notification_answer(int listener, uint64_t id, int error);
// process_vm_readv(2): the number of bytes that could be read.
long init_read_memory(int process, uint64_t address, void *_Nonnull bytes, unsigned long count);
// Opens with O_PATH; /proc's magic links, which would be pid 1's own, are refused.
long init_open_plain(int directory, const char *_Nonnull path);
// "/proc/P/cwd" or "/proc/P/fd/N", opened with O_PATH.
long init_open_directory_of(int process);
long init_open_descriptor_of(int process, int number);
// Whether a descriptor's file is a plain one on a mount from which nothing can be executed.
int init_is_on_noexec_mount(int descriptor);

// What was refused so far, INIT_MAXIMUM_DENIALS entries.
struct init_denial *_Nonnull init_denials(void);
