// Starting processes: fork, vfork, posix_spawn with actions, popen, execveat, clone, orphans, sessions, statuses.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static int shared_value;
static int in_clone(void *argument) { shared_value = *(int *)argument; return 6; }

static int status_of(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) < 0) return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int main(void) {
    setbuf(stdout, 0);
    pid_t pid = fork();
    if (pid == 0) _exit(3);
    printf("fork %d\n", status_of(pid));
    if ((pid = vfork()) == 0) { execl("/bin/sh", "sh", "-c", "exit 4", (char *)0); _exit(127); }
    printf("vfork %d\n", status_of(pid));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "spawned", O_CREAT | O_WRONLY, 0644);
    posix_spawn_file_actions_addchdir_np(&actions, "/usr");
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
    char *command[] = {"sh", "-c", "pwd; exit 5", 0};
    printf("posix_spawn %d", posix_spawnp(&pid, "sh", &actions, &attributes, command, environ));
    printf(" %d\n", status_of(pid));
    printf("not there %d\n", posix_spawn(&pid, "/no/such/program", 0, 0, command, environ) == ENOENT);
    char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    int value = 17;
    pid = clone(in_clone, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, &value);
    printf("clone %d", status_of(pid));
    printf(" %d\n", shared_value);
    int program = open("/bin/sh", O_RDONLY | O_CLOEXEC);
    if ((pid = fork()) == 0) { syscall(SYS_execveat, program, "", (char *[]){"sh", "-c", "exit 7", 0}, environ, AT_EMPTY_PATH); _exit(127); }
    printf("execveat %d\n", status_of(pid));
    FILE *pipe = popen("echo through popen; exit 8", "r");
    char line[64] = {0};
    printf("%s", fgets(line, sizeof line, pipe));
    printf("pclose %d", WEXITSTATUS(pclose(pipe)));
    printf(", system %d\n", WEXITSTATUS(system("exit 9")));
    int ends[2];
    if (pipe2(ends, 0)) return 1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if ((pid = fork()) == 0) {
        if (fork() == 0) { usleep(200000); printf("orphan has a parent %d\n", getppid() > 0); _exit(11); }
        _exit(10);
    }
    printf("parent %d\n", status_of(pid));
    printf("orphan reaped %d\n", status_of(-1));
    if ((pid = fork()) == 0) {
        printf("session %d", setsid() == getpid());
        printf(" again %d\n", setsid() < 0 && errno == EPERM);
        raise(SIGKILL);
    }
    printf("killed %d\n", status_of(pid));
    if ((pid = fork()) == 0) { prctl(PR_SET_PDEATHSIG, SIGTERM); raise(SIGSTOP); _exit(12); }
    int status;
    waitpid(pid, &status, WUNTRACED);
    printf("stopped %d", WIFSTOPPED(status));
    kill(pid, SIGCONT);
    waitpid(pid, &status, WCONTINUED);
    printf(" continued %d", WIFCONTINUED(status));
    printf(" %d\n", status_of(pid));
    struct rusage usage;
    if ((pid = fork()) == 0) _exit(13);
    printf("wait4 %d", wait4(pid, &status, 0, &usage) == pid);
    printf(" %d\n", WEXITSTATUS(status));
    char *arguments[3000];
    for (int n = 0; n < 2999; n++) arguments[n] = "argument";
    arguments[0] = "sh", arguments[1] = "-c", arguments[2] = "exit $(( $# % 200 ))", arguments[2999] = 0;
    if ((pid = fork()) == 0) { execv("/bin/sh", arguments); _exit(127); }
    printf("arguments %d\n", status_of(pid));
    for (int n = 0; n < 300; n++) { if ((pid = fork()) == 0) _exit(0); waitpid(pid, 0, 0); }
    printf("threads as processes %d\n", WEXITSTATUS(system("for i in 1 2 3; do (exit $i) & done; wait; exit 2")));
    return 0;
}
