/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * HTTP/1.1 (RFC 9112) on a connection: the state of its request and its response.
 */
#ifndef HTTP_PROTOCOL_H
#define HTTP_PROTOCOL_H

#include "plugins/http/connection.h"

#define REQUEST_ID_SIZE 32

/* The state of the request that is being read. */
enum request_phase {
    REQUEST_HEAD = 0, /* reading its head, or nothing yet: then the connection is idle */
    REQUEST_HELD,     /* checking the framing of its body before the exchange is opened: see request.c */
    REQUEST_BODY,     /* exchange open; its body is passed down */
    REQUEST_DONE,     /* exchange open, request complete; further input belongs to the next one */
    REQUEST_DISCARD,  /* answered, but the rest of its body is still arriving and discarded */
};

/* The state of its response. */
enum response_phase {
    RESPONSE_NONE = 0,
    RESPONSE_BODY, /* its head is in the output */
    RESPONSE_DONE, /* all of it is */
};

struct protocol {
    struct connection connection; /* first, so that pointers to both can be cast; modified only by its own files */

    enum request_phase request_phase;
    struct http1_scan scan;
    struct http1_message message;
    struct http1_body body;
    struct http1_body held_body; /* REQUEST_HELD: a copy that is ahead */
    size_t held_size;            /* how far ahead, in bytes of the input */
    struct hg_head *held_head;
    uint64_t requests;
    bool expects_continue; /* its body is sent only after 100 */
    bool head_timed;       /* head_timeout is running */

    struct hg_self *self; /* the open exchange */
    enum response_phase response_phase;
    enum http1_framing response_framing;
    uint64_t response_left; /* HTTP1_LENGTH */
    uint16_t version;       /* of the request */
    bool close;             /* no more requests on this connection */
    bool is_named;          /* its requests may carry authentication bound to the connection, whose name is in `name` */
    char name[REQUEST_ID_SIZE];
    bool truncate;   /* the response cannot be completed, and the peer must notice */
    bool is_unsent;  /* the output starts with the response's head */
    bool data_waits; /* data() returned a short count */
    bool end_waits;  /* end() returned PAUSE */
    bool next_waits; /* the next request waits until the output is written */
};

static inline struct protocol *protocol_of(const struct connection *connection)
{
    return (struct protocol *)(uintptr_t)connection;
}

/* ---- request.c ---- */

/* How many bytes of input are wanted now. */
size_t request_wants(const struct protocol *protocol);
/* Processes the input. */
void request_input(struct protocol *protocol);
/* The response is complete, but the exchange is not: the upload may continue for a while. */
void request_answered(struct protocol *protocol);
/* The connection's exchange has ended: its response is complete. */
void request_next(struct protocol *protocol);
/* The deadline has passed. */
void request_timeout(struct protocol *protocol);

/* ---- response.c ---- */

/* Asks for the body on behalf of a service that does not. Returns -1 when out of memory. */
int response_continue(struct protocol *protocol);

extern const struct hg_stage_ops response_ops;

/* Some of the output has been written. */
void response_written(struct protocol *protocol);

/* ---- forwarded.c ---- */

/* A new request id: 128 random bits in hexadecimal. */
void forwarded_new_id(char id[REQUEST_ID_SIZE]);
/* Adds id, peer, Via, CDN-Loop and Forwarded fields to a request. *loops: it has been here too often. Returns 0, or -1
 * when out of memory. */
int forwarded_request(const struct connection *connection, struct hg_head *head, bool *loops);

/* Adds the name of its connection to a request if authentication may be bound to it (docs/protocol.md section 8.1).
 * Returns 0, or -1 when out of memory. */
int forwarded_name(struct protocol *protocol, struct hg_head *head);

/* Counts this hop of an OPTIONS request with Max-Forwards. *ends: none is left, so the gateway answers. Returns 0, or
 * -1 when out of memory. */
int forwarded_count_hop(const struct connection *connection, struct hg_head *head, bool *ends);

#define VIA_SIZE 128
/* Writes the value of the Via field for a head. Returns its size; 0: none. */
size_t forwarded_via(const struct edge *edge, const struct hg_head *head, char value[VIA_SIZE]);

/* ---- error.c ---- */

/* Sends one of our own responses, which is then complete. `request` is NULL if there was no valid request. */
void error_respond(struct protocol *protocol, const struct hg_reason *reason, const struct hg_head *request);

#endif
