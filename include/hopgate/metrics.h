/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Metrics: counters, gauges and histograms, with labels, and how a plugin reads those of all others to publish them.
 *
 * A metric belongs to one instance in one worker. It is created once, in worker_start() or when its labels first occur,
 * and updated by plain stores in that worker's thread, without locks or atomic operations. It is read in the same
 * thread; for the sum over all threads, read each of the hg_sibling() workers in its own thread with hg_post().
 *
 * Metrics stay until the worker ends, so the number of label values must be bounded by the config, not by untrusted
 * input.
 */
#ifndef HOPGATE_METRICS_H
#define HOPGATE_METRICS_H

#include <hopgate/types.h>

struct hg_instance;

enum hg_metric_kind {
    HG_METRIC_COUNTER = 1,   /**< Only increases: requests, bytes. */
    HG_METRIC_GAUGE = 2,     /**< Goes up and down: open connections. */
    HG_METRIC_HISTOGRAM = 3, /**< The distribution of values: durations. */
};

/** The unit of a value. */
enum hg_unit {
    HG_UNIT_NONE = 0, /**< A count. */
    HG_UNIT_NANOSECONDS = 1,
    HG_UNIT_BYTES = 2,
    HG_UNIT_UNIX_TIME = 3, /**< Seconds since 1970. */
};

/** Distinguishes several series of one metric. */
struct hg_label {
    const char *name;  /**< Lower case with underscores, a literal. NULL terminates a list of labels. */
    const char *value; /**< Copied; NULL: empty. */
};

/** A list of labels: HG_LABELS({"certificate", id}). */
#define HG_LABELS(...) ((const struct hg_label[]){__VA_ARGS__, {NULL, NULL}})

/** The definition of a metric. The texts and bounds are literals. */
struct hg_metric {
    const char *name; /**< Lower case with underscores, without the plugin's name. */
    enum hg_metric_kind kind;
    enum hg_unit unit;
    const char *help;       /**< One sentence. */
    const uint64_t *bounds; /**< HISTOGRAM: the largest value of each bucket but the last, ascending. */
    size_t bound_count;
};

/** A histogram. Update it only with hg_observe(). */
struct hg_histogram {
    const uint64_t *bounds;
    size_t bound_count;
    uint64_t sum;       /**< The sum of all values. */
    uint64_t buckets[]; /**< Values in each bucket, not counting smaller buckets; `bound_count` + 1 of them. */
};

/** Adds a value. */
static inline void hg_observe(struct hg_histogram *histogram, uint64_t value)
{
    size_t bucket = 0;

    while (bucket < histogram->bound_count && value > histogram->bounds[bucket])
        bucket++;
    histogram->buckets[bucket]++;
    histogram->sum += value;
}

/**
 * A series as passed to visitors: what it is, its owner, and its current value. Everything belongs to the core and is
 * valid during the call.
 */
struct hg_series {
    const struct hg_instance *instance; /**< A plugin's instance, or the core's own, named "session". */
    const struct hg_metric *metric;
    const struct hg_label *labels;        /**< Terminated by a NULL name; never NULL. */
    uint64_t value;                       /**< COUNTER, GAUGE. */
    const struct hg_histogram *histogram; /**< HISTOGRAM; otherwise NULL. */
};

typedef void (*hg_series_visitor)(void *arg, const struct hg_series *series);

#endif
