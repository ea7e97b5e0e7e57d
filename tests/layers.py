#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The hopgate authors
"""layers.py [--lint] [--files] SOURCE-FOLDER BUILD-FOLDER: which folders include and call which.

Prints each folder with the folders that it includes from and calls, based on the sources and the symbols of the built
objects; with --files, does the same for the files of core/. With --lint, it prints only violations of the rules below, and
exits with 1 if there are any.

1  A folder of core/ includes and calls only folders above it in the table of core/README.md. There are no circles among
   the folders of plugins/lib/.
2  The table of host services is used only in core/worker/.
3  Objects of file scope are const, except the log's.
4  A service of the core that only one plugin uses is listed in include/hopgate/README.md, with the reason.
5  No tag and no enumerator is defined twice in core/.
6  core/ names no plugin; a plugin includes nothing from core/ or from another plugin; core/tunnel/ uses no socket, clock
   or loop.
7  No two files of core/ have the same name, and each file is listed in the index of its folder (README.md, or the header
   with the folder's name).
"""

import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
SYSTEM_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]+<([^>]+)>", re.M)
COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')|/\*.*?\*/|//[^\n]*', re.S)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
IMPURE_HEADERS = re.compile(r"^(ev|time|netdb|poll|unistd|sys/(socket|time|epoll|timerfd)|netinet/.*|arpa/.*)\.h$")
IMPURE_CALLS = re.compile(r"^(ev_\w+|clock_gettime|time|gettimeofday|socket|connect|bind|send(to|msg|mmsg)?|recv(from|msg|mmsg)?"
                          r"|poll|epoll_\w+|read|write)$")
# State that belongs to the process as such: where the log is written, how often a message was repeated, and what a signal
# handler may access.
STATEFUL = {"core/base/log", "core/base/log_limit", "core/base/fatal"}
# Plugins that have the name of their role; core/ may name roles.
ROLES = {"origin"}


def without_comments(text):
    return COMMENT.sub(lambda match: match[1] or " ", text)


class Source:
    def __init__(self, root, path):
        self.path = path
        self.folder = os.path.dirname(path)
        self.name = os.path.basename(path)
        self.stem = path[:-2]
        with open(os.path.join(root, path), encoding="utf-8") as file:
            self.text = without_comments(file.read())
        self.includes = INCLUDE.findall(self.text)


class Object:
    """The symbols of one object file, from nm: those that it defines, with their sections, and those that it needs."""

    def __init__(self, build, path):
        folder = os.path.dirname(path).removesuffix("/.libs")
        name = os.path.basename(path)[:-2]
        self.stem = folder + "/" + re.sub(r"^\w+_la-", "", name)
        self.folder = folder
        self.defined, self.needed = {}, set()
        out = subprocess.run(["nm", "-f", "sysv", os.path.join(build, path)], capture_output=True, text=True, check=True)
        for line in out.stdout.splitlines():
            fields = [field.strip() for field in line.split("|")]
            if len(fields) != 7 or fields[0].startswith(("__", ".")):
                continue
            if fields[2] == "U":
                self.needed.add(fields[0])
            else:
                self.defined[fields[0]] = (fields[2], fields[3], fields[6])


class Tree:
    def __init__(self, root, build):
        self.root = root
        self.sources = [Source(root, path) for path in files_below(root, ("core", "plugins", "include"), (".c", ".h"))]
        self.objects = [Object(build, path) for path in files_below(build, ("core", "plugins"), (".o",))
                        if "/tests/" not in path and "/test_" not in path and path.endswith(".o") and "/.libs/" in path]
        self.definer = {}
        for item in self.objects:
            for symbol, (kind, _, _) in item.defined.items():
                if kind.isupper() and item.folder.startswith("core/"):
                    self.definer[symbol] = item
        self.layers = layers_of(root)

    def core(self):
        return [source for source in self.sources if source.path.startswith("core/")]

    def product_of_plugins(self):
        return [source for source in self.sources if source.path.startswith("plugins/") and not is_test(source.path)]


def is_test(path):
    return "/tests/" in path or os.path.basename(path).startswith(("test_", "fake_"))


def files_below(root, folders, endings):
    found = []
    for folder in folders:
        for where, _, names in os.walk(os.path.join(root, folder)):
            found += [os.path.relpath(os.path.join(where, name), root) for name in names if name.endswith(endings)]
    return sorted(found)


