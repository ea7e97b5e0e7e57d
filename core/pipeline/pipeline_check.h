/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the instances of a pipeline must be to each other: order, number, capabilities, kinds of traffic.
 */
#ifndef CORE_PIPELINE_PIPELINE_CHECK_H
#define CORE_PIPELINE_PIPELINE_CHECK_H

#include "core/pipeline/pipeline.h"

/* Finds the shape, fills path, codecs and transports, and tells every fault of order and number. 0, or -1: no memory.
 */
int pipeline_arrange(struct pipeline *pipeline);
/* Capabilities that are missing or offered twice. */
void pipeline_check_capabilities(struct pipeline *pipeline);
/* What only shows after configure(): whether transports listen or connect. */
void pipeline_check_transports(struct pipeline *pipeline);
/* Warns of settings that are for the other end. */
void pipeline_check_settings(struct pipeline *pipeline);
/* Addresses of one list that a gateway cannot listen at together. */
void pipeline_check_addresses(struct pipeline *pipeline);

#endif
