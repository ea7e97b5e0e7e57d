/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A real worker around plugins that a test holds in its hand: no config file, no .so, no other process.
 */
#ifndef TESTS_UNIT_WORKER_FIXTURE_H
#define TESTS_UNIT_WORKER_FIXTURE_H

#include "core/exchange/exchange.h"
#include "core/worker/worker.h"

/* One instance of the pipeline, from top to bottom. */
struct fixture_part {
    const struct hg_plugin *plugin;
    void *cfg; /* the plugin's config struct, filled by the test; must outlive the fixture */
};

struct fixture {
    struct pipeline *pipeline;
    struct worker *worker; /* NULL until fixture_start() */
    size_t count;
    struct instance *instances;
    struct plugin *plugins;
    uint32_t breaches; /* bits of enum breach: how the test breaks the contract */
};

/* Configures and prepares the parts. Shape PIPELINE_CLIENT: the last part answers, and exchanges are opened by a part
 * of role edge at the top as on a gateway; PIPELINE_GATEWAY: sessions stand below the last part. Ends the test on any
 * failure. */
struct fixture *fixture_new(enum pipeline_shape shape, const struct fixture_part *parts, size_t count);

/* Makes the worker and starts the instances, but no sessions. */
void fixture_start(struct fixture *fixture);

/* The instance of a part in the worker. */
struct hg_worker *fixture_worker(struct fixture *fixture, size_t part);

/* Turns the loop until done(arg) or `milliseconds`, more where all is slower (slowness.h), are over; returns done(arg).
 * NULL: one turn without waiting. */
bool fixture_run(struct fixture *fixture, bool (*done)(void *arg), void *arg, unsigned milliseconds);
/* Turns the loop for so long. */
void fixture_wait(struct fixture *fixture, unsigned milliseconds);

/* Stops everything and frees it; fails where an instance has broken the contract of <hopgate/stage.h>. */
void fixture_free(struct fixture *fixture);

#endif
