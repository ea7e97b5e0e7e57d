/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The services of the core. A plugin gets them as a table, so that a test can pass it another one, and calls them with
 * the inline functions below.
 *
 * Threads: functions that take a struct hg_worker, hg_self, hg_io, hg_timer or hg_link must be called in that worker's
 * thread; hg_log(), hg_buffer_new(), the message functions and hg_post() may be called from any thread.
 */
#ifndef HOPGATE_HOST_H
#define HOPGATE_HOST_H

#include <hopgate/buffer.h>
#include <hopgate/message.h>
#include <hopgate/metrics.h>
#include <hopgate/plugin.h>
#include <hopgate/stage.h>
#include <hopgate/transport.h>
#include <hopgate/types.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/types.h>

enum hg_level {
    HG_LOG_ERROR = 1,   /**< Something does not work and needs someone's attention. */
    HG_LOG_WARNING = 2, /**< Something is wrong, but work continues. */
    HG_LOG_INFO = 3,    /**< What an operator wants to see: starts, sessions, stops. */
    HG_LOG_DEBUG = 4,   /**< For troubleshooting. */
};

/** Watches a file descriptor. Created by hg_io_new(). */
struct hg_io;
/** A timer. Created by hg_timer_new(). */
struct hg_timer;
/** A listening socket, created by hg_listen(). */
struct hg_listener;
/** A pending name lookup. Created by hg_resolve(). */
struct hg_resolution;

enum {
    HG_READ = 1,  /**< Readable, closed by the peer, or an error is pending. */
    HG_WRITE = 2, /**< Writable. */
};

typedef void (*hg_io_callback)(void *arg, int events);
typedef void (*hg_callback)(void *arg);

/**
 * A pending call, made by hg_defer() or hg_post(). It is embedded in a struct of the caller, so neither allocates
 * memory. Set `callback` and `arg`, the rest to zero. The memory must stay valid until the call has been made or
 * cancelled.
 */
struct hg_call {
    hg_callback callback;
    void *arg;
    struct hg_call *next, *previous; /**< Private; NULL: not pending. */
    const char *plugin;              /**< Private. */
};

/**
 * Either `error` is NULL and `count` > 0, or `error` is a message for people and `count` is 0. The arrays
 * belong to the core.
 */
typedef void (*hg_resolved)(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error);

/** A capability found by hg_capability(). */
struct hg_capability {
    const void *ops;              /**< The provider's table, in the requested `version`. */
    struct hg_instance *provider; /**< The instance that offers it; see hg_capability_worker(). */
};

/** The ends of a tunnel. */
enum hg_end {
    HG_END_UNKNOWN = 0, /**< The pipeline is neither, which is a config error. */
    HG_END_GATEWAY = 1,
    HG_END_CLIENT = 2,
};

/** The table of services. Plugins call the inline functions below. */
struct hg_host {
    void (*log)(const struct hg_instance *instance, enum hg_level level, const char *format, va_list arguments);
    bool (*log_enabled)(const struct hg_instance *instance, enum hg_level level);
    void (*log_limited)(const struct hg_instance *instance, enum hg_level level, const char *source, const char *format,
                        va_list arguments);
    void (*log_failure)(struct hg_worker *worker, const struct hg_head *request, struct hg_text user,
                        const struct hg_reason *reason);

    void (*config_error)(const struct hg_instance *instance, const char *option, const char *format, va_list arguments);
    void (*config_warning)(const struct hg_instance *instance, const char *option, const char *format,
                           va_list arguments);
    void (*reads_file)(const struct hg_instance *instance, const char *option, const char *path, bool again);
    bool (*run_as)(const struct hg_instance *instance, uid_t *user, gid_t *group);
    enum hg_end (*end)(const struct hg_instance *instance);

    struct hg_buffer *(*buffer_new)(size_t capacity);
    struct hg_head *(*head_new)(enum hg_head_kind kind);
    void (*head_free)(struct hg_head *head);
    struct hg_fields *(*fields_new)(void);
    void (*fields_free)(struct hg_fields *fields);
    int (*head_set)(struct hg_head *head, struct hg_text *member, struct hg_text value);
    int (*field_add)(struct hg_fields *fields, struct hg_text name, struct hg_text value);
    size_t (*field_remove)(struct hg_fields *fields, struct hg_text name);

