/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/thread.h"

#include "plugins/store_file/folder.h"
#include "plugins/store_file/monotonic.h"
#include "plugins/store_file/scan.h"
#include "plugins/store_file/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* More changes than that, not yet told, are told as one. */
#define CHANGES_MAX 1024
/* How often the folder is looked at where it cannot be watched; where that takes long, less often. */
#define SCAN_INTERVAL (2 * HG_SECOND)
#define SCAN_SHARE    20
/* Where the kernel tells of changes the others read them at once: a busy machine's "at once". */
#define TOLD_DELAY (250 * HG_MILLISECOND)

/* A key whose value has changed. */
struct change {
    struct change *next;
    size_t size;
    char key[];
};

struct hg_store_watch {
    struct hg_store_watch *next;
    hg_store_changed changed; /* NULL: it was ended */
    void *arg;
    char prefix[HG_STORE_KEY_MAX + 1];
};

/* Requests in their order. */
struct queue {
    struct hg_store_request *first, **tail;
};

struct seat {
    struct seat *next; /* of the engine's */
    struct engine *engine;
    struct hg_worker *worker;
    struct hg_call arrival; /* posted by the thread: something is done, or has changed */
    /* Guarded by the engine's lock: */
    bool watching;
    size_t pending; /* requests given to the thread and not done … */
    struct queue done;
    struct change *changes, **changes_tail;
    size_t change_count;
    /* The worker's thread alone: */
    struct queue early; /* requests from before the start */
    bool started;
    bool telling; /* watches are being told, so none may be freed */
    struct hg_store_watch *watches;
    uint64_t *reads, *writes, *failures, *damaged;
};

struct engine {
    struct folder folder;
    /* The thread's alone: */
    bool watches;
    struct tree *tree; /* NULL: it cannot be watched … */
    struct scan scan;  /* … and is looked at */
    hg_time next_scan;
    unsigned openings; /* which opening of the folder is watched */
    pthread_mutex_t lock;
    pthread_cond_t idle; /* a seat may have nothing pending any more */
    struct queue todo;
    struct seat *seats;
    size_t started; /* seats */
    hg_time delay;  /* until others see a change, if they look like this one */
    bool quit;
    int wake; /* an eventfd */
    pthread_t thread;
};

/* ---- Queues ---- */

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->tail = &queue->first;
}

static void queue_put(struct queue *queue, struct hg_store_request *request)
{
    request->next = NULL;
    *queue->tail = request;
    queue->tail = &request->next;
}

static struct hg_store_request *queue_take(struct queue *queue)
{
    struct hg_store_request *request = queue->first;

    if (!request)
        return NULL;
    queue->first = request->next;
    if (!queue->first)
        queue->tail = &queue->first;
    return request;
}

static void queue_free(struct queue *queue)
{
    struct hg_store_request *request;

    while ((request = queue_take(queue)))
        request_free(request);
}

/* ---- To the worker ---- */

static void free_changes(struct seat *seat)
{
    while (seat->changes) {
        struct change *change = seat->changes;

        seat->changes = change->next;
        free(change);
    }
    seat->changes_tail = &seat->changes;
    seat->change_count = 0;
}

static void seat_free(struct seat *seat)
{
    free_changes(seat);
    queue_free(&seat->early);
    queue_free(&seat->done);
    while (seat->watches) {
        struct hg_store_watch *watch = seat->watches;

        seat->watches = watch->next;
        free(watch);
    }
    free(seat);
}

static void count(const struct seat *seat, const struct hg_store_request *request)
{
    enum hg_store_status status = request->answer.status;

    if (request->kind == REQUEST_GET)
        ++*seat->reads;
    else if (request->kind == REQUEST_PUT && status == HG_STORE_OK)
        ++*seat->writes;
    if (status == HG_STORE_CORRUPT)
        ++*seat->damaged;
    else if (status >= HG_STORE_NOT_WRITABLE)
        ++*seat->failures;
}

static void answer_all(const struct seat *seat, struct queue *done)
{
    struct hg_store_request *request;

    while ((request = queue_take(done))) {
        count(seat, request);
        if (request->done)
            request->done(request->arg, &request->answer);
        request_free(request);
    }
}

