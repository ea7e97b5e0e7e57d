/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One end: drives a session and its link like the core does.
 */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void end_start(struct sim_endpoint *end)
{
    end->session = tn_session_new(&end->params);
    if (!end->session)
        abort();
}

/* CONTROL: a first line of some length from the client, which the gateway returns. */
static void end_write_line(struct sim_endpoint *end)
{
    char line[3000];
    size_t size = random_scaled(&end->sim->random, 10, sizeof line);

    memset(line, 'a' + end->side, size);
    line[size - 1] = '\n';
    if (!tn_control_write(end->link, line, size))
        sim_fail(end->sim, "end %d: CONTROL took no line", end->side);
}

void end_connect(struct sim_endpoint *end)
{
    end->link = tn_link_new(NULL, &end->params, end_now(end));
    if (!end->link)
        abort();
    end->next_number = random_between(&end->sim->random, 0, end->params.reliable ? 0 : 3);
    end->dirty = true;
    if (end->side == CLIENT)
        end_write_line(end);
}

static void end_add_stats(struct sim_endpoint *end)
{
    struct tn_link_stats stats;

    tn_link_stats(end->link, &stats);
    end->sim->totals.packets_sent += stats.packets_sent;
    end->sim->totals.packets_lost += stats.packets_lost;
    end->sim->totals.packets_duplicate += stats.packets_duplicate;
    end->sim->totals.packets_ignored += stats.packets_ignored;
    end->sim->totals.probes_sent += stats.probes_sent;
    end->sim->totals.mtu_probes_sent += stats.mtu_probes_sent;
    end->sim->totals.black_holes += stats.black_holes;
}

void end_disconnect(struct sim_endpoint *end)
{
    if (!end->link)
        return;
    end_add_stats(end);
    tn_link_free(end->link);
    end->link = NULL;
}

/* The line that opens the link has arrived: the session gets the link. */
static void end_read_control(struct sim_endpoint *end)
{
    const char *text;
    size_t size = tn_control_peek(end->link, &text);
    const char *newline = size > 0 ? memchr(text, '\n', size) : NULL;
    struct sim_endpoint *peer = &end->sim->ends[!end->side];
    struct tn_peer_params params;

    if (!newline)
        return;
    if (tn_link_session(end->link))
        sim_fail(end->sim, "end %d: a second line", end->side);
    for (const char *c = text; c < newline; c++)
        if (*c != 'a' + peer->side)
            sim_fail(end->sim, "end %d: wrong byte in CONTROL", end->side);
    if ((size_t)(newline + 1 - text) != size)
        sim_fail(end->sim, "end %d: CONTROL goes on after its line", end->side);
    tn_control_consume(end->link, size);
    tn_session_local_params(peer->session, &params);
    tn_session_set_peer_params(end->session, &params);
    if (end->side == GATEWAY)
        end_write_line(end);
    tn_link_attach(end->link, end->session, end_now(end));
    if (!end->ready)
        app_open(end);
    end->ready = true;
}

void end_receive(struct sim_endpoint *end, const struct network_packet *packet)
{
    int error;

    if (!end->link)
        return;
    error = tn_link_receive(end->link, end_now(end), packet->number, packet->data, packet->size);
    if (error)
        sim_fail(end->sim, "end %d: error %d: %s", end->side, error, tn_link_error(end->link));
    end_read_control(end);
    end->dirty = true;
}

static void end_send(struct sim_endpoint *end)
{
    struct sim *sim = end->sim;
    const struct scenario *scenario = &sim->scenario;
    size_t size, largest = scenario->capacity > scenario->probe_max ? scenario->capacity : scenario->probe_max;
    uint8_t packet[TN_PACKET_MAX];

    for (;;) {
        bool wants = tn_link_wants_send(end->link, end_now(end));

        end->next_number += tn_link_skips(end->link, end->next_number);
        size = tn_link_send(end->link, end_now(end), end->next_number, packet, largest);
        if (size > 0 && !wants)
            sim_fail(sim, "end %d: sent though it did not want to", end->side);
        if (size == 0)
            break;
        if (size > tn_link_packet_size(end->link) && (size > scenario->probe_max || sim->scenario.reliable))
            sim_fail(sim, "end %d: a packet of %zu bytes", end->side, size);
        network_send(&sim->network, !end->side, sim->now, end->next_number, packet, size);
        end->next_number += 1 + (sim->scenario.reliable ? 0 : random_between(&sim->random, 0, sim->scenario.skip));
    }
}

