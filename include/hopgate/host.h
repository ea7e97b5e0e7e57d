/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The services of the core. They reach a plugin as one table, so that a test can hand it another one; the inline
 * functions below are how a plugin calls them.
 *
 * Threads: everything that takes a struct hg_worker, hg_self, hg_io, hg_timer or hg_link must be called in that
 * worker's thread; hg_log(), hg_buffer_new(), the message functions and hg_post() from anywhere.
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
    HG_LOG_ERROR = 1,   /**< Something does not work and a person must act. */
    HG_LOG_WARNING = 2, /**< Something is wrong but goes on. */
    HG_LOG_INFO = 3,    /**< What an operator wants to see: starts, sessions, stops. */
    HG_LOG_DEBUG = 4,   /**< For finding faults. */
};

/** Watching a file descriptor. Made by hg_io_new(). */
struct hg_io;
/** A timer. Made by hg_timer_new(). */
struct hg_timer;
/** A listening socket, as promised by hg_listen(). */
struct hg_listener;
/** A name lookup that goes on. Made by hg_resolve(). */
struct hg_resolution;

enum {
    HG_READ = 1,  /**< Readable, or the peer has closed, or an error waits. */
    HG_WRITE = 2, /**< Writable. */
};

typedef void (*hg_io_callback)(void *arg, int events);
typedef void (*hg_callback)(void *arg);

/**
 * A call that is to come, by hg_defer() or by hg_post(). It lives in a struct of the caller's, so neither allocates
 * memory; set `callback` and `arg`, the rest to zero. Before its memory goes the call must have come or be cancelled.
 */
struct hg_call {
    hg_callback callback;
    void *arg;
    struct hg_call *next, *previous; /**< Private; NULL: it does not wait. */
    const char *plugin;              /**< Private. */
};

/** `error` is NULL and `count` > 0, or it says what failed ("no such host") and `count` is 0. Arrays are the core's. */
typedef void (*hg_resolved)(void *arg, const struct hg_sockaddr *addresses, size_t count, const char *error);

/** A capability that was found. */
struct hg_capability {
    const void *ops;              /**< The provider's table, of the `version` asked for. */
    struct hg_instance *provider; /**< Who offers it; see hg_capability_worker(). */
};

/** The ends of a tunnel. */
enum hg_end {
    HG_END_UNKNOWN = 0, /**< The pipeline is neither, which is a config error. */
    HG_END_GATEWAY = 1,
    HG_END_CLIENT = 2,
};

/** The services as functions. Plugins call the inline functions below. */
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

/* ---- Telling people ---- */

/** Writes a line to the log, under the plugin's name. No trailing newline, no secrets. */
__attribute__((format(printf, 3, 4))) static inline void hg_log(const struct hg_instance *instance, enum hg_level level,
                                                                const char *format, ...)
{
    va_list arguments;

    if (!instance->host->log_enabled(instance, level))
        return;
    va_start(arguments, format);
    instance->host->log(instance, level, format, arguments);
    va_end(arguments);
}

/**
 * As hg_log(), for a line that whoever is outside can cause without bound. Of those with the same format and `source`
 * (an address, whose port does not count, or a name; NULL: nobody in particular) a few are written each minute; the
 * others are counted, and a line says how many there were: "… (repeated 17 times in the last minute)".
 */
__attribute__((format(printf, 4, 5))) static inline void
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
 * Logs a request that failed and never became an exchange: hg_reset() logs by itself. `request` is NULL where nothing
 * of it is known; `user` is the public user's address and port. Also for an answer of a service that stands,
 * but needs an explanation: `reason->detail`, with the status of the answer.
 */
static inline void hg_log_failure(struct hg_worker *worker, const struct hg_head *request, struct hg_text user,
                                  const struct hg_reason *reason)
{
    worker->host->log_failure(worker, request, user, reason);
}

/**
 * Tells a fault of the config, in configure() or prepare(). The core adds file:line:column. `option` is the option's
 * name, with a path into lists and maps ("routes[2].to"); NULL: the block as a whole. Say what is wrong and what to do.
 */
__attribute__((format(printf, 3, 4))) static inline void hg_config_error(const struct hg_instance *instance,
                                                                         const char *option, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    instance->host->config_error(instance, option, format, arguments);
    va_end(arguments);
}

