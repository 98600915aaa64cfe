// What `doctor` tries to know a host: system calls that change nothing, and a process that makes namespaces and ends.
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum sandbox_trial_call {
    SANDBOX_TRY_OPENAT2,
    SANDBOX_TRY_FACCESSAT2,
    SANDBOX_TRY_OPEN_TREE,
    SANDBOX_TRY_MOVE_MOUNT,
    SANDBOX_TRY_FSOPEN,
    SANDBOX_TRY_MOUNT_SETATTR,
    SANDBOX_TRY_CLONE3,
    // clone3(2) with CLONE_INTO_CGROUP and no group: EBADF where the kernel knows the flag, Linux 5.7.
    SANDBOX_TRY_CLONE_INTO_CGROUP,
    SANDBOX_TRY_PIDFD_OPEN,
    SANDBOX_TRY_PIDFD_SEND_SIGNAL,
    SANDBOX_TRY_CLOSE_RANGE,
    SANDBOX_TRY_MEMFD_CREATE,
    SANDBOX_TRY_QUOTACTL_FD,
    // seccomp(2) SECCOMP_GET_ACTION_AVAIL of SECCOMP_RET_USER_NOTIF.
    SANDBOX_TRY_SECCOMP_NOTIFY,
};
// Makes such a call with arguments that it must refuse or that are without effect. 0, or its errno: ENOSYS where the kernel,
// or a filter around this process, does not have it.
int sandbox_try_call(enum sandbox_trial_call call);

// How far sandbox_try_user_namespace came, or where it failed.
enum sandbox_trial_stage {
    SANDBOX_TRIAL_COMPLETE,
    SANDBOX_TRIAL_FORK,
    SANDBOX_TRIAL_IDENTITY,
    SANDBOX_TRIAL_USER_NAMESPACE,
    SANDBOX_TRIAL_ID_MAP,
    SANDBOX_TRIAL_NAMESPACES,
    SANDBOX_TRIAL_MOUNT,
    SANDBOX_TRIAL_PROC,
};
// What sandboxes without root need, done by a child that ends: a user namespace with a map of the one user, all other
// namespaces in it, a tmpfs, a /proc. Nothing of it is left, or seen by anybody. For `uid` other than the caller's the child
// becomes that user first (and his group of the same number), which takes root.
//
// Returns 0, or the errno of the stage that failed; ETIMEDOUT, with the stage SANDBOX_TRIAL_FORK, when the child took longer
// than `milliseconds` and was killed. For programs with threads too: between fork and end there are system calls only.
int sandbox_try_user_namespace(uid_t uid, int milliseconds, enum sandbox_trial_stage *_Nonnull stage);
