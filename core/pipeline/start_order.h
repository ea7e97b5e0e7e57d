/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The order in which the instances of a pipeline start.
 */
#ifndef CORE_PIPELINE_START_ORDER_H
#define CORE_PIPELINE_START_ORDER_H

#include "core/base/cold.h"
#include "core/pipeline/pipeline.h"

/* Fills pipeline->start_order. Each instance comes after those whose capabilities it needs, even optionally; otherwise
 * they start from the last in the file to the first, so that an edge accepts connections once everything below it can
 * answer. Instances that need each other are a config error. 0, or -1 when out of memory. */
COLD int pipeline_find_start_order(struct pipeline *pipeline);

#endif
