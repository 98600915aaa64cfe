#!/usr/bin/env python3
"""Writes manual pages, man(7), from what the programs say of themselves and from Markdown. Needs nothing but Python.

    manual.py help SECTION DIRECTORY [EXTRA.md] < (PROGRAM --experimental-dump-help)
    manual.py markdown NAME SECTION DIRECTORY FILE.md

`help` writes a page for the program and one for each of its verbs; EXTRA.md has further sections of the program's own page.
The date of the pages is SOURCE_DATE_EPOCH's (seconds), the version the environment's VERSION.
"""
import json
import os
import re
import sys
import textwrap
import time

SUITE = "sandboxd"


def escape(text):
    """Text that roff takes as it is. A hyphen stays one that can be copied."""
    text = text.replace("\\", "\\e")
    return re.sub("[-~^`]", lambda match: {"-": "\\-", "~": "\\(ti", "^": "\\(ha", "`": "\\(ga"}[match[0]], text)


def inline(text):
    """Markdown within a paragraph: code and bold are bold, of links the text stays."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(`[^`]+`|\*\*.+?\*\*)", text)
    out = []
    for part in parts:
        if part.startswith("`") and len(part) > 2:
            out.append(f"\\fB{escape(part[1:-1])}\\fR")
        elif part.startswith("**") and len(part) > 4:
            out.append(f"\\fB{inline(part[2:-2])}\\fR".replace("\\fR\\fR", "\\fR"))
        else:
            out.append(escape(part))
    return "".join(out)


def filled(text):
    """Lines of a paragraph, none of which is taken for a request."""
    lines = textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{line}" if line[:1] in (".", "'") else line for line in lines]


def as_is(lines):
    return [".PP", ".RS 4", ".nf"] + [
        f"\\&{line}" if line[:1] in (".", "'") else line for line in map(escape, lines)
    ] + [".fi", ".RE"]


def title(name, section, abstract):
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    version = os.environ.get("VERSION", "")
    summary = abstract.strip().rstrip(".")
    summary = summary[:1].lower() + summary[1:]
    return [
        f'.TH "{name.upper()}" {section} "{date}" "{SUITE} {version}" "{SUITE}"',
        ".SH NAME", *filled(f"{escape(name)} \\- {escape(summary)}"),
    ]


class Markdown:
    """What the project's own documents use: headings, paragraphs, lists, tables, fenced code."""

    def __init__(self, text, deeper=0):
        self.lines = text.splitlines()
        self.deeper = deeper
        self.out = []
        self.bare = False

    def paragraph(self, text):
        # Behind a heading there is none to begin.
        if not self.bare:
            self.out.append(".PP")
        self.out += filled(inline(text))
        self.bare = False

    def taken(self, condition):
        rows = []
        while self.lines and condition(self.lines[0]):
            rows.append(self.lines.pop(0))
        return rows

    def heading(self, line):
        depth = len(line) - len(line.lstrip("#")) + self.deeper
        text = line.lstrip("# ")
        self.out.append(f".SH {inline(text).upper()}" if depth <= 1 else f".SS {inline(text)}")
        self.bare = True

    def code(self):
        self.lines.pop(0)
        self.out += as_is(self.taken(lambda line: not line.startswith("```")))
        self.lines.pop(0)
        self.bare = False

    def table(self):
        rows = [
            [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip()[1:-1])]
            for row in self.taken(lambda line: line.startswith("|"))
        ]
        head, body = rows[0], rows[2:]
        for row in body:
            self.out += [".TP", inline(row[0]), *filled(inline(row[1]))]
            for name, cell in zip(head[2:], row[2:]):
                if cell:
                    self.out += [".br", *filled(f"{inline(name.capitalize())}: {inline(cell)}")]
        self.bare = False

    def item(self):
        first = self.lines.pop(0)
        mark, text = re.match(r"\s*(-|\d+\.)\s+(.*)", first).groups()
        rest = self.taken(lambda line: re.match(r"\s+\S", line) and not re.match(r"\s*(-|\d+\.)\s", line))
        bullet = "\\(bu 2" if mark == "-" else f"{mark} 4"
        self.out += [f".IP {bullet}", *filled(inline(" ".join([text, *(line.strip() for line in rest)])))]
        self.bare = False

    def render(self):
        while self.lines:
            line = self.lines[0]
            if not line.strip():
                self.lines.pop(0)
            elif line.startswith("```"):
                self.code()
            elif line.startswith("#"):
                self.heading(self.lines.pop(0))
            elif line.startswith("|"):
                self.table()
            elif re.match(r"\s*(-|\d+\.)\s", line):
                self.item()
            else:
                text = self.taken(lambda l: l.strip() and not re.match(r"```|#|\||\s*(-|\d+\.)\s", l))
                self.paragraph(" ".join(part.strip() for part in text))
        return self.out


def spelled(name):
    return ("-" if name["kind"] == "short" else "--") + name["name"]


