/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Offers `identity`, based on random tokens. A client sends its id and its token; a gateway keeps the SHA-256 of each
 * token in a file, which it reads again whenever it changes (verify.c).
 */
#include "plugins/auth_token/auth_token.h"

#include "config.h"

static const struct hg_option options[] = {
    {.name = "file",
     .type = HG_OPTION_PATH,
     .offset = offsetof(struct config, file),
     .doc = "On a gateway: the token file, with a line ID:SHA256 or ID:SHA256:SERVICE,SERVICE for each token."},
    {.name = "id",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct config, id),
     .doc = "On a client: its id, as in the gateway's route."},
    {.name = "token_file",
     .type = HG_OPTION_SECRET_FILE,
     .flags = HG_OPTION_SECRET,
     .offset = offsetof(struct config, token),
     .doc = "On a client: the file that contains its token, the secret printed by `hopgate token`."},
    {0},
};

/* ---- Configuring ---- */

static void report_config(void *arg, const char *text)
{
    hg_config_error(arg, "file", "%s", text);
}

/* Whether it is not the secret, but the line for the gateway that `hopgate token` also prints: ID:SHA256... */
static bool is_line(const char *token)
{
    const char *hash = strchr(token, ':');

    return hash && strspn(hash + 1, "0123456789abcdefABCDEF") == 2 * (size_t)SHA256_SIZE;
}

static int configure_client(struct hg_instance *instance, const struct config *config)
{
    int result = 0;

    if (!config->id) {
        hg_config_error(instance, "token_file", "requires `id`, too: the name of this client");
        result = -1;
    } else if (!tokens_is_name(hg_text(config->id))) {
        hg_config_error(instance, "id", "\"%s\" is not a client id: 1 to %d letters, digits, '-', '.' and '_'",
                        config->id, HG_IDENTITY_MAX);
        result = -1;
    }
    if (!config->token)
        return hg_config_error(instance, "id", "requires `token_file`, too; `hopgate token %s` creates a token",
                               config->id ? config->id : "NAME");
    if (is_line(config->token))
        return hg_config_error(
            instance, "token_file",
            "the file contains the line for the gateway's `file`; it must contain the secret that `hopgate "
            "token` printed with it");
    if (strlen(config->token) > AUTH_TOKEN_MAX || strpbrk(config->token, " \t\r\n"))
        return hg_config_error(instance, "token_file",
                               "the file must contain only the token: %d to %d characters on one line, without spaces",
                               AUTH_TOKEN_MIN, AUTH_TOKEN_MAX);
    if (strlen(config->token) < AUTH_TOKEN_MIN)
        return hg_config_error(
            instance, "token_file",
            "the token has fewer than %d characters, so it can be guessed; `hopgate token %s` creates a good one",
            AUTH_TOKEN_MIN, config->id ? config->id : "NAME");
    return result;
}

static int configure(struct hg_instance *instance)
{
    const struct config *config = instance->cfg;

    if (config->file && (config->id || config->token))
        return hg_config_error(instance, NULL,
                               "give either `file` (on a gateway) or `id` and `token_file` (on a client)");
    if (config->file && hg_end(instance) == HG_END_CLIENT)
        return hg_config_error(instance, "file", "this is for a gateway; a client needs `id` and `token_file`");
    if (!config->file && (config->id || config->token) && hg_end(instance) == HG_END_GATEWAY)
        return hg_config_error(instance, config->id ? "id" : "token_file",
                               "this is for a client; a gateway needs `file`");
    if (config->id || config->token)
        return configure_client(instance, config);
    if (!config->file)
        return hg_config_error(instance, NULL, "give `file` (on a gateway) or `id` and `token_file` (on a client)");
    hg_reads_file(instance, "file", config->file, true);
    instance->state = tokens_load(config->file, report_config, instance);
    if (instance->state && ((const struct tokens *)instance->state)->count == 0)
        hg_config_warning(instance, "file",
                          "%s contains no tokens, so no client can connect; `hopgate token NAME` creates one",
                          config->file);
    return instance->state ? 0 : -1;
}

static void unconfigure(struct hg_instance *instance)
{
    struct tokens *tokens = instance->state;

    if (tokens)
        hg_buffer_unref(&tokens->owner);
    instance->state = NULL;
}

/* ---- A client ---- */

static json_t *present(struct hg_worker *provider)
{
    const struct config *config = provider->cfg;
    json_t *credentials = json_pack("{s:s, s:s}", "id", config->id, "token", config->token);

    if (!credentials)
        hg_log(provider->instance, HG_LOG_ERROR, "invalid credentials: `id` or the token is not UTF-8");
    return credentials;
}

static bool knows(const struct hg_instance *provider, struct hg_text id)
{
    const struct tokens *tokens = provider->state;

    for (size_t i = 0; tokens && i < tokens->count; i++)
        if (hg_text_equal(hg_text(tokens->entries[i].id), id))
            return true;
    return false;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_identity_ops ops = {
        .present = present, .verify = gateway_verify, .watch = gateway_watch, .review = gateway_review, .knows = knows};
    static const struct hg_offer offers[] = {{HG_IDENTITY, HG_IDENTITY_VERSION, &ops}, {0}};
    static const char token_help[] = "Prints a new random token for the client NAME, in two lines:\n"
                                     "  secret: ...   for the client, in its token_file\n"
                                     "  line: ...     for the gateway, in its file of tokens\n"
                                     "The secret is not stored and cannot be shown again.\n\n"
                                     "Options:\n"
                                     "      --service SERVICE    allow only this service; may be repeated";
    static const struct hg_command commands[] = {{.name = "token",
                                                  .usage = "NAME [--service SERVICE]...",
                                                  .summary = "create a token for a client",
                                                  .help = token_help,
                                                  .run = auth_token_command},
                                                 {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_PROVIDER,
        .name = "auth_token",
        .version = PACKAGE_VERSION,
        .summary = "authenticates clients by tokens",
        .options = options,
        .cfg_size = sizeof(struct config),
        .offers = offers,
        .commands = commands,
        .configure = configure,
        .unconfigure = unconfigure,
        .worker_start = gateway_start,
        .worker_stop = gateway_stop,
        .worker_reread = gateway_reread,
    };

    return &plugin;
}