static void sweep(struct seat *seat)
{
    struct hg_store_watch **at = &seat->watches;

    while (*at) {
        struct hg_store_watch *watch = *at;

        if (watch->changed) {
            at = &watch->next;
            continue;
        }
        *at = watch->next;
        free(watch);
    }
}

static void tell_change(const struct seat *seat, const struct change *change)
{
    struct hg_text key = {change->key, change->size};

    for (const struct hg_store_watch *watch = seat->watches; watch; watch = watch->next)
        if (watch->changed && (!key.size || name_is_below(key, hg_text(watch->prefix))))
            watch->changed(watch->arg, key);
}

static void tell_changes(struct seat *seat, struct change *changes)
{
    seat->telling = true;
    while (changes) {
        struct change *change = changes;

        changes = change->next;
        tell_change(seat, change);
        free(change);
    }
    seat->telling = false;
    sweep(seat);
}

static void take_done(struct seat *seat, struct queue *done)
{
    queue_init(done);
    if (!seat->done.first)
        return;
    done->first = seat->done.first;
    done->tail = seat->done.tail;
    queue_init(&seat->done);
}

/* In the worker's thread. */
static void on_arrival(void *arg)
{
    struct seat *seat = arg;
    struct change *changes;
    struct queue done;

    pthread_mutex_lock(&seat->engine->lock);
    take_done(seat, &done);
    changes = seat->changes;
    seat->changes = NULL;
    free_changes(seat);
    pthread_mutex_unlock(&seat->engine->lock);
    answer_all(seat, &done);
    tell_changes(seat, changes);
}

/* ---- The thread ---- */

static void finish(struct engine *engine, struct hg_store_request *request)
{
    struct seat *seat = request->seat;

    pthread_mutex_lock(&engine->lock);
    queue_put(&seat->done, request);
    hg_post(seat->worker, &seat->arrival);
    if (!--seat->pending)
        pthread_cond_broadcast(&engine->idle);
    pthread_mutex_unlock(&engine->lock);
}

/* Under the lock. What memory is missing for is told as a change of everything, or by the next change. */
static void add_change(struct seat *seat, struct hg_text key)
{
    struct change *change;

    if (seat->change_count >= CHANGES_MAX) {
        free_changes(seat);
        key = HG_TEXT("");
    }
    change = malloc(sizeof *change + key.size);
    if (!change)
        return;
    change->next = NULL;
    change->size = key.size;
    memcpy(change->key, key.data, key.size);
    *seat->changes_tail = change;
    seat->changes_tail = &change->next;
    seat->change_count++;
    hg_post(seat->worker, &seat->arrival);
}

static void on_changed(void *arg, struct hg_text key)
{
    struct engine *engine = arg;

    pthread_mutex_lock(&engine->lock);
    for (struct seat *seat = engine->seats; seat; seat = seat->next)
        if (seat->started && seat->watching)
            add_change(seat, key);
    pthread_mutex_unlock(&engine->lock);
}

static void set_delay(struct engine *engine, hg_time delay)
{
    pthread_mutex_lock(&engine->lock);
    engine->delay = delay;
    pthread_mutex_unlock(&engine->lock);
}

/* Others have the same to look at, on a machine that may be slower. */
static void look(struct engine *engine)
{
    const int root = folder_root(&engine->folder);
    const hg_time began = monotonic();
    hg_time took;

    if (!engine->scan.last)
        on_changed(engine, HG_TEXT("")); /* what has changed before is not known */
    if (root >= 0)
        scan_look(&engine->scan, root, on_changed, engine);
    took = monotonic() - began;
    engine->next_scan = began + SCAN_INTERVAL + SCAN_SHARE * took;
    set_delay(engine, (SCAN_INTERVAL + SCAN_SHARE * took) * 3 / 2);
}

static bool is_blind(const struct engine *engine)
{
    return engine->watches && (!engine->tree || tree_is_blind(engine->tree));
}