void end_serve(struct sim_endpoint *end)
{
    struct tn_event event;

    if (!end->dirty)
        return;
    end->dirty = false;
    if (end->ready)
        while (tn_session_next_event(end->session, &event))
            app_event(end, &event);
    if (end->link) {
        tn_link_batch_end(end->link, end_now(end));
        end_send(end);
    }
    end_check_memory(end);
}

bool end_over(const struct sim_endpoint *end)
{
    const struct sim_endpoint *peer = &end->sim->ends[!end->side];

    return end->finished == end->to_open + peer->to_open && tn_session_stream_count(end->session) == 0;
}

void end_check_memory(struct sim_endpoint *end)
{
    struct tn_session_stats stats;
    uint64_t bound;

    tn_session_stats(end->session, &stats);
    bound = end->params.session_send_buffer + stats.streams * 16384;
    if (bound > stats.streams * end->params.send_buffer)
        bound = stats.streams * end->params.send_buffer;
    /* One stream may exceed the limit of the session by what it was allowed before the limit was reached. */
    bound += end->params.send_buffer;
    if (stats.bytes_lent > end->params.session_window)
        sim_fail(end->sim, "end %d has lent %" PRIu64 " bytes, more than its pool", end->side, stats.bytes_lent);
    if (stats.bytes_held > stats.bytes_lent + stats.streams * end->params.stream_window)
        sim_fail(end->sim, "end %d holds %" PRIu64 " bytes, lent %" PRIu64, end->side, stats.bytes_held,
                 stats.bytes_lent);
    if (stats.bytes_unacked >= end->params.session_unacked + TN_PACKET_MAX)
        sim_fail(end->sim, "end %d keeps %" PRIu64 " unacknowledged bytes, bound %" PRIu64, end->side,
                 stats.bytes_unacked, end->params.session_unacked);
    if (stats.bytes_unsent > bound)
        sim_fail(end->sim, "end %d holds %" PRIu64 " unsent bytes, bound %" PRIu64, end->side, stats.bytes_unsent,
                 bound);
    if (stats.received_fragments > 16384 + stats.streams)
        sim_fail(end->sim, "end %d holds %" PRIu64 " fragments", end->side, stats.received_fragments);
    if (stats.bytes_held > end->sim->peak_held)
        end->sim->peak_held = stats.bytes_held;
}

void end_check_over(struct sim_endpoint *end)
{
    struct tn_session_stats own, peer;

    tn_session_stats(end->session, &own);
    tn_session_stats(end->sim->ends[!end->side].session, &peer);
    if (own.bytes_held || own.bytes_unsent || own.bytes_unacked || own.received_fragments)
        sim_fail(end->sim, "end %d keeps bytes after its last stream", end->side);
    if (own.bytes_sent != peer.bytes_received)
        sim_fail(end->sim, "end %d sent %" PRIu64 " bytes, the other counts %" PRIu64, end->side, own.bytes_sent,
                 peer.bytes_received);
    if (end->accepted != end->sim->ends[!end->side].to_open)
        sim_fail(end->sim, "end %d accepted %" PRIu64 " streams", end->side, end->accepted);
}

void end_free(struct sim_endpoint *end)
{
    struct tn_session_stats stats;

    end_disconnect(end);
    tn_session_stats(end->session, &stats);
    end->sim->bytes_repeated += stats.bytes_repeated;
    tn_session_free(end->session);
    while (end->streams) {
        struct sim_stream *next = end->streams->next;

        hg_buffer_unref(end->streams->kept.buffer);
        free(end->streams);
        end->streams = next;
    }
}
