/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The log's line for a request that failed.
 */
#ifndef CORE_BASE_FAILURE_H
#define CORE_BASE_FAILURE_H

#include <hopgate/host.h>

/* The status of a reset because nobody wants the response any more, as nginx logs it: no failure. */
#define FAILURE_ABANDONED 499

/* What failed. Members may be NULL, texts empty. */
struct failure {
    const char *part;               /* the stage that gave it up */
    const struct hg_head *request;  /* NULL: nothing of it is known */
    struct hg_text user;            /* the public user's address and port */
    const struct hg_target *target; /* where it went */
    const struct hg_head *response; /* final, if it has begun: then it broke off */
    const struct hg_reason *reason; /* status 499: the user went away, which is nobody's failure */
    hg_time age;                    /* since the request; 0: not known */
};

/* Writes it: at info, or at debug where the user went away. Beyond a number of lines a minute, which no service that
 * works comes near, they are counted: the internet causes them. */
void failure_log(const struct failure *failure);

#endif
