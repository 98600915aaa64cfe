// What the launcher and sandbox-init say to each other, as structures: sandbox-init has no memory but its own few
// pages, so nothing is parsed there.
//
// Two SOCK_SEQPACKET sockets: INIT_SOCKET to pid 1, INIT_COMMAND_SOCKET to the process that becomes the command.
//
//     launcher -> pid 1     one byte         the id maps are written; pid 1 takes its identity first of all. INIT_WORD_*
//     launcher -> pid 1     init_prepare     everything that depends on the policy alone
//     pid 1 -> launcher     init_report      ready: all that depends on the policy alone is done, and the command's process is
//                                            confined and waits. A sandbox may stay so for long
//     launcher -> pid 1     init_workspace   with the workspace's detached mount, or without a descriptor. Left out where the
//                                            request takes the file systems as they are, and pid 1 has said that it is ready
//     launcher -> command   init_command     with three descriptors: standard input, output, error; for a probe a fourth
//     pid 1 -> command      one byte         init_workspace is done; waited for where init_command says so
//     pid 1 -> launcher     init_denial      something was refused, when it is the first of its kind and at the end
//     pid 1 -> launcher     init_report      failed, or started and then ended; of a command that ends at once
//                                            only ended. With the last one every other
//                                            process of the sandbox has ended or has its SIGKILL. After `ended` pid 1 waits
//                                            for the end of its socket: what the kernel does at its end, and it is much,
//                                            is not to delay an answer
#pragma once

#include <stdint.h>

// The maps are written.
#define INIT_WORD_MAPPED 1
// The same; forbid executable files in memory before taking an identity.
#define INIT_WORD_SEAL 2
// The same of a launcher that is not root: there is one user, the command's, which pid 1 is already, and groups cannot be left.
#define INIT_WORD_SINGLE 3
// This is pid 1 of a container that an engine has made: identity, namespaces and file systems are as they are to be, and there is
// no capability with which anything of that could be changed.
#define INIT_WORD_CONTAINER 4

// Where a container's pid 1 comes to the launcher: it connects twice, first for itself, then for the command's process. The launcher
// takes these two and no more.
#define INIT_CONTAINER_SOCKET "/.sandbox/socket"
// This program there.
#define INIT_CONTAINER_PROGRAM "/.sandbox/init"

#define INIT_SOCKET 3
#define INIT_COMMAND_SOCKET 4

// The sandbox's users: pid 1 is 0, the command is this one.
#define INIT_COMMAND_UID 1000
#define INIT_COMMAND_GID 1000

// Signal N for the command comes to pid 1 as real-time signal N + this: SIGKILL and SIGSTOP would hit pid 1 itself.
#define INIT_SIGNAL_CARRIER 32
// Asks pid 1 to send SIGTERM and SIGCONT to every process of the sandbox; the last real-time signal, which carries none.
#define INIT_STOP_SIGNAL 64
// Asks pid 1 to say that the command was executed, as soon as it was; the real-time signal that would carry signal 0.
#define INIT_TELL_SIGNAL 32

#define INIT_WORKSPACE "/sandbox/workspace"
#define INIT_MASK_FILE "/.mask/file"
#define INIT_MASK_DIRECTORY "/.mask/directory"

// Equal to LaunchStage in LaunchPlan from 100 on, in the same order; a test compares them.
enum init_stage {
    init_stage_receive = 100,
    init_stage_memory_files,
    init_stage_identity,
    init_stage_cgroup_namespace,
    init_stage_hostname,
    init_stage_loopback,
    init_stage_mount_proc,
    init_stage_mount_pts,
    init_stage_mount_tmp,
    init_stage_mount_shm,
    init_stage_mask_proc,
    init_stage_mount_workspace,
    init_stage_command_fork,
    init_stage_listener,
    init_stage_command_session,
    init_stage_command_terminal,
    init_stage_command_capabilities,
    init_stage_command_identity,
    init_stage_command_no_new_privileges,
    init_stage_command_memory,
    init_stage_command_landlock,
    init_stage_command_seccomp,
    init_stage_command_receive,
    init_stage_command_descriptors,
    init_stage_command_limits,
    init_stage_command_directory,
    init_stage_command_execute,
    init_stage_end,
};

#define INIT_MAXIMUM_PREPARE (256 << 10)
#define INIT_MAXIMUM_COMMAND (640 << 10)
#define INIT_MAXIMUM_STRINGS 16384
#define INIT_MAXIMUM_OPTIONS 128

// A Landlock rule: rights (LANDLOCK_ACCESS_FS_*) on all below a path.
struct init_rule {
    uint64_t access;
    // Where its NUL-terminated path begins, from the start of the message.
    uint32_t path;
    uint32_t reserved;
};

struct init_prepare {
    // Of the message, with what follows the structure.
    uint32_t bytes;
    uint32_t loopback;
    // 0: the workspace, /tmp and /dev/shm are mounted noexec.
    uint32_t execute_written;
    // Landlock: all rights that the rules handle; 0 rules nothing and is refused.
    uint32_t rule_count;
    uint64_t handled_access;
    uint64_t handled_network;
    uint64_t scoped;
    // From the start of the message: rules, then the seccomp program (struct sock_filter), then mount options of the
    // temporary file systems (NUL-terminated).
    uint32_t rules;
    uint32_t filter;
    uint32_t filter_count;
    uint32_t tmp_options;
    uint32_t shm_options;
    // Of the workspace in memory, which a request gets that names none.
    uint32_t workspace_options;
    // Calls that are not refused although pid 1 is asked, INIT_WATCH_*.
    uint32_t watched;
    // No memory that is writable and executable, PR_SET_MDWE.
    uint32_t refuse_executable_memory;
    // landlock_restrict_self(2).
    uint32_t landlock_flags;
    // INIT_IDENTITY_*
    uint32_t identity;
};

