/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A plugin as it was built against the first headers of ABI 1, and with no more of them than it needed: what stands
 * here is a frozen copy and must never follow the headers. As long as HG_ABI is 1 this plugin must load and run.
 */
#include <stddef.h>
#include <stdint.h>

struct frozen_option {
    const char *name;
    int type;
    int item;
    uint32_t flags;
    size_t offset;
    const char *value;
    int64_t min, max;
    const char *const *choices;
    const struct frozen_option *fields;
    size_t item_size;
    const char *doc;
    const void *reserved[2];
};

/* Ends after `ops`: offers, needs, commands and all callbacks are unknown to it. */
struct frozen_plugin {
    size_t size;
    uint32_t abi;
    uint32_t role;
    const char *name;
    const char *version;
    const char *summary;
    const struct frozen_option *options;
    size_t cfg_size;
    const void *ops;
};

/* Ends after `attach`. */
struct frozen_stage_ops {
    size_t size;
    uint32_t events;
    size_t self_size;
    int (*attach)(void *self);
};

struct cfg {
    int64_t number;
};

static int attach(void *self)
{
    (void)self;
    return 1;
}

__attribute__((visibility("default"))) const void *hopgate_plugin(void);

const void *hopgate_plugin(void)
{
    static const struct frozen_option options[] = {
        {.name = "number", .type = 3, .offset = offsetof(struct cfg, number), .value = "5", .doc = "A number."},
        {.name = NULL},
    };
    static const struct frozen_stage_ops ops = {.size = sizeof ops, .events = 1, .attach = attach};
    static const struct frozen_plugin plugin = {.size = sizeof plugin,
                                                .abi = 1,
                                                .role = 2,
                                                .name = "old",
                                                .version = "0.1",
                                                .summary = "a stage of the first day",
                                                .options = options,
                                                .cfg_size = sizeof(struct cfg),
                                                .ops = &ops};

    return &plugin;
}
