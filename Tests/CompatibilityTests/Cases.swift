extension Case {
    static let all = python + shell + git + compiled + languages + commands

    static let python: [Case] = [
        Case("python/threads.py", "threads, locks, queues, pools"),
        Case("python/threads.py", "the same under a policy for Python", policy: "python"),
        Case("python/processes.py", "multiprocessing: fork, spawn, forkserver, shared memory, a manager"),
        Case("python/coroutines.py", "asyncio with subprocesses, timeouts, signals, a Unix server"),
        Case("python/database.py", "sqlite3: log, transactions, locks, full text, backup"),
        Case("python/database.py", "the same under a policy for Python", policy: "python"),
        Case(
            "python/tls.py", "ssl: contexts, certificates, a handshake; digests",
            needs: ["/etc/ssl/certs/ca-certificates.crt"]),
        Case(
            "python/environment.sh", "a virtual environment, pip, a package installed from a directory",
            needs: ["python3", "/usr/lib/python3*/ensurepip"],
            masks: [
                .contents(of: ["*.pyc", "*.whl"], because: "times of the sources"),
                .contents(of: ["*/RECORD"], because: "digests of scripts that name the directory"),
            ]),
        Case("python/foreign.py", "ctypes: libc, callbacks, structures, errno", needs: ["gcc"]),
        Case("python/mapping.py", "mmap: shared, private, resized"),
        Case("python/temporary.py", "tempfile of every kind"),
        Case(
            "python/signals.py", "handlers, alarms, timers, masks, signalled children, groups",
            masks: [.text("0x[0-9a-f]+", as: "ADDRESS", in: ["trace"], because: "addresses")]),
        Case(
            "python/sockets.py", "Unix sockets: streams, datagrams, abstract, descriptors passed; names of services",
            needs: ["/etc/services", "/etc/protocols"]),
        Case("python/loopback.py", "TCP, UDP, HTTP, XML-RPC over loopback", policy: "with-loopback"),
        Case("python/formats.py", "pickle, JSON, CSV, zip, tar, INI, TOML, XML, dbm"),
        Case("python/formats.py", "the same under a policy for Python", policy: "python"),
        Case(
            "python/numbers_and_dates.py", "decimal, random, time zones, locales, MIME types",
            needs: ["/usr/share/zoneinfo/Europe/Berlin"]),
        Case("python/log_files.py", "logging to files, rotated, from threads and children"),
        Case("python/walk.py", "10,000 files made, walked, hashed, renamed, removed"),
        Case(
            "python/unit", "unittest, doctest, compileall, trace, zipapp, pdb", needs: ["python3"],
            masks: [
                .text(#"in [0-9.]+s"#, as: "in Ns", because: "times"),
                .contents(of: ["*.zip", "*.pyz", "*.pyc"], because: "times of the sources"),
            ]),
        Case("python/limits.py", "resource limits read, lowered and met"),
        Case("python/accounts.py", "accounts, groups, host name", difference: "its own accounts and host name"),
        Case("python/pipelines.py", "subprocess: pipelines, shells, descriptors, timeouts, daemons"),
        Case("python/terminals.py", "pseudo-terminals: spawn, raw mode, interrupt, getpass, terminfo"),
        Case("python/modules.py", "every module of the standard library imported"),
        Case("python/files.py", "links, modes, attributes, locks, holes, memfd, unnamed files"),
        Case("python/profile_it.py", "profilers, tracers, garbage collection, clocks"),
        Case("python/noise.py", "20 MB of binary standard input, out again", inputSize: 20_000_000),
    ]

    static let shell: [Case] = [
        Case("shell/language.sh", "bash: arrays, coprocess, traps, here-documents, substitution"),
        Case("shell/language.sh", "the same under a policy for shell commands", policy: "shell"),
        Case(
            "shell/jobs.sh", "job control, wait, kill, nohup, setsid, timeout, xargs -P", masks: [processNumbers]),
        Case("shell/posix.dash", "dash, as /bin/sh"),
        Case("shell/text.sh", "find, grep, sed, awk, sort, uniq, join over 10,000 files"),
        Case("shell/archives.sh", "tar: links, holes, modes, compressors, increments"),
        Case("shell/copies.sh", "cp -a, mv, install, ln, dd, truncate, fallocate, rsync"),
        Case("shell/copies.sh", "the same under a policy for shell commands", policy: "shell"),
        Case("shell/locks.sh", "flock, mkfifo, mktemp, noclobber"),
        Case("shell/variables.sh", "the environment, env -i, 2,000 variables, descriptors, signals at start"),
        Case("shell/dates.sh", "date and touch with time zones", needs: ["/usr/share/zoneinfo/Europe/Berlin"]),
        Case("shell/bytes.sh", "od, base64, cmp, checksums, compressors"),
        Case("shell/patches.sh", "diff, patch, diff3, rejects", needs: ["patch"]),
        Case("shell/status.sh", "stat, test, ls, df, du, getconf, permissions"),
        Case("shell/processes.sh", "ps, /proc, kill, ulimit, nice, free, top", masks: [processNumbers]),
        Case(
            "shell/hardware.sh", "lscpu and /sys", needs: ["lscpu"],
            difference: "there is no /sys: it names the host's hardware"),
        Case("shell/scripts.sh", "scripts and programs in the workspace executed"),
        Case("shell/names.sh", "odd names, 40 levels, 255 bytes, no UTF-8"),
        Case("shell/long.sh", "long and many arguments, 900 descriptors, big pipes"),
        Case("shell/flood.sh", "50 MB of standard output, 1 MB of standard error"),
        Case("shell/reading.sh", "looking around without changing anything", policy: "reading"),
    ]

    /// bash's messages about jobs that a signal ended.
    private static let processNumbers = Mask.text(
        #"line \d+: +\d+ "#, as: "line N ", in: ["stderr"], because: "process numbers")
    private static let index = Mask.contents(of: ["*/index"], because: "git's index holds times and inode numbers")

    static let git: [Case] = [
        Case("git/daily.sh", "init, commit, merge conflict, rebase, stash, hooks, am", needs: ["git"], masks: [index]),
        Case(
            "git/repositories.sh", "clone, push, worktree, bisect, gc, submodule, bundle", needs: ["git"],
            masks: [index]),
    ]

    static let compiled: [Case] = [
        Case("c/threads.c", "pthreads: 32 threads, conditions, cancellation, 2,000 in turn"),
        Case("c/timers.c", "signals with values, POSIX timers, timerfd, signalfd, faults"),
        Case("c/events.c", "epoll, eventfd, inotify, pidfd, select, aio"),
        Case("c/memory.c", "mappings, code at run time, memfd seals, mremap"),
        Case("c/ipc.c", "shm_open, sem_open; System V memory, messages, semaphores"),
        Case(
            "c/queues.c", "POSIX message queues",
            difference: "Landlock has no rule for the file system that holds them: EACCES"),
        Case("c/copies.c", "sendfile, splice, copy_file_range, holes, statx, attributes"),
        Case("c/spawning.c", "fork, vfork, posix_spawn, clone, execveat, orphans, sessions"),
        Case("c/calls.c", "50 system calls of libraries and runtimes, by result"),
        Case(
            "c/refused.c", "calls that the base list leaves out",
            difference: "no new namespaces, io_uring, keyrings, NUMA policies or set-user-ID bits inside"),
        Case("c/terminal.c", "openpty, forkpty, line discipline, job control"),
        Case("c/sockets.c", "Unix, TCP and UDP sockets, options, interfaces", policy: "with-loopback"),
        Case("c/exceptions.cpp", "C++20: exceptions, threads, filesystem, coroutines"),
        Case("c/project", "make -j4: 20 files, a generator, static and shared library, tests", needs: ["make", "gcc"]),
        Case(
            "c/linking.sh", "dlopen, LD_PRELOAD, static, LTO, sanitizers, gcov, binutils", needs: ["gcc", "ldd"],
            masks: [
                .contents(
                    of: ["covered", "sanitized"], because: "debugging and coverage data name the directory, also hashed"
                )
            ]),
    ]

    static let languages: [Case] = [
        Case("perl/language.pl", "Perl: fork, sockets, regular expressions, SDBM, modules"),
        Case("programs/tools.sh", "jq, bc, sqlite3", needs: ["jq", "bc", "sqlite3"]),
        Case(
            "programs/openssl.sh", "openssl: keys, certificates, signatures, encryption", needs: ["openssl"],
            masks: [.contents(of: ["*.pem", "leaf.*", "root.srl", "signature"], because: "keys are random")]),
        Case(
            "programs/tracing.sh", "strace on a program and its children, attached", needs: ["strace"],
            masks: [
                .contents(of: ["trace", "attached", "counts", "writes"], because: "process numbers, addresses, times")
            ]),
        Case(
            "programs/debugging.sh", "gdb: break, step, change, a crash", needs: ["gdb", "gcc"], optional: true,
            masks: [.contents(of: ["program"], because: "debugging information names the directory, also hashed")]),
        Case("programs/editors.sh", "vim and ed driven by scripts", needs: ["vim", "ed"], optional: true),
        Case("programs/script.js", "Node.js: workers, children, sockets, WebAssembly", optional: true),
        Case("programs/Program.java", "Java: threads, files, processes, streams", optional: true),
        Case("programs/script.rb", "Ruby: threads, fork, files", optional: true),
        Case("programs/program.go", "Go: goroutines, files, processes", optional: true),
        Case("programs/program.rs", "Rust: threads, channels, processes", optional: true),
    ]

    /// How a command ends, seen by who started it.
    static let commands: [Case] =
        [0, 1, 2, 77, 124, 126, 127, 128, 200, 255].map {
            Case(command: ["sh", "-c", "echo out; echo err >&2; exit \($0)"], "exit \($0)", "exit status \($0)")
        }
        + ["HUP", "INT", "ABRT", "KILL", "SEGV", "PIPE", "TERM", "USR1"].map {
            Case(command: ["bash", "-c", "echo out; kill -\($0) $$"], "signal \($0)", "ended by SIG\($0)")
        }
}
