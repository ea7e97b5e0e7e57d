/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the files in this folder.
 *
 * Each exchange has a `request`. Its pool (one per URL) gives it a `connection`: an idle one if possible, or a new one
 * up to the limit; otherwise the request waits. A `rule` says how requests are made; connections do not depend on it,
 * so rules with the same URL share its pool. The connection sends what the request has queued in it and reads the
 * `response`, whose events are passed up at once. When the response is complete, the connection returns to the pool.
 *
 *   origin.c            the descriptor, and the instance in a worker
 *   rule.c              how to talk to the services of one rule
 *   location_rewrite.c  replaces the service's address with the public one, and vice versa
 *   connection_pool.c   which connection serves which request
 *   connection.c        one socket: connecting, sending, time-outs, closing
 *   output.c            the queue of bytes to be sent
 *   request.c           down: from events of the exchange to bytes in the connection's queue
 *   response.c          up: from bytes of the socket to events
 *
 * Emitting, resuming and resetting never call back, so no exchange ends while one of these functions runs; but most of
 * them may free a connection, and their result says so.
 */
#ifndef PLUGINS_ORIGIN_ORIGIN_H
#define PLUGINS_ORIGIN_ORIGIN_H

#include "plugins/lib/http1/http1.h"
#include "plugins/lib/url/url.h"

#include <hopgate/service.h>

/* The options (see origin.c). */
struct origin_config {
    hg_time connect_timeout;
    hg_time response_timeout;
    hg_time idle_timeout;
    hg_time keep_alive;
    hg_time queue_timeout;
    int64_t max_connections;
    int64_t max_idle;
    int64_t max_queue;
    const char *host;
};

/* The instance in one worker. */
struct origin {
    struct hg_worker *worker;
    const struct hg_host *host;
    const struct origin_config *config;
    hg_time trial_time; /* how long to watch a service's first connection: see "Trust" in connection_pool.c; 0: not at
                           all */
    struct rule *rules;
    struct pool *pools;
    bool draining;
    uint64_t *connections_opened, *connections_reused, *requests_retried, *requests_failed, *responses_tolerated;
};

/* ---- rule.c ---- */

/* What the service gets as Host. */
enum host_policy {
    HOST_PUBLIC, /* the one that the public user requested */
    HOST_ORIGIN, /* that of the URL */
    HOST_NAMED,  /* another one */
};

/* How to make the requests of one rule, determined when the first one arrives. */
struct rule {
    struct rule *next;
    const struct hg_service *service; /* the route's; NULL: it has set only a URL */
    struct pool *pool;
    enum host_policy host_policy;
    struct hg_text host; /* sent as Host; HOST_PUBLIC: only if the user's HTTP/1.0 request has none */
    hg_time connect_timeout, response_timeout, idle_timeout;
    struct http1_limits limits; /* of responses */
    bool keep_urls;
    bool has_passed;   /* a response has shown that the service accepts the Host that it gets */
    bool is_explained; /* the log says what to do if it does not */
};

/* The rule for an exchange whose route has set a URL. NULL: out of memory, or an invalid URL. */
struct rule *rule_of(struct origin *origin, const struct hg_self *self);
void rules_free(struct origin *origin);
/* The Host to send with the request. */
struct hg_text rule_host(const struct rule *rule, const struct hg_head *request);
/* Checks the status of a response, and logs once what to do if the service seems to refuse the Host. */
void rule_saw_status(struct rule *rule, const struct hg_head *request, int status);

/* ---- location_rewrite.c ---- */

/* Replace the service's address in the head of a final response, and the public address in that of a request. Return 0,
 * or -1 when out of memory. */
int location_map_response(const struct rule *rule, const struct hg_self *self, struct hg_head *response);
int location_map_request(const struct rule *rule, const struct hg_self *self, struct hg_head *request);

/* ---- connection_pool.c ---- */

/* The most addresses of a name to try. */
#define POOL_ADDRESSES 8

/* More than the number of rules that the HTTP library tolerates breaking. */
#define TOLERATED_RULES 16

/* Connections without a request, the longest idle first: over that one, unexpected bytes had the most time to
 * arrive. */
struct idle_list {
    struct connection *first, *last;
    size_t count;
};

