/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the files of this folder share.
 *
 * Each exchange has a `request`. Its pool (one for each URL) gives it a `connection`, an idle one if there is one, a
 * new one up to the limit, or lets it wait for one. How requests are made, a `rule` says;
 * connections do not differ by that, so rules that lead to one URL share its pool. The connection sends what the
 * request has queued in it and reads the `response`, whose events go straight up. When the response is complete the
 * connection returns to the pool.
 *
 *   origin.c      the descriptor, and the instance in a worker
 *   rule.c        how the services of one rule are spoken to
 *   location_rewrite.c    the service's address and the public one in each other's place
 *   connection_pool.c        which connection serves which request
 *   connection.c  one socket: connecting, sending, time-outs, being closed
 *   output.c      what waits to be sent, and until when
 *   request.c     the way down: events of the exchange to bytes in the connection's queue
 *   response.c    the way up: bytes from the socket to events
 *
 * Emitting, resuming and resetting never call back, so no exchange ends while one of these functions runs; but a
 * connection may be freed by most of them, which their result tells.
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
    hg_time trial_time; /* how long a service's first connection is watched: see "Trust" in connection_pool.c; 0: not at
                           all */
    struct rule *rules;
    struct pool *pools;
    bool draining;
    uint64_t *connections_opened, *connections_reused, *requests_retried, *requests_failed, *responses_tolerated;
};

/* ---- rule.c ---- */

/* What the service sees as Host. */
enum host_policy {
    HOST_PUBLIC, /* the one that the public user asked for */
    HOST_ORIGIN, /* that of the URL */
    HOST_NAMED,  /* another one */
};

/* How the requests of one rule are made, worked out when the first comes. */
struct rule {
    struct rule *next;
    const struct hg_service *service; /* the route's; NULL: it has set a URL and no more */
    struct pool *pool;
    enum host_policy host_policy;
    struct hg_text host; /* what is sent as Host; HOST_PUBLIC: only where the user, of HTTP/1.0, has sent none */
    hg_time connect_timeout, response_timeout, idle_timeout;
    struct http1_limits limits; /* of responses */
    bool keep_urls;
    bool has_passed;   /* a response has shown that the service takes the Host that it is sent */
    bool is_explained; /* the log says what to do about a service that does not */
};

/* The rule of an exchange whose route has set a URL. NULL: out of memory, or a URL that cannot be used. */
struct rule *rule_of(struct origin *origin, const struct hg_self *self);
void rules_free(struct origin *origin);
/* What the request is sent with as Host. */
struct hg_text rule_host(const struct rule *rule, const struct hg_head *request);
/* Looks at the status of a response, and logs once what to do when the service seems to refuse the Host. */
void rule_saw_status(struct rule *rule, const struct hg_head *request, int status);

/* ---- location_rewrite.c ---- */

/* Map what names the service in a final response's head, and the public address in a request's. 0, or -1: out of
 * memory. */
int location_map_response(const struct rule *rule, const struct hg_self *self, struct hg_head *response);
int location_map_request(const struct rule *rule, const struct hg_self *self, struct hg_head *request);

/* ---- connection_pool.c ---- */

/* Addresses of a name that are tried. */
#define POOL_ADDRESSES 8

/* More rules than the HTTP library lets pass. */
#define TOLERATED_RULES 16

/* Connections without a request, the longest idle first: what was not asked for had the most time to come. */
struct idle_list {
    struct connection *first, *last;
    size_t count;
};

