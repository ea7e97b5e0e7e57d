/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The option `only` of every stage: which requests the stage sees.
 */
#ifndef CORE_CONFIG_ONLY_H
#define CORE_CONFIG_ONLY_H

#include "core/base/cold.h"
#include "core/config/options.h"

#include <hopgate/message.h>

#define ONLY_NAME "only"

/* The options that the core adds to every stage; they fill a struct only_options. */
extern const struct hg_option only_options[];

struct only;

struct only_options {
    bool given;
    struct hg_list hosts, paths, methods; /* of const char * */
    const struct hg_networks *networks;   /* NULL: any */
};

/* Fills `options` from a stage's block, which may be NULL, and prepares the matching. False after an error. `*only` is
 * set to NULL if the stage sees all requests; otherwise it lives as long as `reading->memory`. */
COLD bool only_read(const struct option_reading *reading, const struct config_node *block, const struct config_node *at,
                    struct only_options *options, const struct only **only);

/* Whether a stage sees a request of that user. The request is as it arrives at the stage. */
bool only_matches(const struct only *only, const struct hg_head *request, const struct hg_sockaddr *user);

#endif
