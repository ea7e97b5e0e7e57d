/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The edge: what its files share.
 *
 *   http.c        descriptor, options, life of the instance and of its workers
 *   connection.c  one connection: socket, deadline, ways to end
 *   discard.c     reading on where nothing more will be answered
 *   input.c       what was read and not used yet
 *   output.c      what waits to be written
 *   tls.c         what lies between socket and buffers on `tls` listeners
 *   request.c     from input to exchanges: heads, bodies, pipelining
 *   response.c    from exchanges to output
 *   forwarded.c   what a request head gets on its way in: id, peer, Via, Forwarded
 *   error.c       responses of our own making
 *
 * HTTP/2 will stand beside request.c and response.c, above the same connection, chosen by ALPN in
 * connection_handshake().
 */
#ifndef PLUGINS_HTTP_HTTP_H
#define PLUGINS_HTTP_HTTP_H

#include "plugins/lib/accept/accept.h"
#include "plugins/lib/http1/http1.h"

#include <hopgate/certificates.h>
#include <hopgate/connections.h>
#include <hopgate/host.h>
#include <sys/types.h>

/* ---- The instance ---- */

enum {
    LISTEN_TLS = 1 << 0, /* the word `tls` behind an address */
};

enum forwarded_policy {
    FORWARDED_REPLACE = 0,
    FORWARDED_APPEND = 1,
    FORWARDED_REMOVE = 2,
    FORWARDED_KEEP = 3,
};

/* The block in the config file; http.c has its table. */
struct http_config {
    struct hg_list listen; /* of struct hg_address */
    hg_time head_timeout, idle_timeout, keep_alive_timeout, drain_timeout;
    int64_t max_connections, max_requests, max_fields;
    uint64_t max_request_line, max_head, max_trailers, max_body;
    bool underscores, accept_request_id, request_via;
    int forwarded; /* enum forwarded_policy */
    const char *via;
    const char *tls_priority;
};

struct tls_context;

/* One block of the config file. */
struct http {
    struct http1_limits limits;
    struct tls_context *tls; /* NULL: no listener wants it */
    struct hg_listener **listeners;
};

/* One worker of it. */
struct edge {
    struct hg_worker *worker;
    const struct http_config *config;
    const struct http *http;
    struct accept *accept;
    struct hg_capability taker;    /* who takes those that offer … */
    const char *const *taken;      /* … one of these protocols, ended by NULL; NULL: nobody */
    const char *const *handshakes; /* protocols that consist of the handshake alone; NULL: none */
    bool draining;
    struct connection *connections;
    size_t connection_count;
    struct hg_buffer *spare_inputs[16];
    size_t spare_input_count;
    time_t date_time; /* of `date` */
    char date[32];
    uint64_t *accepted, *handed_over, *requests, *refused, *failed_handshakes, *aborted; /* counters */
    struct hg_histogram *durations;                                                      /* of requests */
    uint8_t *tls_input;  /* one read of any connection's socket */
    uint8_t *tls_record; /* one record of any connection's output */
    struct turns *turns; /* of TLS handshakes */
};

/* ---- connection.c ---- */

/* Where the request that is being read stands. */
enum request_phase {
    REQUEST_HEAD = 0, /* its head, or nothing yet: then the connection is idle */
    REQUEST_HELD,     /* its body's framing is looked at before anybody sees the request: see request.c */
    REQUEST_BODY,     /* open, its body goes down */
    REQUEST_DONE,     /* open, complete; what is read now belongs to the next one */
    REQUEST_DISCARD,  /* answered and over, but the rest of its body is still to come and thrown away */
};

/* Where its response stands. */
enum response_phase {
    RESPONSE_NONE = 0,
    RESPONSE_BODY, /* its head is in the output */
    RESPONSE_DONE, /* all of it is */
};

enum connection_phase {
    CONNECTION_HANDSHAKE = 0,
    CONNECTION_OPEN,
    CONNECTION_CLOSING, /* closes as soon as the output is written */
    CONNECTION_LINGER,  /* our half is closed; reads until the peer closes too, so that it gets all we wrote */
    CONNECTION_DEAD,    /* closed; waits for detach() of its exchange */
};

#define OUTPUT_SLICES 24

#define REQUEST_ID_SIZE 32

/* So much is written at once; less waits for what else comes in this turn of the loop. */
#define FLUSH_SIZE 32768

/* What waits to be written. */
struct output {
    struct hg_slice slices[OUTPUT_SLICES]; /* a ring */
    size_t first, count;
    size_t bytes;
    struct hg_buffer *tail; /* where the next encoded bytes go, behind `tail_used` others */
    size_t tail_used;
};

