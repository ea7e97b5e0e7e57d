/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Offers `certificates` that are obtained and renewed by themselves (RFC 8555).
 */
#include "config.h"
#include "plugins/acme/name.h"
#include "plugins/acme/options.h"
#include "plugins/acme/pair.h"

#include <hopgate/challenges.h>
#include <hopgate/host.h>
#include <hopgate/routes.h>
#include <hopgate/store.h>
#include <stdlib.h>

/* A certificate that the config asks for. */
struct kept {
    char **names; /* canonical */
    size_t name_count;
    struct acme_pair *pair; /* self-signed at first */
};

struct instance {
    struct kept *kept;
    size_t kept_count;
};

/* ---- Configuring ---- */

static bool take_group(struct kept *kept, const struct acme_group *group)
{
    const char *const *names = group->names.items;

    kept->names = calloc(group->names.count, sizeof *kept->names);
    for (size_t i = 0; kept->names && i < group->names.count; i++) {
        char canonical[ACME_NAME_MAX + 1];

        acme_name_canonical(hg_text(names[i]), canonical);
        kept->names[i] = strdup(canonical);
        if (!kept->names[i])
            return false;
        kept->name_count++;
    }
    return kept->names;
}

static int configure(struct hg_instance *instance)
{
    const struct acme_config *config = instance->cfg;
    const struct acme_group *groups = config->domains.items;
    struct instance *state = calloc(1, sizeof *state);

    instance->state = state;
    if (acme_options_check(instance))
        return -1;
    if (state)
        state->kept = calloc(config->domains.count + 1, sizeof *state->kept);
    for (size_t i = 0; state && state->kept && i < config->domains.count; i++) {
        state->kept_count++;
        if (!take_group(&state->kept[i], &groups[i]))
            break;
    }
    if (state && state->kept && state->kept_count == config->domains.count)
        return 0;
    hg_config_error(instance, NULL, "out of memory");
    return -1;
}

static void unconfigure(struct hg_instance *instance)
{
    struct instance *state = instance->state;

    if (!state)
        return;
    for (size_t i = 0; i < state->kept_count; i++) {
        for (size_t j = 0; j < state->kept[i].name_count; j++)
            free(state->kept[i].names[j]);
        free(state->kept[i].names);
        acme_pair_unref(state->kept[i].pair);
    }
    free(state->kept);
    free(state);
    instance->state = NULL;
}

/* ---- One worker ---- */

static int worker_start(struct hg_worker *worker)
{
    struct instance *state = worker->instance->state;

    for (size_t i = 0; i < state->kept_count; i++) {
        struct kept *kept = &state->kept[i];

        kept->pair = acme_pair_self_signed((const char *const *)kept->names, kept->name_count, time(NULL));
        if (!kept->pair) {
            hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
            return -1;
        }
        hg_log(worker->instance, HG_LOG_WARNING, "%s: a self-signed certificate is served", kept->names[0]);
    }
    return 0;
}

static struct hg_certificate *find(struct hg_worker *worker, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later)
{
    const struct instance *state = worker->instance->state;

    (void)done;
    (void)arg;
    *later = NULL;
    for (size_t i = 0; i < state->kept_count; i++)
        if (!query->server_name.size || acme_pair_serves(state->kept[i].pair, query->server_name))
            return hg_certificate_ref(&state->kept[i].pair->certificate);
    return NULL;
}

/* Validations are answered where a solver makes the certificates for them. */
static const char *const *protocols(const struct hg_instance *instance)
{
    static const char *const validation[] = {HG_ALPN_ACME_TLS, NULL};
    struct hg_capability solver;

    return hg_capability((struct hg_instance *)(uintptr_t)instance, HG_CHALLENGE_TLSALPN01, HG_CHALLENGES_VERSION,
                         &solver)
               ? validation
               : NULL;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_certificates_ops ops = {.size = sizeof ops, .find = find, .protocols = protocols};
    static const struct hg_offer offers[] = {{HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &ops}, {0}};
    static const struct hg_need needs[] = {{HG_STORE, HG_STORE_VERSION, false},
                                           {HG_CHALLENGE_HTTP01, HG_CHALLENGES_VERSION, true},
                                           {HG_CHALLENGE_TLSALPN01, HG_CHALLENGES_VERSION, true},
                                           {HG_ROUTES, HG_ROUTES_VERSION, true},
                                           {0}};
    static const struct hg_plugin plugin = {
        HG_PLUGIN_HEADER,
        .role = HG_ROLE_PROVIDER,
        .name = "acme",
        .version = PACKAGE_VERSION,
        .summary = "certificates that are obtained and renewed by themselves",
        .options = acme_options,
        .cfg_size = sizeof(struct acme_config),
        .offers = offers,
        .needs = needs,
        .configure = configure,
        .unconfigure = unconfigure,
        .worker_start = worker_start,
    };

    return &plugin;
}
