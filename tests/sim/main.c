/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * sim [--runs N] [--seed FIRST] [--verbose]: N seeded runs of the tunnel on a simulated network.
 * sim --bench [MIB [CAPACITY [STREAMS]]]: the cost of the tunnel's code alone for bulk data.
 * sim --exchanges [COUNT [AT_ONCE]]: the same for small exchanges, each on its own stream.
 * sim --bottleneck RATE DELAY QUEUE LOSS SECONDS CONTROLLER...: bulk transfers that share a bottleneck: Mbit/s, round
 * trip in ms, bandwidth-delay products, percent in each direction, and bbr or cubic for each flow. SIM_RUNS and
 * SIM_SEED in the environment are the same as the options.
 */
#include "tests/sim/bottleneck.h"
#include "tests/sim/sim.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS_DEFAULT 5000

struct totals {
    uint64_t streams, bytes, packets, lost, duplicates, repeated, probes, mtu_probes, black_holes, deaths, reroutes,
        steps, failed;
    double simulated;
};

static void print_run(const struct sim *sim)
{
    const struct scenario *scenario = &sim->scenario;

    printf("seed %" PRIu64 ": %s, packets of %zu bytes and probes up to %zu, %" PRIu64 " streams of up to %" PRIu64
           " bytes\n",
           sim->seed, scenario->reliable ? "byte link" : "DTLS link", scenario->capacity, scenario->probe_max,
           scenario->streams, scenario->size_max);
    for (int side = 0; side < 2; side++) {
        const struct path *path = &sim->network.paths[side];
        const struct tn_params *params = &sim->ends[side].params;

        printf("  to the %s: loss %.3f, delay %.3f ms, jitter %.3f ms, rate %.1f Mbit/s; opens %" PRIu64
               ", windows %" PRIu64 " and %" PRIu64 ", streams %" PRIu64 ", send buffer %" PRIu64 "\n",
               side == CLIENT ? "client " : "gateway", path->loss, (double)path->delay / 1e6,
               (double)path->jitter / 1e6, path->rate * 8e3, sim->ends[side].to_open, params->stream_window,
               params->session_window, params->max_streams, params->send_buffer);
        if (path->mtu > 0)
            printf("    packets of up to %zu bytes pass, %zu after %.3f s\n", path->mtu, path->mtu_later,
                   (double)path->mtu_change / 1e9 - 1);
    }
    printf("  %.3f s, %" PRIu64 " events, %" PRIu64 " packets, %" PRIu64 " lost on the way, %" PRIu64
           " declared lost, %" PRIu64 " probes, %" PRIu64 " links died, %" PRIu64 " bytes\n",
           (double)(sim->now - TN_SECOND) / 1e9, sim->events, sim->network.sent, sim->network.lost,
           sim->totals.packets_lost, sim->totals.probes_sent, sim->deaths, sim->bytes);
}

/* Returns whether the run passed. */
static bool run_one(uint64_t seed, bool verbose, const char *program, struct totals *totals)
{
    struct sim *sim = calloc(1, sizeof *sim);
    bool passed;

    if (!sim)
        abort();
    sim->seed = seed;
    sim->verbose = verbose;
    passed = sim_run(sim);
    if (verbose || !passed)
        print_run(sim);
    if (!passed)
        printf("FAILED: %s\n  again: %s --seed %" PRIu64 " --runs 1 --verbose\n", sim->failure, program, seed);
    totals->streams += sim->streams;
    totals->bytes += sim->bytes;
    totals->packets += sim->network.sent;
    totals->lost += sim->network.lost;
    totals->duplicates += sim->network.duplicated;
    totals->repeated += sim->bytes_repeated;
    totals->probes += sim->totals.probes_sent;
    totals->mtu_probes += sim->totals.mtu_probes_sent;
    totals->black_holes += sim->totals.black_holes;
    totals->deaths += sim->deaths;
    totals->reroutes += sim->reroutes;
    totals->steps += sim->steps;
    totals->simulated += (double)sim->now / 1e9;
    free(sim);
    return passed;
}