struct connection {
    struct edge *edge;
    struct connection *next, *previous;
    struct hg_call turn_end; /* deferred: it is flushed, or freed if it is dead */
    bool is_full;            /* the socket has not taken all of the output: no more is taken until it has */
    bool reads;              /* CONNECTION_OPEN: the socket is watched for input */
    bool parked;             /* CONNECTION_HANDSHAKE: it waits for a certificate */
    bool late;               /* it has come while the edge drains: only others may take it */
    enum connection_phase phase;
    int fd;
    struct hg_io *io;
    struct hg_timer *timer;
    hg_time deadline;
    struct tls *tls; /* NULL: plain */
    char peer[ACCEPT_PEER_SIZE];
    uint8_t peer_host_size;

    struct hg_buffer *input; /* NULL while there is nothing in it */
    size_t input_start, input_end;
    struct output output;

    enum request_phase request_phase;
    struct http1_scan scan;
    struct http1_message message;
    struct http1_body body;
    struct http1_body held_body; /* REQUEST_HELD: a copy that runs ahead */
    size_t held_size;            /* how far, in bytes of the input */
    struct hg_head *held_head;
    uint64_t requests;
    size_t discarded;      /* bytes that came for nothing since the deadline was set … */
    hg_time discard_end;   /* … which is never after this; 0: nothing is read for nothing */
    bool expects_continue; /* its body comes only when 100 was sent */
    bool head_timed;       /* head_timeout runs */

    struct hg_self *self; /* the open exchange */
    enum response_phase response_phase;
    enum http1_framing response_framing;
    uint64_t response_left; /* HTTP1_LENGTH */
    uint16_t version;       /* of the request */
    bool close;             /* no further request on this connection */
    bool is_named;          /* its requests may carry authentication that is bound to it: its name is in `name` */
    char name[REQUEST_ID_SIZE];
    bool truncate;   /* the response cannot be completed: the peer must see that */
    bool is_unsent;  /* the output begins with the response's head */
    bool data_waits; /* data() has returned short */
    bool end_waits;  /* end() has answered PAUSE */
    bool next_waits; /* the next request waits until the output is written */
};

/* Takes over a descriptor. */
void connection_open(struct edge *edge, int fd, const struct sockaddr *address, bool tls);
/* The peer's half has ended, or an error has: nothing can be sent or received any more. */
void connection_lost(struct connection *connection);
/* Closes after what is in the output has been written, so that the peer gets all of it. */
void connection_finish(struct connection *connection);
/* Sends the end of our half, all output being written. */
void connection_close_half(struct connection *connection);
/* Closes at once. `reset`: by RST, so that even a body that ends with the connection is seen to be incomplete. */
void connection_abort(struct connection *connection, bool reset);
/* Closes now if it is idle. For draining. */
void connection_drain(struct connection *connection);
/* Its exchange is over. */
void connection_let_go(struct connection *connection);
/* Frees one whatever it does. Its exchange must be gone. */
void connection_free(struct connection *connection);
/* A parked handshake goes on. */
void connection_handshake(struct connection *connection);

/* Lets the deadline be `delay` from now. */
void connection_expect(struct connection *connection, hg_time delay);
/* Reads as much as is wanted now, and sees to what is watched. */
void connection_read(struct connection *connection);
/* More input may be wanted than before: sees to it that it comes. */
void connection_read_on(struct connection *connection);

/* Writes now what can be written. False: the connection is lost, and may be freed. */
bool connection_flush(struct connection *connection);
/* Writes at the end of this turn of the loop. */
void connection_flush_later(struct connection *connection);

/* ---- discard.c ---- */

/* From now on what the peer sends is of no use, but it must not be reset while it is still sending, or it may lose the
 * response that it has not read yet (RFC 9112 section 9.6): it is read on, for as long as it makes progress and for
 * idle_timeout at most. The deadline is set accordingly. */
void connection_begin_discarding(struct connection *connection);
/* So much has come for nothing. */
void connection_discarded(struct connection *connection, size_t size);
/* CONNECTION_LINGER: reads until the peer closes. */
void connection_discard(struct connection *connection);

/* ---- input.c ---- */

/* Makes room to read into. Bytes that a slice covers stay where they are. 0, or -1 when out of memory. */
int input_reserve(struct connection *connection);
/* An idle connection has no buffer. */
void input_release(struct connection *connection);

/* ---- output.c ---- */

