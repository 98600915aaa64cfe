// The attacker: runs attempts and says what came of each. Inside a sandbox it needs nothing but libc.
//
//   escape-probe [--user UID] [--isolated] NAME...   the named attempts; none: all of them
//   escape-probe --identity                          who this program is (executed by an attempt)
//
// `--user` and `--isolated` are for runs without a sandbox: as that user; every attempt in a mount, host name and process
// namespace of its own, so that nothing that works does harm.
import EscapeAttempts
import Glibc

Probe.run(Array(CommandLine.arguments.dropFirst()))
