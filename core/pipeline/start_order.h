/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * In which order the instances of a pipeline start.
 */
#ifndef CORE_PIPELINE_START_ORDER_H
#define CORE_PIPELINE_START_ORDER_H

#include "core/pipeline/pipeline.h"

/* Fills pipeline->start_order: each instance after those whose capabilities it needs, if only optionally; apart from
 * that from the last one of the file to the first, so that an edge accepts when all below it can answer. Instances that
 * need each other are a fault of the config. 0, or -1 when out of memory. */
int pipeline_find_start_order(struct pipeline *pipeline);

#endif
