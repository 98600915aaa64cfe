#!/usr/bin/env python3
"""Installs what there is to read, with links that lead somewhere: documents.py DIRECTORY

What is installed is linked to where it is then; what is in the sources alone is named. Ends with 1 where a link leads nowhere, in the
sources or in DIRECTORY.
"""
import os
import re
import sys

SOURCES = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# Of the sources, and what it is in the directory.
DOCUMENTS = {
    "README.md": "README.md",
    "systemd/README.md": "systemd.md",
    "Sources/SandboxPolicy/PolicyFormat.md": "PolicyFormat.md",
    "Sources/SandboxWire/Protocol.md": "Protocol.md",
    "Sources/sandboxd/Records.md": "Records.md",
    "Sources/sandbox-docker/Backends.md": "Backends.md",
    "LICENSE": "LICENSE",
    "policies": "policies",
    "policies/tests": "policies/tests",
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def is_elsewhere(target):
    return re.match(r"[a-z]+:|#", target)


def rewrite(text, source, problems):
    """The text of a document, with links as they are when it is installed."""

    def replace(match):
        label, target = match.groups()
        if is_elsewhere(target):
            return match.group(0)
        path, _, part = target.partition("#")
        place = os.path.normpath(os.path.join(os.path.dirname(source), path))
        if not os.path.exists(os.path.join(SOURCES, place)):
            problems.append(f"{source}: {target} is not there")
        folder = os.path.dirname(place)
        there = DOCUMENTS.get(place) or folder in DOCUMENTS and f"{DOCUMENTS[folder]}/{os.path.basename(place)}"
        if not there:
            # Most are called as they are.
            return f"{label} in the sources" if label == place else f"{label} (`{place}` in the sources)"
        link = os.path.relpath(there, os.path.dirname(DOCUMENTS[source]) or ".")
        return f"[{label}]({link}{'#' + part if part else ''})"

    return LINK.sub(replace, text)


def check(directory, problems):
    """Every link of what is installed."""
    for name in DOCUMENTS.values():
        if not name.endswith(".md"):
            continue
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            for _, target in LINK.findall(file.read()):
                path = os.path.join(directory, os.path.dirname(name), target.partition("#")[0])
                if not is_elsewhere(target) and not os.path.exists(path):
                    problems.append(f"{directory}/{name}: {target} is not there")


def put(path, contents):
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "wb") as file:
        file.write(contents)
    os.chmod(path, 0o644)


def main(directory):
    problems = []
    for source, there in DOCUMENTS.items():
        path = os.path.join(SOURCES, source)
        names = sorted(os.listdir(path)) if os.path.isdir(path) else [""]
        for name in names:
            one = os.path.join(path, name) if name else path
            # Of a directory, what is meant to be read: not what an editor has left there.
            if os.path.isdir(one) or not one.endswith((".md", ".yaml", "LICENSE")):
                continue
            with open(one, "rb") as file:
                contents = file.read()
            if source.endswith(".md"):
                contents = rewrite(contents.decode("utf-8"), source, problems).encode("utf-8")
            put(os.path.join(directory, there, name) if name else os.path.join(directory, there), contents)
    check(directory, problems)
    for problem in problems:
        print(f"documents.py: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1]))
