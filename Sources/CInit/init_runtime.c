#include "init_runtime.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>

#include "init_plan.h"

static _Alignas(16) unsigned char prepare_memory[INIT_MAXIMUM_PREPARE];
static _Alignas(16) unsigned char command_memory[INIT_MAXIMUM_COMMAND];
static const char *string_pointers[INIT_MAXIMUM_STRINGS + 2];

unsigned char *init_prepare_memory(void) { return prepare_memory; }

unsigned char *init_command_memory(void) { return command_memory; }

const char **init_string_pointers(void) { return string_pointers; }

static long call(long number, long a, long b, long c, long d, long e) {
    return init_syscall(number, a, b, c, d, e, 0);
}

long init_receive(int socket, void *bytes, unsigned long capacity, int *descriptors, int *descriptor_count) {
    struct iovec part = {bytes, capacity};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    *descriptor_count = 0;
    long received = call(__NR_recvmsg, socket, (long)&message, MSG_CMSG_CLOEXEC, 0, 0);
    if (received < 0) return received;
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return -EMSGSIZE;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int index = 0; index < count && index < 4; index++) descriptors[index] = ((int *)CMSG_DATA(header))[index];
        *descriptor_count = count;
    }
    return received;
}

long init_send(int socket, const void *bytes, unsigned long count) {
    return init_syscall(__NR_sendto, socket, (long)bytes, (long)count, MSG_NOSIGNAL, 0, 0);
}

long init_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    for (unsigned index = 0; index + 1 < sizeof address.sun_path && path[index]; index++)
        address.sun_path[index] = path[index];
    long socket = call(__NR_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0);
    if (socket < 0) return socket;
    long result = call(__NR_connect, socket, (long)&address, sizeof address, 0, 0);
    if (result == 0) return socket;
    call(__NR_close, socket, 0, 0, 0, 0);
    return result;
}

long init_loopback_up(void) {
    struct ifreq request = {.ifr_name = "lo"};
    request.ifr_flags = IFF_UP;
    long socket = call(__NR_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0);
    if (socket < 0) return socket;
    long result = call(__NR_ioctl, socket, SIOCSIFFLAGS, (long)&request, 0, 0);
    call(__NR_close, socket, 0, 0, 0, 0);
    return result;
}

static uint64_t microseconds(struct timeval time) { return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_usec; }

void init_children_usage(
    uint64_t *blocks_read, uint64_t *blocks_written, uint64_t *context_switches, uint64_t *user_time,
    uint64_t *system_time) {
    struct rusage usage = {0};
    call(__NR_getrusage, RUSAGE_CHILDREN, (long)&usage, 0, 0, 0);
    *blocks_read = (uint64_t)usage.ru_inblock;
    *blocks_written = (uint64_t)usage.ru_oublock;
    *context_switches = (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
    *user_time = microseconds(usage.ru_utime);
    *system_time = microseconds(usage.ru_stime);
}

uint64_t init_monotonic(void) {
    struct timespec now = {0};
    call(__NR_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned int init_is_full(const char *path) {
    struct statfs status = {0};
    if (call(__NR_statfs, (long)path, (long)&status, 0, 0, 0) < 0) return 0;
    // Totals of 0 are no limit. tmpfs counts pages and inodes, so that less than one is none.
    return (status.f_blocks > 0 && status.f_bfree == 0 ? 1u : 0u) |
           (status.f_files > 0 && status.f_ffree == 0 ? 2u : 0u);
}

long init_default_signal(long signal) {
    // struct kernel_sigaction of both architectures: SIG_DFL, no flags, no restorer, an empty mask.
    uint64_t action[4] = {0};
    return call(__NR_rt_sigaction, signal, (long)action, 0, 8, 0);
}

long init_block_signals(int block) {
    uint64_t set = block ? ~(uint64_t)0 : 0;
    return call(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&set, 0, sizeof set, 0);
}

long init_reap(int *status, int wait) { return call(__NR_wait4, -1, (long)status, wait ? 0 : 1 /* WNOHANG */, 0, 0); }

long init_drop_bounding_set(void) {
    for (long capability = 0; capability < 64; capability++) {
        long result = call(__NR_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
        if (result == -EINVAL) break;
        if (result < 0) return result;
    }
    return call(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

long init_clear_capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    return call(__NR_capset, (long)&header, (long)none, 0, 0, 0);
}

long init_install_filter(const void *instructions, unsigned int count) {
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)(uintptr_t)instructions};
    if (count == 0 || count > 4096) return -EINVAL;
    // Once pid 1 has heard of a call, only its end by a signal takes it back: or a signal in the middle would make it
    // fail with EINTR, or be made, and counted, twice. Linux 5.19; an older kernel does not know the flag.
    const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    long listener = call(
        __NR_seccomp, SECCOMP_SET_MODE_FILTER, (long)(flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV), (long)&program, 0,
        0);
    if (listener != -EINVAL) return listener;
    return call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, (long)flags, (long)&program, 0, 0);
}

int init_peer_is_gone(int socket) {
    struct pollfd state = {.fd = socket};
    struct timespec now = {0};
    call(__NR_ppoll, (long)&state, 1, (long)&now, 0, 0);
    return (state.revents & (POLLHUP | POLLERR)) != 0;
}

// struct landlock_ruleset_attr grew: 8 bytes, 16 with the network (ABI 4), 24 with scopes (ABI 6). An older kernel
// refuses a longer one whose tail is not zero, and takes it otherwise.
struct ruleset {
    uint64_t filesystem, network, scoped;
};

long init_landlock_ruleset(uint64_t filesystem, uint64_t network, uint64_t scoped) {
    struct ruleset attributes = {filesystem, network, scoped};
    return call(__NR_landlock_create_ruleset, (long)&attributes, sizeof attributes, 0, 0, 0);
}

long init_landlock_allow(int ruleset, int directory, uint64_t access) {
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = directory};
    return call(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, (long)&rule, 0, 0);
}

long init_set_limit(int resource, uint64_t value) {
    uint64_t limit[2] = {value, value};
    return call(__NR_prlimit64, 0, resource, (long)limit, 0, 0);
}

long init_lower_limit(int resource, uint64_t value) {
    uint64_t limit[2];
    long result = call(__NR_prlimit64, 0, resource, 0, (long)limit, 0);
    if (result < 0) return result;
    return init_set_limit(resource, limit[1] < value ? limit[1] : value);
}
