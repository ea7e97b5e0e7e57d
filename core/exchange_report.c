/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/exchange_private.h"
#include "core/log.h"

/* The place that an exchange waits for: the one that has held an inbox the longest, or else who should answer. */
static const struct node *holder(const struct exchange *exchange, hg_time *since)
{
    const struct node *found = &exchange->nodes[exchange->bottom];

    *since = exchange->public.started;
    for (unsigned i = 0, first = 1; i <= exchange->bottom; i++) {
        for (int direction = HG_DOWN; direction <= HG_UP; direction++) {
            const struct inbox *inbox = &exchange->nodes[i].inboxes[direction];

            if (!inbox->held || (!first && inbox->held_since >= *since))
                continue;
            found = &exchange->nodes[i];
            *since = inbox->held_since;
            first = 0;
        }
    }
    return found;
}

void exchange_report(struct worker *worker)
{
    hg_time now = worker_now(worker);

    log_line(HG_LOG_INFO, "core", "exchanges=%zu", worker->exchange_count);
    for (const struct exchange *exchange = worker->exchanges; exchange; exchange = exchange->next) {
        hg_time since;
        const struct node *node = holder(exchange, &since);

        log_line(HG_LOG_INFO, "core", "exchange %.*s %.*s %.*s: %llu ms old, with %s for %llu ms",
                 HG_PRINT(exchange->request->id), HG_PRINT(exchange->request->method),
                 HG_PRINT(exchange->request->path),
                 (unsigned long long)((now - exchange->public.started) / HG_MILLISECOND),
                 node->public.worker->instance->name, (unsigned long long)((now - since) / HG_MILLISECOND));
    }
}
