// System calls that glibc 2.36 does not wrap, that are variadic (Swift cannot call those), or whose argument is a
// structure that only kernel headers define. Every function returns what the kernel returns, -1 and errno on failure,
// and does nothing else: policy stays in Swift.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// open(2): hidden without _GNU_SOURCE. The same number on x86_64 and arm64.
#define SANDBOX_O_PATH 010000000

// openat2(2): the only way to say how a path may be resolved.
#define SANDBOX_RESOLVE_NO_XDEV 0x01
#define SANDBOX_RESOLVE_NO_MAGICLINKS 0x02
#define SANDBOX_RESOLVE_NO_SYMLINKS 0x04
#define SANDBOX_RESOLVE_BENEATH 0x08
int sandbox_openat2(int directory, const char *_Nonnull path, uint64_t flags, uint64_t mode, uint64_t resolve);

// faccessat2(2) on the descriptor itself, with the effective identity: what an O_PATH open did not check.
int sandbox_access_descriptor(int descriptor, int mode);

// statx(2) with the mount (STATX_MNT_ID), which Swift's stat has not, and without asking a file server: which directory,
// seen through which mount. `*is_mount_root` (STATX_ATTR_MOUNT_ROOT): something is mounted right here.
struct sandbox_file_identity {
    uint64_t device, inode, mount;
};
int sandbox_identify(int descriptor, struct sandbox_file_identity *_Nonnull identity, int *_Nonnull is_mount_root);

// statfs(2), which Swift's Glibc module does not have: f_type.
int sandbox_file_system_magic(int descriptor, uint64_t *_Nonnull magic);

// The mount API of Linux 5.2 and mount_setattr(2) of 5.12; no glibc wrappers before 2.36, and constants that clash.
#define SANDBOX_ATTR_RDONLY 0x00000001
#define SANDBOX_ATTR_NOSUID 0x00000002
#define SANDBOX_ATTR_NODEV 0x00000004
#define SANDBOX_ATTR_NOEXEC 0x00000008
#define SANDBOX_ATTR_IDMAP 0x00100000
int sandbox_open_tree(int directory, const char *_Nonnull path, int recursive);
int sandbox_move_mount(int tree, int directory, const char *_Nonnull path);
int sandbox_mount_setattr(int tree, int recursive, uint64_t set, int user_namespace);
// A new tmpfs, not attached anywhere; options are "key=value" strings for fsconfig(2), ended by NULL.
int sandbox_new_tmpfs(const char *_Nullable const *_Nonnull options, uint64_t attributes);

int sandbox_pidfd_open(pid_t pid);
int sandbox_pidfd_send_signal(int pidfd, int signal);
// The pid of the process behind `pidfd` was reaped: waitid(2) P_PIDFD, WEXITED. The raw status goes to `status`.
int sandbox_wait_pidfd(int pidfd, int *_Nonnull code, int *_Nonnull status, int flags);
int sandbox_memfd(const char *_Nonnull name);
// Seals a memfd against every change (F_ADD_SEALS is variadic fcntl).
int sandbox_seal(int memfd);
int sandbox_close_from(unsigned int first);
int sandbox_pivot_root_here(void);

// ioctl(2) is variadic. The terminal's other end, by descriptor and not by a path of some devpts (TIOCGPTPEER).
int sandbox_terminal_peer(int master);
int sandbox_terminal_unlock(int master);
int sandbox_terminal_resize(int master, uint16_t columns, uint16_t rows);
int sandbox_terminal_size(int terminal, uint16_t *_Nonnull columns, uint16_t *_Nonnull rows);

// rt_sigaction(2) with the default action, also for 32 and 33, which glibc's signal(3) keeps to itself.
int sandbox_default_signal(int signal);

// prctl(2) is variadic.
int sandbox_parent_death_signal(int signal);
int sandbox_set_no_new_privileges(void);
int sandbox_drop_bounding_set(void);
// Ambient, effective, permitted and inheritable sets.
int sandbox_clear_capabilities(void);

// File-system identity of this thread; unlike the glibc functions these report failure.
int sandbox_set_fs_identity(uint32_t uid, uint32_t gid);

// glibc functions that exist only under _GNU_SOURCE, which Swift's Glibc module does not set.
int sandbox_pipe(int *_Nonnull ends);
int sandbox_setresgid(gid_t gid);
int sandbox_setresuid(uid_t uid);
int sandbox_setns(int descriptor, int type);
int sandbox_unshare(int flags);
int sandbox_eventfd(void);
// Interface "lo" of this network namespace down, netdevice(7).
int sandbox_loopback_down(void);

// landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION.
int sandbox_landlock_version(void);
const char *_Nullable sandbox_errno_name(int code);
// Whether prctl(2) has PR_SET_MDWE (Linux 6.3).
int sandbox_has_write_execute_refusal(void);
