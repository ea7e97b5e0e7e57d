/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/stream_error.h"

#include "core/base/log.h"

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
        return (struct hg_reason){502, "connection_terminated", "the other end of the tunnel cancelled the exchange",
                                  0};
    case TN_STREAM_REFUSED:
        return (struct hg_reason){503, "destination_unavailable", "the client accepts no new exchanges", 1};
    case TN_STREAM_CODEC:
        return (struct hg_reason){502, "http_protocol_error", "the other end of the tunnel could not decode the stream",
                                  0};
    case TN_STREAM_UNREACHABLE:
        return (struct hg_reason){502, "connection_refused", "the origin cannot be reached", 0};
    case TN_STREAM_ORIGIN:
        return (struct hg_reason){502, "http_response_incomplete", "the origin failed in the middle of its response",
                                  0};
    case TN_STREAM_TIMEOUT:
        return (struct hg_reason){504, "http_response_timeout", "the origin took too long", 0};
    case TN_STREAM_SESSION_LOST:
        return (struct hg_reason){502, "connection_terminated", "the session ended", 0};
    case TN_STREAM_LIMIT:
        return (struct hg_reason){502, NULL, "a limit at the other end of the tunnel was exceeded", 0};
    default: /* docs/protocol.md, section 4.2: an unknown code is treated as INTERNAL */
        return (struct hg_reason){502, "proxy_internal_error", "the other end of the tunnel failed", 0};
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
