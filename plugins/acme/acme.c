/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Obtains and renews certificates (RFC 8555), and offers them as `certificates`.
 */
#include "config.h"
#include "plugins/acme/command.h"
#include "plugins/acme/manager.h"

#include <hopgate/challenges.h>
#include <hopgate/host.h>
#include <hopgate/routes.h>
#include <hopgate/store.h>

static int configure(struct hg_instance *instance)
{
    return acme_options_check(instance);
}

static int worker_start(struct hg_worker *worker)
{
    worker->state = acme_manager_new(worker);
    if (worker->state)
        return 0;
    hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
    return -1;
}

static void worker_stop(struct hg_worker *worker)
{
    if (worker->state)
        acme_manager_free(worker->state);
    worker->state = NULL;
}

static struct hg_certificate *find(struct hg_worker *worker, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later)
{
    return acme_lookup(worker->state, query, done, arg, later);
}

static void cancel(struct hg_worker *worker, struct hg_certificate_lookup *lookup)
{
    (void)worker;
    acme_lookup_cancel(lookup);
}

/* For tls-alpn-01, if its solver is in the pipeline. */
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
    static const struct hg_certificates_ops ops = {.find = find, .cancel = cancel, .protocols = protocols};
    static const struct hg_offer offers[] = {{HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &ops}, {0}};
    static const struct hg_need needs[] = {{HG_STORE, HG_STORE_VERSION, false},
                                           {HG_CHALLENGE_HTTP01, HG_CHALLENGES_VERSION, true},
                                           {HG_CHALLENGE_TLSALPN01, HG_CHALLENGES_VERSION, true},
                                           {HG_ROUTES, HG_ROUTES_VERSION, true},
                                           {0}};
    static const char help[] =
        "  status [NAME]            show the certificates in the store, or one of them\n"
        "  renew NAME               make the gateway order a new certificate now\n"
        "  revoke NAME [SERIAL]     revoke the current certificate, or the one with this serial\n"
        "\n"
        "Options:\n"
        "  -c, --config FILE        the config file of the gateway";
    static const struct hg_command commands[] = {
        {.name = "acme", .usage = ACME_USAGE, .summary = "show, renew or revoke certificates", .help = help},
        {0},
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_PROVIDER,
        .name = "acme",
        .version = PACKAGE_VERSION,
        .summary = "obtains and renews certificates by ACME",
        .options = acme_options,
        .cfg_size = sizeof(struct acme_config),
        .offers = offers,
        .needs = needs,
        .commands = commands,
        .configure = configure,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
        .command = acme_command,
        .examine = acme_examine,
    };

    return &plugin;
}