/* All connections to one URL. */
struct pool {
    struct pool *next;
    struct origin *origin;
    struct hg_text text; /* the target's URL; valid as long as the route's instance */
    struct url url;
    char *host;                      /* url.host, terminated by NUL */
    struct idle_list idle;           /* for any request */
    struct idle_list owned;          /* each only for its owner */
    size_t count;                    /* all connections, including those being opened */
    struct request *waiting, **tail; /* for a connection; the longest waiting first */
    size_t waiting_count;
    struct hg_timer *timer; /* for the first of them; created when the first request has to wait */
    struct hg_sockaddr addresses[POOL_ADDRESSES];
    size_t address_count;
    size_t good_address;                    /* the last one that worked */
    hg_time known_until;                    /* of the addresses */
    bool is_literal;                        /* an address instead of a name: never looked up */
    bool is_unreachable;                    /* and this has been logged */
    struct connection *trial;               /* see "Trust" in connection_pool.c */
    bool is_trusted;                        /* the trial was passed */
    hg_time trial_from;                     /* no trial and no kept connections until then */
    const char *tolerated[TOLERATED_RULES]; /* rules that its responses break, as logged */
};

/* What has arrived over a kept connection without a request. */
enum unasked {
    UNASKED_NOTHING,
    UNASKED_END, /* the service has closed it */
    UNASKED_BYTES,
};

/* Returns NULL when out of memory. */
struct pool *pool_of(struct origin *origin, struct hg_text url);
/* Finds a connection for the request, makes it wait for one, or fails it. */
void pool_assign(struct pool *pool, struct request *request);
/* The request no longer waits. */
void pool_forget(struct pool *pool, struct request *request);
/* Whether connections are kept at the moment. */
bool pool_keeps(const struct pool *pool);
/* A response that breaks a rule was passed on: logs this once for each rule. */
void pool_tolerated(struct pool *pool, const char *rule);
/* Nothing happened to the connection on trial for long enough; the caller frees it. */
void pool_trial_passed(struct pool *pool);
/* Draws conclusions from what arrived over a kept connection. */
void pool_learn(struct pool *pool, const struct connection *connection, enum unasked unasked);
/* The connection has finished a request and can be reused. Afterwards it is idle, busy again, or freed. */
void pool_give_back(struct pool *pool, struct connection *connection);
/* A connection, with or without a request, was freed, so there is room for another one. */
void pool_closed(struct pool *pool, struct connection *connection);
void pool_close_idle(struct pool *pool);
void pool_free(struct pool *pool);
/* Logs, once each, that the service is unreachable, and that it is reachable again. */
void pool_unreachable(struct pool *pool, const char *why);
void pool_reachable(struct pool *pool);

/* ---- connection.c ---- */

/* The most slices waiting to be sent. A chunk takes three. */
#define OUTPUT_SLOTS 64
/* How many bytes may wait for more, so that many small slices are sent with one system call. */
#define OUTPUT_GATHERED 32768

/* A slice to be sent, or a few bytes of framing that need no buffer. */
struct output_slot {
    struct hg_slice slice;
    uint8_t framing[HTTP1_CHUNK_HEADER_MAX];
};

enum connection_state {
    CONNECTION_RESOLVING,
    CONNECTION_CONNECTING,
    CONNECTION_BUSY,
    CONNECTION_IDLE,  /* in pool->idle */
    CONNECTION_OWNED, /* in pool->owned */
    CONNECTION_ON_TRIAL,
};

/* The longest name of a public user's connection: see head->connection. */
#define OWNER_MAX 64

struct response {
    bool begun;     /* at least one byte has arrived */
    bool in_body;   /* its final head is complete */
    bool is_over;   /* it is complete, but the request is not: the service may still be reading */
    size_t interim; /* bytes of preceding 1xx heads */
    struct http1_scan scan;
    struct http1_message message;
    struct http1_body body;
};

struct connection {
    struct origin *origin;
    struct pool *pool;
    struct request *request;            /* NULL while idle */
    struct connection *next, *previous; /* in its idle_list */
    struct hg_call turn_end;            /* deferred while the queue has not been sent */
    enum connection_state state;
    char owner[OWNER_MAX]; /* the only one whose requests it serves */
    uint8_t owner_size;    /* 0: no owner */
    bool is_reused;        /* it has delivered a response before this one */
    hg_time idle_since;    /* when it delivered the last one, if it was kept */
    bool is_last;          /* the service was asked to close it after its response */
    bool is_broken;        /* sending has failed, but what has arrived can still be read */
    bool is_full;          /* the socket is full: watching for HG_WRITE */
    bool is_paused;        /* no credit: not watching for HG_READ */
    int fd;                /* -1: none */
    struct hg_io *io;
    struct hg_timer *timer;
    struct hg_resolution *resolution;
    size_t tries;       /* number of addresses tried */
    int error;          /* errno of the last failure */
    hg_time give_up_at; /* the end of connect_timeout */
    uint64_t sent;      /* bytes of this request that the socket has taken */

