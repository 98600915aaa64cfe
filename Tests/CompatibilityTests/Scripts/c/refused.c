// What works for an ordinary user outside, and what the filter refuses on purpose.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHOW(call) (errno = 0, printf("%s: %s\n", #call, (long)(call) >= 0 ? "works" : strerror(errno)))

int main(void) {
    char parameters[120] = {0};
    close(open("file", O_CREAT | O_WRONLY, 0755));
    SHOW(syscall(SYS_get_mempolicy, 0, 0, 0, 0, 0));
    SHOW(syscall(SYS_keyctl, 0, -3, 0));
    SHOW(syscall(SYS_io_uring_setup, 4, parameters));
    SHOW(syscall(SYS_add_key, "user", "name", "text", 4, -3));
    SHOW(chmod("file", 04755));
    SHOW(chmod("file", 0755));
    SHOW(unshare(CLONE_NEWUSER));
    return 0;
}
