/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/certificate.h"

#include "plugins/acme/attempt.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/schedule.h"

#include <stdlib.h>

struct acme_certificate *acme_certificate_new(struct acme_manager *manager, const char *const *names, size_t count,
                                              bool on_demand)
{
    struct acme_certificate *certificate = calloc(1, sizeof *certificate);

    if (!certificate)
        return NULL;
    certificate->manager = manager;
    certificate->on_demand = on_demand;
    certificate->worked = ACME_CHALLENGE_TYPES;
    certificate->names = calloc(count, sizeof *certificate->names);
    for (size_t i = 0; certificate->names && i < count; i++) {
        certificate->names[i] = strdup(names[i]);
        certificate->name_count += certificate->names[i] != NULL;
    }
    if (certificate->name_count != count) {
        acme_certificate_free(certificate);
        return NULL;
    }
    certificate->id = certificate->names[0];
    return certificate;
}

void acme_certificate_free(struct acme_certificate *certificate)
{
    acme_attempt_cancel(certificate->attempt);
    if (certificate->asking)
        https_cancel(certificate->asking);
    acme_ari_cancel(certificate);
    acme_key_pair_unref(certificate->pair);
    hg_certificate_unref(certificate->placeholder);
    acme_secret_free(certificate->unsaved);
    json_decref(certificate->wanted);
    free(certificate->last_error);
    for (size_t i = 0; i < certificate->name_count; i++)
        free(certificate->names[i]);
    free(certificate->names);
    free(certificate);
}

void acme_certificate_set_error(struct acme_certificate *certificate, const char *error)
{
    free(certificate->last_error);
    certificate->last_error = error ? strdup(error) : NULL;
}

bool acme_certificate_is_served(const struct acme_certificate *certificate)
{
    return certificate->pair && (!certificate->on_demand || certificate->pair->ends > acme_clock());
}

/* ---- The state ---- */

static json_t *pauses_of(const struct acme_certificate *certificate)
{
    json_t *pauses = json_object();

    for (size_t i = 0; i < certificate->manager->authority_count; i++)
        if (certificate->paused_until[i] > acme_clock())
            json_object_set_new(pauses, certificate->manager->authorities[i].url,
                                json_integer(certificate->paused_until[i]));
    return pauses;
}

json_t *acme_certificate_state(const struct acme_certificate *certificate)
{
    const struct acme_key_pair *pair = certificate->pair;
    json_t *names = json_array();

    for (size_t i = 0; i < certificate->name_count; i++)
        json_array_append_new(names, json_string(certificate->names[i]));
    return json_pack(
        "{s:o, s:o, s:b, s:b, s:I, s:I, s:I, s:i, s:i, s:s*, s:I, s:s*, s:s, s:O*, s:s*}", "names", names, "pauses",
        pauses_of(certificate), "hurried", certificate->hurried, "on_demand", certificate->on_demand, "renew_at",
        (json_int_t)certificate->renew_at, "due", (json_int_t)certificate->due, "last_try",
        (json_int_t)certificate->last_try, "failures", (int)certificate->failures, "resumptions",
        (int)certificate->resumptions, "last_error", certificate->last_error, "expires",
        (json_int_t)(pair ? pair->ends : 0), "serial", pair ? pair->serial : NULL, "directory",
        certificate->manager->authorities[certificate->authority].url, "options", certificate->wanted, "challenge",
        certificate->worked < ACME_CHALLENGE_TYPES ? acme_challenge_names[certificate->worked] : NULL);
}

/* The authority with that directory by its number; how many there are: it is not in the config any more. */
static unsigned authority_of(const struct acme_certificate *certificate, const char *directory)
{
    unsigned i = 0;

    while (i < certificate->manager->authority_count &&
           strcmp(certificate->manager->authorities[i].url, directory) != 0)
        i++;
    return i;
}

struct acme_authority *acme_certificate_issuer(const struct acme_certificate *certificate)
{
    const char *directory = json_string_value(json_object_get(certificate->wanted, "directory"));
    const unsigned i = directory ? authority_of(certificate, directory) : 0;

    return i < certificate->manager->authority_count ? &certificate->manager->authorities[i] : NULL;
}

/* What belongs to the pair that there is. At the start the config may want another one. */
static void recall_pair(struct acme_certificate *certificate, const json_t *state)
{
    const time_t renew_at = (time_t)json_integer_value(json_object_get(state, "renew_at"));
    const char *changed;

    if (!certificate->changed) {
        certificate->renew_at = renew_at <= certificate->pair->ends ? renew_at : certificate->renew_at;
        certificate->hurried = json_is_true(json_object_get(state, "hurried"));
    }
    json_decref(certificate->wanted);
    certificate->wanted = json_deep_copy(json_object_get(state, "options"));
    changed = certificate->loaded ? NULL : acme_options_changed(certificate->manager->config, certificate->wanted);
    if (!changed)
        return;
    certificate->renew_now = true;
    hg_log(certificate->manager->worker->instance, HG_LOG_INFO,
           "%s: ordering a new certificate because %s was changed; using the one from %s until then", certificate->id,
           changed, json_string_value(json_object_get(certificate->wanted, "directory")));
}

