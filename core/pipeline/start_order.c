/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/pipeline/start_order.h"

#include <stdlib.h>

enum mark {
    MARK_NONE = 0,
    MARK_VISITED, /* the instances it needs are being placed */
    MARK_PLACED,
};

struct ordering {
    struct pipeline *pipeline;
    enum mark *marks;          /* indexed by instance->index */
    struct instance **visited; /* from the first one visited to one that it needs, and so on */
    size_t visited_count;
    size_t placed_count;
    bool is_circular;
};

/* "a needs 'x' of b, b needs 'y' of a". The caller frees it. */
static char *describe_circle(const struct ordering *ordering, size_t first)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = first; out && i < ordering->visited_count; i++) {
        const struct instance *user = ordering->visited[i];
        const struct instance *next = ordering->visited[i + 1 < ordering->visited_count ? i + 1 : first];
        const struct hg_need *need = user->plugin->descriptor.needs;

        while (pipeline_provider(ordering->pipeline, need->name, need->version, NULL) != next)
            need++;
        fprintf(out, "%s%s needs '%s' of %s", i > first ? ", " : "", user->public.name, need->name, next->public.name);
    }
    if (out)
        fclose(out);
    return text;
}

static void report_circle(struct ordering *ordering, const struct instance *again)
{
    size_t first = 0;
    char *circle;

    while (ordering->visited[first] != again)
        first++;
    circle = describe_circle(ordering, first);
    config_fault(ordering->pipeline->config, again->name, "%s: circular dependency: %s; none of them can start first",
                 again->public.name, circle ? circle : "");
    ordering->is_circular = true;
    free(circle);
}

/* Places the instances that an instance needs, then the instance itself. */
static void place(struct ordering *ordering, struct instance *instance)
{
    const struct hg_need *need = instance->plugin->descriptor.needs;

    if (ordering->marks[instance->index] == MARK_VISITED && !ordering->is_circular)
        report_circle(ordering, instance);
    if (ordering->marks[instance->index] != MARK_NONE)
        return;
    ordering->marks[instance->index] = MARK_VISITED;
    ordering->visited[ordering->visited_count++] = instance;
    for (; need->name; need++) {
        struct instance *provider = pipeline_provider(ordering->pipeline, need->name, need->version, NULL);

        if (provider && provider != instance)
            place(ordering, provider);
    }
    ordering->visited_count--;
    ordering->marks[instance->index] = MARK_PLACED;
    ordering->pipeline->start_order[ordering->placed_count++] = instance;
}

int pipeline_find_start_order(struct pipeline *pipeline)
{
    struct ordering ordering = {.pipeline = pipeline};

    pipeline->start_order = calloc(pipeline->count, sizeof(struct instance *));
    ordering.marks = calloc(pipeline->count, sizeof *ordering.marks);
    ordering.visited = calloc(pipeline->count, sizeof(struct instance *));
    if (pipeline->start_order && ordering.marks && ordering.visited)
        for (size_t i = pipeline->count; i > 0; i--)
            place(&ordering, pipeline->instances[i - 1]);
    free(ordering.marks);
    free(ordering.visited);
    return ordering.placed_count == pipeline->count ? 0 : -1;
}
