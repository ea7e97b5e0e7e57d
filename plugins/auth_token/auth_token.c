/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Offers `identity` by random tokens. A client shows its id and its token; a gateway keeps the SHA-256 of each token
 * in a file, which it reads again whenever it has changed.
 */
#include "config.h"
#include "plugins/auth_token/tokens.h"

#include <hopgate/host.h>
#include <stdlib.h>

struct config {
    const char *file;  /* gateway */
    const char *id;    /* client */
    const char *token; /* client */
};

/* A gateway's tokens in one worker. Each worker reads a changed file for itself, so that none waits for another. */
struct gateway {
    struct tokens *tokens;
    struct stat seen; /* the file as it was looked at last, even if it was not taken: faults are told once */
};

static const struct hg_option options[] = {
    {.name = "file",
     .type = HG_OPTION_PATH,
     .offset = offsetof(struct config, file),
     .doc = "On a gateway: the file of tokens, a line ID:SHA256 or ID:SHA256:SERVICE,SERVICE for each."},
    {.name = "id",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct config, id),
     .doc = "On a client: its id, as the gateway's routes name it."},
    {.name = "token_file",
     .type = HG_OPTION_SECRET_FILE,
     .flags = HG_OPTION_SECRET,
     .offset = offsetof(struct config, token),
     .doc = "On a client: the file that holds its token, the secret that `hopgate token` prints."},
    {0},
};

/* ---- Configuring ---- */

static void tell_config(void *arg, const char *text)
{
    hg_config_error(arg, "file", "%s", text);
}

static void tell_log(void *arg, const char *text)
{
    hg_log(arg, HG_LOG_ERROR, "%s", text);
}

static int configure_client(struct hg_instance *instance, const struct config *config)
{
    int result = 0;

    if (!config->id) {
        hg_config_error(instance, "token_file", "needs `id` beside it: the name of this client");
        result = -1;
    } else if (!tokens_is_name(hg_text(config->id))) {
        hg_config_error(instance, "id", "\"%s\" is no id of a client: 1 to %d letters, digits, '-', '.' and '_'",
                        config->id, HG_IDENTITY_MAX);
        result = -1;
    }
    if (!config->token) {
        hg_config_error(instance, "id", "needs `token_file` beside it: `hopgate token %s` makes a token",
                        config->id ? config->id : "NAME");
        return -1;
    }
    if (!*config->token || strlen(config->token) > AUTH_TOKEN_MAX || strpbrk(config->token, " \t\r\n")) {
        hg_config_error(instance, "token_file",
                        "the file must hold the token alone: 1 to %d characters in one line without spaces",
                        AUTH_TOKEN_MAX);
        return -1;
    }
    return result;
}

static int configure(struct hg_instance *instance)
{
    const struct config *config = instance->cfg;

    if (config->file && (config->id || config->token)) {
        hg_config_error(instance, NULL, "either `file` (on a gateway) or `id` and `token_file` (on a client)");
        return -1;
    }
    if (config->id || config->token)
        return configure_client(instance, config);
    if (!config->file) {
        hg_config_error(instance, NULL, "needs `file` (on a gateway) or `id` and `token_file` (on a client)");
        return -1;
    }
    instance->state = tokens_load(config->file, tell_config, instance);
    return instance->state ? 0 : -1;
}

static void unconfigure(struct hg_instance *instance)
{
    struct tokens *tokens = instance->state;

    if (tokens)
        hg_buffer_unref(&tokens->owner);
    instance->state = NULL;
}

/* ---- One worker ---- */

static int worker_start(struct hg_worker *worker)
{
    struct tokens *tokens = worker->instance->state;
    struct gateway *gateway;

    if (!tokens)
        return 0;
    gateway = calloc(1, sizeof *gateway);
    if (!gateway) {
        hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
        return -1;
    }
    hg_buffer_ref(&tokens->owner);
    gateway->tokens = tokens;
    gateway->seen = tokens->file;
    worker->state = gateway;
    return 0;
}

