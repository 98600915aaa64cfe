#include "sandbox_trials.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// clone_args as of Linux 5.7, clone3(2) CLONE_ARGS_SIZE_VER2.
struct trial_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
_Static_assert(sizeof(struct trial_clone_args) == 88, "clone3(2) CLONE_ARGS_SIZE_VER2");

enum { no_descriptor = 0x7fffffff, clone_into_cgroup_bit = 33 };

static long try_clone3(uint64_t flags, uint64_t signal) {
    struct trial_clone_args arguments = {.flags = flags, .exit_signal = signal, .cgroup = no_descriptor};
    if (flags == 0) arguments.cgroup = 0;
    return syscall(SYS_clone3, &arguments, sizeof arguments);
}

static long attempt(enum sandbox_trial_call call) {
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_PATH | O_CLOEXEC, 0, 0x02};
    uint64_t attributes[4] = {0};
    uint32_t action = SECCOMP_RET_USER_NOTIF;
    switch (call) {
    case SANDBOX_TRY_OPENAT2: return syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how);
    case SANDBOX_TRY_FACCESSAT2: return syscall(SYS_faccessat2, no_descriptor, "", F_OK, AT_EMPTY_PATH);
    case SANDBOX_TRY_OPEN_TREE: return syscall(SYS_open_tree, no_descriptor, "", AT_EMPTY_PATH);
    case SANDBOX_TRY_MOVE_MOUNT: return syscall(SYS_move_mount, no_descriptor, "", no_descriptor, "", 4);
    case SANDBOX_TRY_FSOPEN: return syscall(SYS_fsopen, NULL, ~0u);
    case SANDBOX_TRY_MOUNT_SETATTR:
        return syscall(SYS_mount_setattr, no_descriptor, "", AT_EMPTY_PATH, attributes, sizeof attributes);
    // A signal that is none: refused before anything is made.
    case SANDBOX_TRY_CLONE3: return try_clone3(0, 0x1000);
    case SANDBOX_TRY_CLONE_INTO_CGROUP: return try_clone3(1ull << clone_into_cgroup_bit, SIGCHLD);
    case SANDBOX_TRY_PIDFD_OPEN: return syscall(SYS_pidfd_open, getpid(), 0);
    case SANDBOX_TRY_PIDFD_SEND_SIGNAL: return syscall(SYS_pidfd_send_signal, no_descriptor, 0, NULL, 0);
    case SANDBOX_TRY_CLOSE_RANGE: return syscall(SYS_close_range, 1, 0, 0);
    case SANDBOX_TRY_MEMFD_CREATE: return syscall(SYS_memfd_create, "", ~0u);
    case SANDBOX_TRY_QUOTACTL_FD: return syscall(SYS_quotactl_fd, no_descriptor, 0, 0, NULL);
    case SANDBOX_TRY_SECCOMP_NOTIFY: return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
    }
    errno = EINVAL;
    return -1;
}

int sandbox_try_call(enum sandbox_trial_call call) {
    long result = attempt(call);
    if (result < 0) return errno;
    // Those that succeed give a descriptor, or 0.
    if (result > 2) close((int)result);
    return 0;
}

static int write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t written = write(file, text, strlen(text));
    int error = errno;
    close(file);
    errno = error;
    return written < 0 ? -1 : 0;
}

// No allocation, no lock: after a fork of a program with threads.
static void map_line(char *line, size_t capacity, unsigned id) {
    char digits[12];
    size_t count = 0, at = 0;
    do digits[count++] = (char)('0' + id % 10);
    while ((id /= 10) != 0);
    line[at++] = '0';
    line[at++] = ' ';
    while (count > 0 && at < capacity - 3) line[at++] = digits[--count];
    line[at++] = ' ';
    line[at++] = '1';
    line[at] = 0;
}

static int become(uid_t uid) {
    if (uid == geteuid()) return 0;
    if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, uid, uid, uid) != 0 ||
        syscall(SYS_setresuid, uid, uid, uid) != 0)
        return -1;
    // The maps are written through /proc/self, which is root's of a process that has changed its user.
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int map_ids(uid_t uid, gid_t gid) {
    char line[32];
    map_line(line, sizeof line, uid);
    if (write_file("/proc/self/setgroups", "deny") != 0 || write_file("/proc/self/uid_map", line) != 0) return -1;
    map_line(line, sizeof line, gid);
    return write_file("/proc/self/gid_map", line);
}

static int try_proc(void) {
    // The first child of whoever has unshared its pid namespace is that namespace's pid 1.
    pid_t pid = _Fork();
    if (pid < 0) return -1;
    if (pid == 0) _exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 ? 0 : errno);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
    return errno == 0 ? 0 : -1;
}

static enum sandbox_trial_stage try_stages(uid_t uid) {
    const int others = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    if (become(uid) != 0) return SANDBOX_TRIAL_IDENTITY;
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER) != 0) return SANDBOX_TRIAL_USER_NAMESPACE;
    if (map_ids(uid, gid) != 0) return SANDBOX_TRIAL_ID_MAP;
    if (unshare(others) != 0) return SANDBOX_TRIAL_NAMESPACES;
    // Before the tmpfs covers everything.
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return SANDBOX_TRIAL_MOUNT;
    if (try_proc() != 0) return SANDBOX_TRIAL_PROC;
    if (mount("tmpfs", "/", "tmpfs", MS_NOSUID | MS_NODEV, "size=4k") != 0) return SANDBOX_TRIAL_MOUNT;
    return SANDBOX_TRIAL_COMPLETE;
}

struct outcome {
    int stage, error;
};

static void run_child(int result, uid_t uid) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // Of what the caller has open nothing is within reach of the user that the child becomes.
    if (dup2(result, 0) != 0 || syscall(SYS_close_range, 1, ~0u, 0) != 0) _exit(1);
    struct outcome outcome = {.stage = try_stages(uid)};
    outcome.error = outcome.stage == SANDBOX_TRIAL_COMPLETE ? 0 : errno;
    _exit(write(0, &outcome, sizeof outcome) == sizeof outcome ? 0 : 1);
}

int sandbox_try_user_namespace(uid_t uid, int milliseconds, enum sandbox_trial_stage *stage) {
    *stage = SANDBOX_TRIAL_FORK;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    pid_t pid = _Fork();
    if (pid == 0) run_child(ends[1], uid);
    int error = errno;
    close(ends[1]);
    struct outcome outcome = {.stage = SANDBOX_TRIAL_FORK, .error = pid < 0 ? error : ETIMEDOUT};
    if (pid > 0) {
        struct pollfd waiting = {.fd = ends[0], .events = POLLIN};
        struct outcome told;
        if (poll(&waiting, 1, milliseconds) > 0) {
            // Without a word: it could not even begin.
            outcome.error = ECHILD;
            if (read(ends[0], &told, sizeof told) == sizeof told) outcome = told;
        }
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    close(ends[0]);
    *stage = (enum sandbox_trial_stage)outcome.stage;
    return outcome.error;
}
