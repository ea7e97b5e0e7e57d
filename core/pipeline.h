/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A pipeline: the instances that a config file declares, checked against each other.
 */
#ifndef CORE_PIPELINE_H
#define CORE_PIPELINE_H

#include "core/plugin.h"

#include <hopgate/host.h>
#include <stdio.h>

struct config;      /* the parsed file, core/config.h */
struct config_node; /* a value in it, with its position */
struct listener;    /* core/listen.h */

enum pipeline_shape {
    PIPELINE_GATEWAY, /* begins with an edge, ends with transports that listen */
    PIPELINE_CLIENT,  /* begins with transports that connect, ends with an origin */
};

/* One block of the config file. `public` is what the plugin sees; it is the first member, so that one is the other. */
struct instance {
    struct hg_instance public;
    const struct plugin *plugin;
    struct pipeline *pipeline;
    const struct config_node *block; /* where it stands */
    size_t index;                    /* in pipeline->instances */
    struct hg_listener *listeners;   /* what hg_listen() has bound: core/listen.c */
};

/* The top-level settings of the file, or their defaults. */
struct settings {
    const char *user;         /* drop to this user after binding; NULL: stay */
    const char *log;          /* "auto", "text" or "json" */
    int log_level;            /* enum hg_level */
    hg_time stop_timeout;     /* how long running exchanges may take after SIGTERM */
    uint64_t exchange_buffer; /* the credit of each stage and direction, bytes */
    hg_time keep_alive;       /* idle time after which a link sends a PING */
    hg_time dead_after;       /* silence after which a link's peer is taken for dead */
    uint64_t session_window;  /* bytes that a session may hold for its readers */
};

struct pipeline {
    struct config *config;
    struct settings settings;
    enum pipeline_shape shape;
    struct instance **instances; /* all, in the file's order */
    size_t count;
    struct instance *
        *path; /* those that exchanges walk through, on the way down: edge or none, stages, origin or none */
    size_t path_count;
    struct instance **codecs; /* in order of preference */
    size_t codec_count;
    struct instance **transports; /* in order of preference */
    size_t transport_count;
    size_t errors; /* told so far, by hg_config_error() too */
};

/* Reads the file, loads the plugins, fills and configures the instances, checks shape and capabilities. Every fault is
 * written to `errors`, a line each beginning with file:line:column. The result is NULL when nothing can be said of a
 * pipeline at all (no such file, not YAML); otherwise pipeline->errors tells whether it may be used. */
struct pipeline *pipeline_load(const char *path, FILE *errors);

/* Calls every instance's prepare(): what needs privileges. 0, or -1 when faults were told. */
int pipeline_prepare(struct pipeline *pipeline);

/* Calls every unconfigure(), in reverse order, and frees it all. NULL is allowed. */
void pipeline_free(struct pipeline *pipeline);

/* Who offers a capability; NULL: nobody. */
struct instance *pipeline_provider(const struct pipeline *pipeline, const char *name, uint32_t version,
                                   const struct hg_offer **offer);

/* The functions behind hg_config_error() and hg_capability(). */
void pipeline_config_error(const struct hg_instance *instance, const char *option, const char *format,
                           va_list arguments);
bool pipeline_capability(struct hg_instance *instance, const char *name, uint32_t version, struct hg_capability *found);

#endif
