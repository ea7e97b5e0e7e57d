/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * HTTP/1.1 (RFC 9112) on a connection: where its request and its response stand.
 */
#ifndef HTTP_PROTOCOL_H
#define HTTP_PROTOCOL_H

#include "plugins/http/connection.h"

#define REQUEST_ID_SIZE 32

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

struct protocol {
    struct connection connection; /* first, so that one is the other; changed by its own files alone */

    enum request_phase request_phase;
    struct http1_scan scan;
    struct http1_message message;
    struct http1_body body;
    struct http1_body held_body; /* REQUEST_HELD: a copy that runs ahead */
    size_t held_size;            /* how far, in bytes of the input */
    struct hg_head *held_head;
    uint64_t requests;
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

static inline struct protocol *protocol_of(const struct connection *connection)
{
    return (struct protocol *)(uintptr_t)connection;
}

/* ---- request.c ---- */

/* How many bytes of input are of use now. */
size_t request_wants(const struct protocol *protocol);
/* Goes on with what is in the input. */
void request_input(struct protocol *protocol);
/* The response is complete, its exchange is not: the upload goes on for a while. */
void request_answered(struct protocol *protocol);
/* The exchange of the connection is over: its response is complete. */
void request_next(struct protocol *protocol);
/* The deadline has passed. */
void request_timeout(struct protocol *protocol);

/* ---- response.c ---- */

/* Asks for the body in the place of a service that does not. -1 when out of memory. */
int response_continue(struct protocol *protocol);

extern const struct hg_stage_ops response_ops;

/* The output has become shorter. */
void response_written(struct protocol *protocol);

/* ---- forwarded.c ---- */

/* A new request id: 128 random bits in hexadecimal. */
void forwarded_new_id(char id[REQUEST_ID_SIZE]);
/* Gives a request its id, peer, Via, CDN-Loop and Forwarded fields. *loops: it has been here before, too often. 0, or
 * -1 when out of memory. */
int forwarded_request(const struct connection *connection, struct hg_head *head, bool *loops);

/* Gives a request the name of its connection, where authentication may be bound to that (docs/protocol.md section 8.1).
 * 0, or -1 when out of memory. */
int forwarded_name(struct protocol *protocol, struct hg_head *head);

/* Counts this hop of an OPTIONS that says how many it may take. *ends: none is left, the answer is the gateway's. 0, or
 * -1 when out of memory. */
int forwarded_count_hop(const struct connection *connection, struct hg_head *head, bool *ends);

#define VIA_SIZE 128
/* The value of the Via field that a head gets; its size, 0: none. */
size_t forwarded_via(const struct edge *edge, const struct hg_head *head, char value[VIA_SIZE]);

/* ---- error.c ---- */

/* Answers with a response of our own; the response is then complete. `request` NULL: it was not even a request. */
void error_respond(struct protocol *protocol, const struct hg_reason *reason, const struct hg_head *request);

#endif
