#include "sandbox_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// clone_args as of Linux 5.7 (CLONE_ARGS_SIZE_VER2), with the cgroup field.
struct clone_args_v2 {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
_Static_assert(sizeof(struct clone_args_v2) == 88, "clone3(2) CLONE_ARGS_SIZE_VER2");

// The stack of the children that share this address space. One at a time: the caller sleeps meanwhile.
static _Alignas(64) char child_stack[64 << 10];

pid_t sandbox_fork(uint64_t flags, int *pidfd) {
    struct clone_args_v2 arguments = {
        .flags = flags | CLONE_PIDFD, .pidfd = (uintptr_t)pidfd, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    // A child that is stopped, or waits for a disk, would outlive its parent, with copies of all that the parent held. (Of a
    // parent that has died before this line it hears by its sockets and pipes.)
    if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return pid;
}

// What the child needs, on the parent's stack; it is gone when the parent goes on.
struct child {
    int (*body)(struct child *);
    const struct sandbox_init_spawn *spawn;
    int error;
    pid_t parent;
    uid_t uid;
    // Of a spawn: what `error` is about.
    int stage;
};

static int enter(void *argument) {
    struct child *child = argument;
    child->error = child->body(child);
    syscall(SYS_exit_group, 127);
    return 0;
}

// clone3 with a new stack: the child must not return through the parent's frames, so it starts in `enter`.
#if defined(__x86_64__)
static long clone3_enter(struct clone_args_v2 *arguments, struct child *child) {
    long result;
    register long number __asm__("rax") = SYS_clone3;
    register void *first __asm__("rdi") = arguments;
    register long second __asm__("rsi") = sizeof *arguments;
    register void *kept __asm__("r8") = child;
    register void *function __asm__("r9") = (void *)enter;
    __asm__ volatile(
        "syscall\n\t"
        "test %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xor %%ebp, %%ebp\n\t"
        "mov %%r8, %%rdi\n\t"
        "call *%%r9\n\t"
        "hlt\n"
        "1:"
        : "=a"(result)
        : "r"(number), "r"(first), "r"(second), "r"(kept), "r"(function)
        : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static long clone3_enter(struct clone_args_v2 *arguments, struct child *child) {
    register long number __asm__("x8") = SYS_clone3;
    register long first __asm__("x0") = (long)arguments;
    register long second __asm__("x1") = sizeof *arguments;
    register void *kept __asm__("x9") = child;
    register void *function __asm__("x10") = (void *)enter;
    __asm__ volatile(
        "svc #0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x29, #0\n\t"
        "mov x0, x9\n\t"
        "blr x10\n\t"
        "brk #0\n"
        "1:"
        : "+r"(first)
        : "r"(number), "r"(second), "r"(kept), "r"(function)
        : "x30", "memory");
    return first;
}
#else
#error "only x86_64 and aarch64 have the entry of a cloned child"
#endif

static pid_t clone_sharing(uint64_t flags, int cgroup, struct child *child, int *pidfd) {
    struct clone_args_v2 arguments = {
        .flags = flags | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uintptr_t)pidfd,
        // With CLONE_PARENT the child has the caller's own, and another is an error.
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
        .stack = (uintptr_t)child_stack,
        .stack_size = sizeof child_stack,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    long result = clone3_enter(&arguments, child);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (pid_t)result;
}

// A stack of its own: the sleeper lives on while init processes are spawned on the other one.
static _Alignas(64) char sleeper_stack[4 << 10];

static int sleep_forever(struct child *child) {
    // It holds copies of all the parent's descriptors: one that outlived its parent would keep sandboxd's socket open.
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (syscall(SYS_getppid) != child->parent) return 0;
    for (;;) syscall(SYS_rt_sigsuspend, &(uint64_t){0}, (size_t)8);
    return 0;
}

pid_t sandbox_clone_sleeper(uint64_t flags, int *pidfd) {
    // No VFORK: the parent writes its maps and kills it. `child` must outlive this frame.
    static struct child child;
    child = (struct child){.body = sleep_forever, .parent = getpid()};
    struct clone_args_v2 arguments = {
        .flags = flags | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uintptr_t)sleeper_stack,
        .stack_size = sizeof sleeper_stack,
    };
    long result = clone3_enter(&arguments, &child);
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (pid_t)result;
}

// What pid 1 still has after execve: the rest of what comes with a user namespace is lost there. Each change is a copy of the
// process's credentials; to raise all 41 took 40 us of every sandbox.
static const int kept_capabilities[] = {
    CAP_SETUID, CAP_SETGID,  // to leave the host's uid 0, and for the command's own
    CAP_SETPCAP,             // the command's bounding set
    CAP_SYS_ADMIN,           // mounts, the host name, its cgroup namespace, vm.memfd_noexec
    CAP_NET_ADMIN,           // loopback
    CAP_SYS_RESOURCE,        // user.max_inotify_instances
    // The command, which has another uid: its signals, the memory that its calls point to, what its descriptors are.
    CAP_KILL, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
};

static int raise_ambient(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    for (int half = 0; half < 2; half++) data[half].inheritable = data[half].permitted;
    if (syscall(SYS_capset, &header, data) != 0) return errno;
    for (size_t index = 0; index < sizeof kept_capabilities / sizeof kept_capabilities[0]; index++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept_capabilities[index], 0, 0) != 0) return errno;
    return 0;
}

enum slot {
    slot_init_socket = SANDBOX_SPAWN_FIRST,
    slot_command_socket,
    slot_executable,
    slot_entrances,
};
_Static_assert(slot_entrances + SANDBOX_MAXIMUM_ENTRANCES == SANDBOX_SPAWN_END, "room for all");

// Between clone3 and exec, in the parent's address space: system calls only.
static int become_init(struct child *child) {
    const struct sandbox_init_spawn *spawn = child->spawn;
    // First of all: until now the table is the parent's. A copy of all of it, which execve would close again one by one, takes
    // 60 us with 300 open, and milliseconds with a thousand sandboxes.
    if (syscall(SYS_close_range, SANDBOX_SPAWN_END, ~0u, CLOSE_RANGE_UNSHARE) != 0) return errno;
    // The launcher goes before the sandboxes; what it starts has the share that its own starter had.
    if (setpriority(PRIO_PROCESS, 0, spawn->nice) != 0) return errno;
    int failed = raise_ambient();
    if (failed) return failed;
    if (dup3(slot_init_socket, 3, 0) != 3 || dup3(slot_command_socket, 4, 0) != 4) return errno;
    // A task that moves itself, alone, needs no lock on every fork of the host: 20 us, where a move of somebody else, or by
    // `cgroup.procs`, waits for an RCU grace period (5 to 15 ms). The files are the launcher's: the kernel asks who opened them.
    for (int index = 0; index < spawn->entrance_count; index++)
        if (write(slot_entrances + index, "0", 1) != 1) {
            child->stage = 3;
            return errno;
        }
    char *const arguments[] = {(char *)(uintptr_t)"sandbox-init", NULL};
    char *const environment[] = {NULL};
    syscall(SYS_execveat, slot_executable, "", arguments, environment, AT_EMPTY_PATH);
    return errno;
}

static int fill_slots(const struct sandbox_init_spawn *spawn) {
    if (dup3(spawn->init_socket, slot_init_socket, O_CLOEXEC) < 0) return -1;
    if (dup3(spawn->command_socket, slot_command_socket, O_CLOEXEC) < 0) return -1;
    if (dup3(spawn->executable, slot_executable, O_CLOEXEC) < 0) return -1;
    for (int index = 0; index < spawn->entrance_count; index++)
        if (dup3(spawn->entrances[index], slot_entrances + index, O_CLOEXEC) < 0) return -1;
    return 0;
}

// What they held has its owners, who wait for its end.
static void empty_slots(const struct sandbox_init_spawn *spawn) {
    int error = errno;
    for (int slot = SANDBOX_SPAWN_FIRST; slot < slot_entrances + spawn->entrance_count; slot++)
        dup3(SANDBOX_SPAWN_FILLER, slot, O_CLOEXEC);
    errno = error;
}

pid_t sandbox_spawn_init(const struct sandbox_init_spawn *spawn, int *pidfd, int *stage) {
    struct child child = {.body = become_init, .spawn = spawn, .stage = 2};
    *stage = 1;
    uint64_t flags =
        spawn->namespaces | CLONE_FILES | CLONE_VFORK | (spawn->for_parent ? CLONE_PARENT : 0);
    pid_t pid = fill_slots(spawn) == 0 ? clone_sharing(flags, spawn->cgroup, &child, pidfd) : -1;
    empty_slots(spawn);
    if (pid < 0) return -1;
    if (child.error == 0) return pid;
    *stage = child.stage;
    errno = child.error;
    return -1;
}

// As root, or with CAP_KILL, kill(-1) would reach the whole host: every condition is looked at here, by raw system calls,
// which change this task alone.
static int kill_own_user(struct child *child) {
    uid_t real = 0, effective = 0, saved = 0;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_setresuid, child->uid, child->uid, child->uid) != 0) return errno;
    if (syscall(SYS_getresuid, &real, &effective, &saved) != 0) return errno;
    if (real != child->uid || effective != child->uid || saved != child->uid) return EPERM;
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    if (data[0].effective || data[0].permitted || data[1].effective || data[1].permitted) return EPERM;
    // ESRCH: there is nobody.
    if (syscall(SYS_kill, -1, SIGKILL) != 0 && errno != ESRCH) return errno;
    return 0;
}