static int run_all(uint64_t first, uint64_t runs, bool verbose, const char *program)
{
    struct totals totals = {0};
    clock_t start = clock();

    for (uint64_t i = 0; i < runs; i++)
        if (!run_one(first + i, verbose, program, &totals) && ++totals.failed == 10)
            break;
    printf("sim: %" PRIu64 " runs from seed %" PRIu64 ", %" PRIu64 " failed: %" PRIu64
           " streams, %.1f MB compared, %" PRIu64 " packets (%" PRIu64 " lost, %" PRIu64 " duplicated, %" PRIu64
           " probes, %" PRIu64 " path MTU probes), %" PRIu64 " thin bytes repeated, %" PRIu64
           " black holes found, %" PRIu64 " links died, %" PRIu64 " paths changed, %" PRIu64
           " clocks stepped, %.0f s simulated in %.1f s\n",
           runs, first, totals.failed, totals.streams, (double)totals.bytes / 1e6, totals.packets, totals.lost,
           totals.duplicates, totals.probes, totals.mtu_probes, totals.repeated, totals.black_holes, totals.deaths,
           totals.reroutes, totals.steps, totals.simulated, (double)(clock() - start) / CLOCKS_PER_SEC);
    return totals.failed > 0;
}

static int run_bottleneck(char **arguments, uint64_t seed)
{
    struct bottleneck bottleneck = {.rate = atof(arguments[0]),
                                    .delay = atof(arguments[1]),
                                    .queue = atof(arguments[2]),
                                    .loss = atof(arguments[3]) / 100,
                                    .seconds = atof(arguments[4]),
                                    .seed = seed};
    struct bottleneck_result result;

    for (arguments += 5; *arguments && bottleneck.flow_count < BOTTLENECK_FLOWS_MAX; arguments++)
        bottleneck.flows[bottleneck.flow_count++] =
            strcmp(*arguments, "cubic") ? TN_CONGESTION_BBR : TN_CONGESTION_CUBIC;
    bottleneck_run(&bottleneck, &result);
    printf("%.0f Mbit/s, %.0f ms, queue of %.2f BDP, %.2f %% loss:", bottleneck.rate, bottleneck.delay,
           bottleneck.queue, 100 * bottleneck.loss);
    for (size_t i = 0; i < bottleneck.flow_count; i++)
        printf(" %s %.1f Mbit/s (%.1f late, %" PRIu64 " events)",
               bottleneck.flows[i] == TN_CONGESTION_CUBIC ? "cubic" : "bbr", result.goodput[i], result.late_goodput[i],
               result.congestion_events[i]);
    printf("; queue p50 %.1f ms, p99 %.1f ms; %" PRIu64 " packets, %" PRIu64 " lost, %" PRIu64 " declared lost\n",
           result.queue_delay_p50, result.queue_delay_p99, result.packets_sent, result.packets_lost,
           result.declared_lost);
    return 0;
}

static uint64_t environment(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);

    return value ? strtoull(value, NULL, 10) : otherwise;
}

static uint64_t argument(int argc, char **argv, int index, uint64_t otherwise)
{
    return index < argc ? strtoull(argv[index], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"runs", required_argument, NULL, 'r'}, {"seed", required_argument, NULL, 's'},
        {"verbose", no_argument, NULL, 'v'},    {"bench", no_argument, NULL, 'b'},
        {"exchanges", no_argument, NULL, 'e'},  {"bottleneck", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},       {0},
    };
    uint64_t runs = environment("SIM_RUNS", RUNS_DEFAULT), seed = environment("SIM_SEED", 1);
    bool verbose = false, bench = false, exchanges = false, bottleneck = false;
    int option;

    while ((option = getopt_long(argc, argv, "r:s:vbenh", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            runs = strtoull(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'v':
            verbose = true;
            break;
        case 'b':
            bench = true;
            break;
        case 'e':
            exchanges = true;
            break;
        case 'n':
            bottleneck = true;
            break;
        default:
            printf("usage: %s [--runs N] [--seed FIRST] [--verbose]\n"
                   "       %s --bench [MIB [CAPACITY [STREAMS]]]\n"
                   "       %s --exchanges [COUNT [AT_ONCE]]\n"
                   "       %s --bottleneck RATE DELAY QUEUE LOSS SECONDS CONTROLLER...\n",
                   argv[0], argv[0], argv[0], argv[0]);
            return option == 'h' ? 0 : 2;
        }
    }
    if (bench)
        return bench_run(argument(argc, argv, optind, 1024), (size_t)argument(argc, argv, optind + 1, 1400),
                         argument(argc, argv, optind + 2, 1));
    if (exchanges)
        return bench_exchanges(argument(argc, argv, optind, 1000000), argument(argc, argv, optind + 1, 64));
    if (bottleneck && argc - optind >= 6)
        return run_bottleneck(argv + optind, seed);
    return run_all(seed, runs, verbose, argv[0]);
}
