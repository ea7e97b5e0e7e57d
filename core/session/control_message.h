/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Control messages: the lines of JSON that the two ends of a link exchange (docs/protocol.md, section 6).
 *
 * Pure: converts between text and structs. Unknown types and members are ignored, known members are checked strictly.
 */
#ifndef CORE_SESSION_CONTROL_MESSAGE_H
#define CORE_SESSION_CONTROL_MESSAGE_H

#include "core/base/cold.h"
#include "core/tunnel/tunnel.h"

#include <hopgate/types.h>
#include <jansson.h>

/* The longest line, including its LF. */
#define CONTROL_LINE_MAX 16384
/* The protocol version that this program speaks. */
#define CONTROL_VERSION 1
/* Length of a session's name: 128 bits in base64url. */
#define CONTROL_SESSION_NAME_SIZE 22
/* The longest name of a codec, a code or a process. */
#define CONTROL_NAME_SIZE 64
/* The most codecs in an `open`. */
#define CONTROL_CODECS_MAX 16
/* The most services in it, and the longest name of one. */
#define CONTROL_SERVICES_MAX     256
#define CONTROL_SERVICE_NAME_MAX 128

enum control_type {
    CONTROL_UNKNOWN, /* to be ignored */
    CONTROL_OPEN,
    CONTROL_ACCEPT,
    CONTROL_REFUSE,
    CONTROL_DRAIN,
    CONTROL_NOTICE,
    CONTROL_PING,
    CONTROL_PONG,
};

/* What both ends announce about themselves when a link is opened. */
struct control_parameters {
    struct tn_peer_params limits;
    unsigned max_ack_delay; /* milliseconds */
};

/* A parsed message. Which members are valid depends on the type; strings and objects belong to `root`. */
struct control_message {
    enum control_type type;
    json_t *root;

    bool speaks_version; /* open: its versions include CONTROL_VERSION; accept: it is the chosen one */
    size_t codec_count;  /* open */
    const char *codecs[CONTROL_CODECS_MAX]; /* open: best first */
    const char *codec;                      /* accept */
    const char *session;                    /* open: NULL for a new session; accept */
    bool resumed;                           /* accept: this is the session that `open` named */
    const json_t *credentials;              /* open: an object */
    const char *process;                    /* open: NULL if not given */
    json_t *services;                       /* open: a list of names; NULL if not given */
    struct control_parameters parameters;   /* open, accept */
    const char *code;                       /* refuse */
    const char *reason;                     /* refuse, drain, notice: "" when absent */
    unsigned retry_after;                   /* refuse, drain: seconds, 0 when absent */
    json_int_t id;                          /* ping, pong */
};

/* Parses a line, given without its LF. Returns 0, then call control_message_free(); or -1 with `*error` set to a
 * literal. */
COLD int control_decode(struct control_message *message, const char *line, size_t size, const char **error);
/* Also wipes all strings in the credentials. */
COLD void control_message_free(struct control_message *message);
/* Overwrites all strings in credentials that are about to be freed. They must not be shared. */
COLD void control_wipe(json_t *credentials);

/* What `open` and `accept` contain about this end. */
struct control_offer {
    const char *const *codecs; /* open: best first; accept: the one chosen */
    size_t codec_count;
    const char *session; /* open: the session to resume, or NULL; accept: the session's name */
    bool resumed;        /* accept */
    struct control_parameters parameters;
    json_t *credentials; /* open; still owned by the caller */
    const char *process; /* open */
    json_t *services;    /* open: NULL to leave it out; still owned by the caller */
};

/* Each returns a line with its LF, NUL-terminated, for the caller to free(); NULL when out of memory or if the line
 * would exceed CONTROL_LINE_MAX. */
COLD char *control_encode_open(const struct control_offer *offer);
COLD char *control_encode_accept(const struct control_offer *offer);
COLD char *control_encode_refuse(const char *code, const char *reason, unsigned retry_after);
COLD char *control_encode_drain(const char *reason, unsigned retry_after);
COLD char *control_encode_notice(const char *reason);
COLD char *control_encode_ping(json_int_t id);
COLD char *control_encode_pong(json_int_t id);

#endif