/** Tells a doubt about the config, in hg_plugin.examine: as hg_config_error(), but it fails nothing. */
__attribute__((format(printf, 3, 4))) static inline void hg_config_warning(const struct hg_instance *instance,
                                                                           const char *option, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    instance->host->config_warning(instance, option, format, arguments);
    va_end(arguments);
}

/**
 * Names a file that the instance reads, in configure(); `again`: also later, when it has changed. The core sees to it
 * that the user whom the program becomes can read it then, and tells a config error at `option` otherwise: hopgate
 * refuses to start rather than go on with a certificate that nobody can renew.
 */
static inline void hg_reads_file(const struct hg_instance *instance, const char *option, const char *path, bool again)
{
    instance->host->reads_file(instance, option, path, again);
}

/* ---- Memory ---- */

/** A buffer with a count of one, its bytes not yet written. NULL when out of memory. */
static inline struct hg_buffer *hg_buffer_new(const struct hg_host *host, size_t capacity)
{
    return host->buffer_new(capacity);
}

/** An empty head: `length` is HG_LENGTH_NONE, `version` 1.1. NULL when out of memory. */
static inline struct hg_head *hg_head_new(const struct hg_host *host, enum hg_head_kind kind)
{
    return host->head_new(kind);
}

/** Frees a head that was not emitted. NULL is allowed. */
static inline void hg_head_free(const struct hg_host *host, struct hg_head *head)
{
    host->head_free(head);
}

/** An empty set of fields, for trailers. NULL when out of memory. */
static inline struct hg_fields *hg_fields_new(const struct hg_host *host)
{
    return host->fields_new();
}

/** Frees fields that hg_fields_new() made and that were not emitted. NULL is allowed. */
static inline void hg_fields_free(const struct hg_host *host, struct hg_fields *fields)
{
    host->fields_free(fields);
}

/**
 * Copies `value` into the memory of `head` and lets `*member` show it: one of the head's own texts, or the name or
 * value of one of its fields. What would split the message is refused: a method or field name that is no token, a path,
 * authority, scheme, id or connection with a space or control character, and CR, LF or NUL anywhere (RFC 9112
 * section 2.2). 0, or -1 with errno EINVAL or ENOMEM; the member is then unchanged.
 */
static inline int hg_head_set(const struct hg_host *host, struct hg_head *head, struct hg_text *member,
                              struct hg_text value)
{
    return host->head_set(head, member, value);
}

/**
 * Appends a field; both texts are copied. 0, or -1 with errno: ENOMEM, or EINVAL where `name` is no token (RFC 9110
 * section 5.1) or `value` holds CR, LF or NUL (section 5.5), so that nobody can split a message; nothing is added then.
 */
static inline int hg_field_add(const struct hg_host *host, struct hg_fields *fields, struct hg_text name,
                               struct hg_text value)
{
    return host->field_add(fields, name, value);
}

/** Removes all fields of that name; returns how many. */
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

/** A timer that is not running. NULL when out of memory. */
static inline struct hg_timer *hg_timer_new(struct hg_worker *worker, hg_callback callback, void *arg)
{
    return worker->host->timer_new(worker, callback, arg);
}

/**
 * Lets `callback` be called once, `delay` from now; a running timer is set anew. Moving a deadline later is cheap: call
 * it for each piece of progress without a thought. With a delay of 0 it is called in the next turn of the loop. A
 * deadline that is met more than 10 ms late, since the process was stopped or busy, first lets descriptors be served
 * once more: what came in time may set the timer anew or stop it.
 */
static inline void hg_timer_set(const struct hg_host *host, struct hg_timer *timer, hg_time delay)
{
    host->timer_set(timer, delay);
}

/** Stops a timer; its callback is not called any more. */
static inline void hg_timer_stop(const struct hg_host *host, struct hg_timer *timer)
{
    host->timer_stop(timer);
}

/** Stops and frees a timer. NULL is allowed. May be called in its own callback. */
static inline void hg_timer_free(const struct hg_host *host, struct hg_timer *timer)
{
    if (timer)
        host->timer_free(timer);
}

