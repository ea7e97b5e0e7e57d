/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Credit for the peer (RFC 9000 section 4). Each stream has a reserve that nobody else can use up. What its window is
 * larger than that it is lent from the session's pool, and has back to the pool whatever of it was read and is not lent
 * anew: credit once given cannot be revoked. So what a session holds is bounded stream by stream, and a limit for all
 * of them together, which could only hold back a stream that has credit of its own, is not needed.
 */
#include "core/tunnel/session_internal.h"

/* What a reader is lent as soon as it has shown that it reads; and at once where the path is far, its round-trip time,
 * as the reserve alone would cost a new stream noticeable time there. */
#define FIRST_LOAN (52 * 1024)
#define FAR        (4 * TN_MILLISECOND)
/* And the part of the pool that this is at most. */
#define FIRST_LOAN_PART 512
/* On a near path buffers between here and a reader who does not read fill as fast as one who does would read: a window
 * grows when more was read than fits into them. On a far path that takes round trips, and so does this. */
#define BUFFERS (512 * 1024)
/* A window of which half lasts this many round trips is too large. */
#define SLOW_ROUNDS 16
/* On the nearest of paths a round trip takes as long as the two processes need to get their turn. */
#define NEAREST (2 * TN_MILLISECOND)

/* New credit is given when so much of a window was read, or half of a small window (RFC 9000 section 4.2 leaves that
 * open): early, since what is left of the credit has to last for a round trip, and for another where packets get lost;
 * but not for every packet. */
static uint64_t window_step(uint64_t window)
{
    uint64_t step = window / 8 > 32768 ? window / 8 : 32768;

    return step < window / 2 ? step : window / 2;
}

void credit_count(struct tn_stream *stream)
{
    struct tn_session *session = stream->session;
    uint64_t end = stream->final_known ? stream->final_size : stream->receive_max;
    uint64_t ahead = stream->discarding || end < stream->receiver.read ? 0 : end - stream->receiver.read;
    uint64_t lent = ahead > session->params.stream_window ? ahead - session->params.stream_window : 0;

    session->lent += lent - stream->lent;
    stream->lent = lent;
}

/* Bytes of the pool that nobody else has. */
static uint64_t pool_free(const struct tn_stream *stream)
{
    const struct tn_session *session = stream->session;
    uint64_t pool = session->params.session_window, others = session->lent - stream->lent;

    return pool > others ? pool - others : 0;
}

/* `size` times (free / whole) to the power of 2^squarings, for free up to whole. */
static uint64_t scaled(uint64_t size, uint64_t free, uint64_t whole, int squarings)
{
    uint64_t part = whole ? (free << 10) / whole : 0;

    while (squarings-- > 0)
        part = part * part >> 10;
    return size * part >> 10;
}

/* What a reader is lent before it has shown more than that it reads: less and less as the pool is lent out, so that
 * hundreds who do not go on reading hold little and leave most of it; the more so on a near path, where it saves least.
 */
static uint64_t first_loan(const struct tn_stream *stream)
{
    const struct tn_session *session = stream->session;
    uint64_t pool = session->params.session_window, part = pool / FIRST_LOAN_PART;
    bool far = session->min_rtt >= FAR;

    return scaled(part < FIRST_LOAN ? part : FIRST_LOAN, pool_free(stream), pool, far ? 2 : 5);
}

/* The most that the stream may be lent now: half of what would be free without it (dynamic thresholds: Choudhury and
 * Hahne, 1998), so that any number of readers who were fast and stall leave something; and no more than its reader has
 * read, of which ever less counts once half of the pool is lent: it takes long reading to be lent what is left. */
static uint64_t loan_max(const struct tn_stream *stream)
{
    uint64_t half = stream->session->params.session_window / 2, free = pool_free(stream), first = first_loan(stream);
    uint64_t earned = stream->receiver.read < half ? stream->receiver.read : half;

    if (free < half)
        earned = stream->receiver.read < half << 10 ? scaled(stream->receiver.read, free, half, 2) : free;
    if (earned < first)
        earned = first;
    return earned < free / 2 ? earned : free / 2;
}

static void lend(struct tn_stream *stream, uint64_t loan)
{
    uint64_t most = loan_max(stream);

    stream->window = stream->session->params.stream_window + (loan < most ? loan : most);
}

static uint64_t loan_of(const struct tn_stream *stream)
{
    return stream->window - stream->session->params.stream_window;
}

static void lend_first(struct tn_stream *stream)
{
    uint64_t loan = first_loan(stream);

    if (loan_of(stream) < loan)
        lend(stream, loan);
}

bool credit_grow(struct tn_stream *stream)
{
    uint64_t before = stream->window;

    lend(stream, stream->window + loan_of(stream));
    return stream->window > before;
}

void credit_begin(struct tn_stream *stream)
{
    if (stream->session->min_rtt < FAR || stream->window > stream->session->params.stream_window)
        return;
    lend_first(stream);
    if (stream->window > stream->session->params.stream_window) {
        stream->pending |= PENDING_MAX_STREAM_DATA;
        stream_schedule(stream);
    }
}

bool credit_is_due(struct tn_stream *stream)
{
    uint64_t limit;

    /* What others were lent meanwhile may leave less. */
    if (loan_of(stream) > 0)
        lend(stream, loan_of(stream));
    limit = stream->receiver.read + stream->window;
    return limit > stream->receive_max && limit - stream->receive_max >= window_step(stream->window);
}

/* Lets the window grow when half of it was used up within two round trips: then it is what limits; and shrink when that
 * took long. Measured over half a window, not from one credit to the next, since what waited behind a gap is read all
 * at once. */
static void tune(struct tn_stream *stream, tn_time now, tn_time rtt)
{
    tn_time since = now - stream->tune_time, round = rtt > NEAREST ? rtt : NEAREST;

    if (stream->receiver.read - stream->tune_read < stream->window / 2)
        return;
    if (stream->tune_time == 0) {
        lend_first(stream);
    } else if (since < 2 * round) {
        if (stream->session->min_rtt >= FAR || stream->receiver.read >= BUFFERS)
            credit_grow(stream);
    } else if (since > SLOW_ROUNDS * round) {
        lend(stream, loan_of(stream) / 4);
    }
    stream->tune_time = now;
    stream->tune_read = stream->receiver.read;
}

uint64_t credit_renew(struct tn_stream *stream, tn_time now, tn_time rtt)
{
    uint64_t limit;

    tune(stream, now, rtt);
    lend(stream, loan_of(stream));
    limit = stream->receiver.read + stream->window;
    return limit > stream->receive_max ? limit : stream->receive_max;
}