// pid 1 is the sandbox's root, the command another user.
#define INIT_IDENTITY_OWN 0
// As INIT_WORD_SINGLE says: the command has no groups to leave.
#define INIT_IDENTITY_SINGLE 1
// As INIT_WORD_CONTAINER says: nothing is left to be given up.
#define INIT_IDENTITY_GIVEN 2

// LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON: refusals are told also after the command's execve(2).
#define INIT_LANDLOCK_LOG 2

// Equal to FilterRequest.Watched in SeccompFilter.
#define INIT_WATCH_CONNECT 1
#define INIT_WATCH_EXECUTE 2
#define INIT_WATCH_SEND 4

// The workspace in memory is what the command gets; or the descriptor is a detached mount, which covers it; or one covers it already.
#define INIT_MOUNT_NONE 0
#define INIT_MOUNT_GIVEN 1
#define INIT_MOUNT_PLACED 2

struct init_options {
    char text[INIT_MAXIMUM_OPTIONS];
};

// What is a request's own about file systems. Options end with a NUL; where there are none, it stays as it is.
struct init_workspace {
    // INIT_MOUNT_*
    uint32_t has_mount;
    // What the workspace in memory, which has the policy's size, is remounted with.
    struct init_options options;
    // The same of /tmp.
    struct init_options tmp_options;
};

struct init_command {
    uint32_t bytes;
    uint32_t argument_count;
    uint32_t variable_count;
    // The descriptors are one terminal, which becomes the controlling one.
    uint32_t terminal;
    // RLIM_INFINITY (all ones) is no limit.
    uint64_t open_files;
    uint64_t file_size;
    uint64_t cpu_seconds;
    // Of the user namespace, pid 1 among them; bytes of memory of its own that a process may write. Only where no group counts.
    uint64_t processes;
    uint64_t data;
    // From the start of the message, NUL-terminated; the arguments and then the variables follow one another.
    uint32_t directory;
    uint32_t arguments;
    uint32_t variables;
    // The fourth descriptor is executed, and no program is searched.
    uint32_t has_executable;
    // pid 1 has something to do before; it writes a byte into the command's pipe when that is done.
    uint32_t awaits_init;
    uint32_t reserved;
};

enum init_report_kind {
    init_report_failed = 1,
    init_report_started = 2,
    init_report_ended = 3,
    init_report_denied = 4,
    init_report_ready = 5,
};

enum init_denial_kind {
    // A system call by number and first arguments.
    init_denied_call = 1,
    // A call of another architecture (i386, x32).
    init_denied_legacy = 2,
    // The file that was to be executed is on a noexec mount; `subject` is its path as it was given, NUL-terminated.
    init_denied_execution = 3,
    // `subject` is a struct sockaddr_in or sockaddr_in6.
    init_denied_connection = 4,
};

#define INIT_MAXIMUM_DENIALS 32
#define INIT_MAXIMUM_SUBJECT 256

struct init_denial {
    // init_report_denied: the first word of every message to the launcher says what it is.
    uint32_t report;
    uint32_t kind;
    uint32_t call;
    uint32_t architecture;
    // How often, so far.
    uint64_t count;
    uint64_t arguments[3];
    // The argument, if any, by which two refusals of the same call differ.
    uint64_t distinct;
    uint8_t subject[INIT_MAXIMUM_SUBJECT];
};

// File systems in memory without a free block or inode; equal to FullSpaces in LaunchPlan, a test compares them.
// Beside them: when the command ended, other processes of the sandbox were left.
#define INIT_LEFT_PROCESSES 0x80000000u
#define INIT_FULL_TMP 1
#define INIT_FULL_SHM 2
#define INIT_FULL_WORKSPACE 4
// The same, shifted by this much, for inodes.
#define INIT_FULL_INODES 3

struct init_report {
    uint32_t kind;
    uint32_t stage;
    int32_t error;
    // wait(2) status of the command.
    int32_t status;
    // CLOCK_MONOTONIC nanoseconds.
    uint64_t at;
    // getrusage(2) RUSAGE_CHILDREN of pid 1: every process of the sandbox that was reaped.
    uint64_t blocks_read;
    uint64_t blocks_written;
    uint64_t context_switches;
    // The same, microseconds.
    uint64_t user_time;
    uint64_t system_time;
    // INIT_FULL_*, when the command has ended.
    uint32_t full;
    uint32_t reserved;
    // When the command was about to be executed, CLOCK_MONOTONIC nanoseconds; 0 before. Where its process was killed before
    // it told, long ago. The start is not told where the end follows soon.
    uint64_t started_at;
};

_Static_assert(sizeof(struct init_rule) == 16, "layout");
_Static_assert(sizeof(struct init_prepare) == 80, "layout");
_Static_assert(sizeof(struct init_command) == 80, "layout");
_Static_assert(sizeof(struct init_report) == 80, "layout");
_Static_assert(sizeof(struct init_workspace) == 260, "layout");
_Static_assert(sizeof(struct init_denial) == 312, "layout");
