/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/incoming_exchange.h"

#include "core/session/exchange_stream.h"
#include "core/session/failover.h"
#include "core/session/session_table.h"

void incoming_stream_opened(struct session *session, struct tn_stream *tn)
{
    struct exchange_stream *stream = exchange_stream_new(session, HG_UP);

    if (!stream) {
        tn_stream_reset(tn, TN_STREAM_REFUSED);
        tn_stream_stop_sending(tn, TN_STREAM_REFUSED);
        tn_stream_release(tn);
        return;
    }
    exchange_stream_set_stream(stream, tn);
    if (session->link)
        failover_watch_exchange(session->link);
}

static size_t incoming_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    (void)direction;
    return exchange_stream_send_data(self->state, slice);
}

static enum hg_verdict incoming_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    (void)direction;
    return exchange_stream_send_head(self->state, head);
}

static enum hg_verdict incoming_finish(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    (void)direction;
    return exchange_stream_send_end(self->state, trailers);
}

static void incoming_reset(struct hg_self *self, const struct hg_reason *reason)
{
    exchange_stream_was_reset(self->state, reason);
}

static void incoming_writable(struct hg_self *self, enum hg_direction direction)
{
    (void)direction;
    exchange_stream_receive(self->state);
}

static void incoming_detach(struct hg_self *self)
{
    exchange_stream_free(self->state);
}

const struct hg_stage_ops client_stage_ops = {
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED | HG_EVENTS_STREAM | HG_EVENTS_DATAGRAMS,
    .head = incoming_head,
    .data = incoming_data,
    .end = incoming_finish,
    .reset = incoming_reset,
    .writable = incoming_writable,
    .detach = incoming_detach,
};
