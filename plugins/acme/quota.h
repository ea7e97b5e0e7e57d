/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How many certificates were ordered on demand in the last hour, and for whom. Pure: the time is an argument.
 */
#ifndef ACME_QUOTA_H
#define ACME_QUOTA_H

#include <hopgate/types.h>
#include <jansson.h>
#include <time.h>

/* An address as quotas count it: for IPv6 the /64 network, as a user who has one address there has all of them. */
struct acme_source {
    char text[48];
};

/* The orders of the last hour, in wall-clock time, as they outlive the process. Initially all zero. */
struct acme_quota {
    struct acme_quota_order {
        time_t at;
        struct acme_source source;
    } * orders;
    size_t count;
};

/* `peer` is the address and port of a handshake's other end. */
struct acme_source acme_source_of(struct hg_text peer);

/* Counts an order; `most` are allowed per hour. Returns NULL, or which limit has been reached. */
const char *acme_quota_count(struct acme_quota *quota, int64_t most, const struct acme_source *source, time_t now);
/* Convert to and from the stored form. */
json_t *acme_quota_state(const struct acme_quota *quota);
void acme_quota_recall(struct acme_quota *quota, const json_t *state);

#endif