/** Watches a descriptor, at first for nothing. The descriptor stays the caller's. NULL when out of memory. */
static inline struct hg_io *hg_io_new(struct hg_worker *worker, int fd, hg_io_callback callback, void *arg)
{
    return worker->host->io_new(worker, fd, callback, arg);
}

/** What to watch for: HG_READ, HG_WRITE, both or 0. Level-triggered. The same value again costs nothing. */
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
 * Makes the call at the end of this turn of the loop: after everything that came in has been handled and the exchanges
 * have run, before the loop waits. So what several callbacks of a turn leave to do, such as writing, is done once. A
 * call that waits already stays where it is; one that is deferred by a deferred call comes in the next turn, which
 * begins at once.
 */
static inline void hg_defer(struct hg_worker *worker, struct hg_call *call)
{
    if (!call->next)
        worker->host->defer(worker, call);
}

/** Whether a deferred call is still to come. */
static inline bool hg_is_deferred(const struct hg_call *call)
{
    return call->next != NULL;
}

/** The deferred call will not come. Does nothing where it does not wait. */
static inline void hg_defer_cancel(struct hg_call *call)
{
    if (!call->next)
        return;
    call->next->previous = call->previous;
    call->previous->next = call->next;
    call->next = call->previous = NULL;
}

/**
 * Makes the call in the worker's thread, soon, never within hg_post(). May be called from any thread, between the
 * worker's worker_start() and the end of its worker_stop(). Posting a call that waits already does nothing: it comes
 * once, and sees what was written before the last hg_post().
 */
static inline void hg_post(struct hg_worker *worker, struct hg_call *call)
{
    worker->host->post(worker, call);
}

/** The posted call will not come. In the worker's thread; does nothing where it does not wait. */
static inline void hg_post_cancel(struct hg_worker *worker, struct hg_call *call)
{
    worker->host->post_cancel(worker, call);
}

/**
 * The same instance in the next worker: asked again and again it goes round through all workers and comes back to the
 * first. Where there is one worker it is its own sibling. From worker_start() on; from the thread of one, a sibling is
 * good for hg_post() and hg_sibling() alone.
 */
static inline struct hg_worker *hg_sibling(const struct hg_worker *worker)
{
    return worker->host->sibling(worker);
}

/** Ends what hg_plugin.command has begun; the program then ends with that exit code. Only there. */
static inline void hg_finish(struct hg_worker *worker, int exit_code)
{
    worker->host->finish(worker, exit_code);
}

/**
 * Whom the program becomes after prepare(), for what is to be given to that user; in configure() or later. False, and
 * nothing is set: it stays who it is.
 */
static inline bool hg_run_as(const struct hg_instance *instance, uid_t *user, gid_t *group)
{
    return instance->host->run_as(instance, user, group);
}

/**
 * Which end of a tunnel the pipeline is, in configure() or later, so that a plugin that stands at both ends can refuse
 * the options of the other one.
 */
static inline enum hg_end hg_end(const struct hg_instance *instance)
{
    return instance->host->end(instance);
}

/* ---- Sockets and names ---- */

/**
 * Binds a listening socket (SOCK_STREAM or SOCK_DGRAM) in prepare(). `*` as host: IPv6 and IPv4. NULL after a config
 * error at `option` was told: taken, not allowed, no such address, a name with more than two. The core keeps and closes
 * the sockets.
 */
static inline struct hg_listener *hg_listen(struct hg_instance *instance, const char *option,
                                            const struct hg_address *address, int socket_type)
{
    return instance->host->listen(instance, option, address, socket_type);
}

/**
 * All descriptors of a listener, whichever worker they will belong to, in prepare(): to set what needs privileges.
 * Fills `fds` and returns how many there are; call it with no capacity to learn that.
 */
static inline size_t hg_listener_sockets(const struct hg_instance *instance, const struct hg_listener *listener,
                                         int *fds, size_t capacity)
{
    return instance->host->listener_sockets(listener, fds, capacity);
}

/** This worker's descriptors of a listener, non-blocking: fills `fds` and returns how many there are (1 or 2). */
static inline size_t hg_listener_fds(struct hg_worker *worker, const struct hg_listener *listener, int *fds,
                                     size_t capacity)
{
    return worker->host->listener_fds(worker, listener, fds, capacity);
}

