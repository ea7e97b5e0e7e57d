/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Between the files of core/config*.c.
 */
#ifndef CORE_CONFIG_DOCUMENT_PRIVATE_H
#define CORE_CONFIG_DOCUMENT_PRIVATE_H

#include "core/config/document.h"

/* An empty node; NULL when out of memory. */
struct config_node *config_node_new(enum config_kind kind, unsigned line, unsigned column);
/* Frees a node and all below it. NULL is allowed. */
void config_node_free(struct config_node *node);
/* Makes room for one more child. 0, or -1 when out of memory. */
int config_node_grow(struct config_node *node);

/* Replaces ${NAME} and $${ in a scalar. What came out of a variable is not looked at again. */
void config_expand(struct config *config, struct config_node *node);

/* Fills config->root from YAML, telling what is wrong. */
void config_build(struct config *config, const char *bytes, size_t size);

#endif
