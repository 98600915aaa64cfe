// Copying in the kernel, and I/O in all forms: sendfile, splice, tee, copy_file_range, vectors, holes, direct, locks.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

// As programs do where a call cannot be used with these files.
static ssize_t moved(ssize_t result, int from, off_t *place, int to, size_t count) {
    char bytes[50000];
    if (result >= 0 || errno != EINVAL || count > sizeof bytes) return result;
    ssize_t some = place ? pread(from, bytes, count, *place) : read(from, bytes, count);
    return some < 0 ? some : write(to, bytes, some);
}

static int visited;
static int visit(const char *path, const struct stat *status, int type, struct FTW *where) {
    (void)path, (void)status, (void)type, (void)where;
    return visited++, 0;
}

int main(void) {
    setbuf(stdout, 0);
    int source = open("source", O_CREAT | O_RDWR | O_CLOEXEC, 0644), target = open("target", O_CREAT | O_RDWR, 0600), ends[2], more[2];
    for (int n = 0; n < 10000; n++) dprintf(source, "line %d\n", n);
    off_t zero = 0;
    printf("sendfile %zd\n", moved(sendfile(target, source, &zero, 50000), source, &zero, target, 50000));
    off_t from = 0, to = 50000;
    printf("copy_file_range %zd\n", copy_file_range(source, &from, target, &to, 20000, 0));
    if (pipe(ends) || pipe(more)) return 1;
    off_t start = 0;
    printf("splice %zd", moved(splice(source, &start, ends[1], 0, 1000, 0), source, &start, ends[1], 1000));
    printf(" tee %zd", tee(ends[0], more[1], 1000, 0));
    printf(" splice %zd", moved(splice(ends[0], 0, target, 0, 1000, 0), ends[0], 0, target, 1000));
    printf(" %zd\n", moved(splice(more[0], 0, target, 0, 1000, 0), more[0], 0, target, 1000));
    struct iovec parts[2] = {{"scattered ", 10}, {"and gathered\n", 13}};
    printf("writev %zd", writev(target, parts, 2));
    printf(" %zd\n", pwritev2(target, parts, 2, 0, RWF_DSYNC));
    printf("hole %d", fallocate(target, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 8192));
    printf(" data %ld", (long)lseek(target, 0, SEEK_DATA));
    printf(" hole %ld\n", (long)lseek(target, 0, SEEK_HOLE));
    printf("grow %d", posix_fallocate(target, 0, 200000));
    printf(", advise %d", posix_fadvise(target, 0, 0, POSIX_FADV_SEQUENTIAL));
    printf(", sync %d", fdatasync(target));
    printf(" %d\n", syncfs(target));
    struct flock region = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
    printf("locks %d", fcntl(source, F_SETLK, &region));
    printf(" %d", fcntl(target, F_OFD_SETLK, &region));
    printf(" %d\n", flock(source, LOCK_EX | LOCK_NB));
    struct statx extended;
    printf("statx %d", statx(AT_FDCWD, "target", 0, STATX_BASIC_STATS | STATX_BTIME, &extended));
    printf(" %llu", (unsigned long long)extended.stx_size);
    printf(", statvfs %d\n", statvfs(".", &(struct statvfs){0}));
    printf("exchange %d", renameat2(AT_FDCWD, "source", AT_FDCWD, "target", RENAME_EXCHANGE));
    printf(" %d", renameat2(AT_FDCWD, "source", AT_FDCWD, "target", RENAME_NOREPLACE));
    printf(" %s\n", strerror(errno));
    printf("times %d", futimens(target, (struct timespec[]){{1, 0}, {2, 0}}));
    printf(" %d\n", utimensat(AT_FDCWD, "source", 0, AT_SYMLINK_NOFOLLOW));
    mkdir("tree", 0750);
    int tree = open("tree", O_PATH | O_DIRECTORY);
    for (int n = 0; n < 20; n++) {
        char name[16];
        snprintf(name, sizeof name, "entry%d", n);
        close(openat(tree, name, O_CREAT | O_EXCL | O_WRONLY, 0600));
    }
    printf("link %d", linkat(tree, "entry1", tree, "linked", 0));
    printf(" %d", symlinkat("entry2", tree, "symbolic"));
    printf(" access %d", faccessat(tree, "entry3", R_OK | W_OK, 0));
    printf(" %d\n", faccessat(tree, "symbolic", F_OK, AT_SYMLINK_NOFOLLOW));
    printf("unlinkat %d", unlinkat(tree, "entry4", 0));
    printf(", chmod %d", fchmodat(tree, "entry5", 0640, 0));
    printf(", O_NOFOLLOW %d\n", openat(tree, "symbolic", O_NOFOLLOW) < 0 && errno == ELOOP);
    printf("walk %d", nftw("tree", visit, 10, FTW_PHYS));
    printf(" %d\n", visited);
    glob_t found;
    printf("glob %d", glob("tree/entry1*", 0, 0, &found));
    printf(" %zu", found.gl_pathc);
    printf(" %s\n", found.gl_pathv[0]);
    DIR *directory = opendir("tree");
    int entries = 0;
    while (readdir(directory)) entries++;
    printf("entries %d\n", entries);
    int unnamed = open(".", O_TMPFILE | O_RDWR, 0644);
    dprintf(unnamed, "without a name at first\n");
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", unnamed);
    printf("named %d\n", linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    printf("attributes %d\n", setxattr("named", "user.colour", "blue", 4, 0));
    char buffer[100] = {0};
    printf("%zd", getxattr("named", "user.colour", buffer, 100));
    printf(" %s", buffer);
    printf(" %d\n", removexattr("named", "user.colour"));
    printf("other attributes refused %d", setxattr("named", "trusted.x", "y", 1, 0) < 0);
    printf(" %d\n", setxattr("named", "security.capability", "y", 1, 0) < 0);
    int duplicate = fcntl(source, F_DUPFD_CLOEXEC, 100);
    printf("descriptors %d", duplicate);
    printf(" %d", dup3(source, 120, O_CLOEXEC));
    printf(" %d\n", close_range(100, 200, 0));
    printf("truncate %d", truncate("named", 7));
    printf(" %ld\n", (long)lseek(unnamed, 0, SEEK_END));
    printf("canonical %s\n", realpath("tree/../tree/entry1", 0));
    return 0;
}
