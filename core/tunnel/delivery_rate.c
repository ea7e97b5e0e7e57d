/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/delivery_rate.h"

void delivery_finish(struct delivery *delivery, struct delivery_sample *sample, tn_time min_rtt)
{
    tn_time elapsed;

    if (delivery->delivered > delivery->limited_until)
        delivery->limited_until = 0;
    if (!sample->valid)
        return;
    /* The next sample's sending begins where this one's ended. */
    delivery->first_sent_time = sample->time_sent;
    elapsed = delivery->delivered_time - sample->prior_time;
    /* ACKs that were held up and then come together make a path look faster than what was sent into it; what was sent
     * in a burst makes it look faster than what came out: so the longer of the two. */
    sample->interval = sample->send_elapsed > elapsed ? sample->send_elapsed : elapsed;
    sample->delivered = delivery->delivered - sample->prior_delivered;
    sample->lost = (uint32_t)delivery->lost - sample->prior_lost;
    if (sample->interval >= min_rtt && sample->interval > 0)
        sample->rate = (double)sample->delivered / (double)sample->interval;
}
