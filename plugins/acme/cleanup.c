/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/cleanup.h"

#include <stdlib.h>

/* A challenge. */
struct acme_cleanup {
    struct acme_cleanups *all;
    struct acme_cleanup *next, **place;
    bool left_over; /* by an earlier process */
    struct hg_store_request *reading;
    struct hook *hook;
    char *name; /* the identifier */
    char token[HG_STORE_SEGMENT_MAX + 1];
};

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* what stays is looked at at the next start */
}

static struct acme_cleanup *cleanup_new(struct acme_cleanups *all, struct hg_text token, bool left_over)
{
    struct acme_cleanup *cleanup = token.size <= HG_STORE_SEGMENT_MAX ? calloc(1, sizeof *cleanup) : NULL;

    if (!cleanup)
        return NULL;
    cleanup->all = all;
    cleanup->left_over = left_over;
    memcpy(cleanup->token, token.data, token.size);
    cleanup->next = all->first;
    cleanup->place = &all->first;
    if (cleanup->next)
        cleanup->next->place = &cleanup->next;
    all->first = cleanup;
    return cleanup;
}

static void cleanup_free(struct acme_cleanup *cleanup)
{
    *cleanup->place = cleanup->next;
    if (cleanup->next)
        cleanup->next->place = cleanup->place;
    free(cleanup->name);
    free(cleanup);
}

/* Who waits for what is left over goes on when the last of it has ended. */
static void tell(struct acme_cleanups *all)
{
    const hg_callback done = all->done;

    if (all->list)
        return;
    for (const struct acme_cleanup *cleanup = all->first; cleanup; cleanup = cleanup->next)
        if (cleanup->left_over)
            return;
    all->done = NULL;
    if (done)
        done(all->arg);
}

static void forget(struct acme_cleanup *cleanup, bool for_good)
{
    struct acme_cleanups *all = cleanup->all;

    if (for_good)
        acme_vault_remove(all->vault, ACME_CHALLENGES, cleanup->token, ignore, NULL);
    cleanup_free(cleanup);
    tell(all);
}

/* ---- The program ---- */

/* The second time, a person has to do it: a record that cannot be removed must not be tried for ever. */
static void on_hook(void *arg, const char *error)
{
    struct acme_cleanup *cleanup = arg;
    const struct acme_solvers *solvers = cleanup->all->solvers;

    cleanup->hook = NULL;
    if (error)
        hg_log(solvers->worker->instance, HG_LOG_WARNING, "the TXT record _acme-challenge.%s is not removed: %s%s",
               cleanup->name, error, cleanup->left_over ? "; remove it by hand" : "; tried again at the next start");
    forget(cleanup, !error || cleanup->left_over);
}

static void run(struct acme_cleanup *cleanup, const struct hg_challenge *challenge)
{
    cleanup->name = strndup(challenge->identifier.data, challenge->identifier.size);
    if (cleanup->name && !cleanup->all->solvers->dns_hook) {
        on_hook(cleanup, "dns_hook is not set any more");
        return;
    }
    if (cleanup->name)
        cleanup->hook = acme_solvers_withdraw_dns(cleanup->all->solvers, challenge, on_hook, cleanup);
    if (!cleanup->hook)
        forget(cleanup, false);
}

void acme_cleanup_begin(struct acme_cleanups *cleanups, const struct hg_challenge *challenge)
{
    struct acme_cleanup *cleanup = cleanup_new(cleanups, challenge->token, false);

    if (cleanup)
        run(cleanup, challenge);
}

bool acme_cleanup_goes_on(const struct acme_cleanups *cleanups, struct hg_text token)
{
    for (const struct acme_cleanup *cleanup = cleanups->first; cleanup; cleanup = cleanup->next)
        if (hg_text_equal(hg_text(cleanup->token), token))
            return true;
    return false;
}

/* ---- What is left over ---- */

static void on_record(void *arg, const struct hg_store_answer *answer)
{
    struct acme_cleanup *cleanup = arg;
    json_t *record = acme_vault_json(answer);
    const char *type = json_string_value(json_object_get(record, "type"));
    const char *identifier = json_string_value(json_object_get(record, "identifier"));
    const char *authorization = json_string_value(json_object_get(record, "key_authorization"));

    cleanup->reading = NULL;
    if (type && identifier && authorization && !strcmp(type, acme_challenge_names[ACME_DNS01]))
        run(cleanup, &(struct hg_challenge){.identifier = hg_text(identifier),
                                            .token = hg_text(cleanup->token),
                                            .key_authorization = hg_text(authorization)});
    else
        forget(cleanup, true); /* the others are gone with the process that had presented them */
    json_decref(record);
}

static void on_list(void *arg, const struct hg_store_answer *answer)
{
    struct acme_cleanups *cleanups = arg;

    cleanups->list = NULL;
    for (size_t i = 0; i < answer->count; i++) {
        struct acme_cleanup *cleanup = cleanup_new(cleanups, acme_vault_name(answer->entries[i].key), true);

        if (!cleanup)
            continue;
        cleanup->reading = acme_vault_get(cleanups->vault, ACME_CHALLENGES, cleanup->token, on_record, cleanup);
        if (!cleanup->reading)
            cleanup_free(cleanup);
    }
    tell(cleanups);
}

bool acme_cleanup_left_over(struct acme_cleanups *cleanups, hg_callback done, void *arg)
{
    cleanups->list = acme_vault_list(cleanups->vault, ACME_CHALLENGES, on_list, cleanups);
    cleanups->done = cleanups->list ? done : NULL;
    cleanups->arg = arg;
    return cleanups->list;
}

void acme_cleanup_forsake(struct acme_cleanups *cleanups)
{
    acme_vault_cancel(cleanups->vault, cleanups->list);
    cleanups->list = NULL;
    cleanups->done = NULL;
}

void acme_cleanups_end(struct acme_cleanups *cleanups)
{
    acme_cleanup_forsake(cleanups);
    while (cleanups->first) {
        struct acme_cleanup *cleanup = cleanups->first;

        acme_vault_cancel(cleanups->vault, cleanup->reading);
        if (cleanup->hook)
            hook_cancel(cleanup->hook);
        cleanup_free(cleanup);
    }
}
