import SandboxModel
import SandboxPolicy
import Testing

/// Programs that run others: which command is behind their options.
@Suite("Wrappers")
struct WrapperTests {
    private func denies(_ policy: Policy, _ text: String) -> Bool {
        if case .denied = policy.judge(argv: ["bash", "-c", text]) { true } else { false }
    }

    /// `x` is what is run, and known to be.
    @Test(
        "a denied command is found behind every spelling of the options",
        arguments: [
            // Long names may be shortened, letters stand together, arguments are attached or not.
            "env --split='x y'", "env --sp='x y'", "env --chd / x", "env --unset A x", "env --u A x", "env -iuA x",
            "env -vS 'x y'", "env -S'x y'", "env -i - x", "env - A=b x", "env -- A=b x", "env --default-signal x",
            "env --block-signal=INT x", "env -a z x", "flock --time 5 /l x", "flock --wait=5 /l x", "flock -nE 3 /l x",
            "flock /l -c x", "flock /l --command 'y; x'", "flock -xnw1 /l x", "timeout --sig KILL 5 x",
            "timeout --kill-a=3 5 x", "timeout -vk3 5 x", "timeout --foreg 5 x", "nice -5 x", "nice --5 x",
            "nice -n5 x",
            "nice -5 -n 3 x", "nice --adj 5 x", "\\time -f %e x | y", "command time -ao f x", "stdbuf -oL -e 0 x",
            "stdbuf --out=L x", "nohup -- x", "setsid -fw x", "ionice -tc 3 x", "ionice --class idle x", "chrt -o 0 x",
            "chrt -T 1 -P 2 -d 0 x", "taskset -c 0 x", "taskset 0x1 x", "choom -n 5 x", "choom -n 5 -- x -l",
            "uclampset -m 5 x", "prlimit --nofile=10 x", "prlimit --nofile x", "prlimit -n x", "prlimit -n10:10 x",
            // An argument that is optional is never the next word.
            "xargs --max-lines x", "xargs --replace x", "xargs -i x", "xargs -l x", "xargs -e x", "xargs --eof x",
            "xargs -l5 x", "xargs -L 5 x", "xargs -E e x", "xargs -I r x", "xargs --max-l=5 x", "xargs -0rn1 -P 4 x",
            "xargs --del , x", "xargs --proc A x", "watch --diff x", "watch -d x", "watch -n1 x y", "watch -x x",
            "strace --daemonize x", "strace -f -o out x", "strace -ffttT -s 99 -e trace=all x", "strace --quiet x",
            "strace -E A=b x", "strace --attach 5 x", "unshare -m x", "unshare --mount x", "unshare -S 0 x",
            "unshare --map-user=0 x", "unshare -rmpf --mount-proc x", "nsenter -t 1 -m x", "nsenter -t1 -a -r x",
            "nsenter --wd x", "setpriv --nnp x", "setpriv --reuid 5 --clear x", "setpriv --no-n x",
            // Operands and what is not started directly.
            "chroot --userspec 1:2 /r x", "chroot --skip /r x", "setarch x86_64 -R x", "setarch -R x", "linux32 x",
            "i386 -B x", "runcon a:b:c x", "runcon -t a x", "su -c x", "su u -c 'y; x'", "su --command=x - u",
            "su --comm x", "su u -- -c x", "su -s /bin/x u", "su -lc x u", "runuser -u a x", "runuser -u a -- x -l",
            "runuser a --session-command x", "script -qc x", "script -c x f", "script -q f -c x", "script --com x",
            "sg g x", "sg g -c 'y; x'", "sg - g x", "capsh --print -- -c x", "capsh --shell=/bin/x -- y", "ssh h x",
            "ssh -p 22 h x", "ssh -4p22 h -v x y", "ssh h -p 22 x", "ssh -o A=b h x", "entr -s 'y; x'", "entr -cr x",
            "gdb --args x", "gdb -batch -args x", "gdb -q --ar x", "gdb -cd=/ --args x", "pee y x", "mispipe y x",
            "valgrind -q --tool=massif x", "valgrind -- x", "ltrace -S -o f x", "ltrace --out f x",
            "bwrap --bind / / x",
            "bwrap --setenv A b --ro-bind-try /a /a -- x", "systemd-run --user -t x", "systemd-run -E A=b --uni=u x",
            "start-stop-daemon -S -x x -- y", "start-stop-daemon --start --exec y --startas /bin/x",
            "start-stop-daemon -S -p f --ex x", "tini -- x", "tini -s x -- -l", "tini -p KILL x", "dumb-init -r 1:2 x",
            "chronic -e x", "ifne -n x", "lckdo -w f x", "eatmydata -- x", "zrun x", "nocache -n 5 x",
            "proxychains4 -q x", "dbus-run-session --dbus-daemon y -- x", "dbus-run-session --dbus-daemon=x y",
            "systemd-inhibit --what=idle --why a x", "systemd-cat -t a x", "faketime -f @0 x", "faketime -p 5 0 x",
            "faketime --date-prog x 0 y", "xvfb-run -a -s '-a b' x", "xvfb-run --auto x", "unbuffer -p x",
            "rlwrap -a x", "rlwrap -H f -pred x", "rlwrap --only-c 'y' x", "numactl -m 0 -N0 x", "numactl --mem=0 x",
            "cgexec -g a:b --st x", "fakeroot -i f -- x", "fakeroot -u x", "fakechroot -s x", "doas -u a x",
            "doas -nu a x", "pkexec --user a x", "gosu a x", "sudo -u a -E x", "sudo -nHua x", "sudo --us a x",
            "sudo A=b -u a x", "sudo -u a A=b x", "sudo --preserve-env=A x", "sudo -h h x", "sudo -T 5 -- x",
            // By bytes: no combining character hides what is in front of it.
            "env $'A=\\u0301' x", "sudo $'A=\\u0301' -u a x", "xargs -I{} sh -c $'x; {}\\u0301'",
            "sudo -- A=b/x y", "sudo A=b -- x", "ccache x -c y", "exec -a n x", "exec -cla n x", "command -p x",
            "builtin command x",
            "sudo env timeout 5 nice xargs -i x",
            "/lib64/ld-linux-x86-64.so.2 --argv0 a --library-path /l x", "ld-musl-x86_64.so.1 --preload=/l x",
            "busybox x", "toybox x y", "find . -exec x {} +",
            // What is known of a text whose rest is not.
            "xargs -I% sh -c 'x; echo %'", "find . -exec sh -c 'echo {}; x' \\;", "sh -c \"x; echo $Y\"", "eval x $Y",
        ])
    func finds(line: String) throws {
        #expect(denies(try policy("commands: { undecided: allow, deny: [x] }\n"), line))
    }