    struct output_slot output[OUTPUT_SLOTS];
    size_t output_first, output_count, output_bytes;

    struct hg_buffer *input; /* input->data[input_start] to [input_end - 1] has arrived but was not used yet */
    size_t input_start, input_end;
    bool reads_much; /* the last read has filled its buffer */
    struct response response;
};

/* Checks what can be read, without reading it. */
enum unasked connection_look(const struct connection *connection);
/* Starts opening a connection for the request. Returns -1 when out of memory; all other failures are reported to the
 * request, but not from within this call. */
int connection_open(struct pool *pool, struct request *request);
/* Assigns the next request to an idle one. */
void connection_begin(struct connection *connection, struct request *request);
/* Sends as much of the queue as the socket takes; nothing yet while connecting. */
void connection_flush(struct connection *connection);
void connection_watch(struct connection *connection);
/* Sets the timer for what the connection is waiting for. */
void connection_set_timer(struct connection *connection);
/* Sends everything that was queued or sent again, over a new socket. */
void connection_reopen(struct connection *connection);
/* Closes the socket and frees the connection. If there is a request, it must have been detached before. */
void connection_free(struct connection *connection);

/* ---- output.c ---- */

/* The number of free slots in the queue. */
size_t connection_output_room(const struct connection *connection);
/* Queues a slice, taking over the caller's reference. */
void connection_queue(struct connection *connection, struct hg_slice slice);
/* Queues up to HTTP1_CHUNK_HEADER_MAX bytes, which are copied. */
void connection_queue_framing(struct connection *connection, const uint8_t *data, size_t size);
void connection_drop_output(struct connection *connection);
/* The first `size` bytes have been sent. */
void connection_output_sent(struct connection *connection, size_t size);

/* ---- request.c ---- */

/* self->state: the request of an exchange. */
struct request {
    struct hg_self *self;
    struct rule *rule;
    struct pool *pool;
    struct connection *connection;   /* NULL while it waits for one, and once it is finished */
    struct request *next, **pointer; /* in pool->waiting; `pointer` NULL: not in it */
    hg_time waits_until;
    enum http1_framing framing;
    uint64_t left;              /* HTTP1_LENGTH: bytes still to come from above */
    uint64_t body_taken;        /* bytes accepted from above */
    struct hg_fields *trailers; /* of an end that waits for a connection; owned by the exchange */
    bool is_end_paused;         /* such an end is waiting */
    bool is_held;               /* data was not accepted; to be resumed */
    bool is_complete;           /* all of it is queued or sent */
    bool is_retried;
    bool is_over; /* answered or failed: the rest of the body is discarded */
};

enum hg_verdict request_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
size_t request_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
enum hg_verdict request_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
void request_reset(struct hg_self *self, const struct hg_reason *reason);
void request_detach(struct hg_self *self);
void request_writable(struct hg_self *self, enum hg_direction direction);

/* The request has got a connection: queues its head and everything else that can be sent. False: it has failed, and the
 * caller still owns the connection. */
bool request_start(struct request *request, struct connection *connection);
/* There is room in the connection's queue again. */
void request_resume(struct request *request);
/* The response is complete: detaches the request from the connection. */
void request_finish(struct request *request);
/* Fails the exchange and detaches from the connection, which the caller frees. */
void request_fail(struct request *request, const struct hg_reason *reason);
/* The same, but what has arrived of its response is passed on first. */
void request_break_off(struct request *request, const struct hg_reason *reason);
/* Whether the request may be sent again after its connection has died; if so, restores its queue to what it was before
 * anything was sent. See "Retries" in hopgate-origin(5). */
bool request_replay(struct request *request, struct connection *connection);

/* ---- response.c ---- */

void response_start(struct connection *connection);
/* The response is complete, and nothing more of the request is sent to the service: the connection ends. */
void response_part(struct connection *connection);
/* The socket is readable, or closed. False: the connection was freed or returned to the pool. */
bool response_read(struct connection *connection);
/* There is credit again. As above. */
bool response_resume(struct connection *connection);

#endif
