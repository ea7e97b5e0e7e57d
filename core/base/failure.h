/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The log line for a failed request.
 */
#ifndef CORE_BASE_FAILURE_H
#define CORE_BASE_FAILURE_H

#include "core/base/cold.h"

#include <hopgate/host.h>

/* The status of a reset because the user is no longer interested in the response, as in nginx's log: not a failure. */
#define FAILURE_ABANDONED 499

/* What failed. Members may be NULL and texts empty. */
struct failure {
    const char *part;               /* the stage that failed the request */
    const struct hg_head *request;  /* NULL: unknown */
    struct hg_text user;            /* the public user's address and port */
    const struct hg_target *target; /* where the request was sent */
    const struct hg_head *response; /* the final response, if it had begun: it was cut short */
    const struct hg_reason *reason; /* status 499: the user went away, which is not a failure */
    hg_time age;                    /* time since the request; 0: unknown */
};

/* Logs the failure at info, or at debug if the user went away. The number of lines a minute is limited, to far more
 * than a working service ever causes; further ones are only counted, since anyone on the internet can cause them. */
COLD void failure_log(const struct failure *failure);

#endif
