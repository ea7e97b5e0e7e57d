/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the instances of a pipeline require of each other: order, number, capabilities, kinds of traffic.
 */
#ifndef CORE_PIPELINE_PIPELINE_CHECK_H
#define CORE_PIPELINE_PIPELINE_CHECK_H

#include "core/base/cold.h"
#include "core/pipeline/pipeline.h"

/* Finds the shape, fills path, codecs and transports, and reports all errors of order and number. 0, or -1 when out of
 * memory.
 */
COLD int pipeline_arrange(struct pipeline *pipeline);
/* Reports capabilities that are missing or offered twice. */
COLD void pipeline_check_capabilities(struct pipeline *pipeline);
/* Checks what is only known after configure(): whether transports listen or connect. */
COLD void pipeline_check_transports(struct pipeline *pipeline);
/* Warns of settings meant for the other end. */
COLD void pipeline_check_settings(struct pipeline *pipeline);
/* Reports addresses of one list that a gateway cannot listen on together. */
COLD void pipeline_check_addresses(struct pipeline *pipeline);

#endif
