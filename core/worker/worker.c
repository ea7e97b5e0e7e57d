/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A turn of the loop: libev calls what is due (descriptors, timers, posts), which mostly queues events; then, before
 * the loop waits again, the exchanges run and the sessions send what has gathered. So everything that arrived in one
 * turn leaves in as few packets and system calls as possible.
 */
#include "core/worker/worker.h"

#include "core/base/log.h"
#include "core/loop/resolve.h"
#include "core/session/session_table.h"

#include <stdlib.h>
#include <time.h>

/* ---- Time ---- */

hg_time worker_now(struct worker *worker)
{
    struct timespec now;

    if (!worker->now) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        worker->now = (hg_time)now.tv_sec * HG_SECOND + (hg_time)now.tv_nsec;
    }
    return worker->now;
}

hg_time worker_instance_now(struct hg_worker *instance)
{
    return worker_now(worker_of(instance));
}

/* ---- Timers ---- */

/* The libev timer is only ever moved earlier; when it fires before the deadline, it is set again for the rest. So
 * putting a deadline off, as each piece of progress does, costs one store. */
struct hg_timer {
    ev_timer watcher;
    struct worker *worker;
    hg_callback callback;
    void *arg;
    hg_time deadline; /* 0: not running */
    hg_time fires;    /* when the watcher will; meaningless while it is not active */
    hg_time looked;   /* the deadline that is not put off (again) for a look at the descriptors */
};

/* A deadline met later than this was missed by the process, which was stopped, asleep or busy, not by a peer. */
#define LATE (10 * HG_MILLISECOND)

static void timer_arm(struct hg_timer *timer, hg_time delay, int priority)
{
    ev_timer_stop(timer->worker->loop, &timer->watcher);
    ev_set_priority(&timer->watcher, priority);
    ev_timer_set(&timer->watcher, (double)delay / (double)HG_SECOND, 0.);
    ev_timer_start(timer->worker->loop, &timer->watcher);
    timer->fires = worker_now(timer->worker) + delay;
}

static void timer_fired(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct hg_timer *timer = (struct hg_timer *)watcher;
    hg_time now = worker_now(timer->worker);

    (void)loop;
    (void)events;
    if (!timer->deadline)
        return;
    /* libev's clock and ours are read at slightly different moments: what is nearly due is due. */
    if (timer->deadline > now + HG_MICROSECOND * 100) {
        timer_arm(timer, timer->deadline - now, 0);
        return;
    }
    /* What came in time may still wait in a socket, and may set the timer anew: descriptors are served first, those of
     * the next turn, since a wait that SIGCONT or the end of a sleep interrupts names none (epoll_wait(2), EINTR). */
    if (now - timer->deadline > LATE && timer->looked != timer->deadline) {
        timer->looked = timer->deadline;
        timer_arm(timer, 0, EV_MINPRI);
        return;
    }
    timer->deadline = 0;
    timer->callback(timer->arg);
}

struct hg_timer *worker_timer_new(struct hg_worker *instance, hg_callback callback, void *arg)
{
    struct hg_timer *timer = calloc(1, sizeof *timer);

    if (!timer)
        return NULL;
    timer->worker = worker_of(instance);
    timer->callback = callback;
    timer->arg = arg;
    ev_init(&timer->watcher, timer_fired);
    return timer;
}

void worker_timer_set(struct hg_timer *timer, hg_time delay)
{
    timer->deadline = worker_now(timer->worker) + delay;
    if (!delay) /* for the next turn: no deadline that anybody could miss, and never put off by what sets it again */
        timer->looked = timer->deadline;
    if (!ev_is_active(&timer->watcher) || timer->fires > timer->deadline)
        timer_arm(timer, delay, 0);
}

void worker_timer_stop(struct hg_timer *timer)
{
    timer->deadline = 0;
}

void worker_timer_free(struct hg_timer *timer)
{
    ev_timer_stop(timer->worker->loop, &timer->watcher);
    free(timer);
}

/* ---- Descriptors ---- */

struct hg_io {
    ev_io watcher;
    struct worker *worker;
    hg_io_callback callback;
    void *arg;
};

static void io_ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct hg_io *io = (struct hg_io *)watcher;
    int ready = (events & EV_READ ? HG_READ : 0) | (events & EV_WRITE ? HG_WRITE : 0);

    (void)loop;
    io->callback(io->arg, ready);
}

