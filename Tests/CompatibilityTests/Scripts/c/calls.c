// System calls that libraries and runtimes make at their start, by result.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <grp.h>
#include <unistd.h>

#define SHOW(call) (errno = 0, printf("%s: %s\n", #call, (long)(call) >= 0 ? "works" : strerror(errno)))

int main(void) {
    char buffer[4096];
    struct rlimit limit;
    struct sysinfo system;
    struct utsname names;
    struct tms times_;
    cpu_set_t set;
    uint32_t word = 1;
    SHOW(getrandom(buffer, 64, 0));
    SHOW(getrandom(buffer, 64, GRND_NONBLOCK));
    SHOW(getentropy(buffer, 64));
    SHOW(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0));
    SHOW(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, 0, 0, 0));
    SHOW(syscall(SYS_membarrier, 0, 0, 0));
    SHOW(syscall(SYS_rseq, 0, 0, 0, 0));
    SHOW(sched_getaffinity(0, sizeof set, &set));
    SHOW(sched_setaffinity(0, sizeof set, &set));
    SHOW(sched_yield());
    SHOW(sched_getscheduler(0));
    SHOW(sched_get_priority_max(SCHED_FIFO));
    SHOW(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}));
    SHOW(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}));
    SHOW(getrlimit(RLIMIT_STACK, &limit));
    SHOW(prlimit(0, RLIMIT_NOFILE, 0, &limit));
    SHOW(setrlimit(RLIMIT_NOFILE, &(struct rlimit){256, 256}));
    SHOW(getpriority(PRIO_PROCESS, 0));
    SHOW(setpriority(PRIO_PROCESS, 0, 3));
    SHOW(setpriority(PRIO_PROCESS, 0, -3));
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(PR_SET_NAME, "named"));
    SHOW(prctl(PR_SET_VMA, 0, buffer, 4096, "n"));
    SHOW(prctl(PR_GET_TIMERSLACK));
    SHOW(personality(0xffffffff));
    SHOW(personality(ADDR_NO_RANDOMIZE));
    SHOW(sysinfo(&system));
    SHOW(uname(&names));
    SHOW(times(&times_));
    SHOW(getcpu(0, 0));
    SHOW(syscall(SYS_pkey_alloc, 0, 0) >= 0 || errno == ENOSPC || errno == EINVAL ? 0 : -1);
    SHOW(syscall(SYS_ioprio_get, 1, 0));
    SHOW(syscall(SYS_close_range, 500, 600, 0));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "/usr", R_OK, 0));
    SHOW(syscall(SYS_pidfd_open, getpid(), 0));
    SHOW(syscall(SYS_set_robust_list, &word, 24));
    SHOW(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    SHOW(socket(AF_INET, SOCK_STREAM, 0));
    SHOW(socket(AF_INET6, SOCK_DGRAM, 0));
    SHOW(socket(AF_NETLINK, SOCK_RAW, 0));
    SHOW(setresuid(-1, -1, -1));
    SHOW(setuid(getuid()));
    SHOW(setuid(0));
    SHOW(setgroups(0, 0));
    SHOW(chroot("/"));
    SHOW(sethostname("x", 1));
    SHOW(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, 0));
    SHOW(syscall(SYS_reboot, 0, 0, 0, 0));
    SHOW(settimeofday(&(struct timeval){0, 0}, 0));
    SHOW(acct("/tmp/x"));
    printf("page size %ld", sysconf(_SC_PAGESIZE));
    printf(" %lu", getauxval(AT_PAGESZ));
    printf(", secure %lu\n", getauxval(AT_SECURE));
    return 0;
}
