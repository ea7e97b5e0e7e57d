/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The properties of a run, chosen from its seed.
 */
#include "tests/sim/sim.h"

#define KIB UINT64_C(1024)

uint64_t sim_key(const struct sim *sim, uint64_t id, int side)
{
    return random_mix(sim->seed * UINT64_C(0x9e3779b97f4a7c15) + 2 * id + (uint64_t)side + 1);
}

static double choose_loss(struct random *random)
{
    static const double losses[] = {0, 0, 0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.3};

    return losses[random_between(random, 0, 8)];
}

static void make_reliable(struct path *path)
{
    path->reliable = true;
    path->loss = path->duplicate = path->overtake = 0;
    path->mtu = path->mtu_later = 0;
    path->hole_start = path->hole_end = NEVER;
}

/* A path whose limit is between the first packets' size and the largest, and possibly changes later. */
static void choose_mtu(struct sim *sim, struct path *path)
{
    const struct scenario *scenario = &sim->scenario;
    struct random *random = &sim->random;

    path->mtu = path->mtu_later = random_between(random, scenario->capacity, scenario->probe_max + 100);
    path->mtu_change = random_scaled(random, 0, 20 * TN_SECOND);
    if (random_chance(random, 0.5))
        path->mtu_later = random_between(random, scenario->capacity, scenario->probe_max + 100);
}

static void choose_path(struct sim *sim, struct path *path, double loss)
{
    struct random *random = &sim->random;
    static const double rates[] = {0, 0, 1e-1, 1e-2, 1e-3};

    *path = (struct path){.loss = loss, .hole_start = NEVER, .hole_end = NEVER};
    path->delay = random_scaled(random, 10 * 1000, 200 * TN_MILLISECOND);
    if (random_chance(random, 0.3))
        path->jitter = random_between(random, 0, path->delay);
    if (random_chance(random, 0.3))
        path->duplicate = 0.1;
    if (random_chance(random, 0.3))
        path->overtake = 0.1;
    path->rate = rates[random_between(random, 0, 4)];
    path->queue = random_between(random, 20000, 400000);
    if (random_chance(random, 0.3))
        path->batch = random_between(random, 1, 3) * TN_MILLISECOND;
    if (random_chance(random, 0.15)) {
        path->hole_start = sim->now + random_between(random, 0, 2 * TN_SECOND);
        path->hole_end = path->hole_start + random_scaled(random, TN_MILLISECOND, 25 * TN_SECOND);
    }
    if (sim->scenario.probe_max > 0)
        choose_mtu(sim, path);
    if (sim->scenario.reliable)
        make_reliable(path);
}

static void choose_params(struct sim *sim, struct tn_params *params, int side)
{
    struct random *random = &sim->random;

    tn_params_default(params);
    params->is_client = side == CLIENT;
    params->reliable = sim->scenario.reliable;
    params->packet_size = sim->scenario.capacity;
    params->random = random_mix(sim->seed + (uint64_t)side) | 1;
    params->packet_size_max = sim->scenario.probe_max;
    params->packet_overhead = random_chance(random, 0.5) ? 65 : 0;
    params->congestion = random_chance(random, 0.5) ? TN_CONGESTION_BBR : TN_CONGESTION_CUBIC;
    if (random_chance(random, 0.3)) {
        params->stream_window = random_scaled(random, 1, 64 * KIB);
    }
    if (random_chance(random, 0.3))
        params->session_window = random_scaled(random, 2, 256 * KIB);
    params->session_unacked = params->session_window; /* the same as in core/session/session.c */
    if (random_chance(random, 0.3))
        params->max_streams = random_scaled(random, 1, 50);
    if (random_chance(random, 0.3))
        params->send_buffer = random_scaled(random, 1, 64 * KIB);
    if (random_chance(random, 0.3))
        params->session_send_buffer = random_scaled(random, 1, 256 * KIB);
}

/* Stalled streams count as open, but use no other resources, so all others must finish. */
static void choose_awake(struct sim *sim)
{
    for (uint64_t side = 0; side < 2; side++) {
        struct sim_endpoint *end = &sim->ends[side];

        if (sim->scenario.sleeps > 0 && end->params.max_streams < sim->scenario.streams)
            end->params.max_streams = sim->scenario.streams;
        for (uint64_t i = 0; i < end->to_open; i++)
            sim->awake += 2 * scenario_is_awake(sim, i << 2 | side);
    }
}

