/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A pipeline: the instances declared in a config file, checked against each other.
 */
#ifndef CORE_PIPELINE_PIPELINE_H
#define CORE_PIPELINE_PIPELINE_H

#include "core/base/cold.h"
#include "core/config/only.h"
#include "core/config/settings.h"
#include "core/plugin/plugin.h"

#include <hopgate/host.h>
#include <stdio.h>

/* The most stages that an exchange can pass through, including the tunnel: core/exchange keeps a bit for each in a
 * uint64_t. */
#define PIPELINE_STAGES_MAX 64

enum pipeline_shape {
    PIPELINE_UNKNOWN = HG_END_UNKNOWN,
    PIPELINE_GATEWAY = HG_END_GATEWAY, /* begins with an edge, ends with transports that listen */
    PIPELINE_CLIENT = HG_END_CLIENT,   /* begins with transports that connect, ends with an origin */
};

/* One block of the config file. `public` is the part that plugins see; it comes first, so that a pointer to either is a
 * pointer to both. */
struct instance {
    struct hg_instance public;
    const struct plugin *plugin;
    struct pipeline *pipeline;
    const struct config_node *name;  /* the plugin's name in the file */
    const struct config_node *block; /* the options in the file; NULL: none */
    size_t index;                    /* in pipeline->instances */
    struct hg_listener *listeners;   /* bound by hg_listen(): core/pipeline/listen.c */
    struct option_memory *memory;    /* what `public.cfg` points to */
    struct only_options only_options;
    const struct only *only; /* for a stage; NULL: it sees all requests */
    bool filled;             /* all options are valid */
    bool configured;         /* configure() has been called */
    size_t faults;           /* reported by hg_config_error() */
};

struct pipeline {
    struct config *config;
    enum pipeline_shape shape;
    struct instance **instances; /* all, in the file's order */
    size_t count;
    struct instance **start_order; /* the order in which they start; they stop in reverse */
    struct instance **path;        /* on the exchanges' way down: edge or none, stages, origin or none */
    size_t path_count;
    struct instance **codecs; /* in order of preference */
    size_t codec_count;
    struct instance **transports; /* in order of preference */
    size_t transport_count;
    size_t errors;                /* reported so far, including by hg_config_error() */
    struct settings settings;     /* always filled */
    struct option_memory *memory; /* what `settings` points to */
    struct plugins *plugins;      /* where the plugins come from */
    const struct hg_host *host;   /* the services for the instances */
};

/* Reads the file, loads the plugins, fills and configures the instances, checks shape and capabilities. Every error is
 * written to `errors`, each on a line that begins with file:line:column; `errors` and `plugins` must outlive the
 * pipeline. Returns NULL if the file cannot be read or parsed at all; otherwise the pipeline is usable if
 * pipeline->errors is 0. */
COLD struct pipeline *pipeline_load(const char *path, struct plugins *plugins, const struct hg_host *host,
                                    FILE *errors);

/* Calls prepare() of every instance, which does what needs privileges. 0, or -1 with errors reported. */
COLD int pipeline_prepare(struct pipeline *pipeline);

/* Calls every unconfigure(), in reverse order, and frees everything. NULL is allowed. */
COLD void pipeline_free(struct pipeline *pipeline);

/* The instance that offers a capability; NULL: none. `*offer` is set unless `offer` is NULL. */
COLD struct instance *pipeline_provider(const struct pipeline *pipeline, const char *name, uint32_t version,
                                        const struct hg_offer **offer);

/* Prints one line: "gateway: http > route > codec_binary, codec_json > dtls; certificates by tls_files". */
COLD void pipeline_print(const struct pipeline *pipeline, FILE *out);

/* These implement struct hg_host: see hg_config_error(), hg_config_warning() and hg_capability(). */
__attribute__((cold, format(printf, 3, 0))) void
pipeline_config_warning(const struct hg_instance *instance, const char *option, const char *format, va_list arguments);
__attribute__((cold, format(printf, 3, 0))) void
pipeline_config_error(const struct hg_instance *instance, const char *option, const char *format, va_list arguments);
COLD enum hg_end pipeline_end(const struct hg_instance *instance);
COLD void pipeline_reads_file(const struct hg_instance *instance, const char *option, const char *path, bool again);
COLD bool pipeline_capability(struct hg_instance *instance, const char *name, uint32_t version,
                              struct hg_capability *found);

#endif