struct hg_io *worker_io_new(struct hg_worker *instance, int fd, hg_io_callback callback, void *arg)
{
    struct hg_io *io = calloc(1, sizeof *io);

    if (!io)
        return NULL;
    io->worker = worker_of(instance);
    trim_added(&io->worker->trim);
    io->callback = callback;
    io->arg = arg;
    ev_io_init(&io->watcher, io_ready, fd, EV_NONE);
    return io;
}

void worker_io_set(struct hg_io *io, int events)
{
    int wanted = (events & HG_READ ? EV_READ : 0) | (events & HG_WRITE ? EV_WRITE : 0);

    if ((io->watcher.events & (EV_READ | EV_WRITE)) == wanted)
        return;
    ev_io_stop(io->worker->loop, &io->watcher);
    ev_io_modify(&io->watcher, wanted);
    if (wanted)
        ev_io_start(io->worker->loop, &io->watcher);
}

void worker_io_free(struct hg_io *io)
{
    ev_io_stop(io->worker->loop, &io->watcher);
    trim_removed(&io->worker->trim, io->worker->loop);
    free(io);
}

/* ---- Posts from any thread ---- */

struct post {
    struct post *next;
    hg_callback callback;
    void *arg;
};

void worker_post(struct hg_worker *instance, hg_callback callback, void *arg)
{
    struct worker *worker = worker_of(instance);
    struct post *post = malloc(sizeof *post);

    /* There is nobody to tell: a post that is lost would leave its maker waiting for ever. */
    if (!post)
        abort();
    post->callback = callback;
    post->arg = arg;
    pthread_mutex_lock(&worker->post_lock);
    post->next = worker->posts;
    worker->posts = post;
    pthread_mutex_unlock(&worker->post_lock);
    ev_async_send(worker->loop, &worker->posted);
}

static struct post *take_posts(struct worker *worker)
{
    struct post *posts, *in_order = NULL;

    pthread_mutex_lock(&worker->post_lock);
    posts = worker->posts;
    worker->posts = NULL;
    pthread_mutex_unlock(&worker->post_lock);
    while (posts) {
        struct post *post = posts;

        posts = post->next;
        post->next = in_order;
        in_order = post;
    }
    return in_order;
}

static void run_posts(struct worker *worker)
{
    struct post *posts = take_posts(worker);

    while (posts) {
        struct post *post = posts;

        posts = post->next;
        post->callback(post->arg);
        free(post);
    }
}

static void on_posted(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)loop;
    (void)events;
    run_posts(watcher->data);
}

/* ---- Counters, reports ---- */

static bool is_labelled(const struct counter *counter, const char *label)
{
    return label && counter->label ? !strcmp(counter->label, label) : !label && !counter->label;
}

uint64_t *worker_gauge(struct hg_worker *instance, const char *name, const char *label, const char *doc)
{
    struct worker *worker = worker_of(instance);
    struct counter *counter;

    for (counter = worker->counters; counter; counter = counter->next)
        if (counter->instance == instance->instance && !strcmp(counter->name, name) && is_labelled(counter, label))
            return &counter->value;
    counter = calloc(1, sizeof *counter);
    if (counter && label)
        counter->label = strdup(label);
    if (!counter || (label && !counter->label))
        abort();
    counter->next = worker->counters;
    counter->instance = instance->instance;
    counter->name = name;
    counter->doc = doc;
    worker->counters = counter;
    return &counter->value;
}

uint64_t *worker_counter(struct hg_worker *instance, const char *name, const char *doc)
{
    return worker_gauge(instance, name, NULL, doc);
}

static void report_counter(const struct counter *counter)
{
    const char *label = counter->label ? counter->label : "";
    const struct log_member members[] = {
        LOG_STRING("counter", hg_text(counter->name)),
        LOG_STRING("label", hg_text(label)),
        LOG_NUMBER("value", counter->value),
    };
    const struct log_event event = {.level = HG_LOG_INFO,
                                    .part = counter->instance->name,
                                    .members = members,
                                    .count = sizeof members / sizeof *members,
                                    .says_all = true};

    log_event(&event, "%s%s%s%s=%llu", counter->name, *label ? "{" : "", label, *label ? "}" : "",
              (unsigned long long)counter->value);
}

