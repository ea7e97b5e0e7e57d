/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/certificate.h"

#include "plugins/acme/attempt.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
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
        char canonical[ACME_NAME_MAX + 1];

        certificate->names[i] = acme_name_canonical(hg_text(names[i]), canonical) ? strdup(canonical) : NULL;
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
    store_text_free(certificate->unsaved);
    json_decref(certificate->options);
    free(certificate->last_error);
    for (size_t i = 0; i < certificate->name_count; i++)
        free((void *)(uintptr_t)certificate->names[i]);
    free(certificate->names);
    free(certificate);
}

void acme_certificate_set_error(struct acme_certificate *certificate, const char *error)
{
    free(certificate->last_error);
    certificate->last_error = error ? strdup(error) : NULL;
}

void acme_log(const struct acme_certificate *certificate, enum hg_level level, const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hg_log(certificate->manager->worker->instance, level, "%s: %s", certificate->id, text);
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
        certificate->manager->authorities[certificate->authority].url, "options", certificate->options, "challenge",
        certificate->worked < ACME_CHALLENGE_TYPES ? acme_challenge_names[certificate->worked] : NULL);
}

/* The index of the authority with this directory, or authority_count if it is no longer in the config. */
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
    const char *directory = json_string_value(json_object_get(certificate->options, "directory"));
    const unsigned i = directory ? authority_of(certificate, directory) : 0;

    return i < certificate->manager->authority_count ? &certificate->manager->authorities[i] : NULL;
}

/* The part about the pair. At the start, the config may have been changed since it was obtained. */
static void recall_pair(struct acme_certificate *certificate, const json_t *state)
{
    const time_t renew_at = (time_t)json_integer_value(json_object_get(state, "renew_at"));
    const char *changed;

    if (!certificate->changed) {
        certificate->renew_at = renew_at <= certificate->pair->ends ? renew_at : certificate->renew_at;
        certificate->hurried = json_is_true(json_object_get(state, "hurried"));
    }
    json_decref(certificate->options);
    certificate->options = json_deep_copy(json_object_get(state, "options"));
    changed = certificate->loaded ? NULL : acme_options_changed(certificate->manager->config, certificate->options);
    if (!changed)
        return;
    certificate->renew_now = true;
    acme_log(certificate, HG_LOG_INFO,
             "ordering a new certificate because %s was changed; using the one from %s until then", changed,
             json_string_value(json_object_get(certificate->options, "directory")));
}

/* How the last attempt ended. If its authority was removed from the config, the next attempt is made at once. */
static void recall_attempt(struct acme_certificate *certificate, const json_t *state)
{
    const char *directory = json_string_value(json_object_get(state, "directory"));
    const json_t *pauses = json_object_get(state, "pauses");

    certificate->busy_until = 0; /* the other gateway's attempt has ended */
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
        return; /* the state in the store is older */
    if (certificate->pair && acme_certificate_is_state_of(state, certificate->pair))
        recall_pair(certificate, state);
    if (!certificate->loaded || last_try > certificate->last_try)
        recall_attempt(certificate, state);
}

/* ---- The pair in use ---- */

void acme_certificate_serve(struct acme_certificate *certificate, struct acme_key_pair *pair)
{
    if (certificate->on_demand && !certificate->pair)
        certificate->manager->on_demand.names--;
    acme_key_pair_unref(certificate->pair);
    hg_certificate_unref(certificate->placeholder);
    store_text_free(certificate->unsaved);
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

/* Valid and newer than the unsaved one: another gateway has obtained it since. */
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

/* A gateway with another config may have stored a certificate for other names, which is not used. At the start, it may
 * be the one that was in use before our config was changed. */
void acme_certificate_take(struct acme_certificate *certificate, struct acme_key_pair *pair)
{
    const struct acme_key_pair *old = certificate->pair;

    if ((old && !strcmp(old->serial, pair->serial)) || (certificate->unsaved && !is_newer(certificate, pair)) ||
        (certificate->loaded && !is_for_names(certificate, pair))) {
        acme_key_pair_unref(pair);
        return;
    }
    if (old)
        acme_log(certificate, HG_LOG_INFO, "now using certificate %s", pair->serial);
    certificate->failures = 0;
    acme_certificate_set_error(certificate, NULL);
    acme_certificate_serve(certificate, pair);
}

void acme_certificate_take_previous(struct acme_certificate *certificate, struct acme_key_pair *pair)
{
    if (!pair || pair->ends <= acme_clock()) {
        acme_key_pair_unref(pair);
        return;
    }
    acme_log(certificate, HG_LOG_WARNING, "using the previous certificate, %s, until there is a new one", pair->serial);
    acme_certificate_serve(certificate, pair);
    certificate->renew_now = true;
}
