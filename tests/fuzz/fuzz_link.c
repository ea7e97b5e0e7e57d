/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fuzzes what reads packets and frames: a link with its session, driven like the core does. The first byte of the input
 * says what kind of link it is. Then come steps, each a byte and its arguments: a packet arrives, a batch ends, time
 * passes, the user reads, writes or resets, the link ends and another one opens. Whatever arrives, credit, sizes and
 * deadlines must be as core/tunnel/tunnel.h promises, and no invalid memory may be accessed.
 */
#include "core/base/buffer.h"
#include "core/tunnel/tunnel.h"
#include "core/tunnel/varint.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte. */
enum {
    IS_CLIENT = 1 << 0,
    RELIABLE = 1 << 1,
    ATTACHED = 1 << 2, /* from the start */
    PROBES = 1 << 3,
    CUBIC = 1 << 4,
    NARROW = 1 << 5, /* windows of a few bytes */
};

enum {
    STEP_PACKET,      /* how much the number increases (int8), size (16 bits), bytes */
    STEP_ACKNOWLEDGE, /* number of the newest packets: a packet with such an ACK arrives */
    STEP_SEND,        /* the batch ends; the most packets to send */
    STEP_TIME,        /* a power of two of microseconds passes, then the timer is checked */
    STEP_OPEN,
    STEP_WRITE,   /* bytes (in units of 64), which stream */
    STEP_READ,    /* events are handled, streams read */
    STEP_END,     /* how, which stream */
    STEP_CONTROL, /* bytes (in units of 16) are written, what has arrived is consumed */
    STEP_MOVE,    /* the session is detached, and attached to a new link */
    STEP_SIZE,    /* what the transport reports about the path: which, size (16 bits) */
    STEP_CLOSE,
    STEP_COUNT,
};

#define STREAMS_MAX 16
#define BASE        1163
#define PROBE_MAX   8935