/**
 * Looks a name up without blocking. Literals need no lookup but are answered in the same way: `callback` is called
 * once, never within hg_resolve(). NULL when out of memory.
 */
static inline struct hg_resolution *hg_resolve(struct hg_worker *worker, const char *host, uint16_t port,
                                               hg_resolved callback, void *arg)
{
    return worker->host->resolve(worker, host, port, callback, arg);
}

/** The callback will not be called. Only before it was. */
static inline void hg_resolve_cancel(const struct hg_host *host, struct hg_resolution *resolution)
{
    host->resolve_cancel(resolution);
}

/**
 * Whether an address belongs to one of the networks of an option (HG_OPTION_NETWORK, <hopgate/option.h>); its port does
 * not count. `networks` NULL: no. From any thread; less than 1 us among 100,000 networks.
 */
static inline bool hg_networks_match(const struct hg_host *host, const struct hg_networks *networks,
                                     const struct sockaddr *address)
{
    return networks && host->networks_match(networks, address);
}

/* ---- Capabilities, metrics ---- */

/**
 * Finds who offers a capability; in configure() or later. False when nobody in the pipeline does. In configure() only
 * its presence is known: call its operations from worker_start() on.
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
 * A counter or gauge: store into it freely, in the worker's thread (<hopgate/metrics.h>). `labels` may be NULL. The
 * same metric and labels again give the same figure. Never NULL: without memory the program ends.
 */
static inline uint64_t *hg_metric(struct hg_worker *worker, const struct hg_metric *metric,
                                  const struct hg_label *labels)
{
    return (uint64_t *)worker->host->metric(worker, metric, labels);
}

/** A histogram, for hg_observe(). As hg_metric(). */
static inline struct hg_histogram *hg_histogram(struct hg_worker *worker, const struct hg_metric *metric,
                                                const struct hg_label *labels)
{
    return (struct hg_histogram *)worker->host->metric(worker, metric, labels);
}

/** A counter of things, without labels. */
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
 * Calls `visit` for each figure that an instance has in this worker's thread, the core's among them; all of one metric
 * come one after the other. For plugins that show them, as a page for Prometheus does. Nothing is made within.
 */
static inline void hg_metrics_read(struct hg_worker *worker, hg_series_visitor visit, void *arg)
{
    worker->host->metrics_read(worker, visit, arg);
}

/* ---- Exchanges ---- */

/**
 * An edge opens an exchange. `request` passes to it and walks down; data and end follow by hg_emit() and
 * hg_emit_end() on the result. `state` becomes self->state (its owner is the edge; self_size of an edge must be 0).
 * NULL when out of memory: `request` then still belongs to the caller. Nothing is called within.
 */
static inline struct hg_self *hg_exchange_open(struct hg_worker *edge, struct hg_head *request, void *state)
{
    return edge->host->exchange_open(edge, request, state);
}

/**
 * Emits a head, which passes to the exchange. Only for who makes one: a stage that answered TAKEN, an edge, an origin.
 * What passes through a stage goes on by itself. Returns the credit for data.
 */
static inline size_t hg_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    return self->host->emit_head(self, direction, head);
}

/**
 * Emits data, taking a reference on its buffer. Returns the credit that is left: how many bytes may still be emitted.
 * At 0 wait for `writable`. Emitting more than the credit is a fault of the stage and resets the exchange.
 */
static inline size_t hg_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    return self->host->emit(self, direction, slice);
}

/** Emits the end of a message. `trailers`, may be NULL, pass to the exchange. Needs no credit. */
static inline void hg_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    self->host->emit_end(self, direction, trailers);
}

/**
 * Says that nothing more is at hand now, so that stages further on which gather data let it go (see `flush` of struct
 * hg_stage_ops). For who makes or gathers data. Costs next to nothing where no stage gathers.
 */
static inline void hg_flush(struct hg_self *self, enum hg_direction direction)
{
    self->host->flush(self, direction);
}

/** How many bytes may be emitted now. When it says 0, `writable` will be called. */
static inline size_t hg_credit(struct hg_self *self, enum hg_direction direction)
{
    return self->host->credit(self, direction);
}

/** Goes on after PAUSE, or offers the data again that a short count has left. */
static inline void hg_resume(struct hg_self *self, enum hg_direction direction)
{
    self->host->resume(self, direction);
}