static void begin_to_watch(struct engine *engine)
{
    const struct folder *folder = &engine->folder;
    const int root = folder_root(&engine->folder);

    engine->watches = true;
    engine->openings = folder->openings;
    if (root >= 0 && scan_is_shared(root)) {
        hg_log(folder->instance, HG_LOG_INFO, "%s may be changed by other machines; polling it every %d s",
               folder->path, (int)(SCAN_INTERVAL / HG_SECOND));
    } else {
        engine->tree = tree_new(folder->instance, folder->path, on_changed, engine);
        if (!engine->tree)
            hg_log(folder->instance, HG_LOG_WARNING, "cannot watch %s: %s; polling it every %d s instead", folder->path,
                   strerror(errno), (int)(SCAN_INTERVAL / HG_SECOND));
    }
    set_delay(engine, TOLD_DELAY);
    if (is_blind(engine))
        look(engine);
}

/* The folder was removed and made anew: so was all that is in it. */
static void watch_anew(struct engine *engine)
{
    tree_free(engine->tree);
    engine->tree = NULL;
    begin_to_watch(engine);
    on_changed(engine, HG_TEXT(""));
}

/* In milliseconds; -1: as long as it takes. */
static int patience(const struct engine *engine)
{
    const hg_time now = monotonic();

    if (!is_blind(engine))
        return -1;
    return engine->next_scan > now ? (int)((engine->next_scan - now) / HG_MILLISECOND) + 1 : 0;
}

static void wait(struct engine *engine)
{
    struct pollfd fds[] = {{engine->wake, POLLIN, 0}, {engine->tree ? tree_fd(engine->tree) : -1, POLLIN, 0}};
    uint64_t woken;

    poll(fds, 2, patience(engine));
    if (is_blind(engine) && monotonic() >= engine->next_scan)
        look(engine);
    if (fds[0].revents && read(engine->wake, &woken, sizeof woken) < 0 && errno != EAGAIN)
        abort(); /* an eventfd of ours cannot fail otherwise */
    if (fds[1].revents)
        tree_read(engine->tree);
}

/* True: `*request` is the next, or NULL if there is none now. False: the end. */
static bool next(struct engine *engine, struct hg_store_request **request)
{
    bool goes_on;

    pthread_mutex_lock(&engine->lock);
    *request = queue_take(&engine->todo);
    goes_on = *request || !engine->quit;
    pthread_mutex_unlock(&engine->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct engine *engine = arg;
    struct hg_store_request *request;

    while (next(engine, &request)) {
        if (!request) {
            wait(engine);
            continue;
        }
        folder_do(&engine->folder, request);
        if (request->kind == REQUEST_WATCH && !engine->watches)
            begin_to_watch(engine);
        else if (engine->watches && engine->openings != engine->folder.openings)
            watch_anew(engine);
        finish(engine, request);
    }
    return NULL;
}

static void wake(const struct engine *engine)
{
    const uint64_t one = 1;

    if (write(engine->wake, &one, sizeof one) < 0 && errno != EAGAIN)
        abort();
}

static int start_thread(struct engine *engine)
{
    sigset_t all, before;
    int result;

    engine->quit = false;
    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&engine->thread, NULL, run, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result)
        hg_log(engine->folder.instance, HG_LOG_ERROR, "cannot start a thread: %s", strerror(result));
    return result ? -1 : 0;
}

static void stop_thread(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->quit = true;
    pthread_mutex_unlock(&engine->lock);
    wake(engine);
    pthread_join(engine->thread, NULL);
    tree_free(engine->tree);
    engine->tree = NULL;
    engine->watches = false;
    scan_end(&engine->scan);
    folder_close(&engine->folder);
}

struct engine *engine_new(const struct hg_instance *instance, const char *path)
{
    struct engine *engine = calloc(1, sizeof *engine);

    if (!engine)
        return NULL;
    engine->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (engine->wake < 0) {
        free(engine);
        return NULL;
    }
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->idle, NULL);
    queue_init(&engine->todo);
    folder_init(&engine->folder, instance, path);
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    while (engine->seats) {
        struct seat *seat = engine->seats;

        engine->seats = seat->next;
        seat_free(seat);
    }
    close(engine->wake);
    pthread_cond_destroy(&engine->idle);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

