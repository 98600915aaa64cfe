// Between processes: POSIX and System V shared memory, semaphores; System V message queues.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

struct message { long type; char text[32]; };

static void posix(void) {
    char name[64];
    snprintf(name, sizeof name, "/compatibility-%d", getpid());
    int shared = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    printf("shm_open %d\n", shared >= 0 && ftruncate(shared, 4096) == 0);
    char *area = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    if (semaphore == SEM_FAILED) { perror("sem_open"); exit(1); }
    if (fork() == 0) { strcpy(area, "written by a child"); sem_post(semaphore); _exit(0); }
    sem_wait(semaphore);
    puts(area);
    wait(0);
    printf("unlinked %d", shm_unlink(name));
    printf(" %d\n", sem_unlink(name));
}

static void system_v(void) {
    int memory = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    int semaphores = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
    printf("made %d %d %d\n", memory >= 0, queue >= 0, semaphores >= 0);
    char *area = shmat(memory, 0, 0);
    if (fork() == 0) {
        strcpy(area, "shared by System V");
        struct message message = {5, "a message"};
        msgsnd(queue, &message, sizeof message.text, 0);
        struct sembuf up = {1, 3, 0};
        semop(semaphores, &up, 1);
        _exit(0);
    }
    struct sembuf down = {1, -3, 0};
    printf("semop %d\n", semop(semaphores, &down, 1));
    struct message message;
    printf("%zd", msgrcv(queue, &message, sizeof message.text, 5, 0));
    printf(" %s %s\n", message.text, area);
    wait(0);
    struct sembuf now = {0, -1, IPC_NOWAIT};
    printf("would wait %d\n", semop(semaphores, &now, 1) < 0 && errno == EAGAIN);
    printf("removed %d", shmctl(memory, IPC_RMID, 0));
    printf(" %d", msgctl(queue, IPC_RMID, 0));
    printf(" %d\n", semctl(semaphores, 0, IPC_RMID));
    shmdt(area);
}

int main(void) {
    setbuf(stdout, 0);
    posix();
    system_v();
    return 0;
}
