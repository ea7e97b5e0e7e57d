/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The plugin descriptor: the one thing that a plugin exports.
 *
 *     HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
 *     {
 *         static const struct hg_plugin plugin = {.abi = HG_ABI, .role = HG_ROLE_STAGE, .name = "delay", ...};
 *         return &plugin;
 *     }
 *
 * Compatibility. HG_ABI is the one number that plugin and core compare. It is raised with every release that changes a
 * struct or function of these headers; a plugin of another ABI is refused, so neither side ever has to ask whether a
 * member is there. The operations of a capability have a version of their own, see struct hg_offer.
 *
 * Scopes. There are three, and no plugin keeps state in static variables:
 *   hg_instance  one for each block of the config file; what configure() left in it does not change afterwards
 *   hg_worker    one for each worker thread and instance; no callback on it ever comes from another thread
 *   hg_self      one for each exchange and instance (see <hopgate/stage.h>)
 *
 * Life: configure, prepare, worker_start (in each worker), exchanges …, worker_drain, worker_stop, unconfigure. In a
 * worker an instance starts after those whose capabilities it needs, apart from that from the last block of the file to
 * the first; it stops in the reverse order.
 *
 * Threads: functions that take a struct hg_instance are called by the main thread, while there is no worker, unless it
 * is a const one: then by any thread, from the end of configure() on, perhaps by several at once. Functions that take a
 * struct hg_worker, a struct hg_self or a transport's handle are called in that worker's thread.
 */
#ifndef HOPGATE_PLUGIN_H
#define HOPGATE_PLUGIN_H

#include <hopgate/option.h>
#include <hopgate/types.h>

/** The ABI that these headers describe. */
#define HG_ABI 1

/** Marks the one exported function. */
#define HG_EXPORT __attribute__((visibility("default")))

struct hg_host;

/** What a plugin is in a pipeline. Each role has operations of its own, which `ops` points to. */
enum hg_role {
    HG_ROLE_EDGE = 1,      /**< First on a gateway, takes public requests. struct hg_edge_ops, <hopgate/stage.h>. */
    HG_ROLE_STAGE = 2,     /**< Sees exchanges pass. struct hg_stage_ops, <hopgate/stage.h>. */
    HG_ROLE_ORIGIN = 3,    /**< Last on a client, answers every exchange. struct hg_stage_ops. */
    HG_ROLE_CODEC = 4,     /**< Exchange events to bytes and back. struct hg_codec_ops, <hopgate/codec.h>. */
    HG_ROLE_TRANSPORT = 5, /**< Carries packets. struct hg_transport_ops, <hopgate/transport.h>. */
    HG_ROLE_PROVIDER = 6,  /**< Only offers capabilities; `ops` is NULL. May stand anywhere. */
};

/** One config block of a plugin. Made by the core. */
struct hg_instance {
    const struct hg_host *host; /**< The services of the core. */
    void *cfg;                  /**< The plugin's config struct, filled by the core from the option table. */
    const char *name;           /**< The plugin's name. */
    void *state;                /**< The plugin's own: set it in configure(), free it in unconfigure(). */
};

/** One instance in one worker thread. Made by the core. */
struct hg_worker {
    const struct hg_host *host;
    struct hg_instance *instance;
    const void *cfg; /**< instance->cfg. */
    void *state;     /**< The plugin's own: set it in worker_start(), free it in worker_stop(). */
    void *core;      /**< Private to the core. */
};

/** A capability that a plugin offers: a table of operations that others find by name. */
struct hg_offer {
    const char *name; /**< "certificates", "identity", "store". NULL ends the list. */
    uint32_t version; /**< Of the operation table, from its header. */
    const void *ops;  /**< The table of operations. */
};

/** A capability that a plugin uses. */
struct hg_need {
    const char *name; /**< NULL ends the list. */
    uint32_t version; /**< The version that the plugin was built for; another one is refused. */
    bool optional;    /**< True: the plugin asks with hg_capability() and tells by itself when it cannot do without. */
};

