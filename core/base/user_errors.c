/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/user_errors.h"

const struct hg_reason user_errors[] = {
    [USER_ERROR_OUT_OF_MEMORY] = {503, "proxy_internal_error", "out of memory", 1},
    [USER_ERROR_NO_ROUTE] = {404, "destination_not_found", "no route for this request", 0},
    [USER_ERROR_NOT_CONNECTED] = {503, "destination_unavailable", "the client is not connected", 5},
    [USER_ERROR_LINK_LOST] = {503, "destination_unavailable",
                              "the client has lost its link and has not reconnected yet", 5},
    [USER_ERROR_CLIENT_STOPS] = {503, "destination_unavailable", "the client is stopping", 1},
    [USER_ERROR_NOT_ALLOWED] = {404, "destination_not_found", "the client may not serve this service", 0},
    [USER_ERROR_WITHDRAWN] = {404, "destination_not_found", "the client may no longer serve this service", 0},
    [USER_ERROR_TOO_MANY] = {503, "connection_limit_reached", "too many exchanges at once", 1},
    [USER_ERROR_SESSION_ENDED] = {502, "connection_terminated", NULL, 0},
    [USER_ERROR_NOT_DECODED] = {502, "http_protocol_error", NULL, 0},
    [USER_ERROR_HEADS_TOO_LARGE] = {502, "http_response_header_section_size",
                                    "the heads that the client is sending exceed session_window", 1},
    [USER_ERROR_REQUEST_NOT_ENCODED] = {431, "http_request_error", NULL, 0},
    [USER_ERROR_RESPONSE_NOT_ENCODED] = {502, "http_response_header_section_size", NULL, 0},
    [USER_ERROR_PEER_CANCELLED] = {502, "connection_terminated", "the other end of the tunnel cancelled the exchange",
                                   0},
    [USER_ERROR_PEER_REFUSED] = {503, "destination_unavailable", "the client accepts no new exchanges", 1},
    [USER_ERROR_PEER_NOT_DECODED] = {502, "http_protocol_error",
                                     "the other end of the tunnel could not decode the stream", 0},
    [USER_ERROR_PEER_UNREACHABLE] = {502, "connection_refused", "the origin cannot be reached", 0},
    [USER_ERROR_PEER_ORIGIN] = {502, "http_response_incomplete", "the origin failed in the middle of its response", 0},
    [USER_ERROR_PEER_TIMEOUT] = {504, "http_response_timeout", "the origin took too long", 0},
    [USER_ERROR_PEER_SESSION_ENDED] = {502, "connection_terminated", "the session ended", 0},
    [USER_ERROR_PEER_LIMIT] = {502, NULL, "a limit at the other end of the tunnel was exceeded", 0},
    [USER_ERROR_PEER_INTERNAL] = {502, "proxy_internal_error", "the other end of the tunnel failed", 0},
    [USER_ERROR_STOPPING] = {503, "connection_terminated", "the server is stopping", 1},
    [USER_ERROR_STOPPED] = {503, "connection_terminated", "the server has stopped", 1},
};