struct run {
    const uint8_t *data;
    size_t size;
    struct tn_params params;
    struct tn_session *session;
    struct tn_link *link;
    tn_time now;
    uint64_t received, sent; /* the newest numbers */
    struct tn_stream *streams[STREAMS_MAX];
    size_t stream_count;
    bool is_over; /* the link is no longer used */
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static uint8_t take(struct run *run)
{
    if (run->size == 0)
        return 0;
    run->size--;
    return *run->data++;
}

static size_t take16(struct run *run)
{
    size_t high = take(run);

    return high << 8 | take(run);
}

static void check(struct run *run)
{
    const struct tn_params *params = &run->params;
    struct tn_session_stats session;
    struct tn_link_stats link;

    tn_session_stats(run->session, &session);
    must(session.bytes_lent <= params->session_window);
    must(session.bytes_held <= session.bytes_lent + session.streams * params->stream_window);
    must(session.bytes_unacked < params->session_unacked + TN_PACKET_MAX);
    must(session.streams <= params->max_streams + session.streams_opened);
    must(session.received_fragments <= 16384 + session.streams);
    tn_link_stats(run->link, &link);
    must(link.packet_size <= TN_PACKET_MAX);
    must(params->reliable || link.bytes_in_flight == 0 || link.packets_sent > 0);
}

/* Closes the link if it has detected an error. */
static void judge(struct run *run, int code)
{
    must(code >= TN_CLOSED && code <= TN_CONTROL_ERROR);
    if (code == 0)
        return;
    run->is_over = true;
    if (code > 0) {
        must(*tn_link_error(run->link));
        tn_link_close(run->link, (uint64_t)code, tn_link_error(run->link));
    }
}

static void receive(struct run *run, const uint8_t *packet, size_t size)
{
    /* Exactly as large as the packet, so that a sanitizer notices a read beyond it. */
    uint8_t *copy = malloc(size + !size);

    if (!copy)
        abort();
    memcpy(copy, packet, size);
    judge(run, tn_link_receive(run->link, run->now, run->received, copy, size));
    free(copy);
}

static void step_packet(struct run *run)
{
    int8_t rise = (int8_t)take(run);
    size_t size = take16(run);

    if (rise >= 0 || run->received >= (uint64_t)-rise)
        run->received += (uint64_t)rise;
    if (run->params.reliable)
        run->received++;
    size = size < run->size ? size : run->size;
    size = size < TN_PACKET_MAX ? size : TN_PACKET_MAX;
    receive(run, run->data, size);
    run->data += size;
    run->size -= size;
}

static void step_acknowledge(struct run *run)
{
    uint64_t count = take(run);
    uint8_t packet[32], *end = packet;

    if (run->sent == 0)
        return;
    *end++ = 0x02;
    end = varint_write(end, run->sent);
    end = varint_write(end, 0);
    end = varint_write(end, 0);
    end = varint_write(end, count < run->sent ? count : run->sent);
    run->received++;
    receive(run, packet, (size_t)(end - packet));
}

static void step_send(struct run *run)
{
    static uint8_t packet[TN_PACKET_MAX];
    unsigned most = take(run);

    tn_link_batch_end(run->link, run->now);
    for (unsigned i = 0; i <= most; i++) {
        bool wants = tn_link_wants_send(run->link, run->now);
        size_t size = tn_link_send(run->link, run->now, run->sent + 1, packet, sizeof packet);

        must(size == 0 || wants);
        if (size == 0)
            break;
        run->sent++;
        must(size <= tn_link_packet_size(run->link) || (size <= PROBE_MAX && !run->params.reliable) || run->is_over);
    }
}

static void step_time(struct run *run)
{
    run->now += UINT64_C(1000) << take(run) % 26;
    if (tn_link_deadline(run->link) > run->now)
        return;
    judge(run, tn_link_timeout(run->link, run->now));
    must(tn_link_deadline(run->link) > run->now || tn_link_wants_send(run->link, run->now));
}

static void add_stream(struct run *run, struct tn_stream *stream)
{
    if (run->stream_count == STREAMS_MAX)
        tn_stream_release(stream);
    else
        run->streams[run->stream_count++] = stream;
}

static struct tn_stream *choose(struct run *run, size_t *index)
{
    *index = take(run);
    if (run->stream_count == 0)
        return NULL;
    *index %= run->stream_count;
    return run->streams[*index];
}

static void step_write(struct run *run)
{
    size_t size = (size_t)take(run) * 64, index;
    struct tn_stream *stream = choose(run, &index);
    struct hg_buffer *buffer;
    struct hg_slice slice;

    if (!stream || size == 0)
        return;
    buffer = buffer_new(size);
    if (!buffer)
        abort();
    memset(buffer->data, 'x', size);
    slice = (struct hg_slice){buffer, buffer->data, size};
    must(tn_stream_write(stream, &slice) <= size);
    hg_buffer_unref(buffer);
}

static void read_stream(struct tn_stream *stream)
{
    struct hg_slice slice;

    while (tn_stream_peek(stream, &slice)) {
        uint8_t sum = 0;

        must(slice.size > 0 && slice.size <= tn_stream_readable(stream));
        for (size_t i = 0; i < slice.size; i++)
            sum ^= slice.data[i];
        tn_stream_consume(stream, slice.size - (sum == 1 && slice.size > 1));
    }
    must(tn_stream_readable(stream) == 0);
}

static void step_read(struct run *run)
{
    struct tn_event event;

    for (unsigned i = 0; tn_session_next_event(run->session, &event); i++) {
        must(i < 100000 && (event.stream || event.type == TN_EVENT_STREAMS));
        if (event.type == TN_EVENT_OPENED)
            add_stream(run, event.stream);
    }
    for (size_t i = 0; i < run->stream_count; i++)
        read_stream(run->streams[i]);
}

static void step_end(struct run *run)
{
    unsigned how = take(run) % 4;
    size_t index;
    struct tn_stream *stream = choose(run, &index);

    if (!stream)
        return;
    if (how == 0)
        tn_stream_finish(stream);
    else if (how == 1)
        tn_stream_reset(stream, TN_STREAM_CANCELLED);
    else if (how == 2)
        tn_stream_stop_sending(stream, TN_STREAM_CANCELLED);
    else {
        run->streams[index] = run->streams[--run->stream_count];
        tn_stream_release(stream);
    }
}

static void step_control(struct run *run)
{
    static const char text[16 * 256];
    size_t size = (size_t)take(run) * 16;
    const char *come;

    if (size > 0)
        tn_control_write(run->link, text, size);
    size = tn_control_peek(run->link, &come);
    must(size <= TN_CONTROL_RECEIVE_MAX);
    tn_control_consume(run->link, size);
}

static void new_link(struct run *run)
{
    run->link = tn_link_new(NULL, &run->params, run->now);
    if (!run->link)
        abort();
    run->received = run->sent = 0;
    run->is_over = false;
}

static void step_move(struct run *run)
{
    if (tn_link_session(run->link)) {
        tn_link_free(run->link);
        new_link(run);
    }
    if (!run->is_over)
        tn_link_attach(run->link, run->session, run->now);
}

static void step_size(struct run *run)
{
    bool max = take(run) & 1;
    size_t size = TN_PACKET_MIN + take16(run) % (PROBE_MAX - TN_PACKET_MIN + 1);

    if (max)
        tn_link_set_packet_size_max(run->link, size);
    else
        tn_link_set_packet_size(run->link, size);
}

static void step(struct run *run)
{
    switch (take(run) % STEP_COUNT) {
    case STEP_PACKET:
        step_packet(run);
        break;
    case STEP_ACKNOWLEDGE:
        step_acknowledge(run);
        break;
    case STEP_SEND:
        step_send(run);
        break;
    case STEP_TIME:
        step_time(run);
        break;
    case STEP_OPEN: {
        struct tn_stream *stream = tn_stream_open(run->session);

        if (stream)
            add_stream(run, stream);
        break;
    }
    case STEP_WRITE:
        step_write(run);
        break;
    case STEP_READ:
        step_read(run);
        break;
    case STEP_END:
        step_end(run);
        break;
    case STEP_CONTROL:
        step_control(run);
        break;
    case STEP_MOVE:
        step_move(run);
        break;
    case STEP_SIZE:
        step_size(run);
        break;
    default:
        tn_link_close(run->link, TN_NO_ERROR, "enough");
        run->is_over = true;
        break;
    }
}

static void start(struct run *run)
{
    static const struct tn_peer_params peer = {1000000, 100000, 100};
    unsigned kind = take(run);

    tn_params_default(&run->params);
    run->params.is_client = kind & IS_CLIENT;
    run->params.reliable = kind & RELIABLE;
    run->params.congestion = kind & CUBIC ? TN_CONGESTION_CUBIC : TN_CONGESTION_BBR;
    run->params.packet_size = BASE;
    run->params.packet_size_max = kind & PROBES ? PROBE_MAX : 0;
    run->params.max_streams = 50;
    if (kind & NARROW) {
        run->params.stream_window = 100;
        run->params.session_window = run->params.session_unacked = 300;
        run->params.max_streams = 2;
    }
    run->now = TN_SECOND;
    run->session = tn_session_new(&run->params);
    if (!run->session)
        abort();
    tn_session_set_peer_params(run->session, &peer);
    new_link(run);
    if (kind & ATTACHED)
        tn_link_attach(run->link, run->session, run->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run run = {.data = data, .size = size};

    start(&run);
    while (run.size > 0) {
        step(&run);
        check(&run);
    }
    tn_link_free(run.link);
    for (size_t i = 0; i < run.stream_count; i++)
        tn_stream_release(run.streams[i]);
    tn_session_free(run.session);
    return 0;
}
