// Waiting for events: epoll, eventfd, inotify, poll, select, pipes, pidfd, asynchronous I/O.
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    int epoll = epoll_create1(EPOLL_CLOEXEC), counter = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE), ends[2];
    if (pipe2(ends, O_NONBLOCK)) return 1;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = 1}, events[8];
    epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event);
    event.data.u32 = 2;
    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
    printf("nothing %d\n", epoll_wait(epoll, events, 8, 1));
    eventfd_write(counter, 3);
    printf("wrote %zd\n", write(ends[1], "x", 1));
    printf("both %d", epoll_wait(epoll, events, 8, 1000));
    printf(", again %d\n", epoll_wait(epoll, events, 8, 0));
    printf("pwait2 %d\n", epoll_pwait2(epoll, events, 8, &(struct timespec){0, 1000}, 0));
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 16);
    int total = 0, count;
    char block[4096] = {0};
    while ((count = (int)write(ends[1], block, sizeof block)) > 0) total += count;
    printf("full after %d", total);
    printf(" %s\n", strerror(errno));

    int watch = inotify_init1(IN_CLOEXEC);
    mkdir("watched", 0755);
    printf("watch %d\n", inotify_add_watch(watch, "watched", IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE));
    close(open("watched/a", O_CREAT | O_WRONLY, 0644));
    rename("watched/a", "watched/b");
    unlink("watched/b");
    char buffer[4096] __attribute__((aligned(8)));
    ssize_t length = read(watch, buffer, sizeof buffer);
    for (char *at = buffer; at < buffer + length;) {
        struct inotify_event *seen = (struct inotify_event *)at;
        printf("seen %x %s\n", seen->mask, seen->name);
        at += sizeof *seen + seen->len;
    }
    pid_t child = fork();
    if (child == 0) { usleep(5000); _exit(4); }
    int process = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd waiting = {process, POLLIN, 0};
    siginfo_t info = {0};
    printf("poll %d", poll(&waiting, 1, 20000));
    printf(" %d", waitid(P_PIDFD, (id_t)process, &info, WEXITED));
    printf(" %d\n", info.si_status);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    printf("select %d\n", select(ends[0] + 1, &set, 0, 0, &(struct timeval){1, 0}));
    struct pollfd gone = {.fd = 999, .events = POLLIN};
    printf("closed %d", ppoll(&gone, 1, 0, 0));
    printf(" %d\n", gone.revents == POLLNVAL);

    int file = open("aio", O_CREAT | O_RDWR, 0644);
    struct aiocb control = {.aio_fildes = file, .aio_buf = "asynchronous", .aio_nbytes = 12};
    const struct aiocb *list[] = {&control};
    printf("aio %d", aio_write(&control));
    printf(" %d", aio_suspend(list, 1, 0));
    printf(" %zd\n", aio_return(&control));
    return 0;
}
