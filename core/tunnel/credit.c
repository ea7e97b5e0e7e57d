/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Credit for the peer (RFC 9000 section 4). Each stream has a reserve that no other stream can use. Credit beyond the
 * reserve is lent from the session's pool, and returns to it as bytes are read without new credit being given for them:
 * credit once given cannot be revoked. So the bytes that a session holds are bounded per stream. A limit for all
 * streams together is not needed; it could only hold back a stream that still has credit of its own.
 */
#include "core/tunnel/session_internal.h"

/* Lent to a reader as soon as it has shown that it reads. If the path is at least FAR away in round-trip time, it is
 * lent at once, as a new stream limited to its reserve would lose noticeable time there. */
#define FIRST_LOAN (52 * 1024)
#define FAR        (4 * TN_MILLISECOND)
/* This loan is at most this part of the pool. */
#define FIRST_LOAN_PART 512
/* On a near path, buffers between here and a stalled reader fill as fast as an active reader would read, so a window
 * only grows once more has been read than fits into them. On a far path that takes round trips, and so does growth. */
#define BUFFERS (512 * 1024)
/* A window of which half lasts this many round trips is too large. */
#define SLOW_ROUNDS 16
/* On the nearest paths, a round trip takes as long as it takes to schedule the two processes. */
#define NEAREST (2 * TN_MILLISECOND)

/* New credit is given when this much of a window has been read, or half of a small window (RFC 9000 section 4.2 leaves
 * this open): early enough, since the remaining credit must last for a round trip, or for two if packets are lost, but
 * not for every packet. */
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

/* Bytes of the pool not lent to other streams. */
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

/* The loan for a new reader. It shrinks as the pool is lent out, so that hundreds of readers that stop reading hold
 * little and leave most of it; all the more on a near path, where a loan saves least time.
 */
static uint64_t first_loan(const struct tn_stream *stream)
{
    const struct tn_session *session = stream->session;
    uint64_t pool = session->params.session_window, part = pool / FIRST_LOAN_PART;
    bool far = session->min_rtt >= FAR;

    return scaled(part < FIRST_LOAN ? part : FIRST_LOAN, pool_free(stream), pool, far ? 2 : 5);
}

/* The most that the stream may currently borrow. It is half of what would be free without it (dynamic thresholds:
 * Choudhury and Hahne, 1998), so that any number of readers that were once fast leave something; and no more than its
 * reader has read so far, of which less and less counts once half of the pool is lent, so that only long reading earns
 * a share of the rest. */
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

    /* Loans to others in the meantime may leave less. */
    if (loan_of(stream) > 0)
        lend(stream, loan_of(stream));
    limit = stream->receiver.read + stream->window;
    return limit > stream->receive_max && limit - stream->receive_max >= window_step(stream->window);
}

/* Grows the window if half of it was used within two round trips, since it is then the limit; shrinks it if that
 * took long. Measured over half a window and not between two credits, as data that waited behind a gap is read all
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
