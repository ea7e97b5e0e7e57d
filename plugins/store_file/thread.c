/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/thread.h"

#include "plugins/store_file/directory.h"
#include "plugins/store_file/monotonic.h"
#include "plugins/store_file/polling.h"
#include "plugins/store_file/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* If more changes than this are pending, they are reported as one. */
#define CHANGES_MAX 1024
/* How often the folder is polled if it cannot be watched; less often if that takes long. */
#define POLLING_INTERVAL (2 * HG_SECOND)
#define LOOK_SHARE       20
/* If the kernel reports changes, others read them at once; this is what "at once" means on a busy machine. */
#define REPORT_DELAY (250 * HG_MILLISECOND)

/* A key whose value has changed. */
struct change {
    struct change *next;
    size_t size;
    char key[];
};

struct hg_store_watch {
    struct hg_store_watch *next;
    hg_store_changed changed; /* NULL: it was cancelled */
    void *arg;
    char prefix[HG_STORE_KEY_MAX + 1];
};

/* Requests in order. */
struct queue {
    struct hg_store_request *first, **tail;
};

struct handle {
    struct handle *next; /* in the thread's list */
    struct store_thread *thread;
    struct hg_worker *worker;
    struct hg_call arrival; /* posted by the thread: a request is done, or something has changed */
    /* Protected by the thread's lock: */
    bool watching;
    size_t pending; /* requests passed to the thread and not done … */
    struct queue done;
    struct change *changes, **changes_tail;
    size_t change_count;
    /* Only the worker's thread: */
    struct queue early; /* requests from before the start */
    bool started;
    bool reporting; /* watches are being called, so none may be freed */
    struct hg_store_watch *watches;
    uint64_t *reads, *writes, *failures, *damaged;
};

