#include "init_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/ioctl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#include "init_runtime.h"

static struct init_denial denials[INIT_MAXIMUM_DENIALS];

struct init_denial *init_denials(void) { return denials; }

static long call(long number, long a, long b, long c, long d, long e, long f) {
    return init_syscall(number, a, b, c, d, e, f);
}

static void close_descriptor(long descriptor) { call(__NR_close, descriptor, 0, 0, 0, 0, 0); }

uint32_t init_native_architecture(void) {
#if defined(__x86_64__)
    return AUDIT_ARCH_X86_64;
#else
    return AUDIT_ARCH_AARCH64;
#endif
}

long init_take_descriptor(int process, int number) {
    long pidfd = call(__NR_pidfd_open, process, 0, 0, 0, 0, 0);
    if (pidfd < 0) return pidfd;
    long taken = call(__NR_pidfd_getfd, pidfd, number, 0, 0, 0, 0);
    close_descriptor(pidfd);
    return taken;
}

long init_signal_descriptor(void) {
    uint64_t all = ~(uint64_t)0;
    return call(__NR_signalfd4, -1, (long)&all, sizeof all, SFD_CLOEXEC | SFD_NONBLOCK, 0, 0);
}

long init_next_signal(int descriptor) {
    struct signalfd_siginfo information;
    long count = call(__NR_read, descriptor, (long)&information, sizeof information, 0, 0, 0);
    if (count < 0) return count;
    return count == sizeof information ? (long)information.ssi_signo : -EAGAIN;
}

long init_wait_events(const int *descriptors, int count, long nanoseconds) {
    struct pollfd states[8];
    if (count > 8) return -EINVAL;
    for (int index = 0; index < count; index++)
        states[index] = (struct pollfd){.fd = descriptors[index], .events = POLLIN};
    struct timespec wait = {.tv_nsec = nanoseconds};
    long result = call(__NR_ppoll, (long)states, count, nanoseconds < 0 ? 0 : (long)&wait, 0, 0, 0);
    if (result < 0) return result;
    long ready = 0;
    for (int index = 0; index < count; index++) {
        if (states[index].revents & POLLIN) ready |= 1L << index;
        if (states[index].revents & (POLLHUP | POLLERR | POLLNVAL)) ready |= 256L << index;
    }
    return ready;
}

// Larger than the structures of today: a later kernel writes, and reads, its own size (SECCOMP_GET_NOTIF_SIZES).
union notification {
    struct seccomp_notif request;
    struct seccomp_notif_resp answer;
    unsigned char bytes[512];
};

static void clear(union notification *notification) {
    for (unsigned long index = 0; index < sizeof notification->bytes; index++) notification->bytes[index] = 0;
}

long init_notification_receive(int listener, struct init_notification *result) {
    union notification message;
    clear(&message);
    long received = call(__NR_ioctl, listener, SECCOMP_IOCTL_NOTIF_RECV, (long)&message, 0, 0, 0);
    if (received < 0) return received;
    result->id = message.request.id;
    result->process = message.request.pid;
    result->call = (uint32_t)message.request.data.nr;
    result->architecture = message.request.data.arch;
    for (int index = 0; index < 6; index++) result->arguments[index] = message.request.data.args[index];
    return 0;
}

long init_notification_is_valid(int listener, uint64_t id) {
    return call(__NR_ioctl, listener, SECCOMP_IOCTL_NOTIF_ID_VALID, (long)&id, 0, 0, 0);
}

long init_notification_answer(int listener, uint64_t id, int error) {
    union notification message;
    clear(&message);
    message.answer.id = id;
    message.answer.error = -error;
    if (error == 0) message.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    return call(__NR_ioctl, listener, SECCOMP_IOCTL_NOTIF_SEND, (long)&message, 0, 0, 0);
}

long init_read_memory(int process, uint64_t address, void *bytes, unsigned long count) {
    // Not past a page: what follows may not be mapped, and one call reads a part of an element or nothing of it.
    unsigned long in_page = 4096 - (address & 4095);
    struct iovec here[2] = {{bytes, count < in_page ? count : in_page}, {(char *)bytes + in_page, 0}};
    if (count > in_page) here[1].iov_len = count - in_page;
    struct iovec there[2] = {
        {(void *)(uintptr_t)address, here[0].iov_len}, {(void *)(uintptr_t)(address + in_page), here[1].iov_len}};
    int parts = here[1].iov_len ? 2 : 1;
    return call(__NR_process_vm_readv, process, (long)here, parts, (long)there, parts, 0);
}

long init_open_plain(int directory, const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
    return call(__NR_openat2, directory, (long)path, (long)&how, sizeof how, 0, 0);
}

static char *append_text(char *at, const char *text) {
    while (*text) *at++ = *text++;
    return at;
}

static char *append_number(char *at, unsigned int number) {
    char digits[10];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count) *at++ = digits[--count];
    return at;
}

long init_open_directory_of(int process) {
    char path[64];
    *append_text(append_number(append_text(path, "/proc/"), (unsigned int)process), "/cwd") = 0;
    return call(__NR_openat, AT_FDCWD, (long)path, O_PATH | O_CLOEXEC, 0, 0, 0);
}

long init_open_descriptor_of(int process, int number) {
    char path[64];
    char *at = append_text(append_number(append_text(path, "/proc/"), (unsigned int)process), "/fd/");
    *append_number(at, (unsigned int)number) = 0;
    return call(__NR_openat, AT_FDCWD, (long)path, O_PATH | O_CLOEXEC, 0, 0, 0);
}

int init_is_on_noexec_mount(int descriptor) {
    struct stat status;
    struct statfs mount;
    const char *empty = "";
    if (call(__NR_newfstatat, descriptor, (long)empty, (long)&status, AT_EMPTY_PATH, 0, 0) < 0) return 0;
    if ((status.st_mode & S_IFMT) != S_IFREG) return 0;
    if (call(__NR_fstatfs, descriptor, (long)&mount, 0, 0, 0, 0) < 0) return 0;
    return (mount.f_flags & 8 /* ST_NOEXEC */) != 0;
}
