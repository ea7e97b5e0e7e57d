/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Loaded plugins: finds a .so by the plugin's name, then checks and completes its descriptor.
 */
#ifndef CORE_PLUGIN_PLUGIN_H
#define CORE_PLUGIN_PLUGIN_H

#include "core/base/cold.h"

#include <hopgate/codec.h>
#include <hopgate/plugin.h>
#include <hopgate/stage.h>
#include <hopgate/transport.h>

/* A plugin as the core uses it. Never unloaded (GnuTLS does not survive that), so pointers into it stay valid as long
 * as the program runs. */
struct plugin {
    struct hg_plugin descriptor;       /* `offers`, `needs` and `commands` are never NULL */
    struct hg_stage_ops stage;         /* HG_ROLE_STAGE, HG_ROLE_ORIGIN, and an edge's `exchange` */
    struct hg_codec_ops codec;         /* HG_ROLE_CODEC */
    struct hg_transport_ops transport; /* HG_ROLE_TRANSPORT */
    char *path;                        /* the path of the .so */
};

/* The search path and the plugins loaded so far. Lives as long as the program. */
struct plugins;

/* `folders`, terminated by NULL, are searched first (--plugin-dir); then those of HOPGATE_PLUGIN_PATH, those of the
 * config file, and the installed one or, for a program that runs in its build folder, the one with the plugins built
 * with it. NULL when out of memory. */
COLD struct plugins *plugins_new(const char *const *folders);
/* Sets the folders that the config file names, replacing earlier ones. They are copied. 0, or -1 when out of memory. */
COLD int plugins_set_config_folders(struct plugins *plugins, const char *const *folders, size_t count);
/* Frees the table; the code of the plugins stays loaded. NULL is allowed. */
COLD void plugins_free(struct plugins *plugins);

/* Loads the plugin of that name: the first NAME.so in the search path. NULL, with the reason in `why`, if it is not
 * usable; later files of the same name are then not tried. */
COLD const struct plugin *plugins_load(struct plugins *plugins, const char *name, char *why, size_t why_size);

/* A .so in the search path. */
struct plugin_file {
    char *name; /* without ".so" */
    char *path;
    bool hidden; /* an earlier folder has one of the same name */
};

/* All of them, by folder in the order of the search path and by name within a folder; `*count` is their number. The
 * caller frees the result with plugins_files_free(). NULL: none, or out of memory. */
COLD struct plugin_file *plugins_files(const struct plugins *plugins, size_t *count);
COLD void plugins_files_free(struct plugin_file *files, size_t count);

/* The search path, separated by ", ". The caller frees it; NULL when out of memory. */
COLD char *plugins_search_path(const struct plugins *plugins);

/* The folder in the build tree that plugins were loaded from, as the program runs there; NULL if none were. */
COLD const char *plugins_build_folder(const struct plugins *plugins);

/* "stage": the word for a role; NULL if there is no such role. */
COLD const char *plugin_role_name(uint32_t role);

#endif
