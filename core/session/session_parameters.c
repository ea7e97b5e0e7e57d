/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/session_parameters.h"

#include "core/session/link.h"

void session_parameters(const struct sessions *sessions, struct tn_params *params)
{
    tn_params_default(params);
    params->is_client = sessions->pipeline->shape == PIPELINE_CLIENT;
    params->session_window = sessions->pipeline->settings.session_window;
    params->session_unacked = params->session_window;
    /* Only the gateway opens streams; the other direction is reserved (docs/protocol.md, section 4.1). */
    if (!params->is_client)
        params->max_streams = 0;
}

void session_local_parameters(const struct sessions *sessions, struct control_parameters *parameters)
{
    struct tn_params params;

    session_parameters(sessions, &params);
    tn_params_to_send(&params, &parameters->limits);
    parameters->max_ack_delay = (unsigned)(params.max_ack_delay / TN_MILLISECOND);
}

void session_set_peer_parameters(struct session *session, struct hg_link *link,
                                 const struct control_parameters *parameters)
{
    tn_session_set_peer_params(session->tn, &parameters->limits);
    tn_link_set_peer_max_ack_delay(link->tn, parameters->max_ack_delay * TN_MILLISECOND);
}

const struct instance *session_find_codec(const struct sessions *sessions, const char *wire_name)
{
    const struct pipeline *pipeline = sessions->pipeline;

    for (size_t i = 0; i < pipeline->codec_count; i++)
        if (!strcmp(pipeline->codecs[i]->plugin->codec.wire_name, wire_name))
            return pipeline->codecs[i];
    return NULL;
}

void session_set_codec(struct session *session, const struct instance *codec)
{
    session->codec = &codec->plugin->codec;
    session->codec_worker = sessions_worker_of(session->sessions, codec);
}
