/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A host for driving a plugin without a daemon: memory is real, time stands still until moved, what the plugin says is
 * kept, capabilities are what the test offers. Sockets and exchanges are not there.
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
    struct hg_worker worker; /* of the provider; `state` is the test's */
};

struct fake_host {
    struct hg_instance instance; /* first, so that one is the other */
    struct hg_worker worker;
    hg_time now;
    struct hg_timer *timers; /* all that there are */
    struct hg_io *ios;       /* the same */
    struct hg_call calls;    /* a ring: those that were deferred or posted */
    uint64_t timers_set;
    enum hg_end end;
    bool finished; /* hg_finish() was called, with … */
    int exit_code; /* … this */
    bool stopped;  /* set it in a callback: fake_host_run() returns after that callback */
    struct fake_capability capabilities[FAKE_CAPABILITIES_MAX];
    size_t capability_count;
    uint64_t counter; /* all of them are this one */
    struct fake_gauge {
        char name[32], label[64];
        uint64_t value;
    } gauges[64];
    size_t gauge_count;
    char log[8192];    /* lines of "level: text" */
    char errors[8192]; /* lines of "option: text"; "-" for the block as a whole */
};

/* An instance of `plugin` with that config, in one worker. Calls nothing of the plugin. */
void fake_host_init(struct fake_host *fake, const struct hg_plugin *plugin, void *cfg);
/* configure() and worker_start(), as far as the plugin has them. 0, or -1 as soon as one fails. */
int fake_host_start(struct fake_host *fake, const struct hg_plugin *plugin);
/* Offers a capability from now on, in the version that is asked for. */
void fake_host_offer(struct fake_host *fake, const char *name, const void *ops, void *state);
/* Lets time pass: descriptors that are ready are told at its beginning, then deferred and posted calls are made; timers
 * that were set until then are called when their time has come, in that order. */
void fake_host_run(struct fake_host *fake, hg_time time);
/* What the plugin has set a gauge to, NULL: one without label; UINT64_MAX: it has none of that name. */
uint64_t fake_host_gauge(struct fake_host *fake, const char *name, const char *label);
/* worker_stop() and unconfigure(). Also after a failed start. */
void fake_host_stop(struct fake_host *fake, const struct hg_plugin *plugin);

#endif
