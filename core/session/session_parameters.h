/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the two ends agree on with `open` and `accept`: limits and the codec.
 */
#ifndef CORE_SESSION_SESSION_PARAMETERS_H
#define CORE_SESSION_SESSION_PARAMETERS_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* This end's parameters of the tunnel. */
COLD void session_parameters(const struct sessions *sessions, struct tn_params *params);
/* The part of them that `open` and `accept` send to the peer. */
COLD void session_local_parameters(const struct sessions *sessions, struct control_parameters *parameters);
/* Applies the parameters sent by the peer. */
void session_set_peer_parameters(struct session *session, struct hg_link *link,
                                 const struct control_parameters *parameters);

/* The codec of this pipeline with that name, or NULL. */
COLD const struct instance *session_find_codec(const struct sessions *sessions, const char *wire_name);
COLD void session_set_codec(struct session *session, const struct instance *codec);

#endif
