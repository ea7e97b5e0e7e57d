/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A run: time advances from event to event until all streams have ended.
 */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A run that takes longer does not end at all. */
#define TIME_MAX   (4 * 3600 * TN_SECOND)
#define EVENTS_MAX UINT64_C(4000000)

_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sim->failure, sizeof sim->failure, format, arguments);
    va_end(arguments);
    longjmp(sim->failed, 1);
}

/* The link dies silently: what is in flight is lost, and both ends continue on a new one. */
static void sim_kill_link(struct sim *sim)
{
    sim->network.epoch++;
    sim->deaths++;
    for (int side = 0; side < 2; side++) {
        end_disconnect(&sim->ends[side]);
        sim->network.paths[side].busy_until = sim->network.paths[side].last_arrival = 0;
    }
    if (sim->scenario.swaps)
        scenario_swap_transport(sim);
    sim->down_until = sim->now + random_between(&sim->random, 0, TN_SECOND);
}

/* Changes while a link is up. */
static void sim_change(struct sim *sim)
{
    struct scenario *scenario = &sim->scenario;

    if (sim->reroutes < scenario->reroutes && random_chance(&sim->random, scenario->change)) {
        scenario_reroute(sim);
        sim->reroutes++;
    }
    if (sim->steps < scenario->steps && random_chance(&sim->random, scenario->change)) {
        sim->ends[random_between(&sim->random, CLIENT, GATEWAY)].ahead +=
            random_scaled(&sim->random, TN_MILLISECOND, 3600 * TN_SECOND);
        sim->steps++;
    }
}

static void sim_tick(struct sim *sim)
{
    sim->tick_at = sim->now + sim->scenario.tick;
    sim_change(sim);
    if (sim->ends[CLIENT].link && sim->deaths < sim->scenario.deaths &&
        random_chance(&sim->random, sim->scenario.link_death))
        sim_kill_link(sim);
    if (!sim->ends[CLIENT].link && sim->now >= sim->down_until)
        for (int side = 0; side < 2; side++)
            end_connect(&sim->ends[side]);
    for (int side = 0; side < 2; side++) {
        if (!sim->ends[side].ready)
            continue;
        app_tick(&sim->ends[side]);
        sim->ends[side].dirty = true;
    }
}

static void sim_timeouts(struct sim *sim)
{
    for (int side = 0; side < 2; side++) {
        struct sim_endpoint *end = &sim->ends[side];
        int error;

        if (!end->link || tn_link_deadline(end->link) > end_now(end))
            continue;
        /* A busy process is late. */
        if (random_chance(&sim->random, sim->scenario.starve))
            continue;
        error = tn_link_timeout(end->link, end_now(end));
        if (error == TN_DEAD)
            sim_kill_link(sim);
        else if (error)
            sim_fail(sim, "end %d: error %d at a timeout: %s", side, error, tn_link_error(end->link));
        if (end->link && tn_link_deadline(end->link) <= end_now(end) && !tn_link_wants_send(end->link, end_now(end)))
            sim_fail(sim, "end %d: its deadline does not move", side);
        end->dirty = true;
    }
}

static tn_time sim_next(struct sim *sim)
{
    tn_time next = sim->tick_at;

    if (network_next(&sim->network) < next)
        next = network_next(&sim->network);
    for (int side = 0; side < 2; side++) {
        const struct sim_endpoint *end = &sim->ends[side];

        if (end->link && tn_link_deadline(end->link) < next + end->ahead)
            next = tn_link_deadline(end->link) > end->ahead ? tn_link_deadline(end->link) - end->ahead : 0;
    }
    if (sim->scenario.starve > 0 && next <= sim->now)
        next = sim->now + TN_MILLISECOND;
    return next > sim->now ? next : sim->now;
}

static void sim_arrivals(struct sim *sim)
{
    while (network_next(&sim->network) <= sim->now) {
        struct network_packet packet = network_take(&sim->network);

        sim->events++;
        if (packet.epoch == sim->network.epoch)
            end_receive(&sim->ends[packet.to], &packet);
        free(packet.data);
    }
}

static void sim_loop(struct sim *sim)
{
    while (!end_over(&sim->ends[CLIENT]) || !end_over(&sim->ends[GATEWAY])) {
        sim->events++;
        if (sim->now > TIME_MAX || sim->events > EVENTS_MAX)
            sim_fail(sim,
                     "no end in sight after %.1f s and %" PRIu64 " events, %" PRIu64 " ends with readers that read",
                     (double)sim->now / 1e9, sim->events, sim->awake);
        sim_arrivals(sim);
        sim_timeouts(sim);
        if (sim->now >= sim->tick_at)
            sim_tick(sim);
        end_serve(&sim->ends[CLIENT]);
        end_serve(&sim->ends[GATEWAY]);
        sim->now = sim_next(sim);
    }
}

bool sim_run(struct sim *sim)
{
    volatile bool passed = false;

    sim->random.state = sim->seed;
    sim->now = TN_SECOND;
    sim->network.random = &sim->random;
    for (int side = 0; side < 2; side++) {
        sim->ends[side].sim = sim;
        sim->ends[side].side = side;
    }
    scenario_choose(sim);
    for (int side = 0; side < 2; side++)
        end_start(&sim->ends[side]);
    sim->tick_at = sim->now;
    if (setjmp(sim->failed) == 0) {
        sim_loop(sim);
        end_check_over(&sim->ends[CLIENT]);
        end_check_over(&sim->ends[GATEWAY]);
        passed = true;
    }
    for (int side = 0; side < 2; side++)
        end_free(&sim->ends[side]);
    if (passed && sim->live_buffers != 0) {
        snprintf(sim->failure, sizeof sim->failure, "%" PRIu64 " buffers were not released", sim->live_buffers);
        passed = false;
    }
    network_free(&sim->network);
    return passed;
}