    hg_time (*now)(struct hg_worker *worker);
    struct hg_timer *(*timer_new)(struct hg_worker *worker, hg_callback callback, void *arg);
    void (*timer_set)(struct hg_timer *timer, hg_time delay);
    void (*timer_stop)(struct hg_timer *timer);
    void (*timer_free)(struct hg_timer *timer);
    struct hg_io *(*io_new)(struct hg_worker *worker, int fd, hg_io_callback callback, void *arg);
    void (*io_set)(struct hg_io *io, int events);
    void (*io_free)(struct hg_io *io);
    void (*defer)(struct hg_worker *worker, struct hg_call *call);
    void (*post)(struct hg_worker *worker, struct hg_call *call);
    void (*post_cancel)(struct hg_worker *worker, struct hg_call *call);
    struct hg_worker *(*sibling)(const struct hg_worker *worker);

    struct hg_listener *(*listen)(struct hg_instance *instance, const char *option, const struct hg_address *address,
                                  int socket_type);
    size_t (*listener_sockets)(const struct hg_listener *listener, int *fds, size_t capacity);
    size_t (*listener_fds)(struct hg_worker *worker, const struct hg_listener *listener, int *fds, size_t capacity);
    bool (*networks_match)(const struct hg_networks *networks, const struct sockaddr *address);
    struct hg_resolution *(*resolve)(struct hg_worker *worker, const char *host, uint16_t port, hg_resolved callback,
                                     void *arg);
    void (*resolve_cancel)(struct hg_resolution *resolution);

    bool (*capability)(struct hg_instance *instance, const char *name, uint32_t version, struct hg_capability *found);
    struct hg_worker *(*worker_of)(struct hg_worker *worker, const struct hg_instance *instance);
    void *(*metric)(struct hg_worker *worker, const struct hg_metric *metric, const struct hg_label *labels);
    void (*metrics_read)(struct hg_worker *worker, hg_series_visitor visit, void *arg);

