#include "sandbox_quota.h"

#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

int sandbox_project(int directory, uint32_t *project, int *is_inherited) {
    struct fsxattr attributes;
    memset(&attributes, 0, sizeof attributes);
    if (ioctl(directory, FS_IOC_FSGETXATTR, &attributes) != 0) return -1;
    *project = attributes.fsx_projid;
    *is_inherited = (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0;
    return 0;
}

int sandbox_read_project_quota(int descriptor, uint32_t project, struct sandbox_project_quota *quota) {
    struct if_dqblk block;
    memset(&block, 0, sizeof block);
    if (syscall(SYS_quotactl_fd, descriptor, QCMD(Q_GETQUOTA, PRJQUOTA), project, &block) != 0) return -1;
    // Limits in KiB (QIF_DQBLKSIZE), what is used in bytes.
    quota->hard_bytes = block.dqb_bhardlimit << 10;
    quota->hard_inodes = block.dqb_ihardlimit;
    quota->used_bytes = block.dqb_curspace;
    quota->used_inodes = block.dqb_curinodes;
    return 0;
}

int sandbox_project_quota_is_enforced(int descriptor) {
    struct fs_quota_stat state;
    memset(&state, 0, sizeof state);
    if (syscall(SYS_quotactl_fd, descriptor, QCMD(Q_XGETQSTAT, PRJQUOTA), 0, &state) != 0) return -1;
    return (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0;
}
