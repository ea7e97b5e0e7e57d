/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/stream_error.h"

#include "core/base/log.h"
#include "core/base/user_errors.h"

/* RFC 9209 section 2.3. */
static const char *const error_types[] = {
    "dns_timeout",
    "dns_error",
    "destination_not_found",
    "destination_unavailable",
    "destination_ip_prohibited",
    "destination_ip_unroutable",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "connection_read_timeout",
    "connection_write_timeout",
    "connection_limit_reached",
    "tls_protocol_error",
    "tls_certificate_error",
    "tls_alert_received",
    "http_request_error",
    "http_request_denied",
    "http_response_incomplete",
    "http_response_header_section_size",
    "http_response_header_size",
    "http_response_body_size",
    "http_response_trailer_section_size",
    "http_response_trailer_size",
    "http_response_transfer_coding",
    "http_response_content_coding",
    "http_response_timeout",
    "http_upgrade_failed",
    "http_protocol_error",
    "proxy_internal_response",
    "proxy_internal_error",
    "proxy_configuration_error",
    "proxy_loop_detected",
};

static const char *known_error_type(const char *error)
{
    for (size_t i = 0; error && i < sizeof error_types / sizeof *error_types; i++)
        if (!strcmp(error, error_types[i]))
            return error_types[i];
    return NULL;
}

uint64_t stream_error_code(const struct hg_reason *reason)
{
    const char *error = reason->error ? reason->error : "";

    switch (reason->status) {
    case 408:
    case 504:
        return TN_STREAM_TIMEOUT;
    case 413:
    case 414:
    case 429:
    case 431:
        return TN_STREAM_LIMIT;
    case 500:
        return TN_STREAM_INTERNAL;
    case 502:
    case 503:
        return !strcmp(error, "connection_refused") || !strcmp(error, "dns_error") ||
                       !strcmp(error, "destination_unavailable")
                   ? TN_STREAM_UNREACHABLE
                   : TN_STREAM_ORIGIN;
    default:
        return TN_STREAM_CANCELLED;
    }
}

struct hg_reason stream_error_reason(uint64_t code)
{
    switch (code) {
    case TN_STREAM_NO_ERROR:
    case TN_STREAM_CANCELLED:
        return user_errors[USER_ERROR_PEER_CANCELLED];
    case TN_STREAM_REFUSED:
        return user_errors[USER_ERROR_PEER_REFUSED];
    case TN_STREAM_CODEC:
        return user_errors[USER_ERROR_PEER_NOT_DECODED];
    case TN_STREAM_UNREACHABLE:
        return user_errors[USER_ERROR_PEER_UNREACHABLE];
    case TN_STREAM_ORIGIN:
        return user_errors[USER_ERROR_PEER_ORIGIN];
    case TN_STREAM_TIMEOUT:
        return user_errors[USER_ERROR_PEER_TIMEOUT];
    case TN_STREAM_SESSION_LOST:
        return user_errors[USER_ERROR_PEER_SESSION_ENDED];
    case TN_STREAM_LIMIT:
        return user_errors[USER_ERROR_PEER_LIMIT];
    default: /* docs/protocol.md, section 4.2: an unknown code is treated as INTERNAL */
        return user_errors[USER_ERROR_PEER_INTERNAL];
    }
}

struct hg_reason stream_error_from_peer(const struct hg_reason *reason, char detail[static STREAM_ERROR_DETAIL_SIZE])
{
    log_printable(detail, STREAM_ERROR_DETAIL_SIZE, reason->detail ? reason->detail : "");
    return (struct hg_reason){
        .status = reason->status >= 400 && reason->status <= 599 ? reason->status : 502,
        .error = known_error_type(reason->error),
        .detail = *detail ? detail : NULL,
        .retry_after = reason->retry_after,
    };
}
