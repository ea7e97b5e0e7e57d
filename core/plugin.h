/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Loaded plugins: finding a .so by the plugin's name, checking its descriptor, completing it.
 */
#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H

#include <hopgate/codec.h>
#include <hopgate/plugin.h>
#include <hopgate/stage.h>
#include <hopgate/transport.h>

/* A plugin as the core uses it: every table is a copy of the size that this core knows, what an older plugin did not
 * have being zero. Never unloaded (GnuTLS does not survive it), so pointers into it live as long as the program. */
struct plugin {
    struct hg_plugin descriptor;
    struct hg_stage_ops stage;         /* HG_ROLE_STAGE, HG_ROLE_ORIGIN, and an edge's `exchange` */
    struct hg_codec_ops codec;         /* HG_ROLE_CODEC */
    struct hg_transport_ops transport; /* HG_ROLE_TRANSPORT */
    char *path;                        /* of the .so */
};

#endif
