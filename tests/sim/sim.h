/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The simulator: one run is two ends on a simulated network, all from one seed.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "core/tunnel/tunnel.h"
#include "tests/sim/network.h"
#include "tests/sim/random.h"

#include <setjmp.h>

#define NEVER UINT64_MAX

enum {
    CLIENT = 0,
    GATEWAY = 1,
};

/* What one end does with its direction of a stream; both ends derive it from seed and id. */
struct plan {
    uint64_t size;         /* bytes to write, then finish */
    uint64_t reset_at;     /* reset instead after writing this many */
    uint64_t stop_at;      /* ask the other end to stop after reading this many */
    uint64_t abandon_at;   /* release the stream after reading this many */
    uint64_t code;         /* of reset and stop */
    uint64_t write_piece;  /* most bytes in one write */
    uint64_t read_piece;   /* most bytes in one consume */
    double stall;          /* probability to stop reading after a piece, until the next tick */
    uint64_t stalled_till; /* in nanoseconds: does not read before this */
    uint64_t sleep_at;     /* stops reading after this many, until all streams whose readers do not stop have ended */
    bool keeps_slices;
};

/* One stream as seen by one end. */
struct sim_stream {
    struct sim_endpoint *end;
    struct tn_stream *stream;
    struct sim_stream *next; /* in end->streams */
    uint64_t id, written, read;
    struct plan own, peer;
    bool write_done, read_done, stalled;
    struct hg_slice kept; /* a slice that is kept after it was consumed, to check that it never changes */
    uint64_t kept_offset;
};

struct sim_endpoint {
    struct sim *sim;
    int side;
    struct tn_params params;
    struct tn_session *session;
    struct tn_link *link;
    tn_time ahead; /* how far this end's clock, which steps forward after a suspend, is ahead of the network's */
    uint64_t next_number;
    bool ready; /* the peer's parameters are known */
    bool dirty; /* something has arrived or a timer has fired since the end was last served */
    struct sim_stream *streams;
    uint64_t to_open, opened, finished; /* streams: to be opened by this end, opened, and finished on this end */
    uint64_t accepted;                  /* streams opened by the peer */
    uint64_t accepted_over;             /* those of them that were released */
    bool limited;                       /* tn_stream_open() returned NULL: waiting for the event */
    uint64_t open_burst;                /* streams opened at once */
};

struct scenario {
    bool reliable;
    size_t capacity;   /* of a packet, initially */
    size_t probe_max;  /* the maximum for path MTU probing; 0: no probing */
    uint64_t skip;     /* packet numbers skip by up to this many */
    double link_death; /* probability for each tick that the link dies */
    uint64_t deaths;   /* at most this many times */
    bool swaps;        /* the next link is of the other kind */
    double change;     /* probability for each tick of each of these: */
    uint64_t reroutes; /* the path changes; at most this many times */
    uint64_t steps;    /* an end's clock jumps; at most this many times */
    tn_time tick;
    uint64_t streams;  /* of both ends together */
    uint64_t size_max; /* of one direction of a stream */
    double resets, stops, abandons, stalls, sleeps;
    double starve; /* probability that an end is served late, although its deadline has passed */
};

struct sim {
    uint64_t seed;
    struct random random;
    struct scenario scenario;
    struct network network;
    struct path other_paths[2]; /* of the transport that is not in use */
    struct sim_endpoint ends[2];
    tn_time now, tick_at, down_until;
    uint64_t deaths, reroutes, steps, events, live_buffers;
    bool verbose;
    uint64_t awake;          /* ends of streams that have not finished, of which neither reader sleeps */
    uint64_t bytes, streams; /* verified */
    struct tn_link_stats totals;
    uint64_t bytes_repeated;
    uint64_t peak_held;
    jmp_buf failed;
    char failure[256];
};

/* Fails the run. */
_Noreturn void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The byte at `offset` in a direction: `side` is the writer. */
static inline uint8_t sim_byte(uint64_t key, uint64_t offset)
{
    return (uint8_t)((key + offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

uint64_t sim_key(const struct sim *sim, uint64_t id, int side);

/* The time by the end's own clock. */
static inline tn_time end_now(const struct sim_endpoint *end)
{
    return end->sim->now + end->ahead;
}

/* scenario.c */
void scenario_choose(struct sim *sim);
/* From now on, packets take a different path, as after a change of address or route. Those in flight arrive on the old
 * one. */
void scenario_reroute(struct sim *sim);
/* The next link is a byte link instead of a DTLS link, or vice versa. */
void scenario_swap_transport(struct sim *sim);
struct plan scenario_plan(const struct sim *sim, uint64_t id, int side);
/* Whether both readers of a stream keep reading, whatever the others do. */
bool scenario_is_awake(const struct sim *sim, uint64_t id);

/* endpoint.c */
void end_start(struct sim_endpoint *end);
void end_connect(struct sim_endpoint *end);
void end_disconnect(struct sim_endpoint *end);
void end_receive(struct sim_endpoint *end, const struct network_packet *packet);
/* Handles events, lets the streams work, sends. */
void end_serve(struct sim_endpoint *end);
bool end_over(const struct sim_endpoint *end);
void end_check_memory(struct sim_endpoint *end);
void end_check_over(struct sim_endpoint *end);
void end_free(struct sim_endpoint *end);

/* app.c */
void app_event(struct sim_endpoint *end, const struct tn_event *event);
void app_open(struct sim_endpoint *end);
void app_tick(struct sim_endpoint *end);

/* One complete run; returns false if it failed, and sim->failure says why. */
bool sim_run(struct sim *sim);

/* bench.c: the cost of the tunnel's code alone. */
int bench_run(uint64_t megabytes, size_t capacity, uint64_t streams);
int bench_exchanges(uint64_t exchanges, uint64_t at_once);

#endif
