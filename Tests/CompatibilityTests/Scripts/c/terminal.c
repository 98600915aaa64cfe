// Terminals: openpty, line discipline, window size, a session with a controlling terminal, forkpty.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

int main(void) {
    setbuf(stdout, 0);
    int master, slave;
    struct winsize size = {40, 120, 0, 0}, seen;
    printf("openpty %d", openpty(&master, &slave, 0, 0, &size));
    printf(" %d\n", isatty(slave));
    ioctl(slave, TIOCGWINSZ, &seen);
    printf("size %d", seen.ws_row);
    printf(" %d", seen.ws_col);
    printf(", name %d\n", strncmp(ttyname(slave), "/dev/pts/", 9) == 0);
    struct termios mode;
    tcgetattr(slave, &mode);
    printf("modes %x %x %x\n", mode.c_iflag, mode.c_oflag, mode.c_lflag);
    cfmakeraw(&mode);
    printf("raw %d\n", tcsetattr(slave, TCSANOW, &mode));
    char buffer[100] = {0};
    printf("wrote %zd", write(master, "\x03raw", 4));
    printf(" read %zd\n", read(slave, buffer, 100));
    int count;
    printf("waiting %d", ioctl(slave, FIONREAD, &count));
    printf(" %d\n", count);
    int second = posix_openpt(O_RDWR | O_NOCTTY);
    printf("posix_openpt %d", second >= 0);
    printf(" %d", grantpt(second));
    printf(" %d\n", unlockpt(second));
    int child_side;
    pid_t pid = forkpty(&child_side, 0, 0, &size);
    if (pid == 0) {
        int terminal = open("/dev/tty", O_RDWR);
        dprintf(terminal, "own terminal %d %d\n", tcgetpgrp(terminal) == getpgrp(), getsid(0) == getpid());
        signal(SIGINT, SIG_DFL);
        pause();
        _exit(1);
    }
    ssize_t length = read(child_side, buffer, 99);
    buffer[length > 0 ? length : 0] = 0;
    printf("%s", buffer);
    usleep(20000);
    int status;
    printf("interrupt %zd", write(child_side, "\x03", 1));
    waitpid(pid, &status, 0);
    printf(" %d\n", WTERMSIG(status));
    char byte = 'x';
    printf("TIOCSTI refused %d\n", ioctl(slave, TIOCSTI, &byte) < 0);
    printf("no controlling terminal %d\n", open("/dev/tty", O_RDWR) < 0 && errno == ENXIO);
    return 0;
}