    struct hg_self *(*exchange_open)(struct hg_worker *edge, struct hg_head *request, void *state);
    size_t (*emit_head)(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
    size_t (*emit)(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
    void (*emit_end)(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
    void (*flush)(struct hg_self *self, enum hg_direction direction);
    size_t (*credit)(struct hg_self *self, enum hg_direction direction);
    void (*resume)(struct hg_self *self, enum hg_direction direction);
    void (*reset)(struct hg_self *self, const struct hg_reason *reason);
    void (*break_off)(struct hg_self *self, const struct hg_reason *reason);
    void (*set_target)(struct hg_self *self, const struct hg_target *target);
    void (*set_service)(struct hg_self *self, const struct hg_service *service);
    void (*set_tls)(struct hg_self *self, const struct hg_tls *tls);
    bool (*target_served)(struct hg_worker *worker, const struct hg_target *target);

    struct hg_link *(*link_accept)(struct hg_worker *transport);
    void (*link_up)(struct hg_link *link, void *handle, const struct hg_link_info *info);
    void (*link_down)(struct hg_link *link, const char *reason);
    void (*link_packet)(struct hg_link *link, uint64_t packet_number, const uint8_t *packet, size_t size);
    void (*link_batch_end)(struct hg_link *link);
    void (*link_writable)(struct hg_link *link);
    void (*link_set_max_packet)(struct hg_link *link, size_t max_packet);
    void (*link_set_probe_max)(struct hg_link *link, size_t probe_max);
    void (*link_check)(struct hg_link *link);
    void (*link_renew)(struct hg_link *link);

    void (*finish)(struct hg_worker *worker, int exit_code);
};

/* ---- Messages to people ---- */

/** Logs a line under the plugin's name. No trailing newline, no secrets. */
__attribute__((cold, format(printf, 3, 4))) static inline void hg_log(const struct hg_instance *instance,
                                                                      enum hg_level level, const char *format, ...)
{
    va_list arguments;

    if (!instance->host->log_enabled(instance, level))
        return;
    va_start(arguments, format);
    instance->host->log(instance, level, format, arguments);
    va_end(arguments);
}

/**
 * Like hg_log(), for lines that outsiders could otherwise cause without bound. Of those with the same format and
 * `source` (an address, whose port is ignored, a name or another text; NULL: no particular source), a few are logged
 * each minute, and a limited number for all sources together; the others are counted, and a line reports their number:
 * "… (repeated 17 times in the last minute)".
 */
__attribute__((cold, format(printf, 4, 5))) static inline void
hg_log_limited(const struct hg_instance *instance, enum hg_level level, const char *source, const char *format, ...)
{
    va_list arguments;

    if (!instance->host->log_enabled(instance, level))
        return;
    va_start(arguments, format);
    instance->host->log_limited(instance, level, source, format, arguments);
    va_end(arguments);
}

/**
 * Logs a failed request that never became an exchange; for exchanges, hg_reset() logs the failure. `request` is NULL if
 * nothing is known of it; `user` is the public user's address and port. Can also be used to explain a service's
 * response that is passed on unchanged: give the explanation as `reason->detail`, with the response's status.
 */
static inline void hg_log_failure(struct hg_worker *worker, const struct hg_head *request, struct hg_text user,
                                  const struct hg_reason *reason)
{
    worker->host->log_failure(worker, request, user, reason);
}

/**
 * Reports a config error, in configure() or prepare(). The core adds file:line:column. `option` is the option's name,
 * with a path into lists and maps ("routes[2].to"); NULL: the whole block. Say what is wrong and what to do.
 * Returns -1, for the caller to return.
 */
__attribute__((cold, format(printf, 3, 4))) static inline int
hg_config_error(const struct hg_instance *instance, const char *option, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    instance->host->config_error(instance, option, format, arguments);
    va_end(arguments);
    return -1;
}

/** Reports a possible problem in the config, in configure() or hg_plugin.examine: like hg_config_error(), but without
 * failing; returns 0. */
__attribute__((cold, format(printf, 3, 4))) static inline int
hg_config_warning(const struct hg_instance *instance, const char *option, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    instance->host->config_warning(instance, option, format, arguments);
    va_end(arguments);
    return 0;
}

/**
 * Announces, in configure(), a file that the instance reads; `again`: it will be reread later, when it has changed. The
 * core checks that the user that the program becomes can still read it then, and otherwise reports a config error at
 * `option`: not starting is better than running with a certificate that cannot be reloaded.
 */
static inline void hg_reads_file(const struct hg_instance *instance, const char *option, const char *path, bool again)
{
    instance->host->reads_file(instance, option, path, again);
}

/* ---- Memory ---- */

/** Allocates a buffer with a reference count of one, its bytes uninitialized. NULL when out of memory. */
static inline struct hg_buffer *hg_buffer_new(const struct hg_host *host, size_t capacity)
{
    return host->buffer_new(capacity);
}

/** Creates an empty head: `length` is HG_LENGTH_NONE, `version` 1.1. NULL when out of memory. */
static inline struct hg_head *hg_head_new(const struct hg_host *host, enum hg_head_kind kind)
{
    return host->head_new(kind);
}

/** Frees a head that has not been emitted. NULL is allowed. */
static inline void hg_head_free(const struct hg_host *host, struct hg_head *head)
{
    host->head_free(head);
}

/** Creates an empty set of fields, for trailers. NULL when out of memory. */
static inline struct hg_fields *hg_fields_new(const struct hg_host *host)
{
    return host->fields_new();
}

/** Frees fields created by hg_fields_new() that have not been emitted. NULL is allowed. */
static inline void hg_fields_free(const struct hg_host *host, struct hg_fields *fields)
{
    host->fields_free(fields);
}

/**
 * Copies `value` into the memory of `head` and points `*member` to it: one of the head's own texts, or the name or
 * value of one of its fields. Values that would split the message are refused: a method or field name that is not a
 * token; a path, authority, scheme, id or connection with a space or control character; and CR, LF or NUL anywhere (RFC
 * 9112 section 2.2). 0, or -1 with errno EINVAL or ENOMEM; the member is then unchanged.
 */
static inline int hg_head_set(const struct hg_host *host, struct hg_head *head, struct hg_text *member,
                              struct hg_text value)
{
    return host->head_set(head, member, value);
}

/**
 * Appends a field; both texts are copied. 0, or -1 with errno: ENOMEM, or EINVAL if `name` is not a token (RFC 9110
 * section 5.1) or `value` contains CR, LF or NUL (section 5.5), which would split the message; nothing is added then.
 */
static inline int hg_field_add(const struct hg_host *host, struct hg_fields *fields, struct hg_text name,
                               struct hg_text value)
{
    return host->field_add(fields, name, value);
}

/** Removes all fields with that name; returns how many. */
static inline size_t hg_field_remove(const struct hg_host *host, struct hg_fields *fields, struct hg_text name)
{
    return host->field_remove(fields, name);
}

/* ---- Time, descriptors, threads ---- */

/** The monotonic clock, as it was when the worker's loop woke up. */
static inline hg_time hg_now(struct hg_worker *worker)
{
    return worker->host->now(worker);
}

/** Creates a timer that is not running. NULL when out of memory. */
static inline struct hg_timer *hg_timer_new(struct hg_worker *worker, hg_callback callback, void *arg)
{
    return worker->host->timer_new(worker, callback, arg);
}

/**
 * Calls `callback` once, `delay` from now; a running timer is restarted. Postponing a deadline is cheap: feel free to
 * call this for every bit of progress. With a delay of 0, the call is made in the next turn of the loop. If a deadline
 * is more than 10 ms late because the process was stopped or busy, descriptors are served once more first, as data that
 * arrived in time may restart or stop the timer.
 */
static inline void hg_timer_set(const struct hg_host *host, struct hg_timer *timer, hg_time delay)
{
    host->timer_set(timer, delay);
}

/** Stops a timer; its callback will not be called. */
static inline void hg_timer_stop(const struct hg_host *host, struct hg_timer *timer)
{
    host->timer_stop(timer);
}

/** Stops and frees a timer. NULL is allowed. May be called in the timer's own callback. */
static inline void hg_timer_free(const struct hg_host *host, struct hg_timer *timer)
{
    if (timer)
        host->timer_free(timer);
}

/**
 * Starts watching a descriptor, initially for nothing. The caller still owns the descriptor. NULL when out of memory.
 */
static inline struct hg_io *hg_io_new(struct hg_worker *worker, int fd, hg_io_callback callback, void *arg)
{
    return worker->host->io_new(worker, fd, callback, arg);
}

/**
 * Sets what to watch for: HG_READ, HG_WRITE, both or 0. Level-triggered. Setting the same value again costs nothing.
 */
static inline void hg_io_set(const struct hg_host *host, struct hg_io *io, int events)
{
    host->io_set(io, events);
}

/** Stops watching; call it before close(). NULL is allowed. May be called in its own callback. */
static inline void hg_io_free(const struct hg_host *host, struct hg_io *io)
{
    if (io)
        host->io_free(io);
}

/**
 * Makes the call at the end of this turn of the loop: after all input has been handled and the exchanges have run,
 * before the loop waits. So work left over by several callbacks of a turn, such as writing, is done once. A call that
 * is already pending keeps its place; a call deferred by a deferred call is made in the next turn, which follows at
 * once.
 */
static inline void hg_defer(struct hg_worker *worker, struct hg_call *call)
{
    if (!call->next)
        worker->host->defer(worker, call);
}

/** Whether a deferred call is pending. */
static inline bool hg_is_deferred(const struct hg_call *call)
{
    return call->next != NULL;
}

/** Cancels a deferred call. Does nothing if it is not pending. */
static inline void hg_defer_cancel(struct hg_call *call)
{
    if (!call->next)
        return;
    call->next->previous = call->previous;
    call->previous->next = call->next;
    call->next = call->previous = NULL;
}

/**
 * Makes the call in the worker's thread, soon, but never within hg_post(). May be called from any thread, between the
 * worker's worker_start() and the end of its worker_stop(). Posting a call that is already pending does nothing: it is
 * made once, and sees what was written before the last hg_post().
 */
static inline void hg_post(struct hg_worker *worker, struct hg_call *call)
{
    worker->host->post(worker, call);
}

/** Cancels a posted call, in the worker's thread. Does nothing if it is not pending. */
static inline void hg_post_cancel(struct hg_worker *worker, struct hg_call *call)
{
    worker->host->post_cancel(worker, call);
}

/**
 * The same instance in the next worker: following it again and again goes through all workers and back to the first. A
 * single worker is its own sibling. May be called from worker_start() on. From the thread of another worker, a sibling
 * may only be passed to hg_post() and hg_sibling().
 */
static inline struct hg_worker *hg_sibling(const struct hg_worker *worker)
{
    return worker->host->sibling(worker);
}

/** Ends hg_plugin.command, with whose code the program exits, or hg_plugin.examine. */
static inline void hg_finish(struct hg_worker *worker, int exit_code)
{
    worker->host->finish(worker, exit_code);
}

/**
 * The user that the program becomes after prepare(), for things that should belong to that user; in configure() or
 * later. Returns false and sets nothing if the config names no user.
 */
static inline bool hg_run_as(const struct hg_instance *instance, uid_t *user, gid_t *group)
{
    return instance->host->run_as(instance, user, group);
}

/**
 * Which end of a tunnel the pipeline is, in configure() or later, so that a plugin used at both ends can refuse options
 * meant for the other one.
 */
static inline enum hg_end hg_end(const struct hg_instance *instance)
{
    return instance->host->end(instance);
}

/* ---- Sockets and names ---- */

/**
 * Binds a listening socket (SOCK_STREAM or SOCK_DGRAM) in prepare(). The host `*` means IPv6 and IPv4. NULL after
 * reporting a config error at `option`: in use, not allowed, not a local address, a name with more than two addresses.
 * The core keeps and closes the sockets.
 */
static inline struct hg_listener *hg_listen(struct hg_instance *instance, const char *option,
                                            const struct hg_address *address, int socket_type)
{
    return instance->host->listen(instance, option, address, socket_type);
}

/**
 * All descriptors of a listener, for all workers, in prepare(): for socket options that need privileges. Fills `fds`
 * and returns how many there are; call it with a capacity of 0 to find out.
 */
static inline size_t hg_listener_sockets(const struct hg_instance *instance, const struct hg_listener *listener,
                                         int *fds, size_t capacity)
{
    return instance->host->listener_sockets(listener, fds, capacity);
}

/** This worker's descriptors of a listener, non-blocking: fills `fds`, up to `capacity`, and returns how many were
 * filled (1 or 2). */
static inline size_t hg_listener_fds(struct hg_worker *worker, const struct hg_listener *listener, int *fds,
                                     size_t capacity)
{
    return worker->host->listener_fds(worker, listener, fds, capacity);
}

/**
 * Looks up a name without blocking. Literals need no lookup but are handled the same way: `callback` is called once,
 * never within hg_resolve(). NULL when out of memory.
 */
static inline struct hg_resolution *hg_resolve(struct hg_worker *worker, const char *host, uint16_t port,
                                               hg_resolved callback, void *arg)
{
    return worker->host->resolve(worker, host, port, callback, arg);
}

/** Cancels a lookup: the callback will not be called. Only before it has been. */
static inline void hg_resolve_cancel(const struct hg_host *host, struct hg_resolution *resolution)
{
    host->resolve_cancel(resolution);
}

/**
 * Whether an address belongs to one of the networks of an option (HG_OPTION_NETWORK, <hopgate/option.h>); its port is
 * ignored. False if `networks` is NULL. From any thread; takes less than 1 us with 100,000 networks.
 */
static inline bool hg_networks_match(const struct hg_host *host, const struct hg_networks *networks,
                                     const struct sockaddr *address)
{
    return networks && host->networks_match(networks, address);
}

/* ---- Capabilities, metrics ---- */

/**
 * Finds the provider of a capability; in configure() or later. False if nothing in the pipeline offers it
 * in that version. In configure() the result only shows that it exists: call its operations from worker_start() on,
 * unless their description says otherwise.
 */
static inline bool hg_capability(struct hg_instance *instance, const char *name, uint32_t version,
                                 struct hg_capability *found)
{
    return instance->host->capability(instance, name, version, found);
}

/** The provider's struct hg_worker in the same thread as `worker`. */
static inline struct hg_worker *hg_capability_worker(struct hg_worker *worker, const struct hg_capability *capability)
{
    return worker->host->worker_of(worker, capability->provider);
}

/**
 * A counter or gauge: the plugin may store into it at any time, in the worker's thread (<hopgate/metrics.h>). `labels`
 * may be NULL. The same metric and labels return the same pointer. Never NULL: when out of memory the program ends.
 */
static inline uint64_t *hg_metric(struct hg_worker *worker, const struct hg_metric *metric,
                                  const struct hg_label *labels)
{
    return (uint64_t *)worker->host->metric(worker, metric, labels);
}

/** A histogram, for hg_observe(). See hg_metric(). */
static inline struct hg_histogram *hg_histogram(struct hg_worker *worker, const struct hg_metric *metric,
                                                const struct hg_label *labels)
{
    return (struct hg_histogram *)worker->host->metric(worker, metric, labels);
}

/** A counter without a unit or labels. */
static inline uint64_t *hg_counter(struct hg_worker *worker, const char *name, const char *help)
{
    return hg_metric(worker, &(struct hg_metric){.name = name, .kind = HG_METRIC_COUNTER, .help = help}, NULL);
}

/** A gauge; `labels` may be NULL. */
static inline uint64_t *hg_gauge(struct hg_worker *worker, const char *name, const struct hg_label *labels,
                                 const char *help)
{
    return hg_metric(worker, &(struct hg_metric){.name = name, .kind = HG_METRIC_GAUGE, .help = help}, labels);
}

/**
 * Calls `visit` for each series that an instance has in this worker's thread, including those of the core; all series
 * of a metric of one instance come one after the other. For plugins that publish them, such as a page for Prometheus.
 * `visit` must not create any.
 */
static inline void hg_metrics_read(struct hg_worker *worker, hg_series_visitor visit, void *arg)
{
    worker->host->metrics_read(worker, visit, arg);
}

/* ---- Exchanges ---- */

/**
 * Opens an exchange, for an edge. The exchange takes ownership of `request` and passes it down; send data and the end
 * with hg_emit() and hg_emit_end() on the result. `state` becomes self->state and is owned by the edge, whose self_size
 * must be 0. NULL when out of memory: the caller still owns `request`. No callback runs before it returns.
 */
static inline struct hg_self *hg_exchange_open(struct hg_worker *edge, struct hg_head *request, void *state)
{
    return edge->host->exchange_open(edge, request, state);
}

/**
 * Emits a head, which the exchange then owns. Only for its creator: a stage that answered TAKEN, or an origin; an edge
 * passes its head to hg_exchange_open(). Heads that merely pass through a stage do not need it. Returns the credit for
 * data.
 */
static inline size_t hg_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    return self->host->emit_head(self, direction, head);
}

/**
 * Emits data, taking a reference on its buffer. Returns the remaining credit: how many bytes may still be emitted. At
 * 0, wait for `writable`. Emitting more than the credit is a bug in the stage and resets the exchange.
 */
static inline size_t hg_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    return self->host->emit(self, direction, slice);
}

/** Emits the end of a message. `trailers`, which may be NULL, pass to the exchange. Needs no credit. */
static inline void hg_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    self->host->emit_end(self, direction, trailers);
}