void worker_report(struct worker *worker)
{
    exchange_report_stages(&worker->exchanges);
    for (const struct counter *counter = worker->counters; counter; counter = counter->next)
        report_counter(counter);
    if (worker->sessions)
        sessions_report(worker);
    exchange_report(&worker->exchanges);
}

/* ---- The loop ---- */

struct worker *worker_of(const struct hg_worker *instance)
{
    return instance->core;
}

struct hg_worker *worker_instance_of(struct hg_worker *instance, const struct hg_instance *wanted)
{
    return &worker_of(instance)->instances[((const struct instance *)wanted)->index];
}

static void on_before_wait(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct worker *worker = watcher->data;

    (void)loop;
    (void)events;
    exchange_run_ready(&worker->exchanges);
    if (worker->sessions)
        sessions_flush(worker);
    if (log_has_counted() && !ev_is_active(&worker->log_timer))
        ev_timer_again(worker->loop, &worker->log_timer);
    if (worker->draining && !worker->exchanges.open_count && (!worker->sessions || sessions_idle(worker)))
        ev_break(worker->loop, EVBREAK_ALL);
}

static void on_after_wait(struct ev_loop *loop, ev_check *watcher, int events)
{
    struct worker *worker = watcher->data;

    (void)loop;
    (void)events;
    worker->now = 0;
}

static void on_log_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)events;
    log_counted(false);
    ev_timer_stop(loop, watcher);
}

static void on_stop_timeout(struct ev_loop *loop, ev_timer *watcher, int events)
{
    static const struct hg_reason stopping = {503, "connection_terminated", "the server is stopping", 1};
    struct worker *worker = watcher->data;

    (void)loop;
    (void)events;
    log_line(HG_LOG_WARNING, "core", "stopping; exchanges that are reset unfinished: %zu",
             worker->exchanges.open_count);
    exchange_reset_all(&worker->exchanges, &stopping);
    if (worker->sessions)
        sessions_flush(worker);
    ev_break(worker->loop, EVBREAK_ALL);
}

static void watch_loop(struct worker *worker)
{
    ev_prepare_init(&worker->before_wait, on_before_wait);
    ev_check_init(&worker->after_wait, on_after_wait);
    ev_async_init(&worker->posted, on_posted);
    ev_timer_init(&worker->stop_timer, on_stop_timeout, 0., 0.);
    ev_timer_init(&worker->log_timer, on_log_timer, 0., 61.);
    trim_init(&worker->trim);
    worker->before_wait.data = worker->after_wait.data = worker->posted.data = worker->stop_timer.data = worker;
    /* Of the watchers of a turn, the time must be made anew first. */
    ev_set_priority(&worker->after_wait, EV_MAXPRI);
    ev_prepare_start(worker->loop, &worker->before_wait);
    ev_check_start(worker->loop, &worker->after_wait);
    ev_async_start(worker->loop, &worker->posted);
}

/* ---- Life ---- */

static void instance_init(struct worker *worker, struct hg_worker *in_worker, struct instance *instance)
{
    in_worker->host = &worker_host;
    in_worker->instance = &instance->public;
    in_worker->cfg = instance->public.cfg;
    in_worker->core = worker;
}

/* Lays out the way of exchanges: a top for each edge, then the stages, then who answers. */
static void lay_path(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;
    bool gateway = pipeline->shape == PIPELINE_GATEWAY;
    struct exchange_table *table = &worker->exchanges;

    for (size_t i = 0; i < pipeline->path_count; i++) {
        struct instance *instance = pipeline->path[i];
        bool edge = instance->plugin->descriptor.role == HG_ROLE_EDGE;
        struct stage *stage = edge ? &table->tops[instance->index] : &table->stages[table->stage_count++];

        stage->ops = &instance->plugin->stage;
        stage->worker = &worker->instances[instance->index];
    }
    if (gateway)
        table->stages[table->stage_count++] = (struct stage){.ops = &sessions_gateway_ops, .worker = &worker->core};
    else
        table->tops[pipeline->count] = (struct stage){.ops = &sessions_client_ops, .worker = &worker->core};
}

