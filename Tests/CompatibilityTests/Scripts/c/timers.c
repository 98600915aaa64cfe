// Signals and time: sigaction with values, masks, alternative stacks, POSIX timers, timerfd, signalfd, interval timers.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ticks, value;
static sigjmp_buf back;

static void handle(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    ticks++;
    value = info->si_value.sival_int;
}

static void fault(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    value = info->si_code;
    siglongjmp(back, 1);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGRTMIN, &action, 0);
    sigaction(SIGALRM, &action, 0);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42});
    printf("queued %d %d\n", ticks, value);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value = {.sival_int = 7}};
    timer_t timer;
    printf("timer %d\n", timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec soon = {{0, 1000000}, {0, 1000000}};
    timer_settime(timer, 0, &soon, 0);
    while (ticks < 5) pause();
    timer_delete(timer);
    printf("ticked %d\n", value);
    struct itimerval interval = {{0, 0}, {0, 2000}};
    ticks = 0;
    setitimer(ITIMER_REAL, &interval, 0);
    while (!ticks) pause();
    printf("interval %d\n", ticks);
    int clock = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    timerfd_settime(clock, 0, &soon, 0);
    unsigned long long expired = 0;
    printf("timerfd %zd", read(clock, &expired, 8));
    printf(" %d\n", expired >= 1);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    int signals = signalfd(-1, &set, SFD_NONBLOCK);
    if (fork() == 0) _exit(9);
    struct pollfd ready = {signals, POLLIN, 0};
    poll(&ready, 1, 20000);
    struct signalfd_siginfo info;
    printf("signalfd %zd", read(signals, &info, sizeof info));
    printf(" %u", info.ssi_signo);
    printf(" %d\n", info.ssi_status);
    wait(0);
    kill(getpid(), SIGUSR1);
    struct timespec limit = {20, 0};
    siginfo_t waited;
    printf("waited %d\n", sigtimedwait(&set, &waited, &limit));
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    struct sigaction on_fault = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaltstack(&stack, 0);
    sigaction(SIGSEGV, &on_fault, 0);
    sigaction(SIGFPE, &on_fault, 0);
    int *volatile nowhere = 0;
    volatile int zero = 0;
    if (!sigsetjmp(back, 1)) *nowhere = 1;
    printf("fault %d\n", value == SEGV_MAPERR);
    if (!sigsetjmp(back, 1)) zero = 1 / zero;
    printf("division %d\n", value == FPE_INTDIV);
    struct timespec now, later;
    clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_TAI};
    for (int n = 0; n < 5; n++) printf("%d%d ", clock_gettime(clocks[n], &now), clock_getres(clocks[n], &later));
    clock_gettime(CLOCK_MONOTONIC, &now);
    now.tv_nsec += 2000000;
    if (now.tv_nsec >= 1000000000) now.tv_sec++, now.tv_nsec -= 1000000000;
    printf("slept %d\n", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, 0));
    printf("setting the clock %d\n", clock_settime(CLOCK_REALTIME, &(struct timespec){1, 0}) < 0);
    int status;
    if (fork() == 0) abort();
    wait(&status);
    printf("aborted %d\n", WTERMSIG(status));
    return 0;
}
