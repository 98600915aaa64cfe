#include "sandbox_processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

// What the child needs, on the parent's stack; it is gone when the parent goes on.
struct child {
    int (*body)(struct child *);
    const struct sandbox_init_spawn *spawn;
    int error;
    pid_t parent;
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
        .exit_signal = SIGCHLD,
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

static int raise_ambient(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    for (int half = 0; half < 2; half++) data[half].inheritable = data[half].permitted;
    if (syscall(SYS_capset, &header, data) != 0) return errno;
    for (int capability = 0; capability <= 63; capability++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0 && errno != EINVAL && errno != EPERM)
            return errno;
    return 0;
}

// Between clone3 and exec, in the parent's address space: system calls only. The three descriptors are above 9 (the
// launcher sees to it), so that moving one never closes another.
static int become_init(struct child *child) {
    const struct sandbox_init_spawn *spawn = child->spawn;
    int failed = raise_ambient();
    if (failed) return failed;
    if (dup3(spawn->init_socket, 3, 0) != 3 || dup3(spawn->command_socket, 4, 0) != 4) return errno;
    char *const arguments[] = {(char *)(uintptr_t)"sandbox-init", NULL};
    char *const environment[] = {NULL};
    syscall(SYS_execveat, spawn->executable, "", arguments, environment, AT_EMPTY_PATH);
    return errno;
}

pid_t sandbox_spawn_init(const struct sandbox_init_spawn *spawn, int *pidfd, int *stage) {
    struct child child = {.body = become_init, .spawn = spawn};
    *stage = 1;
    pid_t pid = clone_sharing(spawn->namespaces | CLONE_VFORK, spawn->cgroup, &child, pidfd);
    if (pid < 0) return -1;
    if (child.error == 0) return pid;
    *stage = 2;
    errno = child.error;
    return -1;
}
