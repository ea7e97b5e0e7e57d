/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/only.h"

#include "core/config/option_values.h"

#include <hopgate/match.h>
#include <stdio.h>

#define MEMBER(name) .offset = offsetof(struct only_options, name)

static const struct hg_option only_fields[] = {
    {.name = "hosts",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_STRING,
     MEMBER(hosts),
     .min = 1,
     .doc = "Hosts as the user asked for them, without a port; *.example.com stands for every name below example.com."},
    {.name = "paths",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_STRING,
     MEMBER(paths),
     .min = 1,
     .doc = "Paths, including everything below them: /a matches /a and /a/b, but not /ab. A path that a service might "
            "read as one of these matches too: with percent-encoding, repeated slashes or a segment \"..\"."},
    {.name = "methods",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_STRING,
     MEMBER(methods),
     .min = 1,
     .doc = "Methods, such as GET, in capitals, as methods are case-sensitive."},
    {.name = "networks",
     .type = HG_OPTION_NETWORK,
     MEMBER(networks),
     .doc = "Networks of users, or file:PATH for a file with one per line, which is read again on SIGHUP."},
    {0},
};

const struct hg_option only_options[] = {
    {.name = ONLY_NAME,
     .type = HG_OPTION_MAP,
     .fields = only_fields,
     .doc = "The requests in which this stage takes part; others bypass it. All given conditions must match. Every "
            "stage has this option."},
    {0},
};

struct only {
    const struct only_options *options;
    size_t host_count, path_count;
    struct hg_text *hosts, *paths; /* as parsed by hg_host_pattern() and hg_path_pattern() */
};

/* ---- Reading ---- */

static bool item_fault(const struct option_reading *reading, const char *member, size_t index,
                       const struct config_node *block, const char *value, const char *wrong)
{
    const struct option_path top = {.name = ONLY_NAME}, list = {.up = &top, .name = member},
                             item = {.up = &list, .index = index};
    char place[64];

    snprintf(place, sizeof place, ONLY_NAME ".%s[%zu]", member, index);
    return option_fault(reading, &item, options_locate(only_options, block, place), "\"%s\": %s", value, wrong);
}

static bool read_hosts(const struct option_reading *reading, const struct config_node *block, struct only *only)
{
    const char *const *hosts = only->options->hosts.items;
    bool good = true;

    for (size_t i = 0; i < only->options->hosts.count; i++) {
        char *buffer = option_memory_take(reading->memory, HG_HOST_MAX + 1);
        const char *wrong = buffer ? hg_host_pattern(hosts[i], buffer, &only->hosts[i]) : "out of memory";

        if (wrong)
            good = item_fault(reading, "hosts", i, block, hosts[i], wrong);
    }
    only->host_count = only->options->hosts.count;
    return good;
}

static bool read_paths(const struct option_reading *reading, const struct config_node *block, struct only *only)
{
    const char *const *paths = only->options->paths.items;
    bool good = true;

    for (size_t i = 0; i < only->options->paths.count; i++) {
        const char *wrong = hg_path_pattern(paths[i], &only->paths[i]);

        if (wrong)
            good = item_fault(reading, "paths", i, block, paths[i], wrong);
    }
    only->path_count = only->options->paths.count;
    return good;
}

static bool check_methods(const struct option_reading *reading, const struct config_node *block,
                          const struct only_options *options)
{
    const char *const *methods = options->methods.items;
    bool good = true;

    for (size_t i = 0; i < options->methods.count; i++) {
        bool is_lower =
            strpbrk(methods[i], "abcdefghijklmnopqrstuvwxyz") && !strpbrk(methods[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

        if (!hg_text_is_token(hg_text(methods[i])))
            good = item_fault(reading, "methods", i, block, methods[i], "not a method; write one such as GET");
        else if (is_lower)
            good = item_fault(reading, "methods", i, block, methods[i], "methods are case-sensitive; write capitals");
    }
    return good;
}

bool only_read(const struct option_reading *reading, const struct config_node *block, const struct config_node *at,
               struct only_options *options, const struct only **result)
{
    struct option_reading partial = *reading;
    const struct config_node *given = block ? config_get(block, ONLY_NAME, NULL) : NULL;
    struct only *only;
    bool good;

    *result = NULL;
    if (!given)
        return true;
    if (given->kind == CONFIG_MAPPING && given->count == 0)
        return option_fault(reading, NULL, given,
                            ONLY_NAME ": it is empty; give hosts, paths, methods or networks, or remove it");
    partial.partial = true;
    if (!options_fill(&partial, only_options, block, at, options))
        return false;
    options->given = true;
    only = option_memory_take(reading->memory, sizeof *only);
    if (!only)
        return option_fault(reading, NULL, given, "out of memory");
    only->options = options;
    only->hosts = option_memory_take(reading->memory, options->hosts.count * sizeof *only->hosts);
    only->paths = option_memory_take(reading->memory, options->paths.count * sizeof *only->paths);
    if (!only->hosts || !only->paths)
        return option_fault(reading, NULL, given, "out of memory");
    good = read_hosts(reading, block, only);
    good = read_paths(reading, block, only) && good;
    *result = only;
    return check_methods(reading, block, options) && good;
}

/* ---- Matching ---- */

static bool host_matches(const struct only *only, struct hg_text authority)
{
    char buffer[HG_HOST_MAX];
    struct hg_text host = hg_host_canonical(authority, buffer);

    for (size_t i = 0; host.size && i < only->host_count; i++)
        if (hg_host_fits(host, only->hosts[i]))
            return true;
    return only->host_count == 0;
}

/* The next character of a path, with percent-encoding undone and repeated slashes merged, as services are known to read
 * it; '\0' at the end of the path. */
static char next_plain(struct hg_text *path, char before)
{
    char c;

    do {
        c = path->size && path->data[0] != '?' ? hg_path_next(path) : '\0';
        c = c == '\\' ? '/' : c;
    } while (c == '/' && before == '/');
    return c;
}

static bool path_is_below(struct hg_text path, struct hg_text prefix)
{
    char wanted = '\0', found = '\0';

    while (prefix.size) {
        wanted = next_plain(&prefix, wanted);
        found = next_plain(&path, found);
        if (found != wanted)
            return false;
    }
    found = next_plain(&path, found);
    return found == '/' || found == ';' || found == '\0';
}

/* Better to let the stage see a request too many than to let it be bypassed with a path that a service resolves to a
 * guarded one. */
static bool path_matches(const struct only *only, struct hg_text path)
{
    for (size_t i = 0; i < only->path_count; i++)
        if (!only->paths[i].size || path_is_below(path, only->paths[i]))
            return true;
    return only->path_count == 0 || hg_path_climbs(path);
}

static bool method_matches(const struct hg_list *methods, struct hg_text method)
{
    const char *const *items = methods->items;

    for (size_t i = 0; i < methods->count; i++)
        if (hg_text_equal(method, hg_text(items[i])))
            return true;
    return methods->count == 0;
}

static bool network_matches(const struct hg_networks *networks, const struct hg_sockaddr *user)
{
    return !networks || (user->size && networks_match(networks, (const struct sockaddr *)&user->address));
}

bool only_matches(const struct only *only, const struct hg_head *request, const struct hg_sockaddr *user)
{
    return method_matches(&only->options->methods, request->method) && host_matches(only, request->authority) &&
           path_matches(only, request->path) && network_matches(only->options->networks, user);
}
