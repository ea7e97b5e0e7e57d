/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A real worker around plugins provided by a test: no config file, no .so, no other process.
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
    uint32_t breaches; /* bits of enum breach: the breaches of contract that the test causes */
};

/* Configures and prepares the parts. With shape PIPELINE_CLIENT, the last part answers, and a part with the role edge
 * at the top opens exchanges, as on a gateway; with PIPELINE_GATEWAY, the sessions are below the last part. Any failure
 * ends the test. */
struct fixture *fixture_new(enum pipeline_shape shape, const struct fixture_part *parts, size_t count);

/* Creates the worker and starts the instances, but no sessions. */
void fixture_start(struct fixture *fixture);

/* The instance of a part in the worker. */
struct hg_worker *fixture_worker(struct fixture *fixture, size_t part);

/* Runs the loop until done(arg) is true or `milliseconds` are over, more if everything is slower (slowness.h); returns
 * done(arg). NULL: one turn without waiting. */
bool fixture_run(struct fixture *fixture, bool (*done)(void *arg), void *arg, unsigned milliseconds);
/* Runs the loop for that long. */
void fixture_wait(struct fixture *fixture, unsigned milliseconds);

/* Stops and frees everything; fails if an instance has broken the contract of <hopgate/stage.h>. */
void fixture_free(struct fixture *fixture);

/* A TCP port of 127.0.0.1 on which nothing listens. A socket stays bound to it until the test's process ends, so no
 * other process gets the port; the test can listen on it nevertheless, with SO_REUSEADDR. */
uint16_t fixture_free_port(void);
/* How many ports were taken, for tests that count their descriptors. */
unsigned fixture_port_count(void);

#endif
