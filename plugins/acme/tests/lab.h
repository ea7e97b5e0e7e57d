/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The plugin as a whole on a simulated clock: with a store, solvers and authorities that are fakes.
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
/* Of whoever orders the certificate of a.test. */
#define LAB_LEASE "acme/certificates/a.test"

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
    char told[1024]; /* to the operator's programs: their arguments, a line each */
    char peer[64];   /* of the handshakes that lab_served_by() makes */
};

extern struct lab *lab;

/* Of each test: a gateway that is not started yet, for a.test, with one authority. */
void lab_set_up(void);
void lab_tear_down(void);

void lab_start(void);
/* In good order. */
void lab_stop(void);
/* The process is gone without another word. */
void lab_kill(void);
void lab_restart(void);
void lab_run(hg_time time);
/* Runs until there are that many certificates in all, or the time is over. */
void lab_run_until_issued(unsigned count, hg_time time);

/* Starts, and has a certificate for a.test. */
void lab_begin(void);
/* An operator wants a certificate to be renewed: what the command leaves in the store. */
void lab_want(const char *name);

/* `hopgate acme VERB NAME [ARGUMENT]` beside it: the exit code. What it prints goes to the test's output. */
int lab_command(const char *verb, const char *name, const char *argument);

/* The names of a certificate beside a.test. */
void lab_add(const char *name);

/* The order that has led to what is served for a name, by its number; -1: something else, or nothing. With on_demand
 * a route names each host *.named.test, and one for *.wild.test those. */
int lab_served_by(struct fake_ca *ca, const char *name);
/* What the store remembers of a certificate: a member of its state. */
int64_t lab_state(const char *name, const char *member);
/* How often the log says it. */
unsigned lab_said(const char *text);
/* Orders that are finalized, and what is served, of the first authority: one, and it. */
void lab_check_one(void);

#endif
