/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Metrics: counters, gauges and histograms, with labels, and how a plugin reads those of all others to show them.
 *
 * A metric belongs to one instance in one worker. It is made once, in worker_start() or when its labels first come up,
 * and updated by a plain store in that worker's thread: no lock, no atomic operation. Who reads does so in the same
 * thread; what there is in all threads is the sum over hg_sibling() workers, each read in its own, by hg_post().
 *
 * Metrics stay until the worker ends, so what labels say must be bounded by the config, not by what strangers send.
 */
#ifndef HOPGATE_METRICS_H
#define HOPGATE_METRICS_H

#include <hopgate/types.h>

struct hg_instance;

enum hg_metric_kind {
    HG_METRIC_COUNTER = 1,   /**< Adds up: requests, bytes. */
    HG_METRIC_GAUGE = 2,     /**< Rises and falls: connections that are open. */
    HG_METRIC_HISTOGRAM = 3, /**< How values are distributed: durations. */
};

/** What a value counts. */
enum hg_unit {
    HG_UNIT_NONE = 0, /**< Things. */
    HG_UNIT_NANOSECONDS = 1,
    HG_UNIT_BYTES = 2,
    HG_UNIT_UNIX_TIME = 3, /**< Seconds since 1970. */
};

/** What tells several figures of one metric apart. */
struct hg_label {
    const char *name;  /**< Lower case with underscores, a literal. NULL ends a list of labels. */
    const char *value; /**< Copied; NULL: empty. */
};

/** A list of labels: HG_LABELS({"certificate", id}). */
#define HG_LABELS(...) ((const struct hg_label[]){__VA_ARGS__, {NULL, NULL}})

/** What a metric is. The texts and bounds are literals. */
struct hg_metric {
    const char *name; /**< Lower case with underscores, without the plugin's name. */
    enum hg_metric_kind kind;
    enum hg_unit unit;
    const char *help;       /**< One sentence. */
    const uint64_t *bounds; /**< HISTOGRAM: the greatest value of each bucket but the last, ascending. */
    size_t bound_count;
};

/** A histogram. Update it by hg_observe() alone. */
struct hg_histogram {
    const uint64_t *bounds;
    size_t bound_count;
    uint64_t sum; /**< Of all values. */
    uint64_t
        buckets[]; /**< How many values each has, those of smaller buckets not counted; `bound_count` + 1 of them. */
};

/** Counts a value. */
static inline void hg_observe(struct hg_histogram *histogram, uint64_t value)
{
    size_t bucket = 0;

    while (bucket < histogram->bound_count && value > histogram->bounds[bucket])
        bucket++;
    histogram->buckets[bucket]++;
    histogram->sum += value;
}

/** One figure, for who reads: what it is, whose, and its value now. All is the core's and valid during the call. */
struct hg_series {
    const struct hg_instance *instance; /**< Of the plugin, or of the core's part "session". */
    const struct hg_metric *metric;
    const struct hg_label *labels;        /**< Ended by a NULL name; never NULL. */
    uint64_t value;                       /**< COUNTER, GAUGE. */
    const struct hg_histogram *histogram; /**< HISTOGRAM; else NULL. */
};

typedef void (*hg_series_visitor)(void *arg, const struct hg_series *series);

#endif
