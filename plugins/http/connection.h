/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One connection of a public user: its socket, plain or with TLS, and its buffers. It knows nothing about HTTP; the
 * functions at the end are what it needs from the protocol on top.
 */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "plugins/http/http.h"

enum connection_phase {
    CONNECTION_HANDSHAKE = 0,
    CONNECTION_OPEN,
    CONNECTION_CLOSING, /* closes once the output is written */
    CONNECTION_LINGER,  /* our half is closed; reads until the peer closes, too, so that it gets everything we wrote */
    CONNECTION_DEAD,    /* closed; waits for detach() of its exchange */
};

#define OUTPUT_SLICES 24

/* With this much output, it is written at once; less waits for more to come in this turn of the loop. */
#define FLUSH_SIZE 32768

/* Output that has not been written yet. */
struct output {
    struct hg_slice slices[OUTPUT_SLICES]; /* a ring */
    size_t first, count;
    size_t bytes;
    struct hg_buffer *tail; /* where the next encoded bytes go, after the `tail_used` bytes already there */
    size_t tail_used;
};

struct connection {
    struct edge *edge;
    struct connection *next, *previous;
    struct hg_call turn_end; /* deferred: flushes it, or frees it if it is dead */
    bool is_full;            /* the socket did not take all of the output; none is accepted until it has */
    bool reads;              /* CONNECTION_OPEN: the socket is watched for input */
    bool parked;             /* CONNECTION_HANDSHAKE: waiting for a certificate */
    bool late;               /* accepted while the edge drains: only other plugins may take it */
    enum connection_phase phase;
    int fd;
    struct hg_io *io;
    struct hg_timer *timer;
    hg_time deadline;
    struct tls *tls; /* NULL: plain */
    char peer[ACCEPT_PEER_SIZE];
    uint8_t peer_host_size;

    struct hg_buffer *input; /* NULL while it is empty */
    size_t input_start, input_end;
    struct output output;
    size_t discarded;    /* bytes discarded since the deadline was set … */
    hg_time discard_end; /* … which is never later than this; 0: not discarding */
};

/* Takes ownership of a descriptor. */
void connection_open(struct edge *edge, int fd, const struct sockaddr *address, bool tls);
/* The peer has closed its half, or an error has occurred: nothing can be sent or received any longer. */
void connection_lost(struct connection *connection);
/* Closes once the output has been written, so that the peer gets all of it. */
void connection_finish(struct connection *connection);
/* Shuts down our half; all output must have been written. */
void connection_close_half(struct connection *connection);
/* Closes at once. `reset`: with RST, so that even a body that ends with the connection is seen to be incomplete. */
void connection_abort(struct connection *connection, bool reset);
/* Closes it now if it is idle. For draining. */
void connection_drain(struct connection *connection);
/* The protocol has no exchange any longer: frees the connection if it is dead. */
void connection_let_go(struct connection *connection);
/* Frees it in any state. Its exchange must have ended. */
void connection_free(struct connection *connection);
/* Resumes a parked handshake. */
void connection_handshake(struct connection *connection);

/* Sets the deadline to `delay` from now. */
void connection_expect(struct connection *connection, hg_time delay);
/* Reads as much as is wanted now, and updates what the socket is watched for. */
void connection_read(struct connection *connection);
/* To be called when more input may be wanted than before. */
void connection_read_on(struct connection *connection);

/* Writes as much as possible now. False: the connection is lost, and may have been freed. */
bool connection_flush(struct connection *connection);
/* Writes at the end of this turn of the loop. */
void connection_flush_later(struct connection *connection);

/* ---- discard.c ---- */

/* Further input from the peer is of no use, but it must not get a reset while it is sending, as it might lose a
 * response that it has not read yet (RFC 9112 section 9.6). Its input is therefore read as long as it makes progress,
 * for at most idle_timeout. The deadline is set accordingly. */
void connection_begin_discarding(struct connection *connection);
/* That many bytes were discarded. */
void connection_discarded(struct connection *connection, size_t size);
/* The next request starts. */
void connection_end_discarding(struct connection *connection);
/* CONNECTION_LINGER: reads until the peer closes. */
void connection_discard(struct connection *connection);

/* ---- input.c ---- */

/* Makes room to read into. Bytes that are part of a slice are not moved. Returns 0, or -1 when out of memory. */
int input_reserve(struct connection *connection);
/* An idle connection has no buffer. */
void input_release(struct connection *connection);

/* The unread bytes: how many there are, where (the input must not be empty), and marking some of them as used. */
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

/* Discards the output. */
void connection_drop_output(struct connection *connection);
/* Room for `size` bytes at the end of the output; NULL when out of memory or the queue is full. */
uint8_t *connection_reserve(struct connection *connection, size_t size);
/* That many of these bytes have been filled. */
void connection_commit(struct connection *connection, size_t size);
/* Appends a slice to the output, by reference or, if it is small, by copying. Returns -1 when out of memory or the
 * queue is full. */
int connection_append(struct connection *connection, const struct hg_slice *slice);
/* Whether the output accepts more data. */
bool connection_takes_data(const struct connection *connection);
/* Writes to a plain socket. Returns the number of bytes, TLS_AGAIN or TLS_FAILED. */
ssize_t output_send(const struct connection *connection);
/* That many bytes of it have been written. */
void output_drop(struct output *output, size_t size);
void output_clear(struct output *output);

/* ---- The protocol on top: protocol.c ---- */

/* Allocates a connection with its protocol in one block. Returns NULL when out of memory. */
struct connection *protocol_new(void);
void protocol_free(struct connection *connection);
/* Whether it has an exchange open. */
bool protocol_is_busy(const struct connection *connection);
/* Whether it is between two requests, with no byte of the next one received. */
bool protocol_is_idle(const struct connection *connection);
/* How many bytes of input are wanted now; 0: none, leave them in the socket. */
size_t protocol_wants(const struct connection *connection);
/* Processes the input. */
void protocol_input(struct connection *connection);
/* Some of the output has been written. */
void protocol_sent(struct connection *connection);
/* There is room for more output. Called after protocol_sent(), when the connection may be modified again. */
void protocol_goes_on(struct connection *connection);
/* The deadline has passed. */
void protocol_timeout(struct connection *connection);
/* The connection has ended. `lost`: by the peer or the network, not by a decision made here. */
void protocol_ended(struct connection *connection, bool lost);

#endif