struct store_thread {
    struct directory directory;
    /* Only the store's thread: */
    bool watches;
    struct tree *tree;      /* NULL: it cannot be watched … */
    struct polling polling; /* … and is polled */
    hg_time next_look;
    unsigned openings; /* which opening of the folder is watched */
    pthread_mutex_t lock;
    pthread_cond_t idle; /* a handle may have no pending requests any longer */
    struct queue todo;
    struct handle *handles;
    size_t started; /* number of handles */
    hg_time delay;  /* until others notice a change, if their situation is the same */
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

/* ---- Answers to the worker ---- */

static void free_changes(struct handle *handle)
{
    while (handle->changes) {
        struct change *change = handle->changes;

        handle->changes = change->next;
        free(change);
    }
    handle->changes_tail = &handle->changes;
    handle->change_count = 0;
}

static void handle_free(struct handle *handle)
{
    free_changes(handle);
    queue_free(&handle->early);
    queue_free(&handle->done);
    while (handle->watches) {
        struct hg_store_watch *watch = handle->watches;

        handle->watches = watch->next;
        free(watch);
    }
    free(handle);
}

static void count(const struct handle *handle, const struct hg_store_request *request)
{
    enum hg_store_status status = request->answer.status;

    if (request->kind == REQUEST_GET)
        ++*handle->reads;
    else if (request->kind == REQUEST_PUT && status == HG_STORE_OK)
        ++*handle->writes;
    if (status == HG_STORE_CORRUPT)
        ++*handle->damaged;
    else if (status >= HG_STORE_NOT_WRITABLE)
        ++*handle->failures;
}

static void answer_all(const struct handle *handle, struct queue *done)
{
    struct hg_store_request *request;

    while ((request = queue_take(done))) {
        count(handle, request);
        if (request->done)
            request->done(request->arg, &request->answer);
        request_free(request);
    }
}

static void sweep(struct handle *handle)
{
    struct hg_store_watch **at = &handle->watches;

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

static void report_change(const struct handle *handle, const struct change *change)
{
    struct hg_text key = {change->key, change->size};

    for (const struct hg_store_watch *watch = handle->watches; watch; watch = watch->next)
        if (watch->changed && (!key.size || key_is_below(key, hg_text(watch->prefix))))
            watch->changed(watch->arg, key);
}

static void report_changes(struct handle *handle, struct change *changes)
{
    handle->reporting = true;
    while (changes) {
        struct change *change = changes;

        changes = change->next;
        report_change(handle, change);
        free(change);
    }
    handle->reporting = false;
    sweep(handle);
}

static void take_done(struct handle *handle, struct queue *done)
{
    queue_init(done);
    if (!handle->done.first)
        return;
    done->first = handle->done.first;
    done->tail = handle->done.tail;
    queue_init(&handle->done);
}

/* Runs in the worker's thread. */
static void on_arrival(void *arg)
{
    struct handle *handle = arg;
    struct change *changes;
    struct queue done;

    pthread_mutex_lock(&handle->thread->lock);
    take_done(handle, &done);
    changes = handle->changes;
    handle->changes = NULL;
    free_changes(handle);
    pthread_mutex_unlock(&handle->thread->lock);
    answer_all(handle, &done);
    report_changes(handle, changes);
}

/* ---- The thread ---- */

static void finish(struct store_thread *thread, struct hg_store_request *request)
{
    struct handle *handle = request->handle;

    pthread_mutex_lock(&thread->lock);
    queue_put(&handle->done, request);
    hg_post(handle->worker, &handle->arrival);
    if (!--handle->pending)
        pthread_cond_broadcast(&thread->idle);
    pthread_mutex_unlock(&thread->lock);
}

/* Requires the lock. If there is no memory, the change is reported as a change of everything, or along with the next
 * one. */
static void add_change(struct handle *handle, struct hg_text key)
{
    struct change *change;

    if (handle->change_count >= CHANGES_MAX) {
        free_changes(handle);
        key = HG_TEXT("");
    }
    change = malloc(sizeof *change + key.size);
    if (!change)
        return;
    change->next = NULL;
    change->size = key.size;
    memcpy(change->key, key.data, key.size);
    *handle->changes_tail = change;
    handle->changes_tail = &change->next;
    handle->change_count++;
    hg_post(handle->worker, &handle->arrival);
}

static void on_changed(void *arg, struct hg_text key)
{
    struct store_thread *thread = arg;

    pthread_mutex_lock(&thread->lock);
    for (struct handle *handle = thread->handles; handle; handle = handle->next)
        if (handle->started && handle->watching)
            add_change(handle, key);
    pthread_mutex_unlock(&thread->lock);
}

static void set_delay(struct store_thread *thread, hg_time delay)
{
    pthread_mutex_lock(&thread->lock);
    thread->delay = delay;
    pthread_mutex_unlock(&thread->lock);
}

/* Other processes poll the same folder, on machines that may be slower. */
static void look(struct store_thread *thread)
{
    const int root = directory_root(&thread->directory);
    const hg_time began = monotonic();
    hg_time took;

    if (!thread->polling.last)
        on_changed(thread, HG_TEXT("")); /* what changed before this is unknown */
    if (root >= 0)
        polling_look(&thread->polling, root, on_changed, thread);
    took = monotonic() - began;
    thread->next_look = began + POLLING_INTERVAL + LOOK_SHARE * took;
    set_delay(thread, (POLLING_INTERVAL + LOOK_SHARE * took) * 3 / 2);
}

static bool is_blind(const struct store_thread *thread)
{
    return thread->watches && (!thread->tree || tree_is_blind(thread->tree));
}

static void begin_to_watch(struct store_thread *thread)
{
    const struct directory *directory = &thread->directory;
    const int root = directory_root(&thread->directory);

    thread->watches = true;
    thread->openings = directory->openings;
    if (root >= 0 && polling_is_shared(root)) {
        hg_log(directory->instance, HG_LOG_INFO, "%s may be changed by other machines; polling it every %d s",
               directory->path, (int)(POLLING_INTERVAL / HG_SECOND));
    } else {
        thread->tree = tree_new(directory->instance, directory->path, on_changed, thread);
        if (!thread->tree)
            hg_log(directory->instance, HG_LOG_WARNING, "cannot watch %s: %s; polling it every %d s instead",
                   directory->path, strerror(errno), (int)(POLLING_INTERVAL / HG_SECOND));
    }
    set_delay(thread, REPORT_DELAY);
    if (is_blind(thread))
        look(thread);
}

/* The folder was removed and recreated, and so was everything in it. */
static void watch_anew(struct store_thread *thread)
{
    tree_free(thread->tree);
    thread->tree = NULL;
    begin_to_watch(thread);
    on_changed(thread, HG_TEXT(""));
}

/* How long to wait, in milliseconds; -1: indefinitely. */
static int patience(const struct store_thread *thread)
{
    const hg_time now = monotonic();

    if (!is_blind(thread))
        return -1;
    return thread->next_look > now ? (int)((thread->next_look - now) / HG_MILLISECOND) + 1 : 0;
}

static void wait(struct store_thread *thread)
{
    struct pollfd fds[] = {{thread->wake, POLLIN, 0}, {thread->tree ? tree_fd(thread->tree) : -1, POLLIN, 0}};
    uint64_t woken;

    poll(fds, 2, patience(thread));
    if (is_blind(thread) && monotonic() >= thread->next_look)
        look(thread);
    if (fds[0].revents && read(thread->wake, &woken, sizeof woken) < 0 && errno != EAGAIN)
        abort(); /* our eventfd cannot fail for any other reason */
    if (fds[1].revents)
        tree_read(thread->tree);
}

/* True: `*request` is the next one, or NULL if there is none at the moment. False: stop. */
static bool next(struct store_thread *thread, struct hg_store_request **request)
{
    bool goes_on;

    pthread_mutex_lock(&thread->lock);
    *request = queue_take(&thread->todo);
    goes_on = *request || !thread->quit;
    pthread_mutex_unlock(&thread->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct store_thread *thread = arg;
    struct hg_store_request *request;

    while (next(thread, &request)) {
        if (!request) {
            wait(thread);
            continue;
        }
        directory_do(&thread->directory, request);
        if (request->kind == REQUEST_WATCH && !thread->watches)
            begin_to_watch(thread);
        else if (thread->watches && thread->openings != thread->directory.openings)
            watch_anew(thread);
        finish(thread, request);
    }
    return NULL;
}

static void wake(const struct store_thread *thread)
{
    const uint64_t one = 1;

    if (write(thread->wake, &one, sizeof one) < 0 && errno != EAGAIN)
        abort();
}

static int start_thread(struct store_thread *thread)
{
    sigset_t all, before;
    int result;

    thread->quit = false;
    /* Signals are handled by the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&thread->thread, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result)
        hg_log(thread->directory.instance, HG_LOG_ERROR, "cannot start a thread: %s", strerror(result));
    return result ? -1 : 0;
}

static void stop_thread(struct store_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->quit = true;
    pthread_mutex_unlock(&thread->lock);
    wake(thread);
    pthread_join(thread->thread, NULL);
    tree_free(thread->tree);
    thread->tree = NULL;
    thread->watches = false;
    polling_end(&thread->polling);
    directory_close(&thread->directory);
}

struct store_thread *store_thread_new(const struct hg_instance *instance, const char *path)
{
    struct store_thread *thread = calloc(1, sizeof *thread);

    if (!thread)
        return NULL;
    thread->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (thread->wake < 0) {
        free(thread);
        return NULL;
    }
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->idle, NULL);
    queue_init(&thread->todo);
    directory_init(&thread->directory, instance, path);
    return thread;
}

void store_thread_free(struct store_thread *thread)
{
    if (!thread)
        return;
    while (thread->handles) {
        struct handle *handle = thread->handles;

        thread->handles = handle->next;
        handle_free(handle);
    }
    close(thread->wake);
    pthread_cond_destroy(&thread->idle);
    pthread_mutex_destroy(&thread->lock);
    free(thread);
}

/* ---- Handles ---- */

struct handle *handle_new(struct store_thread *thread, struct hg_worker *worker)
{
    struct handle *handle = calloc(1, sizeof *handle);

    if (!handle)
        return NULL;
    handle->thread = thread;
    handle->worker = worker;
    handle->arrival = (struct hg_call){.callback = on_arrival, .arg = handle};
    queue_init(&handle->early);
    queue_init(&handle->done);
    handle->changes_tail = &handle->changes;
    handle->reads = hg_counter(worker, "reads", "Values read.");
    handle->writes = hg_counter(worker, "writes", "Values written.");
    handle->failures = hg_counter(worker, "failures", "Operations that failed, for example because the disk is full.");
    handle->damaged = hg_counter(worker, "damaged", "Values found damaged.");
    pthread_mutex_lock(&thread->lock);
    handle->next = thread->handles;
    thread->handles = handle;
    pthread_mutex_unlock(&thread->lock);
    return handle;
}

static void give(struct handle *handle, struct hg_store_request *request)
{
    struct store_thread *thread = handle->thread;

    pthread_mutex_lock(&thread->lock);
    queue_put(&thread->todo, request);
    handle->pending++;
    handle->watching |= request->kind == REQUEST_WATCH;
    pthread_mutex_unlock(&thread->lock);
    wake(thread);
}

int handle_start(struct handle *handle)
{
    struct store_thread *thread = handle->thread;
    struct hg_store_request *request;

    pthread_mutex_lock(&thread->lock);
    handle->started = thread->started || !start_thread(thread);
    thread->started += handle->started;
    pthread_mutex_unlock(&thread->lock);
    if (!handle->started)
        return -1;
    while ((request = queue_take(&handle->early)))
        give(handle, request);
    return 0;
}

static void unlink_seat(struct handle *handle)
{
    struct handle **at = &handle->thread->handles;

    while (*at != handle)
        at = &(*at)->next;
    *at = handle->next;
}

void handle_stop(struct handle *handle)
{
    struct store_thread *thread = handle->thread;
    struct queue done;
    bool last;

    pthread_mutex_lock(&thread->lock);
    while (handle->pending)
        pthread_cond_wait(&thread->idle, &thread->lock);
    unlink_seat(handle);
    take_done(handle, &done);
    free_changes(handle);
    last = handle->started && !--thread->started;
    pthread_mutex_unlock(&thread->lock);
    answer_all(handle, &done);
    if (last)
        stop_thread(thread);
    hg_post_cancel(handle->worker, &handle->arrival);
    handle_free(handle);
}

void handle_submit(struct handle *handle, struct hg_store_request *request)
{
    request->handle = handle;
    if (handle->started)
        give(handle, request);
    else
        queue_put(&handle->early, request);
}

struct hg_store_watch *handle_watch(struct handle *handle, struct hg_text prefix, hg_store_changed changed, void *arg)
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
    watch->next = handle->watches;
    handle->watches = watch;
    handle_submit(handle, request);
    return watch;
}

void handle_unwatch(struct handle *handle, struct hg_store_watch *watch)
{
    watch->changed = NULL;
    if (!handle->reporting)
        sweep(handle);
}

hg_time handle_delay(struct handle *handle)
{
    struct store_thread *thread = handle->thread;
    hg_time delay;

    pthread_mutex_lock(&thread->lock);
    delay = thread->delay;
    pthread_mutex_unlock(&thread->lock);
    return delay;
}