/**
 * Says that there is no more data for now, so that stages further on that collect data pass it on (see `flush` of
 * struct hg_stage_ops). For stages that produce or collect data. Costs next to nothing if no stage collects any.
 */
static inline void hg_flush(struct hg_self *self, enum hg_direction direction)
{
    self->host->flush(self, direction);
}

/** How many bytes may be emitted now. If it returns 0 and the exchange is not over, `writable` will be called. */
static inline size_t hg_credit(struct hg_self *self, enum hg_direction direction)
{
    return self->host->credit(self, direction);
}

/** Continues after PAUSE, or asks for the data left by a short count again. */
static inline void hg_resume(struct hg_self *self, enum hg_direction direction)
{
    self->host->resume(self, direction);
}

/** Ends the exchange early and drops its queued events. All other stages get `reset`, and then all get `detach`. */
static inline void hg_reset(struct hg_self *self, const struct hg_reason *reason)
{
    self->host->reset(self, reason);
}

/**
 * Breaks off a response: like hg_reset(), but everything that the caller has emitted up so far is delivered first,
 * however slowly it is read. The caller and the stages below it are detached at once.
 */
static inline void hg_break_off(struct hg_self *self, const struct hg_reason *reason)
{
    self->host->break_off(self, reason);
}

/** Sets where the exchange goes. For routes. The texts must live as long as the instance. */
static inline void hg_set_target(struct hg_self *self, const struct hg_target *target)
{
    self->host->set_target(self, target);
}

