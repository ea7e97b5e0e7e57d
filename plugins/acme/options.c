/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/options.h"

#include "plugins/acme/name.h"
#include "plugins/acme/on_demand.h"
#include "plugins/lib/http_client/http_client.h"
#include "plugins/lib/jose/base64url.h"

#include <hopgate/challenges.h>
#include <hopgate/host.h>
#include <hopgate/routes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* In the order of enum x509_key_type. */
static const char *const key_types[] = {"p256", "p384", "rsa2048", "rsa3072", "rsa4096", NULL};

static const struct hg_option group_options[] = {
    {.name = "names",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_STRING,
     .flags = HG_OPTION_REQUIRED | HG_OPTION_BODY,
     .offset = offsetof(struct acme_group, names),
     .min = 1,
     .max = 100, /* what Let's Encrypt allows */
     .doc = "Host names, including wildcards such as *.example.com, and IP addresses; the first one names the "
            "certificate."},
    {0},
};

const struct hg_option acme_options[] = {
    {.name = "email",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct acme_config, email),
     .doc = "Where the authority may contact you; without it, the account has no contact. If the authority refuses a "
            "change, this is logged, and retried with an order a day later."},
    {.name = "domains",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     .fields = group_options,
     .item_size = sizeof(struct acme_group),
     .offset = offsetof(struct acme_config, domains),
     .doc = "The certificates to obtain: each item is a name with its own certificate, or a list of names that share "
            "one."},
    {.name = "agree_tos",
     .type = HG_OPTION_BOOL,
     .offset = offsetof(struct acme_config, agree_tos),
     .value = "no",
     .doc = "You agree to the authority's terms of service; required to order certificates."},
    {.name = "directory",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_STRING,
     .offset = offsetof(struct acme_config, directory),
     .value = "[\"https://acme-v02.api.letsencrypt.org/directory\"]",
     .min = 1,
     .max = ACME_AUTHORITIES_MAX,
     .doc = "The https URL of the authority's directory, or staging for Let's Encrypt's staging environment. If there "
            "are several, the next one is tried when one fails; each certificate starts with the first."},
    {.name = "ca",
     .type = HG_OPTION_PATH,
     .offset = offsetof(struct acme_config, ca),
     .doc = "PEM file with additional root certificates for https servers, besides those of the system: for a private "
            "authority."},
    {.name = "eab_kid",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct acme_config, eab_kid),
     .doc = "External account binding: the key identifier assigned by the authority."},
    {.name = "eab_key",
     .type = HG_OPTION_SECRET_FILE,
     .flags = HG_OPTION_SECRET,
     .offset = offsetof(struct acme_config, eab_key),
     .doc = "External account binding: file with the MAC key, in base64url or base64."},
    {.name = "key_type",
     .type = HG_OPTION_ENUM,
     .offset = offsetof(struct acme_config, key_type),
     .choices = key_types,
     .value = "p256",
     .doc = "The type of certificate keys: P-256, P-384 or RSA."},
    {.name = "profile",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct acme_config, profile),
     .doc = "The certificate profile to request, such as \"shortlived\", if the authority has it."},
    {.name = "preferred_chain",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct acme_config, preferred_chain),
     .doc = "If the authority offers several chains, use the one whose last certificate was issued by this common "
            "name."},
    {.name = "dns_hook",
     .type = HG_OPTION_PATH,
     .offset = offsetof(struct acme_config, dns_hook),
     .doc = "Program that sets and removes TXT records for dns-01 challenges, which wildcards require."},
    {.name = "hook",
     .type = HG_OPTION_PATH,
     .offset = offsetof(struct acme_config, hook),
     .doc = "Program to run after a certificate was issued or renewed, and after an attempt has failed."},
    {.name = "on_demand",
     .type = HG_OPTION_BOOL,
     .offset = offsetof(struct acme_config, on_demand),
     .value = "no",
     .doc = "Obtain a certificate in the first handshake for a name, if a route names that host, not just a wildcard, "
            "and a connected client serves it."},
    {.name = "ask",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct acme_config, ask),
     .doc = "With on_demand: http or https URL that decides instead, called with ?domain=NAME appended; status 200 "
            "permits the order."},
    {.name = "on_demand_per_hour",
     .type = HG_OPTION_INTEGER,
     .offset = offsetof(struct acme_config, on_demand_per_hour),
     .value = "60",
     .min = 1,
     .max = 1000000,
     .doc = "The maximum number of on-demand orders per hour."},
    {.name = "wait",
     .type = HG_OPTION_DURATION,
     .offset = offsetof(struct acme_config, wait),
     .value = "20s",
     .max = 120 * (int64_t)HG_SECOND,
     .doc = "How long a handshake waits for a certificate that is being obtained. After that, or if none is on its "
            "way, names in domains get a self-signed one. Must not be 0 with on_demand. At start, handshakes wait for "
            "the store for at least a second."},
    {.name = "retry",
     .type = HG_OPTION_DURATION,
     .offset = offsetof(struct acme_config, retry),
     .value = "1m",
     .min = HG_SECOND,
     .max = 3600 * (int64_t)HG_SECOND,
     .doc = "The pause after the first failed attempt. It doubles with each further failure, up to 360 times this "
            "value (6 h), and is randomized by a quarter."},
    {.name = "must_staple",
     .flags = HG_OPTION_REMOVED,
     .type = HG_OPTION_BOOL,
     .doc = "public authorities no longer offer OCSP; remove it"},
    {.name = "attempt_timeout",
     .flags = HG_OPTION_REMOVED,
     .type = HG_OPTION_DURATION,
     .doc = "an order always has 10 minutes; remove it"},
    {.name = "hook_timeout",
     .flags = HG_OPTION_REMOVED,
     .type = HG_OPTION_DURATION,
     .doc = "a hook always has 2 minutes; remove it"},
    {.name = "on_demand_per_source",
     .flags = HG_OPTION_REMOVED,
     .type = HG_OPTION_INTEGER,
     .doc = "the limit for one address is always 10 orders per hour; remove it"},
    {.name = "retry_min", .flags = HG_OPTION_REMOVED, .type = HG_OPTION_DURATION, .doc = "use retry"},
    {.name = "retry_max",
     .flags = HG_OPTION_REMOVED,
     .type = HG_OPTION_DURATION,
     .doc = "the longest pause is 360 times retry; remove it"},
    {0},
};

