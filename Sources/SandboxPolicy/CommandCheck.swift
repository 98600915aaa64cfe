/// What `check` of a rule can name: dangers that no pattern over single arguments describes.
enum CommandCheck: String, CaseIterable, Sendable {
    case deletesRoot = "deletes-root"
    case changesRoot = "changes-root"
    case writesDevice = "writes-device"
    case forkBomb = "fork-bomb"
    case runsDownload = "runs-download"
    case runsDecoded = "runs-decoded"
    case reverseShell = "reverse-shell"
    case killsAll = "kills-all"

    var summary: String {
        switch self {
        case .deletesRoot:
            "rm -r, or find -delete without a filter, on /, a directory directly below it, the home directory, . or .."
        case .changesRoot: "chmod, chown or chgrp -R on one of these."
        case .writesDevice:
            "A redirection, dd, tee, cp, shred or truncate onto a device other than null, tty and the like."
        case .forkBomb: "A shell function that starts itself more than once, or in the background."
        case .runsDownload: "What curl, wget or fetch prints, given to an interpreter by a pipe or a substitution."
        case .runsDecoded: "The same with what base64, xxd or openssl decode."
        case .reverseShell: "nc -e, or a shell whose input or output is /dev/tcp or /dev/udp."
        case .killsAll: "kill with the process -1, killall5."
        }
    }
}

/// What a rule says about a command of which not everything may be known.
enum Match {
    case yes, no
    /// It depends on what is not known.
    case maybe
}
