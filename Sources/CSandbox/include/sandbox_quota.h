// Quotas of projects: ioctl(2) is variadic, quotactl_fd(2) has no wrapper, and their structures are in kernel headers only.
// Every function returns what the kernel returns, -1 and errno on failure.
#pragma once

#include <stdint.h>

// FS_IOC_FSGETXATTR of an open directory (not O_PATH): its project, and whether what is made in it has the same one.
int sandbox_project(int directory, uint32_t *_Nonnull project, int *_Nonnull is_inherited);

struct sandbox_project_quota {
    // 0: no limit.
    uint64_t hard_bytes, hard_inodes;
    uint64_t used_bytes, used_inodes;
};
// quotactl_fd(2) Q_GETQUOTA (Linux 5.14), on the file system of any descriptor.
int sandbox_read_project_quota(int descriptor, uint32_t project, struct sandbox_project_quota *_Nonnull quota);
// Q_XGETQSTAT: whether limits on projects are in force there, 1 or 0; a file system can also count without limiting.
int sandbox_project_quota_is_enforced(int descriptor);
