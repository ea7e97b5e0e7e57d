/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The top-level settings of the config file: all of it but `pipeline:`.
 */
#ifndef CORE_CONFIG_SETTINGS_H
#define CORE_CONFIG_SETTINGS_H

#include "core/config/options.h"

/* Links that a client may have to each gateway. */
#define SETTINGS_LINKS_MAX 8

/* The key that is no setting. */
#define SETTINGS_PIPELINE "pipeline"

/* Always filled: what the file does not say is the default. */
struct settings {
    const char *user;             /* drop to this user after binding; NULL: stay */
    int log;                      /* enum log_format */
    int log_level;                /* enum hg_level */
    hg_time stop_timeout;         /* how long running exchanges may take after SIGTERM */
    uint64_t exchange_buffer;     /* the credit of each stage and direction, bytes */
    hg_time keep_alive;           /* idle time after which a link sends a PING */
    hg_time dead_after;           /* silence after which a link's peer is taken for dead */
    hg_time resume_timeout;       /* how long a session is kept without a link */
    int64_t links;                /* client: to each gateway */
    int64_t sessions_per_client;  /* gateway: that one id may have … */
    int64_t sessions_per_process; /* … and each of its processes */
    hg_time head_start;           /* client: of a transport over the next one of the pipeline */
    hg_time probe_interval;       /* client: between two looks at an earlier transport */
    uint64_t session_window;      /* bytes that a session may hold in each direction */
    struct hg_list plugin_dirs;   /* const char *, where else plugins are looked for */
};

/* The option table of struct settings. */
extern const struct hg_option settings_options[];

/* Fills the settings from the root of the file, or with the defaults if `root` is NULL. False after a fault. */
bool settings_fill(struct config *config, const struct config_node *root, struct option_memory **memory,
                   struct settings *settings);

#endif
