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
 * struct or function of these headers; plugins with another ABI are refused, so neither side ever needs to check
 * whether a member exists. The operations of a capability have a version of their own, see struct hg_offer.
 *
 * Scopes. There are three, and no plugin keeps state in static variables:
 *   hg_instance  one for each block of the config file; what configure() stored in it does not change afterwards
 *   hg_worker    one for each worker thread and instance; its callbacks never come from another thread
 *   hg_self      one for each exchange and instance (see <hopgate/stage.h>)
 *
 * Life cycle: configure, prepare, worker_start (in each worker), exchanges …, worker_drain, worker_stop, unconfigure.
 * In a worker, an instance starts after those whose capabilities it needs; otherwise they start from the last block of
 * the file to the first. They stop in reverse order.
 *
 * Threads: functions that take a struct hg_instance are called by the main thread, while there are no workers, unless
 * it is const: then by any thread, from the end of configure() on, and perhaps by several at once. Functions that take
 * a struct hg_worker, a struct hg_self or a transport's handle are called in that worker's thread.
 */
#ifndef HOPGATE_PLUGIN_H
#define HOPGATE_PLUGIN_H

#include <hopgate/option.h>
#include <hopgate/types.h>

/** The ABI described by these headers. */
#define HG_ABI 1

/** Marks the one exported function. */
#define HG_EXPORT __attribute__((visibility("default")))

struct hg_host;

/** The role of a plugin in a pipeline. Each role has its own operations, which `ops` points to. */
enum hg_role {
    HG_ROLE_EDGE = 1,      /**< First on a gateway, accepts public requests. struct hg_edge_ops, <hopgate/stage.h>. */
    HG_ROLE_STAGE = 2,     /**< Exchanges pass through it. struct hg_stage_ops, <hopgate/stage.h>. */
    HG_ROLE_ORIGIN = 3,    /**< Last on a client, responds to every exchange. struct hg_stage_ops. */
    HG_ROLE_CODEC = 4,     /**< Exchange events to bytes and back. struct hg_codec_ops, <hopgate/codec.h>. */
    HG_ROLE_TRANSPORT = 5, /**< Carries packets. struct hg_transport_ops, <hopgate/transport.h>. */
    HG_ROLE_PROVIDER = 6,  /**< Only offers capabilities; `ops` is NULL. May be anywhere. */
};

/** A config block of a plugin. Created by the core. */
struct hg_instance {
    const struct hg_host *host; /**< The services of the core. */
    void *cfg;                  /**< The plugin's config struct, filled by the core from the option table. */
    const char *name;           /**< The plugin's name. */
    void *state;                /**< The plugin's own: set in configure(), freed in unconfigure(). */
};

/** An instance in a worker thread. Created by the core. */
struct hg_worker {
    const struct hg_host *host;
    struct hg_instance *instance;
    const void *cfg; /**< instance->cfg. */
    void *state;     /**< The plugin's own: set in worker_start(), freed in worker_stop(). */
    void *core;      /**< Private to the core. */
};

/** A capability that a plugin offers: a table of operations that others find by name. */
struct hg_offer {
    const char *name; /**< "certificates", "identity", "store". NULL terminates the list. */
    uint32_t version; /**< The version of the operation table, from its header. */
    const void *ops;  /**< The table of operations. */
};

/** A capability that a plugin uses. */
struct hg_need {
    const char *name; /**< NULL terminates the list. */
    uint32_t
        version;   /**< The version that the plugin was built for; another one is refused or, if optional, ignored. */
    bool optional; /**< True: the plugin asks with hg_capability(), and reports an error itself if it cannot do
                        without. */
};

/** A command that a plugin adds: `hopgate token NAME`. */
struct hg_command {
    const char *name;    /**< The command's name. NULL terminates the list. */
    const char *usage;   /**< Its arguments: "NAME [--service SERVICE]...". */
    const char *summary; /**< One line: "create a token for a client". */
    const char *help;    /**< Further lines for `hopgate help NAME` and `hopgate NAME --help`, which the core handles;
                              NULL: none. */
    int (*run)(int argc, char **argv); /**< argv[0] is the name. Returns the exit status of the program. NULL: the
                                            command uses a config file, see hg_plugin.command. */
};

/** The descriptor. */
struct hg_plugin {
    uint32_t abi;                      /**< HG_ABI when the plugin was built. */
    uint32_t role;                     /**< An enum hg_role. */
    const char *name;                  /**< The name in the config file; equal to the file's name without ".so". */
    const char *version;               /**< The version of the plugin, for people. */
    const char *summary;               /**< One line, for `hopgate plugins`. */
    const struct hg_option *options;   /**< Terminated by a zeroed one; NULL: the block must be empty. */
    size_t cfg_size;                   /**< The size of the config struct. */
    const void *ops;                   /**< The role's operations. */
    const struct hg_offer *offers;     /**< NULL: none. */
    const struct hg_need *needs;       /**< NULL: none. */
    const struct hg_command *commands; /**< NULL: none. */

    /**
     * Checks what the option table cannot express and prepares what depends on the config alone: reads files, parses
     * patterns. Must not open sockets or start anything, since `hopgate check` calls it, too. Report all errors, not
     * just the first, with hg_config_error(). Returns 0, or -1 if any were reported. May be NULL.
     */
    int (*configure)(struct hg_instance *instance);
    /**
     * Called once for each configure() that was called, even if it failed; frees what configure() created. May be NULL.
     */
    void (*unconfigure)(struct hg_instance *instance);
    /**
     * Does what needs privileges, before they are dropped: hg_listen(). 0, or -1 after hg_config_error(). May be NULL.
     */
    int (*prepare)(struct hg_instance *instance);
    /**
     * Starts the instance in a worker, in that worker's thread. 0, or -1 with the reason logged by hg_log(). May be
     * NULL.
     */
    int (*worker_start)(struct hg_worker *worker);
    /**
     * On SIGHUP: rereads the files that may change while it runs, such as tokens, even if they seem unchanged. A file
     * with errors changes nothing, and the error is logged. May be NULL.
     */
    void (*worker_reread)(struct hg_worker *worker);
    /**
     * The program is about to stop: accept nothing new, and let exchanges in progress finish. A transport still accepts
     * and opens links, which sessions may have to move to; the core refuses new sessions. May be NULL.
     */
    void (*worker_drain)(struct hg_worker *worker);
    /**
     * Frees the instance's state in the worker. Its exchanges and links have already ended. Also called if
     * worker_start() failed; `state` may then be NULL. May be NULL.
     */
    void (*worker_stop)(struct hg_worker *worker);

    /**
     * Begins a command of `commands` that uses a config file: `hopgate WORD ... -c FILE`, where the file has a block of
     * this plugin. argv[0] is the word; "-c FILE" has been removed. There is no prepare(), and only the instances whose
     * capabilities this plugin requires are started, so `worker` has no state of its own. The loop runs until
     * hg_finish(), which may be called within. NULL if every command has a `run`.
     */
    void (*command)(struct hg_worker *worker, int argc, char **argv);

    /**
     * Called by `hopgate check` if the config has no errors: checks its environment, such as whether a certificate has
     * expired, and reports possible problems with hg_config_warning(). Nothing has been started, and `worker` has no
     * state. The loop runs until hg_finish(), which may be called within and whose exit code is ignored. It must finish
     * within a few seconds, and free everything it allocated before hg_finish(). May be NULL.
     */
    void (*examine)(struct hg_worker *worker);
};

/** The exported symbol. Called once when the plugin is loaded; the result lives as long as the program. */
HG_EXPORT const struct hg_plugin *hopgate_plugin(void);

#endif
