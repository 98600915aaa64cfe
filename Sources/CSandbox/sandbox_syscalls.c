#include "sandbox_syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// The kernel's layouts, checked below; <linux/mount.h> and <sys/mount.h> cannot be included together before 2.37.
struct open_how_v0 {
    uint64_t flags, mode, resolve;
};
struct mount_attr_v0 {
    uint64_t set, clear, propagation, userns;
};
_Static_assert(sizeof(struct open_how_v0) == 24, "openat2(2) OPEN_HOW_SIZE_VER0");
_Static_assert(sizeof(struct mount_attr_v0) == 32, "mount_setattr(2) MOUNT_ATTR_SIZE_VER0");

enum { open_tree_clone = 1, at_recursive = 0x8000, move_mount_empty_path = 4 };
enum { fsconfig_set_string = 1, fsconfig_create = 6, fs_cloexec = 1 };

int sandbox_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how_v0 how = {flags | O_CLOEXEC, mode, resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int sandbox_access_descriptor(int descriptor, int mode) {
    return (int)syscall(SYS_faccessat2, descriptor, "", mode, AT_EMPTY_PATH | AT_EACCESS);
}

int sandbox_identify(int descriptor, struct sandbox_file_identity *identity, int *is_mount_root) {
    struct statx status;
    if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &status) != 0) return -1;
    // A kernel older than 5.8, or a file without a number: there is nothing to compare.
    if (!(status.stx_mask & STATX_MNT_ID) || !(status.stx_mask & STATX_INO)) {
        errno = ENOTSUP;
        return -1;
    }
    identity->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
    identity->inode = status.stx_ino;
    identity->mount = status.stx_mnt_id;
    *is_mount_root = (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    return 0;
}

int sandbox_file_system_magic(int descriptor, uint64_t *magic) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0) return -1;
    *magic = (uint64_t)status.f_type & 0xffffffff;
    return 0;
}

int sandbox_open_tree(int directory, const char *path, int recursive) {
    unsigned int flags = open_tree_clone | O_CLOEXEC | AT_EMPTY_PATH | (recursive ? at_recursive : 0);
    return (int)syscall(SYS_open_tree, directory, path, flags);
}

int sandbox_move_mount(int tree, int directory, const char *path) {
    return (int)syscall(SYS_move_mount, tree, "", directory, path, move_mount_empty_path);
}

int sandbox_mount_setattr(int tree, int recursive, uint64_t set, int user_namespace) {
    struct mount_attr_v0 attributes = {.set = set, .userns = user_namespace < 0 ? 0 : (uint64_t)user_namespace};
    unsigned int flags = AT_EMPTY_PATH | (recursive ? at_recursive : 0);
    return (int)syscall(SYS_mount_setattr, tree, "", flags, &attributes, sizeof attributes);
}

int sandbox_new_tmpfs(const char *const *options, uint64_t attributes) {
    int context = (int)syscall(SYS_fsopen, "tmpfs", fs_cloexec);
    if (context < 0) return -1;
    int result = 0;
    for (; result == 0 && options[0]; options += 2)
        result = (int)syscall(SYS_fsconfig, context, fsconfig_set_string, options[0], options[1], 0);
    if (result == 0) result = (int)syscall(SYS_fsconfig, context, fsconfig_create, NULL, NULL, 0);
    if (result == 0) result = (int)syscall(SYS_fsmount, context, fs_cloexec, (unsigned int)attributes);
    int saved = errno;
    close(context);
    errno = saved;
    return result;
}

int sandbox_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int sandbox_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int sandbox_wait_pidfd(int pidfd, int *code, int *status, int flags) {
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | flags) != 0) return -1;
    if (info.si_pid == 0) return 0;
    *code = info.si_code;
    *status = info.si_status;
    return 1;
}

int sandbox_memfd(const char *name) {
    // MFD_EXEC (6.3) says that it will be executed; older kernels do not know the flag and allow it.
    int descriptor = (int)syscall(SYS_memfd_create, name, 1u | 2u | 0x10u);
    if (descriptor < 0 && errno == EINVAL) descriptor = (int)syscall(SYS_memfd_create, name, 1u | 2u);
    return descriptor;
}

int sandbox_seal(int memfd) {
    return fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

int sandbox_close_from(unsigned int first) { return (int)syscall(SYS_close_range, first, ~0u, 0u); }

int sandbox_pivot_root_here(void) { return (int)syscall(SYS_pivot_root, ".", "."); }

int sandbox_terminal_peer(int master) { return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC); }

int sandbox_terminal_unlock(int master) {
    int unlocked = 0;
    return ioctl(master, TIOCSPTLCK, &unlocked);
}

int sandbox_terminal_resize(int master, uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    return ioctl(master, TIOCSWINSZ, &size);
}

int sandbox_terminal_size(int terminal, uint16_t *columns, uint16_t *rows) {
    struct winsize size;
    if (ioctl(terminal, TIOCGWINSZ, &size) != 0) return -1;
    *columns = size.ws_col;
    *rows = size.ws_row;
    return 0;
}

int sandbox_default_signal(int signal) {
    // struct kernel_sigaction of both architectures: SIG_DFL, no flags, no restorer, an empty mask.
    uint64_t action[4] = {0};
    return (int)syscall(SYS_rt_sigaction, signal, action, 0, (size_t)8);
}

int sandbox_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

int sandbox_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int sandbox_drop_bounding_set(void) {
    for (int capability = 0; capability <= 63; capability++)
        // EINVAL ends the list of what this kernel knows.
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL) return -1;
    return 0;
}

int sandbox_clear_capabilities(void) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    return (int)syscall(SYS_capset, &header, none);
}

int sandbox_set_fs_identity(uint32_t uid, uint32_t gid) {
    // setfsgid(2) and setfsuid(2) return the previous id in every case, so ask again what it is now.
    syscall(SYS_setfsgid, gid);
    syscall(SYS_setfsuid, uid);
    if ((uint32_t)syscall(SYS_setfsgid, -1) != gid || (uint32_t)syscall(SYS_setfsuid, -1) != uid) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

int sandbox_pipe(int *ends) { return pipe2(ends, O_CLOEXEC); }

int sandbox_setresgid(gid_t gid) { return setresgid(gid, gid, gid); }

int sandbox_setresuid(uid_t uid) { return setresuid(uid, uid, uid); }

int sandbox_setns(int descriptor, int type) { return setns(descriptor, type); }

int sandbox_unshare(int flags) { return unshare(flags); }

int sandbox_landlock_version(void) { return (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1u); }

int sandbox_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

const char *sandbox_errno_name(int code) { return strerrorname_np(code); }

// PR_GET_MDWE; EINVAL on a kernel without it.
int sandbox_has_write_execute_refusal(void) { return prctl(66, 0, 0, 0, 0) >= 0; }

int sandbox_loopback_down(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int socket_number = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_number < 0) return -1;
    int result = ioctl(socket_number, SIOCSIFFLAGS, &request);
    int code = errno;
    close(socket_number);
    errno = code;
    return result;
}