/* How the last attempt ended; what has failed by another config is tried at once. */
static void recall_attempt(struct acme_certificate *certificate, const json_t *state)
{
    const char *directory = json_string_value(json_object_get(state, "directory"));
    const json_t *pauses = json_object_get(state, "pauses");

    certificate->busy_until = 0; /* whoever ordered it has ended */
    certificate->last_try = (time_t)json_integer_value(json_object_get(state, "last_try"));
    certificate->failures = (unsigned)json_integer_value(json_object_get(state, "failures"));
    certificate->due = (time_t)json_integer_value(json_object_get(state, "due"));
    certificate->resumptions = (unsigned)json_integer_value(json_object_get(state, "resumptions"));
    certificate->worked = acme_challenge_type_of(json_object_get(state, "challenge"));
    certificate->authority = certificate->failures && directory ? authority_of(certificate, directory) : 0;
    acme_certificate_set_error(certificate, json_string_value(json_object_get(state, "last_error")));
    for (size_t i = 0; i < certificate->manager->authority_count; i++)
        certificate->paused_until[i] =
            (time_t)json_integer_value(json_object_get(pauses, certificate->manager->authorities[i].url));
    if (certificate->authority < certificate->manager->authority_count)
        return;
    certificate->authority = certificate->failures = 0;
    certificate->due = 0;
}

bool acme_certificate_is_state_of(const json_t *state, const struct acme_key_pair *pair)
{
    const char *serial = json_string_value(json_object_get(state, "serial"));

    return serial && !strcmp(serial, pair->serial);
}

void acme_certificate_recall(struct acme_certificate *certificate, const json_t *state)
{
    const time_t last_try = (time_t)json_integer_value(json_object_get(state, "last_try"));

    if (certificate->unsaved)
        return; /* the store has yet to hear of it */
    /* Of another pair than the one that is there, this means nothing. */
    if (certificate->pair && acme_certificate_is_state_of(state, certificate->pair))
        recall_pair(certificate, state);
    if (!certificate->loaded || last_try > certificate->last_try)
        recall_attempt(certificate, state);
}

/* ---- What is served ---- */

void acme_certificate_serve(struct acme_certificate *certificate, struct acme_key_pair *pair)
{
    if (certificate->on_demand && !certificate->pair)
        certificate->manager->on_demand.names--;
    acme_key_pair_unref(certificate->pair);
    hg_certificate_unref(certificate->placeholder);
    acme_secret_free(certificate->unsaved);
    certificate->pair = pair;
    certificate->placeholder = NULL;
    certificate->unsaved = NULL;
    certificate->resumptions = 0;
    certificate->renew_at = acme_renewal_time(pair->begins, pair->ends, acme_chance());
    certificate->warned = certificate->busy_until = 0;
    certificate->renew_now = certificate->revoked = false;
    certificate->ask_ari_at = 1;
    acme_metrics_show(certificate);
    acme_lookup_settle(certificate);
}

/* Valid and newer than the one that is not stored yet: somebody else has obtained it since. */
static bool is_newer(const struct acme_certificate *certificate, const struct acme_key_pair *found)
{
    const struct acme_key_pair *pair = certificate->pair;

    return found->ends > acme_clock() &&
           (found->begins > pair->begins || (found->begins == pair->begins && found->ends > pair->ends));
}

static bool is_for_names(const struct acme_certificate *certificate, const struct acme_key_pair *pair)
{
    for (size_t i = 0; i < certificate->name_count; i++)
        if (!acme_key_pair_is_named(pair, certificate->names[i]))
            return false;
    return true;
}

/* One that another gateway has obtained by another config may be for other names: it is none of ours. At the start it
 * is what was served by the config before. */
bool acme_certificate_take(struct acme_certificate *certificate, struct acme_key_pair *pair)
{
    const struct acme_key_pair *old = certificate->pair;

    if ((old && !strcmp(old->serial, pair->serial)) || (certificate->unsaved && !is_newer(certificate, pair)) ||
        (certificate->loaded && !is_for_names(certificate, pair))) {
        acme_key_pair_unref(pair);
        return false;
    }
    if (old)
        hg_log(certificate->manager->worker->instance, HG_LOG_INFO, "%s: now using certificate %s", certificate->id,
               pair->serial);
    certificate->failures = 0;
    acme_certificate_set_error(certificate, NULL);
    acme_certificate_serve(certificate, pair);
    return true;
}

void acme_certificate_take_previous(struct acme_certificate *certificate, struct acme_key_pair *pair)
{
    if (!pair || pair->ends <= acme_clock()) {
        acme_key_pair_unref(pair);
        return;
    }
    hg_log(certificate->manager->worker->instance, HG_LOG_WARNING,
           "%s: using the previous certificate, %s, until there is a new one", certificate->id, pair->serial);
    acme_certificate_serve(certificate, pair);
    certificate->renew_now = true;
}