    /// `env -S` has its own rules: none of these is what a shell would make of it.
    @Test(
        "the text of env -S is cut as env cuts it",
        arguments: [
            ("x\\_y", true), ("'x'", true), ("\"x\" y", true), ("A=b\\_x", true), ("A=\"a b\" x", true),
            ("x\\c y", true),
            ("x # y", true), ("-i -u A x", true), ("-S x", true), ("-S 'A=b x'", true), ("x\ty", true), ("x;y", false),
            ("y|x", false), ("y # x", false), ("y\\c x", false), ("y\\_x", false), ("'y x'", false), ("y &&x", false),
            ("y $(x)", false), ("\"x\\_z\"", false), ("\\\\x", false), ("'x\\_y'", false),
        ])
    func split(text: String, isFound: Bool) throws {
        let own = try policy("commands: { undecided: allow, deny: [{ program: x }] }\n")
        let argv = ["env", "-S", text]
        if case .denied = own.judge(argv: argv) { #expect(isFound) } else { #expect(!isFound) }
    }

    @Test(
        "what is not in a program's grammar, and what may mean something else, is undecided",
        arguments: [
            "env --d x", "env --zzz x", "env -Z x", "env -S 'a\\q'", "env -S \"a'\"", "env -S '$A'",
            "env -S '${A} x'",
            "env --split-string=\"$A\"", "env -S\"$A\"", "timeout \"$T\" ls", "timeout $T ls", "timeout -s $S 5 ls",
            "timeout --ve 1 ls", "timeout -s\"$S\" 5 ls", "timeout --sig\"$S\" 5 ls", "taskset -cp 0-3 $P",
            "taskset -p $P", "nice -n $N ls", "nice \"$N\" ls",
            "xargs --max 5 ls", "xargs -Z ls", "xargs -I \"$R\" ls {}", "xargs -I% sh -c 'echo %'", "xargs -i {}",
            "faketime -- ls ls", "zrun -- ls", "proxychains4 -- ls", "gosu -- ls ls", "ld.so -- ls",
            "xargs -I{} sh -c $'{}\\u0301'", "find . -exec $'{}\\u0301' \\;",
            "flock -c ls", "flock --fd 3 ls", "flock $F ls", "chrt ls -l", "choom -n 5 ls -n 6", "setarch $A ls",
            "su u -c \"$C\"", "su $U -c ls", "script -- ls", "script f g", "gdb -ex 'shell ls' p", "gdb -x f p",
            "ssh -o ProxyCommand=ls h ls", "ssh -oproxycommand=ls h ls", "ssh -F f h ls", "ssh -o \"$O\" h ls",
            "bwrap --args 3 ls", "bwrap --bin / / ls", "systemd-run -p ExecStartPre=ls ls", "rlwrap -z f ls",
            "dbus-run-session --config-file=f ls", "sudo -e f", "capsh == -- -c ls", "perf stat ls", "tmux new ls",
            "firejail ls", "proot -r / ls", "run-parts d", "parallel ls ::: a", "sem ls", "expect -c 'exec ls'",
            "busybox env -u A ls", "busybox timeout -t 5 ls", "fakeroot -l ./l.so -f \"$F\" ls", "sudo --pre ls",
            "strace --f ls", "strace -Q ls", "unshare --m ls", "prlimit --n ls", "find . -exec sh -c 'echo {}' \\;",
            "proxychains4 -f c ls", "pkexec --us a ls", "faketime -mf 0 ls", "ld.so --lib /l ls",
            "xargs --e= \"$X\" $Y",
            "unbuffer -ignore HUP ls", "curl a | unshare -r", "curl a | chroot /r", "curl a | su", "curl a | sg g",
            "curl a | newgrp g", "curl a | script f", "curl a | sudo -s", "sudo -s '$A' ls", "sudo -iu a '$A' ls",
            "coreutils --coreutils-prog=env ls", "curl a | setarch -R", "curl a | fakeroot",
        ])
    func undecided(line: String) throws {
        #expect(denies(try policy("commands: { deny: [zzz] }\n"), line))
        // An undecided command is never on a list of what is allowed.
        let all = try policy("commands: { undecided: allow, allow: [{ program: \"*\" }], deny: [zzz] }\n")
        #expect(denies(all, line))
    }

    @Test(
        "common usages stay decided",
        arguments: [
            "env -i A=b make", "env -u A make", "env make", "env -C d make", "xargs -0 -n1 -P4 grep x",
            "xargs -r0 rm -f",
            "xargs -I{} mv {} d", "xargs -I % cp -r % d", "xargs -n 1 echo", "xargs", "timeout -k 5 10 make",
            "timeout 5m make", "timeout -s KILL 10 make", "timeout --preserve-status 5 make", "nice -n 5 make",
            "nice -5 make", "nice", "strace -f -o out make", "strace -c ls", "strace -p 5", "strace -e trace=open ls",
            "flock -n lock make", "flock -w 10 lock make", "flock 9", "flock lock -c 'make all'", "sudo -u x -E make",
            "sudo apt-get -y install a", "sudo -n true", "ssh -p 22 host ls", "ssh -o StrictHostKeyChecking=no u@h ls",
            "ssh -i k -4 h 'cd d && ls'", "taskset -c 0 make", "taskset -cp 0-3 \"$P\"", "taskset -p 5",
            "ionice -c3 make",
            "ionice -c 2 -n 0 -p 5", "chrt -p 5", "chrt -f 10 ls", "nohup make", "setsid -w make", "stdbuf -oL grep a",
            "time make", "\\time -v make", "watch -n 1 ls -l", "script -qc 'make all' log", "script -q /dev/null -c ls",
            "unshare -rn ls", "chroot d ls", "setarch x86_64 -R ls", "linux32 make", "prlimit --nofile=64 make",
            "fakeroot make", "fakeroot -- make", "gdb --args ls -l", "gdb -batch ls", "valgrind --leak-check=full ./a",
            "ltrace -c ls", "numactl --cpunodebind=0 ls", "xvfb-run -a ls", "dbus-run-session -- ls", "tini -- ls -l",
            "choom -n 5 -- ls -l", "bwrap --ro-bind / / --dev /dev --unshare-all ls", "command -v ls", "command -pv ls",
            "exec ls", "runuser -u a -- ls -l", "su - u -c 'ls -l'", "systemd-run --user --scope make",
            "setpriv --nnp ls",
            "sudo -s ls", "ccache gcc -c a.c", "doas ls", "busybox ls -l", "busybox sh -c ls",
            "find . -exec grep a {} +",
            "find . -name 'a*' -exec ls \\;",
            "start-stop-daemon -K -p f", "eatmydata make", "chronic make", "env \"A=$X\" make", "env A=\"$X\" make",
            "timeout 5 ls \"$X\"", "nice -n \"$N\" ls", "timeout --signal=\"$S\" 5 ls", "sudo -u \"$U\" ls",
            "xargs -d '\\n' ls", "ls | xargs -i echo {}", "/lib64/ld-linux-x86-64.so.2 /bin/ls", "flock \"/l/$X\" ls",
        ])
    func decided(line: String) throws {
        #expect(!denies(try policy("commands: { deny: [zzz] }\n"), line))
    }

    @Test(
        "variables that a wrapper sets count like the shell's own",
        arguments: [
            ("strace -E LD_PRELOAD=x ls", true), ("strace --env=PATH=x ls", true), ("strace --en PATH ls", true),
            ("xargs --process-slot-var=PATH ls", true), ("env -S 'PATH=x ls'", true), ("env -S 'PATH=x\\_ls'", true),
            ("sudo PATH=x ls", true), ("sudo -u a PATH=x -n ls", true), ("systemd-run -E PATH=x ls", true),
            ("systemd-run --setenv PATH ls", true), ("bwrap --setenv PATH x ls", true), ("strace -E \"$A\" ls", true),
            ("ld.so --preload ./l.so ls", true), ("ld.so --library-path d ls", true), ("fakeroot -l ./l.so ls", true),
            ("env POSIXLY_CORRECT=1 ls", true), ("env $'PATH=\\u0301' ls", true),
            ("strace -E $'PATH=\\u0301' ls", true), ("env VALGRIND_OPTS=x ls", true), ("strace -E A=b ls", false),
            ("env -S 'A=b ls'", false), ("xargs --process-slot-var=SLOT ls", false), ("systemd-run -EA=b ls", false),
        ])
    func variables(line: String, isPoison: Bool) throws {
        let names = "bash, ls, env, strace, xargs, sudo, systemd-run, bwrap, ld.so, fakeroot"
        #expect(denies(try policy("commands: { undecided: allow, allow: [\(names)] }\n"), line) == isPoison)
    }

    @Test("a shell that is started without a command needs a rule")
    func shells() throws {
        let names = "bash, unshare, chroot, setarch, su, script, newgrp, sudo"
        let own = try policy("commands: { undecided: allow, allow: [\(names)] }\n")
        for line in ["unshare -r", "chroot d", "setarch -R", "su", "script f", "newgrp", "sudo -i"] {
            #expect(denies(own, line), "\(line)")
        }
        #expect(!denies(own, "script -c 'sudo -l' f"))
    }

    @Test(
        "a download is followed through the options of what runs it",
        arguments: [
            "env -u A curl x | sh", "sudo -u a curl x | sh", "timeout -k 5 10 curl x | sh", "nice -n 5 wget x | sh",
            "stdbuf -oL -e 0 -i 0 curl x | bash", "timeout -s KILL 5 base64 -d f | sh", "curl x | timeout -k 5 9 sh",
        ])
    func downloads(line: String) throws {
        let own = try policy(
            "commands: { undecided: allow, deny: [{ check: runs-download }, { check: runs-decoded }] }\n")
        #expect(denies(own, line) && !denies(own, line.replacing("| ", with: "| grep ")))
    }
}
