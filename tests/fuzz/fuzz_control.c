/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fuzzes the decoder of control messages: each line of the input is one. The contents of a message must be within their
 * limits, and a message that this program can write itself must come out again as it went in.
 */
#include "core/session/control_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static char *encode_again(const struct control_message *message)
{
    struct control_offer offer = {.session = message->session, .parameters = message->parameters};

    switch (message->type) {
    case CONTROL_OPEN:
        offer.codecs = message->codecs;
        offer.codec_count = message->codec_count;
        offer.credentials = (json_t *)(uintptr_t)message->credentials;
        offer.process = message->process;
        offer.services = message->services;
        return message->speaks_version ? control_encode_open(&offer) : NULL;
    case CONTROL_ACCEPT:
        offer.codecs = &message->codec;
        return message->speaks_version ? control_encode_accept(&offer) : NULL;
    case CONTROL_REFUSE:
        return control_encode_refuse(message->code, message->reason, message->retry_after);
    case CONTROL_DRAIN:
        return control_encode_drain(message->reason, message->retry_after);
    case CONTROL_NOTICE:
        return control_encode_notice(message->reason);
    case CONTROL_PING:
        return control_encode_ping(message->id);
    case CONTROL_PONG:
        return control_encode_pong(message->id);
    case CONTROL_UNKNOWN:
        break;
    }
    return NULL;
}

static void compare(const struct control_message *a, const struct control_message *b)
{
    must(a->type == b->type && a->id == b->id && a->retry_after == b->retry_after && a->codec_count == b->codec_count);
    must(!a->reason == !b->reason && (!a->reason || !strcmp(a->reason, b->reason)));
    must(!a->process == !b->process && (!a->process || !strcmp(a->process, b->process)));
    must(!a->services == !b->services && (!a->services || json_equal(a->services, b->services)));
    must(!a->session == !b->session && (!a->session || !strcmp(a->session, b->session)));
    must(!memcmp(&a->parameters.limits, &b->parameters.limits, sizeof a->parameters.limits));
    for (size_t i = 0; i < a->codec_count; i++)
        must(!strcmp(a->codecs[i], b->codecs[i]));
}

static void try_line(const char *line, size_t size)
{
    struct control_message message, again;
    const char *error;
    char *made;

    if (control_decode(&message, line, size, &error)) {
        must(error != NULL);
        return;
    }
    must(!message.session || strlen(message.session) == CONTROL_SESSION_NAME_SIZE);
    must(message.parameters.limits.initial_max_data >> 62 == 0 && message.parameters.max_ack_delay <= 1000);
    made = encode_again(&message);
    if (made) {
        must(!control_decode(&again, made, strlen(made) - 1, &error));
        compare(&message, &again);
        control_message_free(&again);
        free(made);
    }
    control_message_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data;

    while (size) {
        const char *newline = memchr(line, '\n', size);
        size_t length = newline ? (size_t)(newline - line) : size;

        try_line(line, length);
        length += newline != NULL;
        line += length;
        size -= length;
    }
    return 0;
}
