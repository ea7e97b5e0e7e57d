/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The option `only` of every stage: which requests the stage takes part in.
 */
#ifndef CORE_CONFIG_ONLY_H
#define CORE_CONFIG_ONLY_H

#include "core/config/options.h"

#include <hopgate/message.h>

/* The name of the option. */
#define ONLY_NAME "only"

/* The options that the core adds to every stage, which fill a struct only_options. */
extern const struct hg_option only_options[];

struct only;

struct only_options {
    bool given;
    struct hg_list hosts, paths, methods; /* of const char * */
    const struct hg_networks *networks;   /* NULL: any */
};

/* Fills `options` from a stage's block, which may be NULL, and makes what is to be matched. False after a fault;
 * `*only` is NULL where the stage takes part in all requests. It lives as long as `reading->memory`. */
bool only_read(const struct option_reading *reading, const struct config_node *block, const struct config_node *at,
               struct only_options *options, const struct only **only);

/* Whether a stage takes part in a request of that user, as it is when it reaches the stage. */
bool only_matches(const struct only *only, const struct hg_head *request, const struct hg_sockaddr *user);

#endif
