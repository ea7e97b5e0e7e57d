/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Metrics as plugins create and read them.
 */
#include "tests/unit/run_suite.h"
#include "tests/unit/scripted_stages.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const uint64_t bounds[] = {10, 100};
static const struct hg_metric sizes = {.name = "sizes",
                                       .kind = HG_METRIC_HISTOGRAM,
                                       .unit = HG_UNIT_BYTES,
                                       .help = "Sizes.",
                                       .bounds = bounds,
                                       .bound_count = 2};

/* A plugin that reads the metrics of others, like one that serves a page for Prometheus. */
struct page {
    struct hg_worker *worker;
    char text[4096];
};

static void write_series(void *arg, const struct hg_series *series)
{
    static const char *const kinds[] = {"?", "counter", "gauge", "histogram"};
    struct page *page = arg;
    char labels[256] = "";
    FILE *out = fmemopen(page->text + strlen(page->text), sizeof page->text - strlen(page->text), "w");

    for (size_t i = 0; series->labels[i].name; i++)
        snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%s=%s", i ? "," : "",
                 series->labels[i].name, series->labels[i].value);
    fprintf(out, "%s %s_%s{%s} ", kinds[series->metric->kind], series->instance->name, series->metric->name, labels);
    if (series->histogram)
        for (size_t i = 0; i <= series->histogram->bound_count; i++)
            fprintf(out, "%llu ", (unsigned long long)series->histogram->buckets[i]);
    fprintf(out, "%llu %s\n", (unsigned long long)(series->histogram ? series->histogram->sum : series->value),
            series->metric->help);
    fclose(out);
}

static struct fixture *start_two(struct script scripts[2], struct watch *watch)
{
    memset(watch, 0, sizeof *watch);
    watch->seed = 1;
    scripts[0] = (struct script){.manner = MANNER_PASS, .watch = watch};
    scripts[1] = (struct script){.manner = MANNER_ANSWER, .watch = watch};
    return start(scripts, 2);
}

START_TEST(one_plugin_counts_and_another_reads)
{
    struct watch watch;
    struct script scripts[2];
    struct fixture *fixture = start_two(scripts, &watch);
    struct hg_worker *worker = fixture_worker(fixture, 1);
    struct page page = {.worker = fixture_worker(fixture, 2)};
    char name[] = "app.test";
    uint64_t *requests = hg_counter(worker, "requests", "Requests."), *ends, *other;
    struct hg_histogram *histogram = hg_histogram(worker, &sizes, NULL);

    ends = hg_gauge(worker, "ends", HG_LABELS({"certificate", name}), "When it ends.");
    other = hg_gauge(worker, "ends", HG_LABELS({"certificate", "other"}, {"key", "ec"}), "When it ends.");
    strcpy(name, "gone"); /* the label's value was copied */
    *requests += 3;
    *ends = 17;
    *other = 4;
    hg_observe(histogram, 10);
    hg_observe(histogram, 11);
    hg_observe(histogram, 100);
    hg_observe(histogram, 1000);
    hg_metrics_read(page.worker, write_series, &page);
    ck_assert_str_eq(page.text, "counter passing_requests{} 3 Requests.\n"
                                "histogram passing_sizes{} 1 2 1 1121 Sizes.\n"
                                "gauge passing_ends{certificate=app.test} 17 When it ends.\n"
                                "gauge passing_ends{certificate=other,key=ec} 4 When it ends.\n");
    fixture_free(fixture);
}
END_TEST

START_TEST(the_same_labels_give_the_same_metric)
{
    struct watch watch;
    struct script scripts[2];
    struct fixture *fixture = start_two(scripts, &watch);
    struct hg_worker *one = fixture_worker(fixture, 1), *two = fixture_worker(fixture, 2);

    ck_assert_ptr_eq(hg_counter(one, "a", ""), hg_counter(one, "a", ""));
    ck_assert_ptr_ne(hg_counter(one, "a", ""), hg_counter(one, "b", ""));
    ck_assert_ptr_ne(hg_counter(one, "a", ""), hg_counter(two, "a", ""));
    ck_assert_ptr_eq(hg_gauge(one, "g", HG_LABELS({"x", "1"}), ""), hg_gauge(one, "g", HG_LABELS({"x", "1"}), ""));
    ck_assert_ptr_ne(hg_gauge(one, "g", HG_LABELS({"x", "1"}), ""), hg_gauge(one, "g", HG_LABELS({"x", "2"}), ""));
    ck_assert_ptr_ne(hg_gauge(one, "g", HG_LABELS({"x", "1"}), ""), hg_gauge(one, "g", HG_LABELS({"y", "1"}), ""));
    ck_assert_ptr_ne(hg_gauge(one, "g", HG_LABELS({"x", "1"}), ""), hg_gauge(one, "g", NULL, ""));
    ck_assert_ptr_eq(hg_gauge(one, "g", HG_LABELS({"x", NULL}), ""), hg_gauge(one, "g", HG_LABELS({"x", ""}), ""));
    ck_assert_ptr_ne((void *)hg_gauge(one, "a", NULL, ""), (void *)hg_counter(one, "a", ""));
    ck_assert_ptr_eq(hg_histogram(one, &sizes, NULL), hg_histogram(one, &sizes, NULL));
    fixture_free(fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *cases = tcase_create("metrics");

    tcase_add_test(cases, one_plugin_counts_and_another_reads);
    tcase_add_test(cases, the_same_labels_give_the_same_metric);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
