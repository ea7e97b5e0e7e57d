/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What stages ask for, in callbacks and outside of them. All of it is queued; nothing is called from here.
 */
#include "core/base/message.h"
#include "core/exchange/exchange_private.h"

#include <stdio.h>

size_t exchange_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct slot *slot = slot_of(self), *to = slot_neighbour(slot, direction);

    if (slot_is_over(slot) || !to) {
        exchange_head_done(slot->exchange, head);
        return 0;
    }
    slot_append_head(to, direction, head);
    return exchange_credit(self, direction);
}

size_t exchange_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct slot *slot = slot_of(self), *to = slot_receiver(slot, direction);
    char detail[128];

    if (slot_is_over(slot) || !to)
        return 0;
    if (slice->size + to->inboxes[direction].bytes > slot->exchange->table->buffer) {
        snprintf(detail, sizeof detail, "%s emitted %zu bytes beyond its credit", self->worker->instance->name,
                 slice->size);
        exchange_reset(self, &(struct hg_reason){500, "proxy_internal_error", detail, 0});
        return 0;
    }
    if (slice->size) {
        hg_buffer_ref(slice->buffer);
        slot_append_slice(to, direction, *slice);
    }
    return exchange_credit(self, direction);
}

void exchange_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct slot *slot = slot_of(self), *to = slot_neighbour(slot, direction);

    if (slot_is_over(slot) || !to)
        message_fields_free(trailers);
    else
        slot_append_end(to, direction, trailers);
}

void exchange_resume(struct hg_self *self, enum hg_direction direction)
{
    struct slot *slot = slot_of(self);

    slot->inboxes[direction].resumed = true;
    slot_mark(slot, direction);
}

void exchange_reset(struct hg_self *self, const struct hg_reason *reason)
{
    exchange_reset_by(slot_of(self)->exchange, reason, slot_of(self)->index);
}

void exchange_break(struct hg_self *self, const struct hg_reason *reason)
{
    struct slot *slot = slot_of(self);

    if (slot->index) /* nothing is above the first slot */
        exchange_break_by(slot->exchange, reason, slot->index);
    else
        exchange_reset(self, reason);
}

void exchange_set_target(struct hg_self *self, const struct hg_target *target)
{
    slot_of(self)->exchange->public.target = *target;
}

void exchange_set_service(struct hg_self *self, const struct hg_service *service)
{
    slot_of(self)->exchange->public.service = service;
}
