/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The config of a route block, and its conversion to rules.
 */
#ifndef PLUGINS_ROUTE_ROUTE_H
#define PLUGINS_ROUTE_ROUTE_H

#include "plugins/route/routing_table.h"

#include <hopgate/host.h>

/* One item of the block, filled by the core. Texts are NULL if the option is absent. */
struct route_entry {
    const char *host;
    const char *path;
    const char *service;
    const char *to;
    bool strip_prefix;
    hg_time connect_timeout, response_timeout, idle_timeout; /* 0: absent, as for those below */
    uint64_t max_head;
    int64_t max_fields;
    bool strict;
    bool lenient;
    bool rewrite_location;
};

struct route_config {
    struct hg_list routes; /* struct route_entry */
};

/* What configure() puts into instance->state. */
struct route {
    bool by_service; /* a client's rules: services to URLs; otherwise hosts to services of clients */
    struct table *table;
    struct rule *rules;
    size_t count;
    char *hosts; /* the canonical hosts that the rules' keys point to, HG_HOST_MAX + 1 bytes for each rule */
};

extern const struct hg_option route_options[];

/* Checks the block and builds the table. Returns 0, or -1 after config errors. */
int route_configure(struct hg_instance *instance);
void route_unconfigure(struct hg_instance *instance);
/* For `hopgate check`: warns about clients that nothing would admit. */
void route_examine(struct hg_worker *worker);

#endif
