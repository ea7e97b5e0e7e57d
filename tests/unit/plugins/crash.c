/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A stage that crashes where its option says, or while being loaded if the environment says so. It can also send
 * SIGHUP, which must not end the process.
 */
#include <hopgate/host.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum place { NOWHERE, CONFIGURE, PREPARE, WORKER_START, ATTACH, DATA, DETACH, TIMER, DEFER, REREAD, EMIT, THREAD };
enum kind { POINTER, ABORT, DIVISION, STACK, HANGUP };

static const char *const places[] = {"nowhere", "configure", "prepare", "worker_start", "attach",
                                     "data",    "detach",    "timer",   "defer",        "worker_reread",
                                     "emit",    "thread",    NULL};
static const char *const kinds[] = {"pointer", "abort", "division", "stack", "hangup", NULL};

struct config {
    int at, by;
};

static const struct hg_option options[] = {
    {.name = "at",
     .type = HG_OPTION_ENUM,
     .choices = places,
     .value = "nowhere",
     .offset = offsetof(struct config, at),
     .doc = "Where it crashes."},
    {.name = "by",
     .type = HG_OPTION_ENUM,
     .choices = kinds,
     .value = "pointer",
     .offset = offsetof(struct config, by),
     .doc = "How."},
    {0},
};

struct state {
    struct hg_worker *worker;
    struct hg_timer *timer;
    struct hg_call call;
};

/* Hidden from the compiler, and sanitizers must not act before the kernel. */
static volatile int *volatile nothing = NULL;

#define UNSANITIZED __attribute__((no_sanitize("address", "undefined")))

UNSANITIZED static int overflow(int depth)
{
    volatile char bytes[4096];

    bytes[0] = (char)depth;
    return depth < 1 << 30 ? overflow(depth + 1) + bytes[0] : 0;
}

UNSANITIZED static void crash(int by)
{
    switch (by) {
    case ABORT:
        abort();
    case DIVISION:
        raise(SIGFPE);
        break;
    case STACK:
        overflow(0);
        break;
    case HANGUP:
        raise(SIGHUP);
        break;
    default:
        *nothing = 1;
    }
}

static void crash_at(const struct config *config, int place)
{
    if (config->at == place)
        crash(config->by);
}

static int crash_configure(struct hg_instance *instance)
{
    crash_at(instance->cfg, CONFIGURE);
    return 0;
}

static int crash_prepare(struct hg_instance *instance)
{
    crash_at(instance->cfg, PREPARE);
    return 0;
}

static void on_timer(void *arg)
{
    crash(((const struct config *)((struct state *)arg)->worker->cfg)->by);
}

static void *run_thread(void *arg)
{
    on_timer(arg);
    return NULL;
}

static int crash_worker_start(struct hg_worker *worker)
{
    const struct config *config = worker->cfg;
    struct state *state = calloc(1, sizeof *state);
    pthread_t thread;

    crash_at(config, WORKER_START);
    state->worker = worker;
    state->timer = hg_timer_new(worker, on_timer, state);
    state->call = (struct hg_call){.callback = on_timer, .arg = state};
    worker->state = state;
    if (config->at == TIMER)
        hg_timer_set(worker->host, state->timer, HG_MILLISECOND);
    if (config->at == DEFER)
        hg_defer(worker, &state->call);
    if (config->at == THREAD && !pthread_create(&thread, NULL, run_thread, state))
        pthread_detach(thread);
    return 0;
}

static void crash_worker_reread(struct hg_worker *worker)
{
    crash_at(worker->cfg, REREAD);
}

static void crash_worker_stop(struct hg_worker *worker)
{
    struct state *state = worker->state;

    hg_timer_free(worker->host, state->timer);
    free(state);
}

static enum hg_verdict crash_attach(struct hg_self *self)
{
    crash_at(self->cfg, ATTACH);
    return HG_NEXT;
}

static size_t crash_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    const struct config *config = self->cfg;
    struct hg_slice broken = {.buffer = (struct hg_buffer *)8, .data = slice->data, .size = slice->size};

    crash_at(config, DATA);
    hg_emit(self, direction, config->at == EMIT ? &broken : slice); /* the core crashes on what it is given */
    return slice->size;
}

static void crash_detach(struct hg_self *self)
{
    crash_at(self->cfg, DETACH);
}

__attribute__((constructor)) static void loaded(void)
{
    if (getenv("HOPGATE_TEST_CRASH"))
        crash(POINTER);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_stage_ops ops = {.events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
                                            .attach = crash_attach,
                                            .data = crash_data,
                                            .detach = crash_detach};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_STAGE,
        .name = "crash",
        .version = "1",
        .summary = "a test",
        .options = options,
        .cfg_size = sizeof(struct config),
        .ops = &ops,
        .configure = crash_configure,
        .prepare = crash_prepare,
        .worker_start = crash_worker_start,
        .worker_stop = crash_worker_stop,
        .worker_reread = crash_worker_reread,
    };

    return &plugin;
}