/**
 * Describes the TLS of the user's connection. For edges, after hg_exchange_open(). `tls` and its texts must live until
 * the edge is detached.
 */
static inline void hg_set_tls(struct hg_self *self, const struct hg_tls *tls)
{
    self->host->set_tls(self, tls);
}

/**
 * On a gateway: whether the target's client may serve the target's service and has a session that is not draining, even
 * if it has just lost its link.
 */
static inline bool hg_target_served(struct hg_worker *worker, const struct hg_target *target)
{
    return worker->host->target_served(worker, target);
}

/* ---- Links: for transports ---- */

/** A peer has opened a link to a listening transport; hg_link_up() or hg_link_down() follows. NULL: refuse it. */
static inline struct hg_link *hg_link_accept(struct hg_worker *transport)
{
    return transport->host->link_accept(transport);
}

/** The handshake is complete: packets may now be sent. Nothing is sent within the call. */
static inline void hg_link_up(struct hg_worker *transport, struct hg_link *link, void *handle,
                              const struct hg_link_info *info)
{
    transport->host->link_up(link, handle, info);
}

/** The link has ended, or could not be opened. `reason` is for people. The link must not be used afterwards. */
static inline void hg_link_down(struct hg_worker *transport, struct hg_link *link, const char *reason)
{
    transport->host->link_down(link, reason);
}

