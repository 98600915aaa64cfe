// pthreads: many threads, mutexes, conditions, barriers, read-write locks, semaphores, spin locks, cancellation, TLS.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static long plain;
static atomic_long counted;
static _Thread_local int own;
static int turn;
static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *value) { (void)value; destroyed++; }

static void *work(void *argument) {
    own = (int)(long)argument;
    pthread_setspecific(key, argument);
    for (int n = 0; n < 5000; n++) {
        pthread_mutex_lock(&mutex);
        plain++;
        pthread_mutex_unlock(&mutex);
        counted++;
    }
    pthread_barrier_wait(&barrier);
    pthread_rwlock_rdlock(&lock);
    long seen = plain;
    pthread_rwlock_unlock(&lock);
    sem_post(&semaphore);
    return (void *)(seen + own);
}

static void *in_turn(void *argument) {
    for (int n = 0; n < 100; n++) {
        pthread_mutex_lock(&mutex);
        while (turn % 4 != (int)(long)argument) pthread_cond_wait(&condition, &mutex);
        turn++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return 0;
}

static void cleanup(void *text) { puts(text); }

static void *forever(void *argument) {
    pthread_cleanup_push(cleanup, "cleaned up");
    for (;;) pause();
    pthread_cleanup_pop(0);
    return argument;
}

static void *nothing(void *argument) { return argument; }

int main(void) {
    pthread_t threads[32];
    pthread_barrier_init(&barrier, 0, 32);
    sem_init(&semaphore, 0, 0);
    pthread_key_create(&key, destroy);
    for (long n = 0; n < 32; n++) pthread_create(&threads[n], 0, work, (void *)(n + 1));
    long sum = 0;
    for (int n = 0; n < 32; n++) {
        void *result;
        pthread_join(threads[n], &result);
        sum += (long)result;
        sem_wait(&semaphore);
    }
    printf("%ld %ld %ld %d\n", plain, counted, sum, destroyed);
    for (long n = 0; n < 4; n++) pthread_create(&threads[n], 0, in_turn, (void *)n);
    for (int n = 0; n < 4; n++) pthread_join(threads[n], 0);
    printf("turns %d\n", turn);
    pthread_create(&threads[0], 0, forever, 0);
    usleep(1000);
    pthread_cancel(threads[0]);
    void *result;
    pthread_join(threads[0], &result);
    printf("cancelled %d\n", result == PTHREAD_CANCELED);
    for (int n = 0; n < 2000; n++) {
        pthread_create(&threads[0], 0, nothing, 0);
        pthread_join(threads[0], 0);
    }
    pthread_mutexattr_t attributes;
    pthread_mutex_t shared;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    printf("inheriting %d\n", pthread_mutex_init(&shared, &attributes));
    printf("locked %d", pthread_mutex_lock(&shared));
    printf(" %d\n", pthread_mutex_unlock(&shared));
    pthread_setname_np(pthread_self(), "named");
    char name[16];
    pthread_getname_np(pthread_self(), name, 16);
    cpu_set_t set;
    printf("%s", name);
    printf(" affinity %d\n", pthread_getaffinity_np(pthread_self(), sizeof set, &set));
    return 0;
}