/** A word of the command line that a plugin adds: `hopgate token NAME`. */
struct hg_command {
    const char *name;                  /**< The command's name. NULL ends the list. */
    const char *usage;                 /**< What follows it: "NAME [--service SERVICE]...". */
    const char *summary;               /**< One line: "create a token for a client". */
    const char *help;                  /**< More lines for `hopgate help NAME` and `hopgate NAME --help`, which the
                                            core answers; NULL: none. */
    int (*run)(int argc, char **argv); /**< argv[0] is the name. Returns the exit status of the program. NULL: the
                                            command works on a config file, see hg_plugin.command. */
};

/** The descriptor. */
struct hg_plugin {
    uint32_t abi;                      /**< HG_ABI where the plugin was built. */
    uint32_t role;                     /**< An enum hg_role. */
    const char *name;                  /**< The word in the config file; equal to the file's name without ".so". */
    const char *version;               /**< Of the plugin, for a person. */
    const char *summary;               /**< One line, for `hopgate plugins`. */
    const struct hg_option *options;   /**< Ended by a zeroed one; NULL: the block must be empty. */
    size_t cfg_size;                   /**< The config struct's size. */
    const void *ops;                   /**< The role's operations. */
    const struct hg_offer *offers;     /**< NULL: none. */
    const struct hg_need *needs;       /**< NULL: none. */
    const struct hg_command *commands; /**< NULL: none. */

    /**
     * Checks what the option table cannot express and prepares what depends on the config alone: reads files, parses
     * patterns. Opens no socket and starts nothing, since `hopgate check` calls it too. Every fault is told with
     * hg_config_error(), all of them rather than the first. Returns 0, or -1 when an error was told. May be NULL.
     */
    int (*configure)(struct hg_instance *instance);
    /** Called once for each configure() that was called, also one that failed; frees what it left. May be NULL. */
    void (*unconfigure)(struct hg_instance *instance);
    /** Takes what needs privileges, before they are dropped: hg_listen(). 0, or -1 after hg_config_error(). May be
     * NULL. */
    int (*prepare)(struct hg_instance *instance);
    /** Starts the instance in one worker, in that worker's thread. 0, or -1 after telling why by hg_log(). May be NULL.
     */
    int (*worker_start)(struct hg_worker *worker);
    /**
     * SIGHUP: reads what it keeps of files that change while it runs, such as tokens, again, whether they seem to have
     * changed or not. What cannot be used changes nothing and is logged as an error. May be NULL.
     */
    void (*worker_reread)(struct hg_worker *worker);
    /**
     * The program will stop: take nothing new, let what runs finish. A transport goes on to make links, over which
     * sessions may have to move; the core refuses new ones. May be NULL.
     */
    void (*worker_drain)(struct hg_worker *worker);
    /** Frees all of the worker. All exchanges and links of the worker are gone already. May be NULL. */
    void (*worker_stop)(struct hg_worker *worker);

    /**
     * Begins a word of `commands` that works on a config file: `hopgate WORD ... -c FILE`, where the file has a block
     * of this plugin. argv[0] is the word; "-c FILE" was taken out. Of the pipeline only those are started that offer
     * what this plugin needs and cannot do without, so `worker` has no state of its own; the loop turns until
     * hg_finish(), perhaps called within. NULL where each word has a `run`.
     */
    void (*command)(struct hg_worker *worker, int argc, char **argv);

    /**
     * Under `hopgate check`, when the config has no faults: looks at what is around it, such as names that should lead
     * here, and tells doubts with hg_config_warning(). Nothing is started, `worker` has no state; the loop turns until
     * hg_finish(), perhaps called within, whose exit code means nothing. It has a time limit of its own, a few seconds
     * at most, and frees all that is its own before hg_finish(). May be NULL.
     */
    void (*examine)(struct hg_worker *worker);
};

/** The exported symbol. Called once when the plugin is loaded; the result lives as long as the program. */
HG_EXPORT const struct hg_plugin *hopgate_plugin(void);

#endif
