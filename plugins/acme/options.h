/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the block `acme` of the config file says.
 */
#ifndef ACME_OPTIONS_H
#define ACME_OPTIONS_H

#include "plugins/lib/x509/x509.h"

#include <hopgate/plugin.h>
#include <jansson.h>

/* Let's Encrypt's staging environment: the word `staging`. */
#define ACME_STAGING "https://acme-staging-v02.api.letsencrypt.org/directory"

/* How long a program may run. One for dns-01 may wait until name servers have the new record. */
#define ACME_HOOK_TIMEOUT (120 * HG_SECOND)

/* Items of `directory`. */
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

/* The directory's URL that an item of `directory` means. */
const char *acme_options_directory(const char *word);

/* What makes a certificate another one: its authority, by the directory's URL, and what is asked of it. */
json_t *acme_options_wanted(const struct acme_config *config, const char *directory);
/* Which option wants another certificate than one that was obtained with `wanted`; NULL: none. */
const char *acme_options_changed(const struct acme_config *config, const json_t *wanted);

/* Checks what the table cannot; tells every fault. 0 or -1. */
int acme_options_check(struct hg_instance *instance);

/* Warns where on_demand can never order anything (hg_plugin.examine). */
void acme_examine(struct hg_worker *worker);

#endif