/* All connections to one URL. */
struct pool {
    struct pool *next;
    struct origin *origin;
    struct hg_text text; /* the target's URL; it lives as long as the route that has set it */
    struct url url;
    char *host;                      /* url.host, ended by NUL */
    struct idle_list idle;           /* for whoever comes */
    struct idle_list owned;          /* each for its owner alone */
    size_t count;                    /* all connections, those being opened included */
    struct request *waiting, **tail; /* for a connection; the longest waiting first */
    size_t waiting_count;
    struct hg_timer *timer; /* for the first of them; made when one waits for the first time */
    struct hg_sockaddr addresses[POOL_ADDRESSES];
    size_t address_count;
    size_t good_address;                    /* the one that has worked last */
    hg_time known_until;                    /* of the addresses */
    bool is_literal;                        /* an address instead of a name: known for ever */
    bool is_unreachable;                    /* the log has been told so */
    struct connection *trial;               /* see "Trust" in connection_pool.c */
    bool is_trusted;                        /* it has passed */
    hg_time trial_from;                     /* until then there is none, and no connection is kept */
    const char *tolerated[TOLERATED_RULES]; /* rules that its responses break, as the log has them */
};

/* What has come over a kept connection although nothing was asked for. */
enum unasked {
    UNASKED_NOTHING,
    UNASKED_END, /* the service has closed it */
    UNASKED_BYTES,
};

/* NULL when out of memory. */
struct pool *pool_of(struct origin *origin, struct hg_text url);
/* Finds a connection for the request, or lets it wait for one, or fails it. */
void pool_assign(struct pool *pool, struct request *request);
/* The request waits no more. */
void pool_forget(struct pool *pool, struct request *request);
/* Whether connections are kept at present. */
bool pool_keeps(const struct pool *pool);
/* A response has broken a rule and is passed on: logs that, once for each rule. */
void pool_tolerated(struct pool *pool, const char *rule);
/* The connection on trial has been left alone for as long as it takes; the caller frees it. */
void pool_trial_passed(struct pool *pool);
/* Draws conclusions from what came over a connection that was kept. */
void pool_learn(struct pool *pool, const struct connection *connection, enum unasked unasked);
/* The connection has done its work and could do more. It is idle, busy again or gone afterwards. */
void pool_give_back(struct pool *pool, struct connection *connection);
/* A connection was freed: there is room for another one. It had a request or not. */
void pool_closed(struct pool *pool, struct connection *connection);
void pool_close_idle(struct pool *pool);
void pool_free(struct pool *pool);
/* Tells the log, once, that the service is not there, and once when it is there again. */
void pool_unreachable(struct pool *pool, const char *why);
void pool_reachable(struct pool *pool);

/* ---- connection.c ---- */

/* Slices that may wait to be sent. A chunk takes three. */
#define OUTPUT_SLOTS 64
/* Bytes that may wait for others to come with them, so that many small slices go out by one system call. */
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
    bool begun;     /* a byte of it has come */
    bool in_body;   /* its final head is complete */
    bool is_over;   /* it is complete, but the request is not: the service may read on */
    size_t interim; /* bytes of heads of 1xx that came before */
    struct http1_scan scan;
    struct http1_message message;
    struct http1_body body;
};

struct connection {
    struct origin *origin;
    struct pool *pool;
    struct request *request;            /* NULL while idle */
    struct connection *next, *previous; /* in its idle_list */
    struct hg_call turn_end;            /* deferred while there is a queue that nobody has sent yet */
    enum connection_state state;
    char owner[OWNER_MAX]; /* whose requests alone it serves */
    uint8_t owner_size;    /* 0: anybody's */
    bool is_reused;        /* it has brought a response before this one */
    hg_time idle_since;    /* when it brought the last one, if it was kept */
    bool is_last;          /* the service has been asked to close it after its response */
    bool is_broken;        /* sending has failed: what has come may still be read */
    bool is_full;          /* the socket takes no more: watching for HG_WRITE */
    bool is_paused;        /* there is no credit: not watching for HG_READ */
    int fd;                /* -1: none */
    struct hg_io *io;
    struct hg_timer *timer;
    struct hg_resolution *resolution;
    size_t tries;       /* addresses tried */
    int error;          /* errno of the last one that failed */
    hg_time give_up_at; /* the end of connect_timeout */
    uint64_t sent;      /* bytes of this request that the socket has taken */

