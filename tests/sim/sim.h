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

/* What one side does with its direction of a stream; both ends derive it from seed and id. */
struct plan {
    uint64_t size;         /* bytes to write, then finish */
    uint64_t reset_at;     /* reset instead, when so many are written */
    uint64_t stop_at;      /* ask the other side to stop when so many are read */
    uint64_t abandon_at;   /* release the stream when so many are read */
    uint64_t code;         /* of reset and stop */
    uint64_t write_piece;  /* most bytes in one write */
    uint64_t read_piece;   /* most bytes in one consume */
    double stall;          /* probability to stop reading after a piece, until a tick */
    uint64_t stalled_till; /* in nanoseconds: does not read before */
    uint64_t sleep_at;     /* reads no more when so many are read, until all streams whose readers do are over */
    bool keeps_slices;
};

/* One stream as one end sees it. */
struct sim_stream {
    struct sim_endpoint *end;
    struct tn_stream *stream;
    struct sim_stream *next; /* in end->streams */
    uint64_t id, written, read;
    struct plan own, peer;
    bool write_done, read_done, stalled;
    struct hg_slice kept; /* a slice that is held beyond its consumption, to see that it never changes */
    uint64_t kept_offset;
};

struct sim_endpoint {
    struct sim *sim;
    int side;
    struct tn_params params;
    struct tn_session *session;
    struct tn_link *link;
    tn_time ahead; /* of the network's clock is this end's, which steps forward when its machine has slept */
    uint64_t next_number;
    bool ready; /* the peer's parameters are known */
    bool dirty; /* something came in or a timer struck since the end was served */
    struct sim_stream *streams;
    uint64_t to_open, opened, finished; /* streams: to open by this end, opened, over on this end */
    uint64_t accepted;                  /* streams that the peer opened */
    uint64_t accepted_over;             /* those of them that were released */
    bool limited;                       /* tn_stream_open() gave NULL: waits for the event */
    uint64_t open_burst;                /* streams opened at once */
};

struct scenario {
    bool reliable;
    size_t capacity;   /* of a packet, to begin with */
    size_t probe_max;  /* what path MTU probing goes up to; 0: there is none */
    uint64_t skip;     /* packet numbers skip by up to this many */
    double link_death; /* probability for each tick that the link dies */
    uint64_t deaths;   /* at most so many */
    bool swaps;        /* the next link is of the other kind */
    double change;     /* probability for each tick of each of these: */
    uint64_t reroutes; /* the path is another from now on; at most so many */
    uint64_t steps;    /* an end's clock steps; at most so many */
    tn_time tick;
    uint64_t streams;  /* of both ends together */
    uint64_t size_max; /* of one direction of a stream */
    double resets, stops, abandons, stalls, sleeps;
    double starve; /* probability that an end is served late, though its deadline has passed */
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
    uint64_t awake;          /* ends of streams of which neither reader sleeps, that are not over yet */
    uint64_t bytes, streams; /* verified */
    struct tn_link_stats totals;
    uint64_t bytes_repeated;
    uint64_t peak_held;
    jmp_buf failed;
    char failure[256];
};

/* Ends the run as failed. */
_Noreturn void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The byte at `offset` of a direction: `side` is who writes it. */
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
/* Packets take another path from now on, as when an address or a route changes. Those under way arrive by the old one.
 */
void scenario_reroute(struct sim *sim);
/* The next link is a byte link instead of a DTLS link, or the other way round. */
void scenario_swap_transport(struct sim *sim);
struct plan scenario_plan(const struct sim *sim, uint64_t id, int side);
/* Whether both readers of a stream read on, whatever the others do. */
bool scenario_is_awake(const struct sim *sim, uint64_t id);

/* end.c */
void end_start(struct sim_endpoint *end);
void end_connect(struct sim_endpoint *end);
void end_disconnect(struct sim_endpoint *end);
void end_receive(struct sim_endpoint *end, const struct network_packet *packet);
/* Takes events, lets the streams work, sends. */
void end_serve(struct sim_endpoint *end);
bool end_over(const struct sim_endpoint *end);
void end_check_memory(struct sim_endpoint *end);
void end_check_over(struct sim_endpoint *end);
void end_free(struct sim_endpoint *end);

/* app.c */
void app_event(struct sim_endpoint *end, const struct tn_event *event);
void app_open(struct sim_endpoint *end);
void app_tick(struct sim_endpoint *end);

/* One whole run; false when it failed, then sim->failure tells why. */
bool sim_run(struct sim *sim);

/* bench.c: the cost of the tunnel's code alone. */
int bench_run(uint64_t megabytes, size_t capacity, uint64_t streams);
int bench_exchanges(uint64_t exchanges, uint64_t at_once);

#endif
