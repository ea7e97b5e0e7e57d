/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/control_message.h"

#include <stdlib.h>
#include <string.h>

/* The largest integer of the protocol (RFC 9000 section 16). */
#define INTEGER_MAX (((json_int_t)1 << 62) - 1)
/* A peer must not keep this end away for longer than a day. */
#define RETRY_AFTER_MAX 86400
/* Milliseconds. */
#define ACK_DELAY     5
#define ACK_DELAY_MAX 1000
#define VERSIONS_MAX  16

/* A string of 1 to `max` bytes; NULL if it is missing or not one. */
static const char *member_string(const json_t *object, const char *name, size_t max)
{
    const json_t *value = json_object_get(object, name);
    size_t size = json_string_length(value);

    return json_is_string(value) && size >= 1 && size <= max ? json_string_value(value) : NULL;
}

/* Sets `*value` and returns 0, with `absent` if the member is missing; returns -1 if it is out of range. */
static int member_integer(const json_t *object, const char *name, json_int_t max, json_int_t absent, json_int_t *value)
{
    const json_t *member = json_object_get(object, name);

    *value = absent;
    if (!member)
        return 0;
    if (!json_is_integer(member))
        return -1;
    *value = json_integer_value(member);
    return *value < 0 || *value > max ? -1 : 0;
}

static int decode_parameters(struct control_parameters *parameters, const json_t *root, const char **error)
{
    const json_t *object = json_object_get(root, "parameters");
    json_int_t data, stream_data, streams, delay;

    *error = "\"parameters\" is not an object of integers within their bounds";
    if (!json_is_object(object) || member_integer(object, "initial_max_data", INTEGER_MAX, 0, &data) ||
        member_integer(object, "initial_max_stream_data", INTEGER_MAX, 0, &stream_data) ||
        member_integer(object, "initial_max_streams", INTEGER_MAX, 0, &streams) ||
        member_integer(object, "max_ack_delay", ACK_DELAY_MAX, ACK_DELAY, &delay))
        return -1;
    parameters->limits.initial_max_data = (uint64_t)data;
    parameters->limits.initial_max_stream_data = (uint64_t)stream_data;
    parameters->limits.initial_max_streams = (uint64_t)streams;
    parameters->max_ack_delay = (unsigned)delay;
    return 0;
}

static int decode_versions(struct control_message *message, const char **error)
{
    const json_t *versions = json_object_get(message->root, "versions");
    size_t count = json_array_size(versions);

    *error = "\"versions\" is not a list of 1 to 16 integers";
    if (count < 1 || count > VERSIONS_MAX)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *version = json_array_get(versions, i);

        if (!json_is_integer(version))
            return -1;
        if (json_integer_value(version) == CONTROL_VERSION)
            message->speaks_version = true;
    }
    return 0;
}

static int decode_codecs(struct control_message *message, const char **error)
{
    const json_t *codecs = json_object_get(message->root, "codecs");
    size_t count = json_array_size(codecs);

    *error = "\"codecs\" is not a list of 1 to 16 names";
    if (count < 1 || count > CONTROL_CODECS_MAX)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *codec = json_array_get(codecs, i);

        if (!json_is_string(codec) || !json_string_length(codec) || json_string_length(codec) > CONTROL_NAME_SIZE)
            return -1;
        message->codecs[i] = json_string_value(codec);
    }
    message->codec_count = count;
    return 0;
}

static bool is_session_name(const char *text)
{
    return text && strlen(text) == CONTROL_SESSION_NAME_SIZE &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               CONTROL_SESSION_NAME_SIZE;
}

/* `process`, which may be absent. */
static int decode_process(struct control_message *message, const char **error)
{
    *error = "\"process\" is not a name";
    if (!json_object_get(message->root, "process"))
        return 0;
    message->process = member_string(message->root, "process", CONTROL_NAME_SIZE);
    return message->process ? 0 : -1;
}

/* `services`, which may be absent. */
static int decode_services(struct control_message *message, const char **error)
{
    json_t *services = json_object_get(message->root, "services");

    *error = "\"services\" is not a list of up to 256 names";
    if (!services)
        return 0;
    if (!json_is_array(services) || json_array_size(services) > CONTROL_SERVICES_MAX)
        return -1;
    for (size_t i = 0; i < json_array_size(services); i++) {
        const json_t *service = json_array_get(services, i);

        if (!json_is_string(service) || !json_string_length(service) ||
            json_string_length(service) > CONTROL_SERVICE_NAME_MAX)
            return -1;
    }
    message->services = services;
    return 0;
}