const char *acme_options_directory(const char *word)
{
    return strcmp(word, "staging") ? word : ACME_STAGING;
}

/* ---- Checking ---- */

static bool is_url(const char *text, const char *scheme)
{
    const size_t size = strlen(scheme);

    return !strncasecmp(text, scheme, size) && text[size] && text[size] != '/' && !strpbrk(text, " \t\r\n#");
}

static int check_directories(struct hg_instance *instance, const struct acme_config *config)
{
    const char *const *words = config->directory.items;
    int result = 0;

    for (size_t i = 0; i < config->directory.count; i++) {
        char option[32];

        if (is_url(acme_options_directory(words[i]), "https://"))
            continue;
        snprintf(option, sizeof option, "directory[%zu]", i);
        result = hg_config_error(instance, option, "\"%s\" is neither an https URL nor staging", words[i]);
    }
    return result;
}

static int check_name(struct hg_instance *instance, const struct acme_config *config, const char *option,
                      const char *name)
{
    struct hg_capability solver;
    const enum acme_name_kind kind = acme_name_kind(hg_text(name));

    if (kind == ACME_NAME_WRONG)
        return hg_config_error(
            instance, option,
            "\"%s\" is neither a host name nor an IP address; write international names in their ASCII form "
            "(xn--...)",
            name);
    if (kind == ACME_NAME_WILDCARD && !config->dns_hook)
        return hg_config_error(
            instance, option,
            "a certificate for \"%s\" requires a dns-01 challenge; set dns_hook to a program that sets TXT "
            "records, or list each host",
            name);
    if (hg_capability(instance, HG_CHALLENGE_HTTP01, HG_CHALLENGES_VERSION, &solver) ||
        hg_capability(instance, HG_CHALLENGE_TLSALPN01, HG_CHALLENGES_VERSION, &solver) ||
        (config->dns_hook && kind != ACME_NAME_ADDRESS))
        return 0;
    return hg_config_error(
        instance, option,
        "no plugin can answer challenges for \"%s\"; add acme_http01 or acme_tlsalpn01 to the pipeline%s", name,
        kind == ACME_NAME_ADDRESS ? "" : ", or set dns_hook");
}

/* A certificate is stored under its first name, and a handshake finds it by any of its names: no name may appear twice.
 * `seen` contains the canonical names so far. */
static int check_twice(struct hg_instance *instance, const char *option, const char *name, json_t *seen)
{
    char canonical[ACME_NAME_MAX + 1];

    if (!acme_name_canonical(hg_text(name), canonical))
        return 0;
    if (json_object_get(seen, canonical))
        return hg_config_error(instance, option, "duplicate \"%s\" in domains; keep it in one certificate", name);
    json_object_set_new(seen, canonical, json_true());
    return 0;
}

static int check_domains(struct hg_instance *instance, const struct acme_config *config)
{
    const struct acme_group *groups = config->domains.items;
    json_t *seen = json_object();
    int result = 0;

    for (size_t i = 0; i < config->domains.count; i++) {
        const char *const *names = groups[i].names.items;

        for (size_t j = 0; j < groups[i].names.count; j++) {
            char option[64];

            snprintf(option, sizeof option, "domains[%zu].names[%zu]", i, j);
            result |= check_name(instance, config, option, names[j]);
            result |= check_twice(instance, option, names[j], seen);
        }
    }
    json_decref(seen);
    return result;
}

