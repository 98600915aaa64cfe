#include "escape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/sched/types.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static long answer(long result) { return result < 0 ? -errno : result; }

long escape_call(long number, long a, long b, long c, long d, long e, long f) {
    return answer(syscall(number, a, b, c, d, e, f));
}

#if defined(__x86_64__)
long escape_call_i386(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
    // A 32-bit answer, sign included.
    return (int)result;
}
int escape_has_i386(void) { return 1; }
#else
long escape_call_i386(long number, long a, long b, long c) {
    (void)number, (void)a, (void)b, (void)c;
    return -ENOSYS;
}
int escape_has_i386(void) { return 0; }
#endif

pid_t escape_fork(void) { return fork(); }

const char *escape_error_name(int code) {
    const char *name = strerrorname_np(code);
    return name ? name : "unknown error";
}

int escape_ended_by(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

int escape_fcntl(int descriptor, int command, long argument) {
    return (int)answer(fcntl(descriptor, command, argument));
}

int escape_ioctl(int descriptor, unsigned long request, long argument) {
    return (int)answer(syscall(SYS_ioctl, (long)descriptor, request, argument));
}

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
};

int escape_receive_descriptor(int socket) {
    char byte;
    struct iovec part = {&byte, 1};
    union control control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0) return -errno;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS) return -ENOMSG;
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return descriptor;
}

int escape_send_descriptor(int socket, int descriptor) {
    char byte = 'd';
    struct iovec part = {&byte, 1};
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

long escape_perf_event_self(void) {
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.size = sizeof attr;
    attr.config = PERF_COUNT_SW_TASK_CLOCK;
    attr.exclude_kernel = 1;
    return answer(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

long escape_bpf_create_map(void) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = 4;
    attr.value_size = 4;
    attr.max_entries = 1;
    return answer(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

long escape_clone3(uint64_t flags, int cgroup) {
    struct clone_args arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = flags;
    arguments.exit_signal = 17;
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup;
    }
    long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) _exit(0);
    if (pid < 0) return -errno;
    waitpid((pid_t)pid, 0, 0);
    return pid;
}

long escape_io_uring_setup(void) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    return answer(syscall(SYS_io_uring_setup, 4, &parameters));
}

long escape_seccomp_allow_all(void) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return answer(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

long escape_deadline(void) {
    struct sched_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.sched_policy = 6;
    attributes.sched_runtime = 1000000;
    attributes.sched_deadline = attributes.sched_period = 100000000;
    return answer(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

long escape_route_request(int type, int index) {
    struct {
        struct nlmsghdr header;
        struct ifaddrmsg address;
    } request;
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[512];
    } reply;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = (uint16_t)type;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    request.address.ifa_family = AF_INET;
    request.address.ifa_index = (uint32_t)index;
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (descriptor < 0) return -errno;
    long result = send(descriptor, &request, sizeof request, 0);
    if (result >= 0) result = recv(descriptor, &reply, sizeof reply, 0);
    result = result < 0 ? -errno : reply.header.nlmsg_type == NLMSG_ERROR ? reply.error.error : -EBADMSG;
    close(descriptor);
    return result;
}

int escape_set_attribute(const char *path, const char *name, const void *value, unsigned long size) {
    return (int)answer(setxattr(path, name, value, size, 0));
}