static int decode_open(struct control_message *message, const char **error)
{
    const json_t *session = json_object_get(message->root, "session");

    if (decode_versions(message, error))
        return -1;
    /* The rest of an `open` of another version may have any format. */
    if (!message->speaks_version)
        return 0;
    if (decode_codecs(message, error) || decode_parameters(&message->parameters, message->root, error) ||
        decode_process(message, error) || decode_services(message, error))
        return -1;
    message->credentials = json_object_get(message->root, "credentials");
    *error = "\"credentials\" is not an object";
    if (!json_is_object(message->credentials))
        return -1;
    *error = "\"session\" is neither null nor a session's name";
    if (session && !json_is_null(session)) {
        message->session = json_string_value(session);
        if (!is_session_name(message->session))
            return -1;
    }
    return 0;
}

static int decode_accept(struct control_message *message, const char **error)
{
    const json_t *resumed = json_object_get(message->root, "resumed");
    json_int_t version;

    *error = "\"version\" is not a version of the protocol";
    if (member_integer(message->root, "version", INTEGER_MAX, -1, &version) || version < 0)
        return -1;
    message->speaks_version = version == CONTROL_VERSION;
    message->session = member_string(message->root, "session", CONTROL_SESSION_NAME_SIZE);
    *error = "\"session\" is not a session's name";
    if (!is_session_name(message->session))
        return -1;
    message->codec = member_string(message->root, "codec", CONTROL_NAME_SIZE);
    *error = "\"codec\" is not a codec's name";
    if (!message->codec)
        return -1;
    *error = "\"resumed\" is neither true nor false";
    if (resumed && !json_is_boolean(resumed))
        return -1;
    message->resumed = json_is_true(resumed);
    return decode_parameters(&message->parameters, message->root, error);
}

/* `reason`, which may be absent. */
static int decode_reason(struct control_message *message, const char **error)
{
    const json_t *reason = json_object_get(message->root, "reason");

    *error = "\"reason\" is not a string";
    if (reason && !json_is_string(reason))
        return -1;
    message->reason = reason ? json_string_value(reason) : "";
    return 0;
}

/* `reason` and `retry_after`, which may be absent. */
static int decode_excuse(struct control_message *message, const char **error)
{
    json_int_t seconds;

    if (decode_reason(message, error))
        return -1;
    *error = "\"retry_after\" is not a number of seconds up to 86400";
    if (member_integer(message->root, "retry_after", RETRY_AFTER_MAX, 0, &seconds))
        return -1;
    message->retry_after = (unsigned)seconds;
    return 0;
}

static int decode_refuse(struct control_message *message, const char **error)
{
    message->code = member_string(message->root, "code", CONTROL_NAME_SIZE);
    *error = "\"code\" is not a name";
    return message->code ? decode_excuse(message, error) : -1;
}

static int decode_ping(struct control_message *message, const char **error)
{
    *error = "\"id\" is not an integer from 0 to 2^62 - 1";
    return member_integer(message->root, "id", INTEGER_MAX, -1, &message->id) || message->id < 0 ? -1 : 0;
}

static const struct {
    const char *name;
    enum control_type type;
    int (*decode)(struct control_message *message, const char **error);
} types[] = {
    {"open", CONTROL_OPEN, decode_open},       {"accept", CONTROL_ACCEPT, decode_accept},
    {"refuse", CONTROL_REFUSE, decode_refuse}, {"drain", CONTROL_DRAIN, decode_excuse},
    {"notice", CONTROL_NOTICE, decode_reason}, {"ping", CONTROL_PING, decode_ping},
    {"pong", CONTROL_PONG, decode_ping},
};

static int decode_type(struct control_message *message, const char **error)
{
    const json_t *type = json_object_get(message->root, "type");

    *error = "\"type\" is not a string";
    if (!json_is_string(type))
        return -1;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, json_string_value(type))) {
            message->type = types[i].type;
            return types[i].decode(message, error);
        }
    return 0;
}

