/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A host for driving a plugin without a daemon: memory is real, time stands still until it is advanced, the plugin's
 * messages are kept, and capabilities are provided by the test. There are no sockets and no exchanges.
 */
#ifndef TESTS_UNIT_FAKE_HOST_H
#define TESTS_UNIT_FAKE_HOST_H

#include <hopgate/host.h>

enum { FAKE_CAPABILITIES_MAX = 8 };

/* What the test offers to the plugin. */
struct fake_capability {
    const char *name;
    const void *ops;
    struct hg_instance instance;
    struct hg_worker worker; /* the provider's; `state` belongs to the test */
};

struct fake_host {
    struct hg_instance instance; /* first, so that a pointer to either is a pointer to both */
    struct hg_worker worker;
    hg_time now;
    struct hg_timer *timers; /* all that exist */
    struct hg_io *ios;       /* all that exist */
    struct hg_call calls;    /* a ring of deferred and posted calls */
    uint64_t timers_set;
    enum hg_end end;
    bool finished; /* hg_finish() was called … */
    int exit_code; /* … with this code */
    bool stopped;  /* set this in a callback to make fake_host_run() return after it */
    struct fake_capability capabilities[FAKE_CAPABILITIES_MAX];
    size_t capability_count;
    uint64_t counter; /* shared by all counters */
    struct fake_gauge {
        char name[32], label[64];
        uint64_t value;
    } gauges[64];
    size_t gauge_count;
    char log[8192];    /* lines of "level: text" */
    char errors[8192]; /* lines of "option: text"; "-" for the whole block */
};

/* Makes an instance of `plugin` with that config, in one worker. Calls no function of the plugin. */
void fake_host_init(struct fake_host *fake, const struct hg_plugin *plugin, void *cfg);
/* Calls configure() and worker_start(), if the plugin has them. 0, or -1 as soon as one fails. */
int fake_host_start(struct fake_host *fake, const struct hg_plugin *plugin);
/* Offers a capability from now on, in any version requested. */
void fake_host_offer(struct fake_host *fake, const char *name, const void *ops, void *state);
/* Lets time pass: first descriptors that are ready are reported, then deferred and posted calls are made, then timers
 * are called in the order of their deadlines. */
void fake_host_run(struct fake_host *fake, hg_time time);
/* The value of a gauge, NULL: one without a label; UINT64_MAX: there is none with that name. */
uint64_t fake_host_gauge(struct fake_host *fake, const char *name, const char *label);
/* Calls worker_stop() and unconfigure(). Also after a failed start. */
void fake_host_stop(struct fake_host *fake, const struct hg_plugin *plugin);

#endif