static void worker_stop(struct hg_worker *worker)
{
    struct gateway *gateway = worker->state;

    if (gateway)
        hg_buffer_unref(&gateway->tokens->owner);
    free(gateway);
    worker->state = NULL;
}

/* Reads the file again if it has changed. What cannot be used changes nothing, so that a slip of the editor locks
 * nobody out. */
static void refresh(struct hg_worker *worker, struct gateway *gateway)
{
    const struct config *config = worker->cfg;
    struct tokens *tokens;

    if (!tokens_differ(&gateway->seen, config->file))
        return;
    if (stat(config->file, &gateway->seen))
        memset(&gateway->seen, 0, sizeof gateway->seen);
    tokens = tokens_load(config->file, tell_log, worker->instance);
    if (!tokens) {
        hg_log(worker->instance, HG_LOG_ERROR, "%s has changed and cannot be used: the tokens read before stay valid",
               config->file);
        return;
    }
    hg_buffer_unref(&gateway->tokens->owner);
    gateway->tokens = tokens;
    gateway->seen = tokens->file;
    hg_log(worker->instance, HG_LOG_INFO, "%s has changed: %zu tokens", config->file, tokens->count);
}

/* ---- The capability ---- */

static json_t *present(struct hg_worker *provider)
{
    const struct config *config = provider->cfg;
    json_t *credentials = json_pack("{s:s, s:s}", "id", config->id, "token", config->token);

    if (!credentials)
        hg_log(provider->instance, HG_LOG_ERROR, "the credentials cannot be made: `id` or the token is not UTF-8");
    return credentials;
}

static struct hg_text text_member(const json_t *object, const char *name)
{
    const json_t *member = json_object_get(object, name);

    return (struct hg_text){json_string_value(member), json_string_length(member)};
}

static void refuse(const struct hg_worker *provider, struct hg_text peer, const char *why)
{
    char source[80];

    snprintf(source, sizeof source, "%.*s", HG_PRINT(peer));
    hg_log_limited(provider->instance, HG_LOG_WARNING, source, "%s is refused a session: %s", source, why);
}

static int verify(struct hg_worker *provider, const json_t *credentials, struct hg_text peer,
                  struct hg_identity *identity, const char **reason)
{
    const struct hg_text id = text_member(credentials, "id"), token = text_member(credentials, "token");
    struct gateway *gateway = provider->state;
    const struct tokens_entry *entry;
    char why[HG_IDENTITY_MAX + 32];

    *reason = "credentials refused";
    if (!gateway) /* the instance of a client knows nobody */
        return -1;
    if (!tokens_is_name(id) || !token.size || token.size > AUTH_TOKEN_MAX) {
        refuse(provider, peer, "there are no id and token in its credentials");
        return -1;
    }
    refresh(provider, gateway);
    entry = tokens_find(gateway->tokens, id, token);
    if (!entry) {
        snprintf(why, sizeof why, "no such token of \"%.*s\"", HG_PRINT(id));
        refuse(provider, peer, why);
        return -1;
    }
    memset(identity, 0, sizeof *identity);
    memcpy(identity->id, id.data, id.size);
    identity->services = entry->services;
    identity->owner = hg_buffer_ref(&gateway->tokens->owner);
    return 0;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_identity_ops ops = {.size = sizeof ops, .present = present, .verify = verify};
    static const struct hg_offer offers[] = {{HG_IDENTITY, HG_IDENTITY_VERSION, &ops}, {0}};
    static const struct hg_command commands[] = {{.name = "token",
                                                  .usage = "NAME [--service SERVICE]...",
                                                  .summary = "make a token for a client",
                                                  .run = auth_token_command},
                                                 {0}};
    static const struct hg_plugin plugin = {
        HG_PLUGIN_HEADER,
        .role = HG_ROLE_PROVIDER,
        .name = "auth_token",
        .version = PACKAGE_VERSION,
        .summary = "tells who may open a session, by random tokens",
        .options = options,
        .cfg_size = sizeof(struct config),
        .offers = offers,
        .commands = commands,
        .configure = configure,
        .unconfigure = unconfigure,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
    };

    return &plugin;
}
