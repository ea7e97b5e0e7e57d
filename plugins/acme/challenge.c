/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/challenge.h"

#include "plugins/acme/blocking.h"
#include "plugins/acme/name.h"
#include "plugins/acme/options.h"
#include "plugins/lib/jose/base64url.h"

#include <stdio.h>
#include <stdlib.h>

const char *const acme_challenge_names[ACME_CHALLENGE_TYPES] = {"tls-alpn-01", "http-01", "dns-01"};

enum acme_challenge_type acme_challenge_type_of(const json_t *name)
{
    const char *text = json_string_value(name);
    int type = 0;

    while (type < ACME_CHALLENGE_TYPES && (!text || strcmp(text, acme_challenge_names[type]) != 0))
        type++;
    return (enum acme_challenge_type)type;
}

void acme_solvers_find(struct acme_solvers *solvers, struct hg_worker *worker)
{
    static const char *const capabilities[ACME_DNS01] = {HG_CHALLENGE_TLSALPN01, HG_CHALLENGE_HTTP01};
    const struct acme_config *config = worker->cfg;

    *solvers = (struct acme_solvers){.dns_hook = config->dns_hook};
    for (int type = 0; type < ACME_DNS01; type++) {
        struct hg_capability found;

        if (!hg_capability(worker->instance, capabilities[type], HG_CHALLENGES_VERSION, &found))
            continue;
        solvers->by_type[type].ops = found.ops;
        solvers->by_type[type].provider = hg_capability_worker(worker, &found);
    }
}

unsigned acme_solvers_possible(const struct acme_solvers *solvers, const char *name, bool wildcard)
{
    const bool address = acme_name_kind(hg_text(name)) == ACME_NAME_ADDRESS;
    unsigned types = solvers->dns_hook && !address ? 1U << ACME_DNS01 : 0; /* RFC 8738 section 7 */

    for (int type = 0; type < ACME_DNS01 && !wildcard; type++)
        if (solvers->by_type[type].ops)
            types |= 1U << type;
    return types;
}

struct hg_certificate *acme_solvers_certificate(const struct acme_solvers *solvers,
                                                const struct hg_certificate_query *query)
{
    const struct hg_challenges_ops *ops = solvers->by_type[ACME_TLSALPN01].ops;

    return ops && ops->find ? ops->find(solvers->by_type[ACME_TLSALPN01].provider, query) : NULL;
}

int acme_solvers_present(const struct acme_solvers *solvers, enum acme_challenge_type type,
                         const struct hg_challenge *challenge)
{
    const struct hg_challenges_ops *ops = type < ACME_DNS01 ? solvers->by_type[type].ops : NULL;

    return ops ? ops->present(solvers->by_type[type].provider, challenge) : -1;
}

void acme_solvers_withdraw(const struct acme_solvers *solvers, enum acme_challenge_type type, struct hg_text token)
{
    const struct hg_challenges_ops *ops = type < ACME_DNS01 ? solvers->by_type[type].ops : NULL;

    if (ops)
        ops->withdraw(solvers->by_type[type].provider, token);
}

const char *acme_solvers_run_dns_hook(struct task *task, const struct acme_solvers *solvers, const char *command,
                                      const struct hg_challenge *challenge)
{
    char name[sizeof "_acme-challenge." + ACME_NAME_MAX], *value;
    const char *error;

    snprintf(name, sizeof name, "_acme-challenge.%.*s", HG_PRINT(challenge->identifier));
    value = jose_base64url_sha256(challenge->key_authorization.data, challenge->key_authorization.size);
    if (!value)
        return "out of memory";
    error = acme_blocking_hook(task, &(struct hook_call){.program = solvers->dns_hook,
                                                         .arguments = (const char *[]){command, name, value, NULL},
                                                         .timeout = ACME_HOOK_TIMEOUT});
    free(value);
    return error;
}