    struct output_slot output[OUTPUT_SLOTS];
    size_t output_first, output_count, output_bytes;

    struct hg_buffer *input; /* input->data[input_start] to [input_end - 1] came and was not used yet */
    size_t input_start, input_end;
    bool reads_much; /* the last read has filled its room */
    struct response response;
};

/* Looks at what there is to be read, without reading it. */
enum unasked connection_look(const struct connection *connection);
/* Begins to open a connection for the request. Whatever fails is told to the request, later than within this call;
 * except -1: out of memory. */
int connection_open(struct pool *pool, struct request *request);
/* Gives an idle one its next request. */
void connection_begin(struct connection *connection, struct request *request);
/* Sends what is queued as far as the socket takes it; nothing yet while connecting. */
void connection_flush(struct connection *connection);
void connection_watch(struct connection *connection);
/* Sets the timer for what the connection waits for now. */
void connection_set_timer(struct connection *connection);
/* Tries again over a new socket what was queued or sent. */
void connection_reopen(struct connection *connection);
/* Closes the socket and frees. The request, if there is one, must already know. */
void connection_free(struct connection *connection);

/* ---- output.c ---- */

/* Free slots of the queue. */
size_t connection_output_room(const struct connection *connection);
/* Queues a slice, taking over the reference that comes with it. */
void connection_queue(struct connection *connection, struct hg_slice slice);
/* Queues up to HTTP1_CHUNK_HEADER_MAX bytes, which are copied. */
void connection_queue_framing(struct connection *connection, const uint8_t *data, size_t size);
void connection_drop_output(struct connection *connection);
/* The first `size` bytes are sent. */
void connection_output_sent(struct connection *connection, size_t size);

/* ---- request.c ---- */

/* self->state: an exchange's request. */
struct request {
    struct hg_self *self;
    struct rule *rule;
    struct pool *pool;
    struct connection *connection;   /* NULL while it waits for one, and when it is over */
    struct request *next, **pointer; /* in pool->waiting; `pointer` NULL: not in it */
    hg_time waits_until;
    enum http1_framing framing;
    uint64_t left;              /* HTTP1_LENGTH: bytes that are still to come from above */
    uint64_t body_taken;        /* bytes that were taken from above */
    struct hg_fields *trailers; /* of an end that waits for a connection; the exchange's */
    bool is_end_paused;         /* that end */
    bool is_held;               /* data was not taken: to be resumed */
    bool is_complete;           /* all of it is queued or sent */
    bool is_retried;
    bool is_over; /* answered or failed: what still comes down is thrown away */
};

enum hg_verdict request_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
size_t request_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
enum hg_verdict request_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
void request_reset(struct hg_self *self, const struct hg_reason *reason);
void request_detach(struct hg_self *self);
void request_writable(struct hg_self *self, enum hg_direction direction);

/* The request has got a connection: queues its head and what else may go. False: it has failed, and the connection is
 * still the caller's. */
bool request_start(struct request *request, struct connection *connection);
/* The connection's queue has room again. */
void request_resume(struct request *request);
/* The response is complete: parts from the connection. */
void request_finish(struct request *request);
/* Fails the exchange and parts from the connection, which the caller frees. */
void request_fail(struct request *request, const struct hg_reason *reason);
/* The same, but what has come of its response goes on first. */
void request_break_off(struct request *request, const struct hg_reason *reason);
/* Whether the request may be sent again after its connection has died; if so its queue is as it was before anything was
 * sent. See "Retries" in hopgate-origin(5). */
bool request_replay(struct request *request, struct connection *connection);

/* ---- response.c ---- */

void response_start(struct connection *connection);
/* Its response is complete, and nothing more of the request goes to the service: the connection ends. */
void response_part(struct connection *connection);
/* The socket is readable, or closed. False: the connection is gone or has been given back. */
bool response_read(struct connection *connection);
/* There is credit again. As above. */
bool response_resume(struct connection *connection);

#endif