void scenario_choose(struct sim *sim)
{
    struct scenario *scenario = &sim->scenario;
    struct random *random = &sim->random;
    static const size_t capacities[] = {256, 600, 1200, 1200, 1400, 1452, 8900, 16347};
    double loss[2] = {choose_loss(random), choose_loss(random)};
    double worst = loss[0] > loss[1] ? loss[0] : loss[1];
    uint64_t budget = worst > 0.05 ? 60 * KIB : worst > 0.005 ? 300 * KIB : 2048 * KIB;

    *scenario = (struct scenario){.capacity = capacities[random_between(random, 0, 7)], .tick = 20 * TN_MILLISECOND};
    scenario->reliable = random_chance(random, 0.15);
    if (scenario->capacity < 8900 && random_chance(random, 0.4))
        scenario->probe_max = capacities[random_between(random, 5, 7)];
    scenario->skip = random_chance(random, 0.3) ? 2 : 0;
    scenario->streams = random_scaled(random, 1, worst > 0.05 ? 60 : 400);
    /* Sometimes a large transfer, in which windows grow to their limits, or very many streams. */
    if (worst < 0.02 && random_chance(random, 0.03)) {
        scenario->streams = random_between(random, 1, 3);
        budget = 8192 * KIB;
    } else if (worst < 0.02 && random_chance(random, 0.01)) {
        scenario->streams = 5000;
    }
    scenario->size_max = 1 + budget / scenario->streams;
    if (scenario->capacity < 600)
        scenario->size_max = 1 + scenario->size_max / 4;
    if (random_chance(random, 0.3)) {
        scenario->link_death = 0.05;
        scenario->deaths = random_between(random, 1, 5);
        scenario->swaps = random_chance(random, 0.5);
    }
    scenario->change = 0.05;
    scenario->reroutes = random_chance(random, 0.3) ? random_between(random, 1, 5) : 0;
    scenario->steps = random_chance(random, 0.2) ? random_between(random, 1, 5) : 0;
    scenario->resets = random_chance(random, 0.3) ? 0.2 : 0;
    scenario->stops = random_chance(random, 0.3) ? 0.2 : 0;
    scenario->abandons = random_chance(random, 0.3) ? 0.2 : 0;
    scenario->stalls = random_chance(random, 0.3) ? 0.2 : 0;
    scenario->starve = random_chance(random, 0.2) ? 0.3 : 0;
    scenario->sleeps = random_chance(random, 0.2) ? 0.4 : 0;
    for (int side = 0; side < 2; side++) {
        struct sim_endpoint *end = &sim->ends[side];

        choose_path(sim, &sim->network.paths[side], loss[side]);
        choose_params(sim, &end->params, side);
        end->ahead = random_between(random, 0, 3600 * TN_SECOND);
        end->open_burst = random_scaled(random, 1, 100);
    }
    sim->ends[CLIENT].to_open = random_chance(random, 0.5) ? 0 : random_between(random, 0, scenario->streams);
    sim->ends[GATEWAY].to_open = scenario->streams - sim->ends[CLIENT].to_open;
    /* With a window of a few bytes, each round trip moves a few bytes, so such a run gets little data. */
    for (int side = 0; side < 2; side++) {
        const struct tn_params *params = &sim->ends[side].params;
        uint64_t most = 200 * params->stream_window;

        if (scenario->size_max > 1 + most)
            scenario->size_max = 1 + most;
        if (params->send_buffer < 4096 && scenario->size_max > 200 * params->send_buffer)
            scenario->size_max = 200 * params->send_buffer;
        if (scenario->size_max > 1 + 200 * params->session_send_buffer && params->send_buffer < 4096)
            scenario->size_max = 1 + 200 * params->session_send_buffer;
    }
    choose_awake(sim);
}

void scenario_reroute(struct sim *sim)
{
    struct path *paths = sim->network.paths;
    double worst = paths[CLIENT].loss > paths[GATEWAY].loss ? paths[CLIENT].loss : paths[GATEWAY].loss;

    for (int side = 0; side < 2; side++) {
        double loss = choose_loss(&sim->random);
        tn_time last_arrival = paths[side].last_arrival;

        /* No worse than what the size of the run was chosen for. */
        choose_path(sim, &paths[side], loss < worst ? loss : worst);
        paths[side].last_arrival = last_arrival;
    }
}

void scenario_swap_transport(struct sim *sim)
{
    sim->scenario.reliable = !sim->scenario.reliable;
    for (int side = 0; side < 2; side++) {
        struct path *path = &sim->network.paths[side], other = sim->other_paths[side];

        sim->other_paths[side] = *path;
        /* On the first swap: the same path as a byte link, or with the faults that such a link repairs. */
        if (other.delay == 0) {
            other = *path;
            if (sim->scenario.reliable)
                make_reliable(&other);
            else
                other.reliable = false, other.loss = 0.01;
        }
        *path = other;
        sim->ends[side].params.reliable = sim->scenario.reliable;
    }
}

struct plan scenario_plan(const struct sim *sim, uint64_t id, int side)
{
    const struct scenario *scenario = &sim->scenario;
    struct random random = {sim_key(sim, id, side) ^ 0x5eed};
    struct plan plan = {.reset_at = NEVER, .stop_at = NEVER, .abandon_at = NEVER, .sleep_at = NEVER};

    plan.size = random_chance(&random, 0.1) ? 0 : random_scaled(&random, 0, scenario->size_max);
    plan.write_piece = random_scaled(&random, 1 + plan.size / 200, 1 + plan.size / 2 + 100);
    plan.read_piece = random_scaled(&random, 1 + scenario->size_max / 200, 65536);
    plan.code = random_between(&random, 2, 1000);
    if (random_chance(&random, scenario->resets))
        plan.reset_at = random_between(&random, 0, plan.size);
    if (random_chance(&random, scenario->stops))
        plan.stop_at = random_between(&random, 0, scenario->size_max);
    if (random_chance(&random, scenario->abandons))
        plan.abandon_at = random_between(&random, 0, scenario->size_max);
    if (random_chance(&random, scenario->stalls)) {
        plan.stall = 0.3;
        plan.stalled_till = random_scaled(&random, 0, 10 * TN_SECOND);
    }
    plan.keeps_slices = random_chance(&random, 0.3);
    if (random_chance(&random, scenario->sleeps))
        plan.sleep_at = random_between(&random, 0, scenario->size_max);
    return plan;
}

bool scenario_is_awake(const struct sim *sim, uint64_t id)
{
    return scenario_plan(sim, id, CLIENT).sleep_at == NEVER && scenario_plan(sim, id, GATEWAY).sleep_at == NEVER;
}
