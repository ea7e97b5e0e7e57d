/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Runs a pipeline, from binding its ports to the end of the process.
 */
#ifndef CORE_CLI_RUN_H
#define CORE_CLI_RUN_H

#include "core/base/cold.h"
#include "core/pipeline/pipeline.h"

/* Keeps SIGHUP and SIGUSR1 pending until the pipeline runs, as by default they would end the process: a service manager
 * can send SIGHUP as soon as the program is executed. To be called first, as threads inherit it. */
COLD void run_hold_requests(void);

/* Runs until stopped by SIGTERM or SIGINT. Returns the exit code of the program: 0, or 1 if it could not start.
 */
COLD int run_pipeline(struct pipeline *pipeline);

/* Runs a command of an instance's plugin (hg_plugin.command), starting only the instances of the pipeline that it
 * needs. Returns the exit code of the program. */
COLD int run_command_of(const struct instance *instance, int argc, char **argv);

/* Lets the plugins of a pipeline without errors check their environment (hg_plugin.examine). */
COLD void run_examinations(struct pipeline *pipeline);

#endif
