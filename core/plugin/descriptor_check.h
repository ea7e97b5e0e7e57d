/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Checks and completes the descriptor that a plugin has returned.
 */
#ifndef CORE_PLUGIN_DESCRIPTOR_CHECK_H
#define CORE_PLUGIN_DESCRIPTOR_CHECK_H

#include "core/base/cold.h"
#include "core/plugin/plugin.h"

/* Fills all of `plugin` except `path` from its descriptor. `name` is the file's name without ".so". 0, or -1 with `why`
 * set. */
COLD int plugin_complete(struct plugin *plugin, const struct hg_plugin *descriptor, const char *name, char *why,
                         size_t why_size);

#endif
