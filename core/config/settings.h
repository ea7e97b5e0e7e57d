/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The top-level settings of the config file: everything except `pipeline:`.
 */
#ifndef CORE_CONFIG_SETTINGS_H
#define CORE_CONFIG_SETTINGS_H

#include "core/base/cold.h"
#include "core/config/options.h"

/* The most links that a client may have to each gateway. */
#define SETTINGS_LINKS_MAX 8

/* The one top-level key that is not a setting. */
#define SETTINGS_PIPELINE "pipeline"

/* Always filled: settings missing from the file have their defaults. */
struct settings {
    const char *user;             /* becomes this user after binding; NULL: does not change */
    int log;                      /* enum log_format */
    int log_level;                /* enum hg_level */
    hg_time stop_timeout;         /* how long exchanges in progress may take after SIGTERM */
    uint64_t exchange_buffer;     /* the credit of each stage and direction, in bytes */
    hg_time keep_alive;           /* idle time after which a link sends a PING */
    hg_time dead_after;           /* silence after which a link's peer is considered dead */
    hg_time resume_timeout;       /* how long a session without a link is kept */
    int64_t links;                /* client: to each gateway */
    int64_t sessions_per_client;  /* gateway: the most for one client id … */
    int64_t sessions_per_process; /* … and for each of its processes */
    hg_time head_start;           /* client: of each transport over the next one in the pipeline */
    hg_time probe_interval;       /* client: how often an earlier transport is tried again */
    uint64_t session_window;      /* the most bytes that a session may hold in each direction */
    struct hg_list plugin_dirs;   /* const char *, additional folders to search for plugins */
};

/* The option table of struct settings. */
extern const struct hg_option settings_options[];

/* Fills the settings from the root of the file, or with the defaults if `root` is NULL. False after an error. */
COLD bool settings_fill(struct config *config, const struct config_node *root, struct option_memory **memory,
                        struct settings *settings);

#endif