/* Room for `size` bytes at the end of the output; NULL when out of memory or the queue full. */
uint8_t *connection_reserve(struct connection *connection, size_t size);
/* That many of them were filled. */
void connection_commit(struct connection *connection, size_t size);
/* Puts a slice into the output, by reference or, if it is small, by copy. -1 when out of memory or the queue full. */
int connection_append(struct connection *connection, const struct hg_slice *slice);
/* Whether the output takes more data. */
bool connection_takes_data(const struct connection *connection);
/* Writes to a plain socket. Bytes, TLS_AGAIN or TLS_FAILED. */
ssize_t output_send(const struct connection *connection);
/* So many bytes of it are written. */
void output_drop(struct output *output, size_t size);
void output_clear(struct output *output);

/* ---- tls.c ---- */

/* What the listeners of an instance share. NULL after config errors were told. */
struct tls_context *tls_context_new(struct hg_instance *instance, const char *priority);
void tls_context_free(struct tls_context *context);

enum {
    TLS_AGAIN = -1,   /* when the socket is readable or writable again: see tls_wants_write() */
    TLS_FAILED = -2,  /* nothing more can be done with it */
    TLS_PARKED = -3,  /* connection_handshake() will be called when the certificate is there, or its turn has come */
    TLS_FOREIGN = -4, /* it speaks a protocol that another plugin takes: see tls_hand_over() */
    TLS_OVER = -5,    /* it spoke a protocol that consists of the handshake alone, and all went well */
};

/* What a worker needs for it. 0, or -1 when out of memory. */
int tls_start(struct edge *edge);
void tls_stop(struct edge *edge);

struct tls *tls_new(struct connection *connection, const struct sockaddr *address);
/* 0: done. */
int tls_handshake(struct tls *tls);
/* Gives the descriptor and all that was received to the plugin that takes them. */
void tls_hand_over(struct tls *tls, int fd);
/* What the users of an exchange may know. The handshake is done. */
const struct hg_tls *tls_facts(struct tls *tls);
bool tls_wants_write(const struct tls *tls);
/* Whether bytes have come that tls_read() has not given yet: the socket will not be readable for them. */
bool tls_holds_input(const struct tls *tls);
/* Bytes, 0 at the end, TLS_AGAIN or TLS_FAILED. */
ssize_t tls_read(struct tls *tls, uint8_t *data, size_t size);
/* Writes from the front of the output. Bytes, TLS_AGAIN or TLS_FAILED. */
ssize_t tls_write(struct tls *tls, const struct output *output);
/* Reading pauses: what came beyond what was asked for is kept for later. */
void tls_read_end(struct tls *tls);
/* Says goodbye, as far as that goes without waiting. */
void tls_bye(struct tls *tls);
void tls_free(struct tls *tls);

/* ---- request.c ---- */

/* How many bytes of input are of use now; 0: none, let them wait in the socket. */
size_t request_wants(const struct connection *connection);
/* Goes on with what is in the input. */
void request_input(struct connection *connection);
/* The response is complete, its exchange is not: the upload goes on for a while. */
void request_answered(struct connection *connection);
/* The exchange of the connection is over: its response is complete. */
void request_next(struct connection *connection);
/* The deadline has passed. */
void request_timeout(struct connection *connection);

/* ---- response.c ---- */

/* Asks for the body in the place of a service that does not. -1 when out of memory. */
int response_continue(struct connection *connection);

extern const struct hg_stage_ops response_ops;

/* The output has become shorter. */
void response_written(struct connection *connection);

/* ---- forwarded.c ---- */

/* A new request id: 128 random bits in hexadecimal. */
void forwarded_new_id(char id[REQUEST_ID_SIZE]);
/* Gives a request its id, peer, Via, CDN-Loop and Forwarded fields. *loops: it has been here before, too often. 0, or
 * -1 when out of memory. */
int forwarded_request(const struct connection *connection, struct hg_head *head, bool *loops);

/* Gives a request the name of its connection, where authentication may be bound to that (docs/protocol.md section 8.1).
 * 0, or -1 when out of memory. */
int forwarded_name(struct connection *connection, struct hg_head *head);

/* Counts this hop of an OPTIONS that says how many it may take. *ends: none is left, the answer is the gateway's. 0, or
 * -1 when out of memory. */
int forwarded_count_hop(const struct connection *connection, struct hg_head *head, bool *ends);

#define VIA_SIZE 128
/* The value of the Via field that a head gets; its size, 0: none. */
size_t forwarded_via(const struct edge *edge, const struct hg_head *head, char value[VIA_SIZE]);

/* ---- error.c ---- */

/* Answers with a response of our own; the response is then complete. `request` NULL: it was not even a request. */
void error_respond(struct connection *connection, const struct hg_reason *reason, const struct hg_head *request);
/* The value of a Date field (RFC 9110 section 5.6.7); made once a second. */
const char *error_date(struct edge *edge);

#endif
