/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the files of core/config/ that read the document.
 */
#ifndef CORE_CONFIG_DOCUMENT_PRIVATE_H
#define CORE_CONFIG_DOCUMENT_PRIVATE_H

#include "core/base/cold.h"
#include "core/config/document.h"

/* Creates an empty node; NULL when out of memory. */
COLD struct config_node *config_node_new(enum config_kind kind, unsigned line, unsigned column);
/* Frees a node and everything below it. NULL is allowed. */
COLD void config_node_free(struct config_node *node);
/* Makes room for one more child. 0, or -1 when out of memory. */
COLD int config_node_grow(struct config_node *node);

/* Replaces ${NAME} and $${ in a scalar. The values of variables are not expanded again. */
COLD void config_expand(struct config *config, struct config_node *node);

/* Fills config->root from YAML and reports errors. */
COLD void config_build(struct config *config, const char *bytes, size_t size);

#endif
