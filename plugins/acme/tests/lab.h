/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The whole plugin on a simulated clock, with fakes of the store, the solvers and the authorities.
 */
#ifndef ACME_TESTS_LAB_H
#define ACME_TESTS_LAB_H

#include "plugins/acme/options.h"
#include "plugins/acme/tests/fake_ca.h"
#include "plugins/acme/tests/fake_store.h"

#include <check.h>
#include <stdlib.h>

#define LAB_MINUTE (60 * HG_SECOND)
#define LAB_HOUR   (3600 * HG_SECOND)
#define LAB_DAY    (86400 * HG_SECOND)
#define LAB_LEASE  "acme/certificates/a.test"

enum { LAB_JOBS_MAX = 8 };

struct lab {
    struct fake_host host;
    struct fake_store store;
    struct fake_world world;
    struct fake_ca *ca; /* the first one */
    struct acme_config config;
    struct acme_group groups[LAB_JOBS_MAX];
    const char *directories[FAKE_CAS_MAX];
    int64_t clock_error; /* of the wall clock, seconds */
    bool running;
    char (*presented)[3][192]; /* type, name, key authorization */
    size_t presented_count;
    char hooks[1024]; /* the arguments of programs that were run, a line each */
    char peer[64];    /* of the handshakes in lab_served_by() */
};

extern struct lab *lab;

/* For each test: a gateway with a certificate for a.test and one authority, not started yet. */
void lab_set_up(void);
void lab_tear_down(void);

void lab_start(void);
/* As SIGTERM does. */
void lab_stop(void);
/* As SIGKILL does. */
void lab_kill(void);
void lab_restart(void);
void lab_run(hg_time time);
/* Runs until that many certificates have been issued in total, or the time is over. */
void lab_run_until_issued(unsigned count, hg_time time);

/* Starts, and obtains a certificate for a.test. */
void lab_begin(void);
/* Stores a request to renew a certificate, as the command does. */
void lab_renew(const char *name);

/* Runs `hopgate acme VERB NAME [ARGUMENT]` and returns its exit code. Its output goes to the test's. */
int lab_command(const char *verb, const char *name, const char *argument);

/* Adds a certificate to the config. */
void lab_add(const char *name);

/* The number of the order whose certificate is served for a name; -1: none. With on_demand, a route names each host
 * *.named.test, and another one is for *.wild.test. */
int lab_served_by(struct fake_ca *ca, const char *name);
/* A member of the stored state of a certificate. */
int64_t lab_state(const char *name, const char *member);
/* How often this was logged. */
unsigned lab_logged(const char *text);
/* Checks that the first authority has issued one certificate, and that it is served. */
void lab_check_one(void);

#endif