/**
 * Ends the exchange before its end, dropping what waits in it. All others get `reset`, then everybody `detach`.
 */
static inline void hg_reset(struct hg_self *self, const struct hg_reason *reason)
{
    self->host->reset(self, reason);
}

/**
 * Breaks a response off: as hg_reset(), but what the caller has emitted up so far is taken first, however long its
 * reader needs. The caller and those below it are detached at once.
 */
static inline void hg_break_off(struct hg_self *self, const struct hg_reason *reason)
{
    self->host->break_off(self, reason);
}

/** Tells where the exchange goes. For routes. The texts must live as long as the instance. */
static inline void hg_set_target(struct hg_self *self, const struct hg_target *target)
{
    self->host->set_target(self, target);
}

/**
 * Says what the TLS of the user's connection is like. For edges, after hg_exchange_open(). `tls` and its texts must
 * live until the edge is detached.
 */
static inline void hg_set_tls(struct hg_self *self, const struct hg_tls *tls)
{
    self->host->set_tls(self, tls);
}

/**
 * On a gateway: whether the target's client has a session, if only one that has lost its link for the moment, and may
 * serve the target's service.
 */
static inline bool hg_target_served(struct hg_worker *worker, const struct hg_target *target)
{
    return worker->host->target_served(worker, target);
}

/* ---- Links: for transports ---- */

/** A peer has begun a link to a listening transport; hg_link_up() or hg_link_down() follows. NULL: refuse it. */
static inline struct hg_link *hg_link_accept(struct hg_worker *transport)
{
    return transport->host->link_accept(transport);
}

/** The handshake is complete: packets may flow. Nothing is sent within the call. */
static inline void hg_link_up(struct hg_worker *transport, struct hg_link *link, void *handle,
                              const struct hg_link_info *info)
{
    transport->host->link_up(link, handle, info);
}

/** The link is over, or could not be opened. `reason` is for a person. The link must not be used afterwards. */
static inline void hg_link_down(struct hg_worker *transport, struct hg_link *link, const char *reason)
{
    transport->host->link_down(link, reason);
}

/**
 * A packet has arrived. The bytes are the transport's and valid during the call. The core may call ops->close() on
 * the handle at hg_link_batch_end() but never within this call.
 */
static inline void hg_link_packet(struct hg_worker *transport, struct hg_link *link, uint64_t packet_number,
                                  const uint8_t *packet, size_t size)
{
    transport->host->link_packet(link, packet_number, packet, size);
}

/**
 * All packets that had arrived for this link were handed over: the core now answers. It may call ops->send(), flush()
 * and close() within.
 */
static inline void hg_link_batch_end(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_batch_end(link);
}

/** ops->send() had refused a packet and would take one now. The core may call the operations within. */
static inline void hg_link_writable(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_writable(link);
}

/** The path's limit has changed, by what the kernel or a router says: no packet of more than `max_packet` bytes passes
 * now. Where the core probes, it takes this for a hint: goes down to that size and looks for the true one later. */
static inline void hg_link_set_max_packet(struct hg_worker *transport, struct hg_link *link, size_t max_packet)
{
    transport->host->link_set_max_packet(link, max_packet);
}

/** The largest packet worth probing for has changed, by what the own interface takes: none above can be sent at all. */
static inline void hg_link_set_probe_max(struct hg_worker *transport, struct hg_link *link, size_t probe_max)
{
    transport->host->link_set_probe_max(link, probe_max);
}

/**
 * Checks whether the peer is alive: call it on any sign that the peer has lost the link or the path has changed, even
 * one that anybody could forge. A client asks the peer at once, but at most once a second, and acts on the answer, or
 * on its absence, alone; a gateway does nothing. Calls ops->send() and flush() later, never within.
 */
static inline void hg_link_check(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_check(link);
}

/**
 * The link has been in use for long enough, as its keys should not protect more: the core of a client opens another one
 * and lets the session go on over that; this one serves until then. Once for each link. Nothing is called within. On a
 * gateway it does nothing.
 */
static inline void hg_link_renew(struct hg_worker *transport, struct hg_link *link)
{
    transport->host->link_renew(link);
}

#endif