/* ---- Seats ---- */

struct seat *seat_new(struct engine *engine, struct hg_worker *worker)
{
    struct seat *seat = calloc(1, sizeof *seat);

    if (!seat)
        return NULL;
    seat->engine = engine;
    seat->worker = worker;
    seat->arrival = (struct hg_call){.callback = on_arrival, .arg = seat};
    queue_init(&seat->early);
    queue_init(&seat->done);
    seat->changes_tail = &seat->changes;
    seat->reads = hg_counter(worker, "reads", "Values read.");
    seat->writes = hg_counter(worker, "writes", "Values written.");
    seat->failures = hg_counter(worker, "failures", "Operations that failed, for example because the disk is full.");
    seat->damaged = hg_counter(worker, "damaged", "Values found damaged.");
    pthread_mutex_lock(&engine->lock);
    seat->next = engine->seats;
    engine->seats = seat;
    pthread_mutex_unlock(&engine->lock);
    return seat;
}

static void give(struct seat *seat, struct hg_store_request *request)
{
    struct engine *engine = seat->engine;

    pthread_mutex_lock(&engine->lock);
    queue_put(&engine->todo, request);
    seat->pending++;
    seat->watching |= request->kind == REQUEST_WATCH;
    pthread_mutex_unlock(&engine->lock);
    wake(engine);
}

int seat_start(struct seat *seat)
{
    struct engine *engine = seat->engine;
    struct hg_store_request *request;

    pthread_mutex_lock(&engine->lock);
    seat->started = engine->started || !start_thread(engine);
    engine->started += seat->started;
    pthread_mutex_unlock(&engine->lock);
    if (!seat->started)
        return -1;
    while ((request = queue_take(&seat->early)))
        give(seat, request);
    return 0;
}

static void unlink_seat(struct seat *seat)
{
    struct seat **at = &seat->engine->seats;

    while (*at != seat)
        at = &(*at)->next;
    *at = seat->next;
}

void seat_stop(struct seat *seat)
{
    struct engine *engine = seat->engine;
    struct queue done;
    bool last;

    pthread_mutex_lock(&engine->lock);
    while (seat->pending)
        pthread_cond_wait(&engine->idle, &engine->lock);
    unlink_seat(seat);
    take_done(seat, &done);
    free_changes(seat);
    last = seat->started && !--engine->started;
    pthread_mutex_unlock(&engine->lock);
    answer_all(seat, &done);
    if (last)
        stop_thread(engine);
    hg_post_cancel(seat->worker, &seat->arrival);
    seat_free(seat);
}

void seat_submit(struct seat *seat, struct hg_store_request *request)
{
    request->seat = seat;
    if (seat->started)
        give(seat, request);
    else
        queue_put(&seat->early, request);
}

struct hg_store_watch *seat_watch(struct seat *seat, struct hg_text prefix, hg_store_changed changed, void *arg)
{
    struct hg_store_watch *watch = prefix.size > HG_STORE_KEY_MAX ? NULL : calloc(1, sizeof *watch);
    struct hg_store_request *request = watch ? request_new(REQUEST_WATCH, HG_TEXT(""), NULL, NULL) : NULL;

    if (!request) {
        free(watch);
        return NULL;
    }
    watch->changed = changed;
    watch->arg = arg;
    if (prefix.size)
        memcpy(watch->prefix, prefix.data, prefix.size);
    watch->next = seat->watches;
    seat->watches = watch;
    seat_submit(seat, request);
    return watch;
}

void seat_unwatch(struct seat *seat, struct hg_store_watch *watch)
{
    watch->changed = NULL;
    if (!seat->telling)
        sweep(seat);
}

hg_time seat_delay(struct seat *seat)
{
    struct engine *engine = seat->engine;
    hg_time delay;

    pthread_mutex_lock(&engine->lock);
    delay = engine->delay;
    pthread_mutex_unlock(&engine->lock);
    return delay;
}
