/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The routing table: rules by host or service, then by the longest path prefix.
 */
#ifndef PLUGINS_ROUTE_ROUTING_TABLE_H
#define PLUGINS_ROUTE_ROUTING_TABLE_H

#include <hopgate/service.h>

struct rule {
    struct hg_text key;  /* a host as hg_host_pattern() reads it, a service; empty: any */
    struct hg_text path; /* a prefix that begins but does not end with "/"; empty: any path */
    struct hg_target target;
    struct hg_service service;  /* on a client: how it is spoken to */
    bool rewrite_location;      /* the prefix is put back into URLs of the response's head */
    bool strip_prefix;          /* the origin sees the path without the prefix */
    size_t number;              /* its place in the config */
    const struct rule *shorter; /* of the same key: the rule with the next shorter prefix of this one's path */
};

struct table;

/* Sorts the rules in place and makes a table that refers to them. On a doubled rule `*twin` and `*first` are set to the
 * two. NULL when a rule is doubled or out of memory. */
struct table *table_new(struct rule *rules, size_t count, const struct rule **first, const struct rule **twin);
void table_free(struct table *table);

/* The rule for a request to a host: of the rules that fit, the one with the most specific host (exact, then the longest
 * wildcard, then any), among these the one with the longest path. `path` may have a query, which does not count.
 * *by_path: whether another path might have led to another rule, or to none. */
const struct rule *table_find_host(const struct table *table, struct hg_text authority, struct hg_text path,
                                   bool *by_path);

/* The same for a service, else among the rules for any. */
const struct rule *table_find_service(const struct table *table, struct hg_text service, struct hg_text path,
                                      bool *by_path);

/* Whether `test` says yes to any rule that a request for this host, by whatever path, may find because it names the
 * host, exactly or by a wildcard; rules for any host do not. */
bool table_any_of_host(const struct table *table, struct hg_text authority,
                       bool (*test)(void *arg, const struct rule *rule), void *arg);

/* Whether a rule names this host itself, not by a wildcard. */
bool table_names_host(const struct table *table, struct hg_text authority);
/* Whether a rule names any host itself. */
bool table_names_any_host(const struct table *table);

#endif
