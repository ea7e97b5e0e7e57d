/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The errors that public users get when the core cannot serve a request: the status of the error page, the error type
 * for Proxy-Status (RFC 9209 section 2.3), the text, and Retry-After. Plugins have texts of their own.
 */
#ifndef CORE_BASE_USER_ERRORS_H
#define CORE_BASE_USER_ERRORS_H

#include <hopgate/types.h>

enum user_error {
    USER_ERROR_OUT_OF_MEMORY,
    /* Choosing a session. */
    USER_ERROR_NO_ROUTE,
    USER_ERROR_NOT_CONNECTED,
    USER_ERROR_LINK_LOST,
    USER_ERROR_CLIENT_STOPS,
    USER_ERROR_NOT_ALLOWED,
    USER_ERROR_WITHDRAWN,
    USER_ERROR_TOO_MANY,
    /* The tunnel. */
    USER_ERROR_SESSION_ENDED,
    USER_ERROR_NOT_DECODED,
    USER_ERROR_HEADS_TOO_LARGE,
    USER_ERROR_REQUEST_NOT_ENCODED,
    USER_ERROR_RESPONSE_NOT_ENCODED,
    /* Stream error codes of the peer (docs/protocol.md, section 4.2). */
    USER_ERROR_PEER_CANCELLED,
    USER_ERROR_PEER_REFUSED,
    USER_ERROR_PEER_NOT_DECODED,
    USER_ERROR_PEER_UNREACHABLE,
    USER_ERROR_PEER_ORIGIN,
    USER_ERROR_PEER_TIMEOUT,
    USER_ERROR_PEER_SESSION_ENDED,
    USER_ERROR_PEER_LIMIT,
    USER_ERROR_PEER_INTERNAL,
    /* This process is stopping. */
    USER_ERROR_STOPPING,
    USER_ERROR_STOPPED,
};

/* Indexed by enum user_error. A NULL detail is filled in by the caller. */
extern const struct hg_reason user_errors[];

#endif