def tag(argument):
    value = f" \\fI{escape(argument.get('valueName', ''))}\\fR" if argument["kind"] == "option" else ""
    if argument["kind"] == "positional":
        return f"\\fI{escape(argument['valueName'])}\\fR"
    return ", ".join(f"\\fB{escape(spelled(name))}\\fR{value}" for name in argument["names"])


def described(argument):
    text = escape(argument.get("abstract", ""))
    if argument.get("discussion"):
        text += " " + escape(argument["discussion"])
    if "defaultValue" in argument and "(default" not in text:
        text += f" (default: {escape(argument['defaultValue'])})"
    return [".TP", tag(argument), *filled(text)]


def shown(command):
    return [argument for argument in command.get("arguments", []) if argument["shouldDisplay"]]


def synopsis(words, command):
    text = f"\\fB{escape(' '.join(words))}\\fR"
    if any(argument["kind"] != "positional" for argument in shown(command)):
        text += " [\\fIoptions\\fR]"
    if [verb for verb in command.get("subcommands", []) if verb["commandName"] != "help"]:
        text += " \\fIverb\\fR"
    for argument in shown(command):
        if argument["kind"] != "positional":
            continue
        word = f"\\fI{escape(argument['valueName'])}\\fR" + ("..." if argument["isRepeating"] else "")
        if argument["isOptional"]:
            word = f"[{word}]"
        if argument["parsingStrategy"] == "postTerminator":
            word = f"\\-\\- {word}"
        text += f" {word}"
    return filled(text)


def arguments(command, heading):
    """Options and arguments by the titles of their sections, in the order in which --help has them."""
    sections = {}
    for argument in shown(command):
        usual = "Arguments" if argument["kind"] == "positional" else "Options"
        sections.setdefault(argument.get("sectionTitle", usual), []).append(argument)
    out = []
    for name in sorted(sections, key=lambda name: (name != "Arguments", name == "Options")):
        out += heading(name)
        for argument in sections[name]:
            out += described(argument)
    return out


def discussion(command):
    paragraphs = re.split(r"\n\s*\n", command.get("discussion", "").strip())
    out = []
    for number, paragraph in enumerate(filter(None, paragraphs)):
        out += ([".PP"] if number else []) + filled(escape(" ".join(paragraph.split())))
    return out


def verbs(command):
    return [sub for sub in command.get("subcommands", []) if sub["commandName"] != "help" and sub["shouldDisplay"]]


def page(words, command, section, extra, others):
    """One page: a verb's own verbs are sections of it."""
    out = title("-".join(words), section, command["abstract"])
    out += [".SH SYNOPSIS", *synopsis(words, command)]
    text = discussion(command)
    if text:
        out += [".SH DESCRIPTION", *text]
    out += arguments(command, lambda name: [f".SH {escape(name).upper()}"])
    if len(words) > 1:
        for sub in verbs(command):
            own = [*words, sub["commandName"]]
            out += [f".SH {escape(' '.join(own[1:])).upper()}", *filled(escape(sub["abstract"]))]
            out += [".PP", *synopsis(own, sub)]
            more = discussion(sub)
            out += ([".PP"] if more else []) + more
            out += arguments(sub, lambda name: [f".SS {escape(name)}"])
    elif verbs(command):
        out.append(".SH VERBS")
        for sub in verbs(command):
            name = escape("-".join([*words, sub["commandName"]]))
            out += [".TP", f"\\fB{name}\\fR({section})", *filled(escape(sub["abstract"]))]
    out += extra
    return out + [".SH SEE ALSO", *filled(", ".join(others))]


def reference(name, section):
    return f"\\fB{escape(name)}\\fR({section})"


def write(directory, name, section, lines):
    with open(os.path.join(directory, f"{name}.{section}"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def from_help(section, directory, extra=None):
    command = json.load(sys.stdin)["command"]
    name = command["commandName"]
    sections = []
    if extra:
        with open(extra, encoding="utf-8") as file:
            sections = Markdown(file.read()).render()
    others = [reference(*other) for other in (("sandboxctl", 1), ("sandboxd-policy", 5), ("sandboxd", 8))]
    write(directory, name, section, page([name], command, section, sections, [o for o in others if o != reference(name, section)]))
    for sub in verbs(command):
        words = [name, sub["commandName"]]
        write(directory, "-".join(words), section, page(words, sub, section, [], others))


def from_markdown(name, section, directory, path):
    with open(path, encoding="utf-8") as file:
        heading, _, text = file.read().partition("\n")
    out = title(name, section, heading.lstrip("# "))
    # The first part has no heading of its own; the others are one level below the title.
    out += [".SH DESCRIPTION"]
    body = Markdown(text, deeper=-1)
    body.bare = True
    out += body.render()
    out += [".SH SEE ALSO", ", ".join([reference("sandboxctl-policy", 1), reference("sandboxd", 8)])]
    write(directory, name, section, out)


if __name__ == "__main__":
    {"help": from_help, "markdown": from_markdown}[sys.argv[1]](*sys.argv[2:])