int control_decode(struct control_message *message, const char *line, size_t size, const char **error)
{
    json_error_t details;

    memset(message, 0, sizeof *message);
    *error = "longer than 16384 bytes";
    if (size >= CONTROL_LINE_MAX)
        return -1;
    message->root = json_loadb(line, size, JSON_REJECT_DUPLICATES, &details);
    *error = "not a JSON object";
    if (!json_is_object(message->root) || decode_type(message, error)) {
        control_message_free(message);
        return -1;
    }
    *error = NULL;
    return 0;
}

void control_wipe(json_t *credentials)
{
    const char *name;
    json_t *member;
    size_t i;

    json_object_foreach(credentials, name, member) control_wipe(member);
    json_array_foreach(credentials, i, member) control_wipe(member);
    if (json_is_string(credentials))
        explicit_bzero((char *)(uintptr_t)json_string_value(credentials), json_string_length(credentials));
}

void control_message_free(struct control_message *message)
{
    control_wipe(json_object_get(message->root, "credentials"));
    json_decref(message->root);
    message->root = NULL;
}

/* Takes ownership of `root`; NULL is allowed, as json_pack() may return it. */
static char *encode(json_t *root)
{
    size_t size = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
    char *line = size && size < CONTROL_LINE_MAX ? malloc(size + 2) : NULL;

    if (line) {
        json_dumpb(root, line, size, JSON_COMPACT);
        memcpy(line + size, "\n", 2);
    }
    json_decref(root);
    return line;
}

static json_t *pack_parameters(const struct control_parameters *parameters)
{
    const struct tn_peer_params *limits = &parameters->limits;

    return json_pack("{s:I, s:I, s:I, s:I}", "initial_max_data", (json_int_t)limits->initial_max_data,
                     "initial_max_stream_data", (json_int_t)limits->initial_max_stream_data, "initial_max_streams",
                     (json_int_t)limits->initial_max_streams, "max_ack_delay", (json_int_t)parameters->max_ack_delay);
}

char *control_encode_open(const struct control_offer *offer)
{
    json_t *codecs = json_array(), *root;

    for (size_t i = 0; i < offer->codec_count; i++)
        json_array_append_new(codecs, json_string(offer->codecs[i]));
    root = json_pack("{s:s, s:[i], s:o, s:o, s:O, s:s?}", "type", "open", "versions", CONTROL_VERSION, "codecs", codecs,
                     "parameters", pack_parameters(&offer->parameters), "credentials", offer->credentials, "session",
                     offer->session);
    if (root && offer->process && json_object_set_new(root, "process", json_string(offer->process))) {
        json_decref(root);
        return NULL;
    }
    if (root && offer->services && json_object_set(root, "services", offer->services)) {
        json_decref(root);
        return NULL;
    }
    return encode(root);
}

char *control_encode_accept(const struct control_offer *offer)
{
    return encode(json_pack("{s:s, s:i, s:s, s:b, s:s, s:o}", "type", "accept", "version", CONTROL_VERSION, "session",
                            offer->session, "resumed", offer->resumed, "codec", offer->codecs[0], "parameters",
                            pack_parameters(&offer->parameters)));
}

/* Adds `retry_after`, unless it is 0, to an object and takes ownership of that. */
static char *encode_excuse(json_t *root, unsigned retry_after)
{
    if (root && retry_after && json_object_set_new(root, "retry_after", json_integer(retry_after))) {
        json_decref(root);
        return NULL;
    }
    return encode(root);
}

char *control_encode_refuse(const char *code, const char *reason, unsigned retry_after)
{
    return encode_excuse(json_pack("{s:s, s:s, s:s}", "type", "refuse", "code", code, "reason", reason), retry_after);
}

char *control_encode_drain(const char *reason, unsigned retry_after)
{
    return encode_excuse(json_pack("{s:s, s:s}", "type", "drain", "reason", reason), retry_after);
}

char *control_encode_notice(const char *reason)
{
    return encode(json_pack("{s:s, s:s}", "type", "notice", "reason", reason));
}

char *control_encode_ping(json_int_t id)
{
    return encode(json_pack("{s:s, s:I}", "type", "ping", "id", id));
}

char *control_encode_pong(json_int_t id)
{
    return encode(json_pack("{s:s, s:I}", "type", "pong", "id", id));
}