/**
 * A packet has arrived. The bytes belong to the transport and are valid during the call. The core calls no operation of
 * the transport within it.
 */
static inline void hg_link_packet(struct hg_worker *transport, struct hg_link *link, uint64_t packet_number,
                                  const uint8_t *packet, size_t size)
{
    transport->host->link_packet(link, packet_number, packet, size);
}

/**
 * All packets that had arrived for this link have been passed on. The core responds with ops->send(), flush() and
 * close() at the end of this turn of the loop, never within this call.
 */
static inline void hg_link_batch_end(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_batch_end(link);
}

/** ops->send() had refused a packet and would now accept one. The core sends at the end of this turn of the loop. */
static inline void hg_link_writable(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_writable(link);
}

/**
 * According to the kernel or a router, the path's limit has changed: packets above `max_packet` bytes no longer pass.
 * If the core probes, it takes this as a hint: it goes down to that size and searches for the real limit later.
 */
static inline void hg_link_set_max_packet(struct hg_worker *transport, struct hg_link *link, size_t max_packet)
{
    transport->host->link_set_max_packet(link, max_packet);
}

/**
 * The limit of the local interface, and thus the largest packet worth probing for, has changed: larger packets cannot
 * be sent at all.
 */
static inline void hg_link_set_probe_max(struct hg_worker *transport, struct hg_link *link, size_t probe_max)
{
    transport->host->link_set_probe_max(link, probe_max);
}

/**
 * Checks whether the peer is alive: call it on any sign that the peer has lost the link or the path has changed, even
 * one that anyone could forge. A client pings the peer at once, but at most once a second, and acts only on the answer
 * or its absence; a gateway does nothing. Calls ops->send() and flush() later, never within.
 */
static inline void hg_link_check(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_check(link);
}

/**
 * The link's keys should not protect more data than they already have: the core of a client opens another link and
 * moves the session to it; this one is used until then. Call it once per link. No callback runs before it returns. Does
 * nothing on a gateway.
 */
static inline void hg_link_renew(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_renew(link);
}

#endif
