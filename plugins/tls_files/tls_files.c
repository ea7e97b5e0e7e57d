/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Offers `certificates` from files, chosen by server name, and reloads files that have changed, so that a renewed
 * certificate needs no restart.
 */
#include "config.h"
#include "plugins/tls_files/certificate_file.h"

#include <hopgate/host.h>
#include <stdio.h>
#include <stdlib.h>

/* The minimum interval between checks of the files. */
#define LOOK_INTERVAL HG_SECOND

struct config {
    const char *cert, *key;
    struct hg_list pairs; /* of struct pair_files */
};

/* What the instance has read at startup. */
struct instance {
    const struct pair_files *files;
    struct pair_files single; /* `cert` and `key` if not given as a list */
    struct pair **pairs;
    struct pair_state *states; /* of the files before they were read */
    size_t count;
};

/* One pair in one worker. Each worker reloads changed files itself, so that none waits for another. */
struct slot {
    const struct pair_files *files;
    struct pair *pair;
    struct pair_state seen; /* when last examined, even if it was not used: errors are logged only once */
};

struct provider {
    hg_time next_look;
    size_t count;
    struct slot slots[];
};

static const struct hg_option pair_options[] = {
    {.name = "cert",
     .type = HG_OPTION_PATH,
     .flags = HG_OPTION_REQUIRED,
     .offset = offsetof(struct pair_files, cert),
     .doc = "PEM file with the certificate, followed by its intermediate certificates."},
    {.name = "key",
     .type = HG_OPTION_PATH,
     .flags = HG_OPTION_REQUIRED,
     .offset = offsetof(struct pair_files, key),
     .doc = "PEM file with the unencrypted private key."},
    {0},
};

static const struct hg_option options[] = {
    {.name = "cert",
     .type = HG_OPTION_PATH,
     .offset = offsetof(struct config, cert),
     .doc = "PEM file with the certificate, followed by its intermediate certificates."},
    {.name = "key",
     .type = HG_OPTION_PATH,
     .offset = offsetof(struct config, key),
     .doc = "PEM file with the unencrypted private key."},
    {.name = "pairs",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     .flags = HG_OPTION_BODY,
     .offset = offsetof(struct config, pairs),
     .fields = pair_options,
     .item_size = sizeof(struct pair_files),
     .doc = "Several pairs instead, chosen by server name; the first one is the default."},
    {0},
};

/* ---- Configuring ---- */

/* Where to report errors, and for which option. */
struct reporter {
    struct hg_instance *instance;
    const char *prefix; /* "pairs[1]." or "" */
};

static void report_config(void *arg, const char *member, const char *text)
{
    const struct reporter *reporter = arg;
    char option[64];

    snprintf(option, sizeof option, "%s%s", reporter->prefix, member);
    hg_config_error(reporter->instance, option, "%s", text);
}

static void report_log(void *arg, const char *member, const char *text)
{
    (void)member;
    hg_log(arg, HG_LOG_WARNING, "%s", text);
}

static void name_files(const struct reporter *reporter, const struct pair_files *files)
{
    char option[64];

    snprintf(option, sizeof option, "%scert", reporter->prefix);
    hg_reads_file(reporter->instance, option, files->cert, true);
    snprintf(option, sizeof option, "%skey", reporter->prefix);
    hg_reads_file(reporter->instance, option, files->key, true);
}

/* Warns about what is valid, but doubtful. */
static void warn(const struct reporter *reporter, const struct pair_files *files, const struct pair *pair,
                 const struct pair_state *state)
{
    const char *readers = state->key.st_mode & S_IRWXO ? "o-rwx" : "g-w";
    char text[128], option[64];

    snprintf(option, sizeof option, "%scert", reporter->prefix);
    if (pair_time_fault(pair, time(NULL), text, sizeof text))
        hg_config_warning(reporter->instance, option, "%s: %s", files->cert, text);
    snprintf(option, sizeof option, "%skey", reporter->prefix);
    if (state->key.st_mode & (S_IRWXO | S_IWGRP))
        hg_config_warning(reporter->instance, option,
                          "other users can read or change the private key in %s: chmod %s it", files->key, readers);
}

static int check_form(struct hg_instance *instance, const struct config *config)
{
    if (config->pairs.count && (config->cert || config->key))
        return hg_config_error(instance, "pairs", "give either `cert` and `key` or `pairs`, not both");
    if (config->pairs.count || (config->cert && config->key))
        return 0;
    if (!config->cert && !config->key)
        return hg_config_error(instance, NULL, "give `cert` and `key`, or a list of such pairs");
    return hg_config_error(instance, config->cert ? "cert" : "key", "requires `%s`, too",
                           config->cert ? "key" : "cert");
}

/* The pairs in the config, in whichever form they were given. NULL: out of memory. */
static struct instance *instance_new(const struct config *config)
{
    struct instance *state = calloc(1, sizeof *state);

    if (!state)
        return NULL;
    state->single = (struct pair_files){config->cert, config->key};
    state->files = config->pairs.count ? config->pairs.items : &state->single;
    state->count = config->pairs.count ? config->pairs.count : 1;
    state->pairs = calloc(state->count, sizeof(struct pair *));
    state->states = calloc(state->count, sizeof *state->states);
    return state;
}

