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
    /* The sending time of the next sample begins where that of this one ends. */
    delivery->first_sent_time = sample->time_sent;
    elapsed = delivery->delivered_time - sample->prior_time;
    /* ACKs that were held up and arrive together make a path look faster than data was sent into it; a burst makes it
     * look faster than data came out of it. So the longer interval counts. */
    sample->interval = sample->send_elapsed > elapsed ? sample->send_elapsed : elapsed;
    sample->delivered = delivery->delivered - sample->prior_delivered;
    sample->lost = (uint32_t)delivery->lost - sample->prior_lost;
    if (sample->interval >= min_rtt && sample->interval > 0)
        sample->rate = (double)sample->delivered / (double)sample->interval;
}
