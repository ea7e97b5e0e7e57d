/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/failure.h"

#include "core/base/log.h"

#include <stdio.h>

/* Lines a minute, so that neither an outage of a busy service nor a user probing for missing pages fills the disk.
 */
static const struct log_limit limit = {60, 600};

/* What happened, and why. */
static void describe(char *text, size_t size, const struct failure *failure)
{
    const struct hg_reason *reason = failure->reason;
    const char *what = failure->response                     ? "the response was cut short"
                       : reason->status == FAILURE_ABANDONED ? "the request was aborted"
                                                             : "the request failed";

    snprintf(text, size, "%s%s%s", what, reason->detail ? ": " : "", reason->detail ? reason->detail : "");
}

void failure_log(const struct failure *failure)
{
    static const struct hg_head no_request = {0};
    static const struct hg_target no_target = {0};
    const struct hg_head *request = failure->request ? failure->request : &no_request;
    const struct hg_target *target = failure->target ? failure->target : &no_target;
    const struct hg_reason *reason = failure->reason;
    const struct log_member members[] = {
        LOG_STRING("request", request->id),
        LOG_STRING("method", request->method),
        LOG_STRING("host", request->authority),
        LOG_STRING("path", request->path),
        LOG_NUMBER("status", (uint64_t)(failure->response ? failure->response->status : reason->status)),
        LOG_STRING("error", hg_text(reason->error)),
        LOG_STRING("user", failure->user),
        LOG_STRING("client", target->client),
        LOG_STRING("service", target->service.size ? target->service : request->service),
        LOG_STRING("origin", target->url),
        LOG_NUMBER("ms", failure->age / HG_MILLISECOND),
    };
    const struct log_event event = {
        .level = reason->status == FAILURE_ABANDONED ? HG_LOG_DEBUG : HG_LOG_INFO,
        .part = failure->part,
        .members = members,
        .count = sizeof members / sizeof *members - !failure->age,
    };
    char text[400], user[64];

    if (!log_enabled(event.level))
        return;
    describe(text, sizeof text, failure);
    snprintf(user, sizeof user, "%.*s", HG_PRINT(failure->user));
    if (log_admits(limit, &limit, user, &event, "%s", text))
        log_event(&event, "%s", text);
}
