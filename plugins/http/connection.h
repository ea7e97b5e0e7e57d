/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One connection of a public user: its socket, plain or with TLS, and its buffers. It knows nothing of HTTP; what it
 * needs of the protocol that it carries are the functions at the end.
 */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "plugins/http/http.h"

enum connection_phase {
    CONNECTION_HANDSHAKE = 0,
    CONNECTION_OPEN,
    CONNECTION_CLOSING, /* closes as soon as the output is written */
    CONNECTION_LINGER,  /* our half is closed; reads until the peer closes too, so that it gets all we wrote */
    CONNECTION_DEAD,    /* closed; waits for detach() of its exchange */
};

#define OUTPUT_SLICES 24

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
    size_t discarded;    /* bytes that came for nothing since the deadline was set … */
    hg_time discard_end; /* … which is never after this; 0: nothing is read for nothing */
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
/* Its protocol has no exchange any more: what is dead may be freed. */
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
/* The next request begins. */
void connection_end_discarding(struct connection *connection);
/* CONNECTION_LINGER: reads until the peer closes. */
void connection_discard(struct connection *connection);

/* ---- input.c ---- */

/* Makes room to read into. Bytes that a slice covers stay where they are. 0, or -1 when out of memory. */
int input_reserve(struct connection *connection);
/* An idle connection has no buffer. */
void input_release(struct connection *connection);

/* The bytes that were read and not used yet: how many, where (the input must not be empty), and that so many are used.
 */
static inline size_t input_unread(const struct connection *connection)
{
    return connection->input_end - connection->input_start;
}

static inline uint8_t *input_bytes(const struct connection *connection)
{
    return connection->input->data + connection->input_start;
}

static inline void input_use(struct connection *connection, size_t size)
{
    connection->input_start += size;
}

/* ---- output.c ---- */

/* Drops what waits to be written. */
void connection_drop_output(struct connection *connection);
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

/* ---- The protocol on top: protocol.c ---- */

/* Memory for a connection and its protocol, in one piece. NULL when out of memory. */
struct connection *protocol_new(void);
void protocol_free(struct connection *connection);
/* Whether it has an exchange open. */
bool protocol_is_busy(const struct connection *connection);
/* Whether it is between two requests, of the next of which nothing has come. */
bool protocol_is_idle(const struct connection *connection);
/* How many bytes of input are of use now; 0: none, let them wait in the socket. */
size_t protocol_wants(const struct connection *connection);
/* Goes on with what is in the input. */
void protocol_input(struct connection *connection);
/* Some of the output has been written. */
void protocol_sent(struct connection *connection);
/* Room for more output: after protocol_sent(), when the connection may be changed again. */
void protocol_goes_on(struct connection *connection);
/* The deadline has passed. */
void protocol_timeout(struct connection *connection);
/* The connection has died. `lost`: by the peer or the network, not by a decision made here. */
void protocol_ended(struct connection *connection, bool lost);

#endif