static int configure(struct hg_instance *instance)
{
    const struct config *config = instance->cfg;
    struct instance *state;
    int result = 0;

    if (check_form(instance, config))
        return -1;
    instance->state = state = instance_new(config);
    if (!state || !state->pairs || !state->states)
        return hg_config_error(instance, NULL, "out of memory");
    for (size_t i = 0; i < state->count; i++) {
        char prefix[32] = "";

        if (config->pairs.count)
            snprintf(prefix, sizeof prefix, "pairs[%zu].", i);
        name_files(&(struct reporter){instance, prefix}, &state->files[i]);
        pair_look(&state->files[i], &state->states[i]);
        state->pairs[i] = pair_load(&state->files[i], report_config, &(struct reporter){instance, prefix});
        if (state->pairs[i])
            warn(&(struct reporter){instance, prefix}, &state->files[i], state->pairs[i], &state->states[i]);
        else
            result = -1;
    }
    return result;
}

static void unconfigure(struct hg_instance *instance)
{
    struct instance *state = instance->state;

    if (!state)
        return;
    for (size_t i = 0; state->pairs && i < state->count; i++)
        pair_unref(state->pairs[i]);
    free(state->pairs);
    free(state->states);
    free(state);
    instance->state = NULL;
}

/* ---- One worker ---- */

static int worker_start(struct hg_worker *worker)
{
    const struct instance *instance = worker->instance->state;
    struct provider *provider = calloc(1, sizeof *provider + instance->count * sizeof *provider->slots);

    if (!provider) {
        hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
        return -1;
    }
    provider->count = instance->count;
    for (size_t i = 0; i < provider->count; i++) {
        struct slot *slot = &provider->slots[i];

        slot->files = &instance->files[i];
        slot->pair = instance->pairs[i];
        slot->seen = instance->states[i];
        hg_certificate_ref(&slot->pair->certificate);
    }
    worker->state = provider;
    return 0;
}

static void worker_stop(struct hg_worker *worker)
{
    struct provider *provider = worker->state;

    for (size_t i = 0; provider && i < provider->count; i++)
        pair_unref(provider->slots[i].pair);
    free(provider);
    worker->state = NULL;
}

/* Loads a pair that has changed. If the new one is unusable, the old one is kept. The reason may just be that its
 * second file is still being written, which will change its state again. */
static void refresh(struct hg_worker *worker, struct slot *slot)
{
    struct pair_state state;
    struct pair *pair;
    char text[128];

    pair_look(slot->files, &state);
    if (pair_state_equal(&slot->seen, &state))
        return;
    slot->seen = state;
    pair = pair_load(slot->files, report_log, worker->instance);
    if (pair && pair_time_fault(pair, time(NULL), text, sizeof text)) {
        hg_log(worker->instance, HG_LOG_WARNING, "%s: %s", slot->files->cert, text);
        pair_unref(pair);
        pair = NULL;
    }
    if (!pair) {
        hg_log(worker->instance, HG_LOG_WARNING, "cannot use the changed %s; the previous one stays in use",
               slot->files->cert);
        return;
    }
    pair_unref(slot->pair);
    slot->pair = pair;
    hg_log(worker->instance, HG_LOG_INFO, "reloaded %s", slot->files->cert);
}

static void refresh_all(struct hg_worker *worker)
{
    struct provider *provider = worker->state;

    provider->next_look = hg_now(worker) + LOOK_INTERVAL;
    for (size_t i = 0; i < provider->count; i++)
        refresh(worker, &provider->slots[i]);
}

static struct hg_certificate *find(struct hg_worker *worker, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later)
{
    struct provider *provider = worker->state;
    const struct slot *best = &provider->slots[0];
    enum pair_fit best_fit = PAIR_NO_FIT;

    (void)done;
    (void)arg;
    *later = NULL;
    if (hg_now(worker) >= provider->next_look)
        refresh_all(worker);
    for (size_t i = 0; i < provider->count && provider->count > 1; i++) {
        enum pair_fit fit = pair_fits(provider->slots[i].pair, query->server_name);

        if (fit > best_fit) {
            best = &provider->slots[i];
            best_fit = fit;
        }
    }
    return hg_certificate_ref(&best->pair->certificate);
}

/* ---- Warnings of `hopgate check` ---- */

static void examine(struct hg_worker *worker)
{
    const struct instance *instance = worker->instance->state;

    for (size_t i = 0; i < instance->count; i++) {
        char option[32] = "key";
        unsigned bits;

        if (gnutls_privkey_get_pk_algorithm(instance->pairs[i]->certificate.key, &bits) != GNUTLS_PK_RSA)
            continue;
        if (instance->files != &instance->single)
            snprintf(option, sizeof option, "pairs[%zu].key", i);
        hg_config_warning(worker->instance, option,
                          "%s is an RSA key of %u bits; each handshake takes %s as much CPU time as with an ECDSA key "
                          "(P-256), which every browser and client supports",
                          instance->files[i].key, bits, bits > 3072 ? "thirty times" : "several times");
    }
    hg_finish(worker, 0);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_certificates_ops ops = {.find = find};
    static const struct hg_offer offers[] = {{HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &ops}, {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_PROVIDER,
        .name = "tls_files",
        .version = PACKAGE_VERSION,
        .summary = "provides certificates and keys from files",
        .options = options,
        .cfg_size = sizeof(struct config),
        .offers = offers,
        .configure = configure,
        .unconfigure = unconfigure,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
        .worker_reread = refresh_all,
        .examine = examine,
    };

    return &plugin;
}