static int check_on_demand(struct hg_instance *instance, const struct acme_config *config)
{
    struct hg_capability found;

    if (config->ask && !is_url(config->ask, "https://") && !is_url(config->ask, "http://"))
        return hg_config_error(instance, "ask", "\"%s\" is not an http or https URL", config->ask);
    if (config->on_demand && !config->wait)
        return hg_config_error(instance, "wait",
                               "must not be 0 with on_demand, as handshakes have to wait for these certificates");
    if (!config->on_demand || config->ask || hg_capability(instance, HG_ROUTES, HG_ROUTES_VERSION, &found))
        return 0;
    return hg_config_error(instance, "on_demand",
                           "no plugin knows which names are served; add a route to the pipeline, or set ask");
}

static int check_program(struct hg_instance *instance, const char *option, const char *path)
{
    if (!path || !access(path, X_OK))
        return 0;
    return hg_config_error(instance, option, "cannot run %s: it must exist and be executable", path);
}

static int check_ca(struct hg_instance *instance, const struct acme_config *config)
{
    const char *wrong = config->ca ? https_check_roots(config->ca) : NULL;

    return wrong ? hg_config_error(instance, "ca", "cannot use %s: %s", config->ca, wrong) : 0;
}

/* With only half of it, the account would be requested without the binding. */
static int check_binding(struct hg_instance *instance, const struct acme_config *config)
{
    size_t size = 0;
    uint8_t *key;

    if (!config->eab_kid != !config->eab_key)
        return hg_config_error(instance, config->eab_kid ? "eab_kid" : "eab_key", "requires %s, too",
                               config->eab_kid ? "eab_key" : "eab_kid");
    if (!config->eab_key)
        return 0;
    key = jose_base64url_read(hg_text(config->eab_key), &size);
    if (key)
        explicit_bzero(key, size);
    free(key);
    if (size)
        return 0;
    return hg_config_error(instance, "eab_key",
                           "the file must contain only the MAC key from the authority, in base64url or base64");
}

/* ---- What a certificate was ordered with ---- */

json_t *acme_options_wanted(const struct acme_config *config, const char *directory)
{
    return json_pack("{s:s, s:s, s:s?, s:s?}", "directory", directory, "key_type", key_types[config->key_type],
                     "profile", config->profile, "preferred_chain", config->preferred_chain);
}

static bool is_in_directory(const struct acme_config *config, const char *url)
{
    const char *const *words = config->directory.items;

    for (size_t i = 0; i < config->directory.count; i++)
        if (!strcmp(acme_options_directory(words[i]), url))
            return true;
    return false;
}

const char *acme_options_changed(const struct acme_config *config, const json_t *wanted)
{
    static const char *const options[] = {"key_type", "profile", "preferred_chain"};
    const char *directory = json_string_value(json_object_get(wanted, "directory"));
    const char *changed = directory && !is_in_directory(config, directory) ? "directory" : NULL;
    json_t *now = acme_options_wanted(config, "");

    for (size_t i = 0; i < sizeof options / sizeof *options && !changed; i++) {
        const json_t *before = json_object_get(wanted, options[i]);

        if (before && !json_equal(before, json_object_get(now, options[i])))
            changed = options[i];
    }
    json_decref(now);
    return changed;
}

/* ---- All options ---- */

int acme_options_check(struct hg_instance *instance)
{
    const struct acme_config *config = instance->cfg;
    int result = check_directories(instance, config);

    if (!config->agree_tos)
        result = hg_config_error(
            instance, NULL,
            "set agree_tos: true if you agree to the terms of service of the authority in directory; it is required");
    if (!config->domains.count && !config->on_demand)
        result =
            hg_config_error(instance, NULL, "give domains, the names to obtain certificates for, or on_demand: true");
    result |= check_binding(instance, config);
    result |= check_domains(instance, config);
    result |= check_on_demand(instance, config);
    result |= check_ca(instance, config);
    result |= check_program(instance, "dns_hook", config->dns_hook);
    result |= check_program(instance, "hook", config->hook);
    return result;
}

void acme_examine(struct hg_worker *worker)
{
    const struct acme_config *config = worker->cfg;
    struct hg_capability found;
    const struct hg_routes_ops *routes;

    if (config->on_demand && !config->ask && hg_capability(worker->instance, HG_ROUTES, HG_ROUTES_VERSION, &found)) {
        routes = found.ops;
        if (!routes->names_hosts(hg_capability_worker(worker, &found)))
            hg_config_warning(worker->instance, "on_demand", ACME_NO_PERMISSION);
    }
    hg_finish(worker, EXIT_SUCCESS);
}
