/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/program.h"

#include <stdio.h>
#include <stdlib.h>

struct acme_program {
    struct acme_programs *programs;
    struct acme_program *next, **place;
    struct hook *hook;
    char what[512]; /* for the log */
};

static void forget(struct acme_program *program)
{
    *program->place = program->next;
    if (program->next)
        program->next->place = program->place;
    free(program);
}

static void on_done(void *arg, const char *error)
{
    struct acme_program *program = arg;

    if (error)
        hg_log(program->programs->worker->instance, HG_LOG_WARNING, "%s: %s", program->what, error);
    forget(program);
}

static void describe(struct acme_program *program, const struct hook_call *call)
{
    size_t used = (size_t)snprintf(program->what, sizeof program->what, "%s", call->program);

    for (size_t i = 0; call->arguments[i] && used < sizeof program->what; i++)
        used += (size_t)snprintf(program->what + used, sizeof program->what - used, " %s", call->arguments[i]);
}

void acme_program_run(struct acme_programs *programs, const char *path, const char *const *arguments,
                      const char *const *variables)
{
    const struct hook_call call = {
        .program = path, .arguments = arguments, .variables = variables, .timeout = programs->timeout};
    struct acme_program *program = calloc(1, sizeof *program);

    if (!program)
        return;
    program->programs = programs;
    describe(program, &call);
    program->next = programs->running;
    program->place = &programs->running;
    if (program->next)
        program->next->place = &program->next;
    programs->running = program;
    program->hook = hook_run(programs->worker, &call, on_done, program);
    if (!program->hook)
        on_done(program, "out of memory");
}

void acme_programs_end(struct acme_programs *programs)
{
    while (programs->running) {
        hook_cancel(programs->running->hook);
        forget(programs->running);
    }
}
