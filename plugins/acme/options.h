/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The options of acme.
 */
#ifndef ACME_OPTIONS_H
#define ACME_OPTIONS_H

#include "plugins/lib/x509/x509.h"

#include <hopgate/plugin.h>
#include <jansson.h>

/* What `staging` stands for: Let's Encrypt's staging environment. */
#define ACME_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

/* How long a program may run. One for dns-01 may wait until name servers have the new record. */
#define ACME_HOOK_TIMEOUT (120 * HG_SECOND)

/* The most items of `directory`. */
#define ACME_AUTHORITIES_MAX 8

/* An item of `domains`: the names of one certificate. */
struct acme_group {
    struct hg_list names; /* of const char * */
};

struct acme_config {
    const char *email;
    struct hg_list domains; /* of struct acme_group */
    bool agree_tos;
    struct hg_list directory; /* of const char * */
    const char *ca;
    const char *eab_kid, *eab_key;
    int key_type; /* enum x509_key_type */
    const char *profile, *preferred_chain;
    const char *dns_hook, *hook;
    bool on_demand;
    const char *ask;
    int64_t on_demand_per_hour;
    hg_time wait, retry;
};

extern const struct hg_option acme_options[];

/* The URL that an item of `directory` stands for. */
const char *acme_options_directory(const char *word);

/* What a certificate is ordered with: the authority's directory URL, and the options that change the certificate. */
json_t *acme_options_wanted(const struct acme_config *config, const char *directory);
/* Which option has changed since a certificate was ordered with `wanted`; NULL: none. */
const char *acme_options_changed(const struct acme_config *config, const json_t *wanted);

/* Checks what the option table cannot, and reports all errors. 0 or -1. */
int acme_options_check(struct hg_instance *instance);

/* Warns if on_demand can never order anything (hg_plugin.examine). */
void acme_examine(struct hg_worker *worker);

#endif
