/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Programs of the operator that are run without anything waiting for them: their failure is told in the log.
 */
#ifndef ACME_PROGRAM_H
#define ACME_PROGRAM_H

#include "plugins/lib/hook/hook.h"

/* How long a hook may run, which may wait until name servers answer with a new record. */
#define ACME_HOOK_TIMEOUT (120 * HG_SECOND)

struct acme_programs {
    struct hg_worker *worker;
    hg_time timeout;
    struct acme_program *running;
};

/* Texts are copied. */
void acme_program_run(struct acme_programs *programs, const char *program, const char *const *arguments,
                      const char *const *variables);
/* Kills those that run. */
void acme_programs_end(struct acme_programs *programs);

#endif
