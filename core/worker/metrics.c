/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/worker/metrics.h"

#include "core/base/log.h"

#include <hopgate/plugin.h>
#include <stdio.h>
#include <stdlib.h>

/* One series: its labels, and the value that the plugin updates. */
struct series {
    struct series *next;
    struct hg_label *labels; /* terminated by a NULL name; values are copies */
    uint64_t value;
    struct hg_histogram *histogram; /* NULL: not a histogram */
};

/* All series of one metric of one instance. */
struct metric_family {
    struct metric_family *next;
    const struct hg_instance *instance;
    struct hg_metric metric;
    struct series *series, **tail;
};

static const struct hg_label no_labels[1];

void metrics_init(struct metrics *metrics)
{
    metrics->families = NULL;
    metrics->tail = &metrics->families;
}

static void series_free(struct series *series)
{
    for (size_t i = 0; series->labels[i].name; i++)
        free((void *)(uintptr_t)series->labels[i].value);
    free(series->labels);
    free(series->histogram);
    free(series);
}

void metrics_free(struct metrics *metrics)
{
    while (metrics->families) {
        struct metric_family *family = metrics->families;

        metrics->families = family->next;
        while (family->series) {
            struct series *series = family->series;

            family->series = series->next;
            series_free(series);
        }
        free(family);
    }
}

/* ---- Creating them ---- */

/* Plugins may update metrics without checking for NULL. */
static void *allocate(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        abort();
    return memory;
}

static const char *value_of(const struct hg_label *label)
{
    return label->value ? label->value : "";
}

static bool is_labelled(const struct series *series, const struct hg_label *labels)
{
    size_t i = 0;

    for (; labels[i].name && series->labels[i].name; i++)
        if (strcmp(labels[i].name, series->labels[i].name) != 0 ||
            strcmp(value_of(&labels[i]), series->labels[i].value) != 0)
            return false;
    return !labels[i].name && !series->labels[i].name;
}

static struct series *series_new(const struct hg_metric *metric, const struct hg_label *labels)
{
    struct series *series = allocate(sizeof *series);
    size_t count = 0;

    while (labels[count].name)
        count++;
    series->labels = allocate((count + 1) * sizeof *series->labels);
    for (size_t i = 0; i < count; i++) {
        series->labels[i] = (struct hg_label){labels[i].name, strdup(value_of(&labels[i]))};
        if (!series->labels[i].value)
            abort();
    }
    if (metric->kind == HG_METRIC_HISTOGRAM) {
        series->histogram =
            allocate(sizeof *series->histogram + (metric->bound_count + 1) * sizeof *series->histogram->buckets);
        series->histogram->bounds = metric->bounds;
        series->histogram->bound_count = metric->bound_count;
    }
    return series;
}

static struct metric_family *find_family(struct metrics *metrics, const struct hg_instance *instance,
                                         const struct hg_metric *metric)
{
    struct metric_family *family = metrics->families;

    while (family && (family->instance != instance || family->metric.kind != metric->kind ||
                      strcmp(family->metric.name, metric->name) != 0))
        family = family->next;
    if (family)
        return family;
    family = allocate(sizeof *family);
    family->instance = instance;
    family->metric = *metric;
    family->tail = &family->series;
    *metrics->tail = family;
    metrics->tail = &family->next;
    return family;
}

void *metrics_get(struct metrics *metrics, const struct hg_instance *instance, const struct hg_metric *metric,
                  const struct hg_label *labels)
{
    struct metric_family *family = find_family(metrics, instance, metric);
    struct series *series = family->series;

    labels = labels ? labels : no_labels;
    while (series && !is_labelled(series, labels))
        series = series->next;
    if (!series) {
        series = series_new(&family->metric, labels);
        *family->tail = series;
        family->tail = &series->next;
    }
    return series->histogram ? (void *)series->histogram : &series->value;
}

/* ---- Reading them ---- */

void metrics_read(const struct metrics *metrics, hg_series_visitor visit, void *arg)
{
    for (const struct metric_family *family = metrics->families; family; family = family->next)
        for (const struct series *series = family->series; series; series = series->next)
            visit(arg, &(struct hg_series){.instance = family->instance,
                                           .metric = &family->metric,
                                           .labels = series->labels,
                                           .value = series->value,
                                           .histogram = series->histogram});
}

/* "certificate=app.test" */
static void print_labels(FILE *out, const struct hg_label *labels)
{
    for (size_t i = 0; labels[i].name; i++)
        fprintf(out, "%s%s=%s", i ? "," : "", labels[i].name, labels[i].value);
}

/* "10ms:3 100ms:17 more:1" */
static void print_buckets(FILE *out, const struct hg_metric *metric, const struct hg_histogram *histogram)
{
    bool is_time = metric->unit == HG_UNIT_NANOSECONDS;

    for (size_t i = 0; i < histogram->bound_count; i++)
        fprintf(out, "%g%s:%llu ", (double)histogram->bounds[i] / (is_time ? (double)HG_MILLISECOND : 1.),
                is_time ? "ms" : "", (unsigned long long)histogram->buckets[i]);
    fprintf(out, "more:%llu", (unsigned long long)histogram->buckets[histogram->bound_count]);
}

static uint64_t count_of(const struct hg_histogram *histogram)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= histogram->bound_count; i++)
        count += histogram->buckets[i];
    return count;
}

COLD static void report(void *arg, const struct hg_series *series)
{
    char *labels = NULL, *buckets = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&labels, &size);
    uint64_t value = series->histogram ? count_of(series->histogram) : series->value;

    (void)arg;
    if (out) {
        print_labels(out, series->labels);
        fclose(out);
    }
    out = series->histogram ? open_memstream(&buckets, &size) : NULL;
    if (out) {
        print_buckets(out, series->metric, series->histogram);
        fclose(out);
    }
    const struct log_member members[] = {
        LOG_STRING("counter", hg_text(series->metric->name)),
        LOG_STRING("label", hg_text(labels)),
        LOG_NUMBER("value", value),
        LOG_STRING("buckets", hg_text(buckets)),
    };
    const struct log_event event = {.level = HG_LOG_INFO,
                                    .part = series->instance->name,
                                    .members = members,
                                    .count = sizeof members / sizeof *members,
                                    .says_all = true};

    log_event(&event, "%s%s%s%s=%llu%s%s", series->metric->name, labels && *labels ? "{" : "", labels ? labels : "",
              labels && *labels ? "}" : "", (unsigned long long)value, buckets ? " " : "", buckets ? buckets : "");
    free(labels);
    free(buckets);
}

void metrics_report(const struct metrics *metrics)
{
    metrics_read(metrics, report, NULL);
}
