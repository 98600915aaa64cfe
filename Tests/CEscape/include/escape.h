// What an attack needs and Swift cannot say: raw system calls, the older ABIs of the processor, fork(2), structures.
#pragma once

#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

// Calls that only some architectures or kernels' headers have: -1 answers ENOSYS.
#ifndef __NR_open
#define __NR_open -1
#define __NR_creat -1
#define __NR_mkdir -1
#define __NR_mknod -1
#define __NR_chmod -1
#define __NR_rename -1
#define __NR_uselib -1
#define __NR_ustat -1
#define __NR_sysfs -1
#endif
#ifndef __NR_iopl
#define __NR_iopl -1
#define __NR_ioperm -1
#define __NR_modify_ldt -1
#endif

// The kernel's own answer: a value, or a negative errno.
long escape_call(long number, long a, long b, long c, long d, long e, long f);
// The same call by `int 0x80`, the gate of 32-bit programs. -ENOSYS elsewhere than on x86_64.
long escape_call_i386(long number, long a, long b, long c);
// 0 when this processor has such a gate.
int escape_has_i386(void);

pid_t escape_fork(void);
const char *_Nonnull escape_error_name(int code);

// wait(2) macros.
int escape_ended_by(int status);

// fcntl(2) and ioctl(2) are variadic.
int escape_fcntl(int descriptor, int command, long argument);
int escape_ioctl(int descriptor, unsigned long request, long argument);

// A Unix socket's message with a descriptor. Returns the descriptor received, or a negative errno.
int escape_receive_descriptor(int socket);

// A block of `count` descriptor-carrying messages is not needed; one is. Returns 0 or a negative errno.
int escape_send_descriptor(int socket, int descriptor);

// perf_event_attr, bpf_attr and clone_args as the kernel of today knows them, minimal and valid.
long escape_perf_event_self(void);
long escape_bpf_create_map(void);
long escape_clone3(uint64_t flags, int cgroup);
long escape_io_uring_setup(void);
// A filter that allows everything, on top of those that are there.
long escape_seccomp_allow_all(void);
// sched_setattr(2): a deadline of half the processor.
long escape_deadline(void);
// A netlink message of `type` with no attributes to NETLINK_ROUTE; the kernel's answer.
long escape_route_request(int type, int index);
// setxattr(2), which Swift's Glibc module does not have. Returns 0 or a negative errno.
int escape_set_attribute(const char *_Nonnull path, const char *_Nonnull name, const void *_Nonnull value,
                         unsigned long size);
