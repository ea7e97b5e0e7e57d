/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Running a pipeline: from binding its ports to the end of the process.
 */
#ifndef CORE_CLI_RUN_H
#define CORE_CLI_RUN_H

#include "core/pipeline/pipeline.h"

/* Runs until SIGTERM or SIGINT has stopped it. Returns the exit code of the program: 0, or 1 when it could not start.
 */
int run_pipeline(struct pipeline *pipeline);

/* Runs a command of an instance's plugin (hg_plugin.command) in a pipeline of which nothing else runs but what it
 * needs. Returns the exit code of the program. */
int run_command_of(const struct instance *instance, int argc, char **argv);

/* Lets the plugins of a pipeline without errors look at what is around it (hg_plugin.examine). */
void run_examinations(struct pipeline *pipeline);

#endif