struct worker *worker_new(struct pipeline *pipeline)
{
    struct worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        return NULL;
    pthread_mutex_init(&worker->post_lock, NULL);
    worker->pipeline = pipeline;
    worker->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    worker->instances = calloc(pipeline->count, sizeof *worker->instances);
    if (!worker->loop || !worker->instances ||
        exchange_table_init(&worker->exchanges, pipeline->count + 1, pipeline->path_count + 1,
                            pipeline->settings.exchange_buffer)) {
        worker_free(worker);
        return NULL;
    }
    worker->core_instance.public.host = &worker_host;
    worker->core_instance.public.name = "session";
    worker->core_instance.pipeline = pipeline;
    instance_init(worker, &worker->core, &worker->core_instance);
    for (size_t i = 0; i < pipeline->count; i++)
        instance_init(worker, &worker->instances[i], pipeline->instances[i]);
    lay_path(worker);
    watch_loop(worker);
    worker->started = pipeline->count;
    return worker;
}

/* Where a command runs: those that its plugin needs and cannot do without. */
static bool takes_part(const struct worker *worker, const struct instance *instance)
{
    const struct hg_need *need;

    if (!worker->alone)
        return true;
    for (need = worker->alone->plugin->descriptor.needs; need->name; need++)
        if (!need->optional && pipeline_provider(worker->pipeline, need->name, need->version, NULL) == instance)
            return true;
    return false;
}

int worker_start_instances(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;

    /* From the bottom up, so that an edge accepts only when all below it can answer. */
    while (worker->started > 0) {
        const struct instance *instance = pipeline->instances[worker->started - 1];
        int (*start)(struct hg_worker *) = instance->plugin->descriptor.worker_start;

        worker->started--;
        if (start && takes_part(worker, instance) && start(&worker->instances[worker->started]))
            return -1;
    }
    return 0;
}

int worker_start(struct worker *worker)
{
    return worker_start_instances(worker) ? -1 : sessions_start(worker);
}

void worker_run(struct worker *worker)
{
    ev_run(worker->loop, 0);
}

void worker_finish(struct hg_worker *instance, int exit_code)
{
    struct worker *worker = worker_of(instance);

    worker->finished = true;
    worker->exit_code = exit_code;
    ev_break(worker->loop, EVBREAK_ALL);
}

void worker_drain(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;

    if (worker->draining) {
        ev_feed_event(worker->loop, &worker->stop_timer, EV_TIMER);
        return;
    }
    worker->draining = true;
    for (size_t i = 0; i < pipeline->count; i++)
        if (pipeline->instances[i]->plugin->descriptor.worker_drain)
            pipeline->instances[i]->plugin->descriptor.worker_drain(&worker->instances[i]);
    if (worker->sessions)
        sessions_drain(worker);
    ev_timer_set(&worker->stop_timer, (double)pipeline->settings.stop_timeout / (double)HG_SECOND, 0.);
    ev_timer_start(worker->loop, &worker->stop_timer);
}

void worker_reread(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;

    for (size_t i = 0; i < pipeline->count; i++)
        if (pipeline->instances[i]->plugin->descriptor.worker_reread)
            pipeline->instances[i]->plugin->descriptor.worker_reread(&worker->instances[i]);
}

static void stop_instances(struct worker *worker)
{
    const struct pipeline *pipeline = worker->pipeline;

    for (size_t i = worker->started; i < pipeline->count; i++)
        if (pipeline->instances[i]->plugin->descriptor.worker_stop && takes_part(worker, pipeline->instances[i]))
            pipeline->instances[i]->plugin->descriptor.worker_stop(&worker->instances[i]);
    worker->started = pipeline->count;
}

static void free_counters(struct worker *worker)
{
    while (worker->counters) {
        struct counter *counter = worker->counters;

        worker->counters = counter->next;
        free(counter->label);
        free(counter);
    }
}

void worker_free(struct worker *worker)
{
    static const struct hg_reason stopped = {503, "connection_terminated", "the server has stopped", 1};

    if (!worker)
        return;
    if (worker->loop && worker->instances && worker->exchanges.stages) {
        exchange_reset_all(&worker->exchanges, &stopped);
        if (worker->sessions)
            sessions_stop(worker);
        stop_instances(worker);
        resolver_stop(worker);
        run_posts(worker);
    }
    log_counted(true);
    free_counters(worker);
    pthread_mutex_destroy(&worker->post_lock);
    exchange_table_free(&worker->exchanges);
    free(worker->instances);
    if (worker->loop)
        ev_loop_destroy(worker->loop);
    free(worker);
}
