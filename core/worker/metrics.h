/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The metrics of all instances in one worker: implements <hopgate/metrics.h>.
 */
#ifndef CORE_WORKER_METRICS_H
#define CORE_WORKER_METRICS_H

#include "core/base/cold.h"

#include <hopgate/metrics.h>

struct metric_family;

struct metrics {
    struct metric_family *families, **tail; /* in the order of creation */
};

COLD void metrics_init(struct metrics *metrics);
COLD void metrics_free(struct metrics *metrics);

/* The uint64_t or struct hg_histogram for that instance, name, kind and labels, which may be NULL; created if it does
 * not exist. Ends the program when out of memory. */
COLD void *metrics_get(struct metrics *metrics, const struct hg_instance *instance, const struct hg_metric *metric,
                       const struct hg_label *labels);
/* See hg_metrics_read(). */
COLD void metrics_read(const struct metrics *metrics, hg_series_visitor visit, void *arg);
/* Logs a line for each metric. */
COLD void metrics_report(const struct metrics *metrics);

#endif
