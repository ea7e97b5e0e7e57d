/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The routing table: rules by host or service, then by the longest path prefix.
 */
#ifndef PLUGINS_ROUTE_ROUTING_TABLE_H
#define PLUGINS_ROUTE_ROUTING_TABLE_H

#include <hopgate/service.h>

struct rule {
    struct hg_text key;  /* a host as returned by hg_host_pattern(), or a service; empty: any */
    struct hg_text path; /* a prefix that starts but does not end with "/"; empty: any path */
    struct hg_target target;
    struct hg_service service;  /* on a client: how to talk to it */
    bool rewrite_location;      /* add the prefix to URLs in the response's head */
    bool strip_prefix;          /* remove the prefix from the path that the origin gets */
    size_t number;              /* its position in the config */
    const struct rule *shorter; /* with the same key: the rule with the next shorter prefix of this one's path */
};

struct table;

/* Sorts the rules in place and builds a table that refers to them. If a rule has a duplicate, `*twin` and `*first` are
 * set to the two. Returns NULL if there is a duplicate or when out of memory. */
struct table *table_new(struct rule *rules, size_t count, const struct rule **first, const struct rule **twin);
void table_free(struct table *table);

/* The rule for a request to a host: of the matching rules, that with the most specific host (exact, then the longest
 * wildcard, then any), and among these, that with the longest path. `path` may have a query, which is ignored.
 * *by_path: whether a different path might have led to a different rule, or to none. */
const struct rule *table_find_host(const struct table *table, struct hg_text authority, struct hg_text path,
                                   bool *by_path);

/* The same for a service, or else among the rules for any service. */
const struct rule *table_find_service(const struct table *table, struct hg_text service, struct hg_text path,
                                      bool *by_path);

/* Whether `test` returns true for any rule that a request for this host, with any path, may match because the rule
 * names the host, exactly or by a wildcard; rules for any host do not count. */
bool table_any_of_host(const struct table *table, struct hg_text authority,
                       bool (*test)(void *arg, const struct rule *rule), void *arg);

/* Whether a rule names this host exactly, not by a wildcard. */
bool table_names_host(const struct table *table, struct hg_text authority);
/* Whether a rule names any host exactly. */
bool table_names_any_host(const struct table *table);

#endif
