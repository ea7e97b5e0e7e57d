/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/failure.h"
#include "core/base/log.h"
#include "core/exchange/exchange_private.h"

/* The slot that an exchange waits for: the one that has held an inbox the longest, or else the one that answers. */
static const struct slot *holder(const struct exchange *exchange, hg_time *since)
{
    const struct slot *found = &exchange->slots[exchange->bottom];

    *since = exchange->public.started;
    for (unsigned i = 0, first = 1; i <= exchange->bottom; i++) {
        for (int direction = HG_DOWN; direction <= HG_UP; direction++) {
            const struct inbox *inbox = &exchange->slots[i].inboxes[direction];

            if (!inbox->held || (!first && inbox->held_since >= *since))
                continue;
            found = &exchange->slots[i];
            *since = inbox->held_since;
            first = 0;
        }
    }
    return found;
}

void exchange_log_failure(const struct exchange *exchange)
{
    const struct slot *top = &exchange->slots[0];
    bool begun = top->inboxes[HG_UP].head_seen && !top->inboxes[HG_UP].ended;

    failure_log(&(struct failure){
        .part = exchange->outcome.ended_by,
        .request = exchange->request,
        .user = exchange->request->peer,
        .target = &exchange->public.target,
        .response = begun ? exchange->response : NULL,
        .reason = &exchange->reason,
        .age = exchange->outcome.ended - exchange->public.started,
    });
}

static void report(const struct exchange *exchange)
{
    hg_time since, now = slot_now(&exchange->slots[0]);
    const struct slot *slot = holder(exchange, &since);
    const struct log_member members[] = {
        LOG_STRING("request", exchange->request->id),
        LOG_STRING("method", exchange->request->method),
        LOG_STRING("host", exchange->request->authority),
        LOG_STRING("path", exchange->request->path),
        LOG_STRING("user", exchange->request->peer),
        LOG_NUMBER("ms", (now - exchange->public.started) / HG_MILLISECOND),
        LOG_STRING("held_by", hg_text(slot->public.worker->instance->name)),
        LOG_NUMBER("held_ms", (now - since) / HG_MILLISECOND),
    };
    const struct log_event event = {
        .level = HG_LOG_INFO, .part = "core", .members = members, .count = sizeof members / sizeof *members};

    log_event(&event, "exchange");
}

static void report_stage(const struct stage *stage)
{
    const struct log_member members[] = {
        LOG_NUMBER("calls", stage->calls),
        LOG_NUMBER("bytes_down", stage->bytes[HG_DOWN]),
        LOG_NUMBER("bytes_up", stage->bytes[HG_UP]),
        LOG_NUMBER("held_ms", stage->held / HG_MILLISECOND),
    };

    if (stage->worker)
        log_figures(stage->worker->instance->name, members, sizeof members / sizeof *members);
}

void exchange_report_stages(const struct exchange_table *table)
{
    for (size_t i = 0; i < table->top_count; i++)
        report_stage(&table->tops[i]);
    for (size_t i = 1; i < table->stage_count; i++)
        report_stage(&table->stages[i]);
}

void exchange_report(const struct exchange_table *table)
{
    const struct log_member count = LOG_NUMBER("exchanges", table->open_count);

    log_figures("core", &count, 1);
    for (const struct exchange *exchange = table->open; exchange; exchange = exchange->next)
        report(exchange);
}
