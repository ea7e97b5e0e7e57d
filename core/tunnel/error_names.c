/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Names of codes.
 */
#include "core/tunnel/tunnel.h"

const char *tn_error_name(uint64_t code)
{
    switch (code) {
    case TN_NO_ERROR:
        return "NO_ERROR";
    case TN_INTERNAL_ERROR:
        return "INTERNAL_ERROR";
    case TN_CONNECTION_REFUSED:
        return "CONNECTION_REFUSED";
    case TN_FLOW_CONTROL_ERROR:
        return "FLOW_CONTROL_ERROR";
    case TN_STREAM_LIMIT_ERROR:
        return "STREAM_LIMIT_ERROR";
    case TN_STREAM_STATE_ERROR:
        return "STREAM_STATE_ERROR";
    case TN_FINAL_SIZE_ERROR:
        return "FINAL_SIZE_ERROR";
    case TN_FRAME_ENCODING_ERROR:
        return "FRAME_ENCODING_ERROR";
    case TN_PARAMETER_ERROR:
        return "PARAMETER_ERROR";
    case TN_PROTOCOL_VIOLATION:
        return "PROTOCOL_VIOLATION";
    case TN_CONTROL_BUFFER_EXCEEDED:
        return "CONTROL_BUFFER_EXCEEDED";
    case TN_SESSION_ENDED:
        return "SESSION_ENDED";
    case TN_LINK_REPLACED:
        return "LINK_REPLACED";
    case TN_SHUTDOWN:
        return "SHUTDOWN";
    case TN_CONTROL_ERROR:
        return "CONTROL_ERROR";
    default:
        return "unknown";
    }
}