pid_t sandbox_kill_user(uid_t uid, int *pidfd, int *failed) {
    struct child child = {.body = kill_own_user, .uid = uid};
    *failed = 0;
    // Users of hosts and of their services are below.
    if (uid < 0x70000000u || uid == (uid_t)-1) {
        errno = EINVAL;
        return -1;
    }
    pid_t pid = clone_sharing(CLONE_VFORK, -1, &child, pidfd);
    if (pid > 0 && child.error != 0) *failed = child.error;
    return pid;
}

// Hosts with more have processors enough.
#define PROCESSOR_WORDS (1024 / 64)

void sandbox_send_from_processor(pid_t pid, int processor) {
    uint64_t allowed[PROCESSOR_WORDS] = {0}, others[PROCESSOR_WORDS];
    if (processor < 0 || processor >= 64 * PROCESSOR_WORDS) return;
    long bytes = syscall(SYS_sched_getaffinity, pid, sizeof allowed, allowed);
    if (bytes <= 0) return;
    memcpy(others, allowed, sizeof others);
    others[processor / 64] &= ~(UINT64_C(1) << processor % 64);
    // EINVAL: there is no other.
    if (syscall(SYS_sched_setaffinity, pid, bytes, others) == 0) syscall(SYS_sched_setaffinity, pid, bytes, allowed);
}

void sandbox_confine_to_processor(pid_t pid, int processor) {
    uint64_t one[PROCESSOR_WORDS] = {0};
    if (processor < 0 || processor >= 64 * PROCESSOR_WORDS) return;
    one[processor / 64] = UINT64_C(1) << processor % 64;
    syscall(SYS_sched_setaffinity, pid, sizeof one, one);
}

int sandbox_processor(void) {
    unsigned int here = 0;
    return syscall(SYS_getcpu, &here, NULL, NULL) == 0 ? (int)here : -1;
}