def layers_of(root):
    """The folders of core/ in the order of the table in core/README.md, lowest first."""
    with open(os.path.join(root, "core/README.md"), encoding="utf-8") as file:
        return ["core/" + name for name in re.findall(r"^\| \[?`?(\w+)/`?\]?", file.read(), re.M)]


def uses(tree, of):
    """{user: {used: [reason]}}, where `of` maps a file name without its extension to the name of the user or of the used."""
    found = {}
    known = {source.path for source in tree.sources}

    def add(user, used, why):
        if of(user) and of(used) and of(user) != of(used):
            found.setdefault(of(user), {}).setdefault(of(used), []).append(why)

    for source in tree.sources:
        if is_test(source.path):
            continue
        for include in source.includes:
            if include in known:
                add(source.stem, include[:-2], f"{source.path} includes {include}")
    for item in tree.objects:
        for symbol in sorted(item.needed):
            if symbol in tree.definer:
                add(item.stem, tree.definer[symbol].stem, f"{item.stem}.c uses {symbol}()")
    return found


def folder_of(stem):
    return os.path.dirname(stem)


def circles(graph):
    """The strongly connected components with more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, {}):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            ring = []
            while not ring or ring[-1] != node:
                ring.append(stack.pop())
            if len(ring) > 1:
                found.append(sorted(ring))

    for node in list(graph):
        if node not in index:
            visit(node)
    return found


# ---- The rules ----


def rule_layers(tree):
    graph = uses(tree, folder_of)
    for user in sorted(graph):
        for used, why in sorted(graph[user].items()):
            if not user.startswith("core/"):
                continue
            for folder in (user, used):
                if folder.startswith("core") and folder not in tree.layers:
                    yield f"{folder} is not in the table of core/README.md"
            if user in tree.layers and used in tree.layers and tree.layers.index(used) > tree.layers.index(user):
                for reason in why:
                    yield f"{user} may not use {used}: {reason}"
    for ring in circles(graph):
        yield "folders that use each other: " + ", ".join(ring)


def rule_host_table(tree):
    names = {name for source in tree.core() if source.folder == "core/worker"
             for name in re.findall(r"^(?:static )?const struct hg_host (\w+) = \{", source.text, re.M)}
    if not names:
        yield "core/worker defines no table of host services (const struct hg_host NAME = {)"
    for source in tree.core():
        for name in names if source.folder != "core/worker" else ():
            if re.search(rf"\b{name}\b", source.text):
                yield f"{source.path} names {name}"


def rule_constant_objects(tree):
    for item in tree.objects:
        for symbol, (_, kind, section) in sorted(item.defined.items()):
            if kind == "OBJECT" and section.startswith((".bss", ".data", ".tbss", ".tdata", "*COM*")) and \
               not section.startswith(".data.rel.ro") and item.stem not in STATEFUL:
                yield f"{item.stem}.c: '{symbol}' is of file scope or static, and not const"


def rule_shared_services(tree):
    headers = [source for source in tree.sources if source.path.startswith("include/")]
    services = set(re.findall(r"^static inline [^;{(]*?\b(hg_\w+)\(", "\n".join(h.text for h in headers), re.M))
    with open(os.path.join(tree.root, "include/hopgate/README.md"), encoding="utf-8") as file:
        listed = set(re.findall(r"^\| `(hg_\w+)(?:\(\))?` \|", file.read(), re.M))
    users = {service: set() for service in services}
    for source in tree.product_of_plugins() + tree.core() + headers:
        for word in set(re.findall(r"\bhg_\w+", STRING.sub("", source.text))):
            if word in users and not (source in headers and source.text.count(word) < 2):
                users[word].add(source.folder)
    for service in sorted(services):
        user = next(iter(users[service]), "")
        if len(users[service]) == 1 and service not in listed and user.startswith("plugins/"):
            yield f"{service}() is used by {user} alone and not listed in include/hopgate/README.md"
        if len(users[service]) > 1 and service in listed:
            yield f"{service}() is listed in include/hopgate/README.md but used by more than one plugin"
    for service in sorted(listed - services):
        yield f"include/hopgate/README.md lists {service}(), which does not exist"


def rule_names_once(tree):
    where = {}
    for source in tree.core():
        for kind, tag in re.findall(r"\b(struct|enum|union) (\w+) \{", source.text):
            where.setdefault(f"{kind} {tag}", []).append(source.path)
        for body in re.findall(r"\benum(?: \w+)? \{([^}]*)\}", source.text):
            for enumerator in re.findall(r"^\s*([A-Z]\w*)\b", re.sub(r"[,]", "\n", body), re.M):
                where.setdefault(enumerator, []).append(source.path)
    for name, paths in sorted(where.items()):
        if len(paths) > 1:
            yield f"{name} is defined in {' and in '.join(paths)}"


def rule_strangers(tree):
    plugins = {entry for entry in os.listdir(os.path.join(tree.root, "plugins"))
               if os.path.exists(os.path.join(tree.root, "plugins", entry, "plugin.mk"))}
    for source in tree.core():
        for name in sorted(plugins - ROLES):
            if f'"{name}"' in source.text:
                yield f"{source.path} names the plugin {name}"
        for include in source.includes:
            if not include.startswith("core/"):
                yield f"{source.path} includes {include}"
        for header in SYSTEM_INCLUDE.findall(source.text) if source.folder == "core/tunnel" else ():
            if IMPURE_HEADERS.match(header):
                yield f"{source.path} includes <{header}>: core/tunnel is pure"
    for source in tree.sources:
        if not source.path.startswith("plugins/"):
            continue
        own = "/".join(source.path.split("/")[:3 if source.path.startswith("plugins/lib/") else 2]) + "/"
        for include in source.includes:
            if not include.startswith((own, "plugins/lib/", "tests/")) and "/" in include:
                yield f"{source.path} includes {include}"
    for item in tree.objects:
        for symbol in sorted(item.needed) if item.folder == "core/tunnel" else ():
            if IMPURE_CALLS.match(symbol):
                yield f"{item.stem}.c calls {symbol}(): core/tunnel is pure"


def rule_index(tree):
    names, folders = {}, {}
    for source in tree.core():
        names.setdefault(source.name, []).append(source.path)
    for name, paths in sorted(names.items()):
        if len(paths) > 1:
            yield f"{' and '.join(paths)} have the same name"
    for source in tree.sources:
        if not is_test(source.path):
            folders.setdefault(source.folder, []).append(source.name)
    for folder, files in sorted(folders.items()):
        index = index_of(tree.root, folder)
        for file in files if index is not None else ():
            if not re.search(rf"\b{file[:-2]}\.[ch]\b", index):
                yield f"{folder}/{file} is not listed in the index of its folder"
        if index is None and len(files) > 2:
            yield f"{folder} has no index: README.md, or {folder}/{os.path.basename(folder)}.h"


def index_of(root, folder):
    for name in "README.md", os.path.basename(folder) + ".h":
        path = os.path.join(root, folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read() + f"\n{name}\n"
    return None


RULES = [rule_layers, rule_host_table, rule_constant_objects, rule_shared_services, rule_names_once, rule_strangers,
         rule_index]


def lint(tree):
    broken = [f"layers.py: rule {number}: {fault}" for number, rule in enumerate(RULES, 1)
              for fault in sorted(set(rule(tree)))]
    print("\n".join(broken) if broken else f"layers.py: {len(tree.sources)} files obey the {len(RULES)} rules")
    return 1 if broken else 0


def show(tree, of):
    graph = uses(tree, of)
    for user in sorted(graph):
        print(user)
        for used, why in sorted(graph[user].items()):
            included = sum(" includes " in reason for reason in why)
            print(f"    {used}: {included} includes, {len(why) - included} calls")
    for ring in circles(graph):
        print("use each other: " + ", ".join(ring))
    return 0


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    options = {word for word in sys.argv[1:] if word.startswith("--")}
    if len(words) != 2 or options - {"--lint", "--files"}:
        sys.exit(__doc__.splitlines()[0])
    tree = Tree(*words)
    if not tree.objects:
        sys.exit(f"layers.py: no objects in {words[1]}: build first")
    if "--lint" in options:
        return lint(tree)
    if "--files" in options:
        return show(tree, lambda stem: stem if stem.startswith("core/") else None)
    return show(tree, folder_of)


if __name__ == "__main__":
    sys.exit(main())
