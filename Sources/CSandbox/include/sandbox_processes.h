// Creating processes: clone3(2) takes a structure and returns twice, and what runs between it and exec in a shared
// address space must not be Swift.
#pragma once

#include <stdint.h>
#include <sys/types.h>

// fork(2) by the raw system call, with CLONE_NEW* `flags` for the child; Swift has no fork. Only for single-threaded
// processes. The child gets SIGKILL when the calling thread ends. Returns 0 in the child; in the parent the pid and, in
// `*pidfd`, a close-on-exec descriptor of it.
pid_t sandbox_fork(uint64_t flags, int *_Nonnull pidfd);

// A child that shares no state but the address space, sleeps until it is killed, and exists for its user namespace.
pid_t sandbox_clone_sleeper(uint64_t flags, int *_Nonnull pidfd);

#define SANDBOX_MAXIMUM_ENTRANCES 8

// Descriptors of the calling process that sandbox_spawn_init uses for what the child needs: it gets those below
// SANDBOX_SPAWN_END and no others, so that its birth does not take longer the more the caller has open. All of them must be
// open, and nothing that matters; SANDBOX_SPAWN_FILLER stays what it is, the others become copies of it.
#define SANDBOX_SPAWN_FILLER 4
#define SANDBOX_SPAWN_FIRST 5
#define SANDBOX_SPAWN_END 16

struct sandbox_init_spawn {
    // What is executed (an O_PATH or sealed memory descriptor) and its two sockets, which become 3 and 4.
    int executable;
    int init_socket;
    int command_socket;
    // CLONE_NEW* flags.
    uint64_t namespaces;
    // A cgroup v2 directory to be born in, or -1.
    int cgroup;
    // `tasks` of cgroup v1 directories, open for writing, which the child enters by itself in this order.
    int entrances[SANDBOX_MAXIMUM_ENTRANCES];
    int entrance_count;
    // nice(2) value.
    int nice;
    // 1: a child of the caller's parent (CLONE_PARENT), which is to reap it.
    int for_parent;
};
// pid 1 of a sandbox: clone3 with CLONE_VM | CLONE_VFORK, so that the price does not grow with the caller; the child
// makes those capabilities that pid 1 needs (`kept_capabilities`) survive the exec (ambient set: its user namespace has no map
// yet), moves its sockets and enters its groups and executes. Only for single-threaded processes. Returns when it has. On failure
// -1, errno, and `*stage` is 1 for clone3, 3 for a group that could not be entered, 2 for all else.
pid_t sandbox_spawn_init(const struct sandbox_init_spawn *_Nonnull spawn, int *_Nonnull pidfd, int *_Nonnull stage);

// SIGKILL for every process of one user: by a child that becomes that user, so that the kernel lets it reach nobody else,
// kill(2) with -1. Returns its pid with `*pidfd`, to be reaped; -1 and errno when it could not be made, or, with `*failed`, did
// not become that user and sent nothing.
pid_t sandbox_kill_user(uid_t uid, int *_Nonnull pidfd, int *_Nonnull failed);

// Moves a thread, 0 for this one, to another processor than this, where there is one that it may use; its affinity is what it
// was. sched_setaffinity(2).
void sandbox_send_from_processor(pid_t pid, int processor);
// A thread, and what it will start, runs on this processor alone.
void sandbox_confine_to_processor(pid_t pid, int processor);
// The one that this thread is on, getcpu(2), or -1.
int sandbox_processor(void);
