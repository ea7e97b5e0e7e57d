/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/authorize.h"

#include "plugins/acme/cleanup.h"
#include "plugins/acme/pace.h"

#include <stdio.h>
#include <stdlib.h>

/* One name's. */
struct authorization {
    char *url, *name;
    bool wildcard, valid, pending;
    enum acme_challenge_type type;
    char *challenge_url, *token, *key_authorization; /* of the challenge that was chosen */
    bool presented, told;
};

enum phase {
    PHASE_PRESENT, /* look at each and present a challenge */
    PHASE_TELL,    /* tell the authority of each that is presented, when other nodes present them as well */
    PHASE_AWAIT,   /* look at each until it is valid */
    PHASE_GIVE_UP, /* deactivate what is pending, so that the authority does not count it */
};

struct acme_authorizations {
    struct acme_ca *ca;
    struct acme_vault *vault;
    const struct acme_solvers *solvers;
    unsigned preference;
    enum acme_challenge_type worked; /* for these names, before */
    hg_time deadline;
    acme_authorized authorized;
    void *arg;
    enum phase phase;
    struct acme_request *request;
    struct hg_store_request *writing;
    struct hook *hook;
    struct acme_pace pace;
    struct acme_answer failure;
    char error[1024], type[64];
    size_t at, count;
    struct authorization items[];
};

static void look(struct acme_authorizations *all);

/* ---- The end ---- */

static void end(struct acme_authorizations *all)
{
    all->authorized(all->arg, all->failure.error ? &all->failure : NULL);
}

static void give_up_next(struct acme_authorizations *all);

static void given_up(void *arg, const struct acme_answer *answer)
{
    struct acme_authorizations *all = arg;

    (void)answer; /* it expires by itself, too */
    all->request = NULL;
    all->at++;
    give_up_next(all);
}

/* RFC 8555 section 7.5.2. */
static void give_up_next(struct acme_authorizations *all)
{
    while (all->at < all->count && !all->items[all->at].pending)
        all->at++;
    if (all->at < all->count)
        all->request = acme_ca_ask(
            all->ca, &(struct acme_query){.url = all->items[all->at].url, .payload = "{\"status\":\"deactivated\"}"},
            given_up, all);
    if (!all->request)
        end(all);
}

/* The failure is told after what is pending has been given back. It names the challenge that was tried, or failed in
 * the attempt before. */
static void fail(struct acme_authorizations *all, const struct authorization *item, const struct acme_answer *answer)
{
    const char *name = !item ? "" : item->name ? item->name : item->url;
    const char *type = item && item->type < ACME_CHALLENGE_TYPES ? acme_challenge_names[item->type] : "";

    snprintf(all->error, sizeof all->error, "%s%s%s%s%s", name, *name ? ": " : "", type, *type ? ": " : "",
             answer->error);
    snprintf(all->type, sizeof all->type, "%s", answer->type);
    all->failure = (struct acme_answer){.error = all->error,
                                        .type = all->type,
                                        .status = answer->status,
                                        .of_names = answer->of_names,
                                        .of_account = answer->of_account,
                                        .account = answer->account,
                                        .retry_after = answer->retry_after};
    if (!answer->status || answer->status == 429 || answer->status >= 500) {
        end(all); /* it has enough to do */
        return;
    }
    all->phase = PHASE_GIVE_UP;
    all->at = 0;
    give_up_next(all);
}

static void fail_text(struct acme_authorizations *all, const struct authorization *item, const char *type,
                      const char *text)
{
    fail(all, item, &(struct acme_answer){.error = text, .type = type, .status = 400, .of_names = true});
}

/* ---- Telling ---- */

static void tell_next(struct acme_authorizations *all);

static void on_told(void *arg, const struct acme_answer *answer)
{
    struct acme_authorizations *all = arg;

    all->request = NULL;
    if (answer->error) {
        fail(all, &all->items[all->at], answer);
        return;
    }
    all->items[all->at].told = true;
    tell_next(all);
}

/* Tells the authority to look, unless it knows already: an order that was taken up again. */
static void tell_next(struct acme_authorizations *all)
{
    while (all->at < all->count && (all->items[all->at].valid || all->items[all->at].told))
        all->at++;
    if (all->at == all->count) {
        all->phase = PHASE_AWAIT;
        all->at = 0;
        look(all);
        return;
    }
    all->request = acme_ca_ask(all->ca, &(struct acme_query){.url = all->items[all->at].challenge_url, .payload = "{}"},
                               on_told, all);
    if (!all->request)
        fail_text(all, &all->items[all->at], "", "out of memory");
}

/* Whether other nodes are to answer, too. */
static bool is_for_all(const struct acme_authorizations *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (!all->items[i].valid && !all->items[i].told && all->items[i].type != ACME_DNS01)
            return true;
    return false;
}

/* The authority may ask any node, so it is told when all of them know. Where the deadline comes first, this one does.
 */
static void tell_all(struct acme_authorizations *all)
{
    const hg_time delay = is_for_all(all) ? hg_store_delay(all->vault->ops, all->vault->provider) : 0;

    all->phase = PHASE_TELL;
    all->at = 0;
    if (!delay || !acme_pace_after(&all->pace, all->ca->worker, delay, all->deadline))
        tell_next(all);
}

/* ---- Presenting ---- */

static void next(struct acme_authorizations *all)
{
    all->at++;
    look(all);
}

static void present_dns(struct acme_authorizations *all);

/* Other nodes and workers present what is in the store, and whoever comes after this process removes a TXT record that
 * stands there. Where it cannot be written, this one still answers. */
static void shared(void *arg, const struct hg_store_answer *answer)
{
    struct acme_authorizations *all = arg;

    all->writing = NULL;
    if (answer->status != HG_STORE_OK)
        hg_log(all->ca->worker->instance, HG_LOG_WARNING, "%s: the challenge cannot be stored: %s",
               all->items[all->at].name, answer->error);
    if (all->items[all->at].type == ACME_DNS01)
        present_dns(all);
    else
        next(all);
}

static struct hg_challenge challenge_of_item(const struct authorization *item)
{
    return (struct hg_challenge){.identifier = hg_text(item->name),
                                 .token = hg_text(item->token),
                                 .key_authorization = hg_text(item->key_authorization)};
}

static void on_hook(void *arg, const char *error)
{
    struct acme_authorizations *all = arg;
    char text[768];

    all->hook = NULL;
    if (!error) {
        next(all);
        return;
    }
    snprintf(text, sizeof text, "%s: %s", all->solvers->dns_hook, error);
    fail_text(all, &all->items[all->at], "", text);
}

static void present_dns(struct acme_authorizations *all)
{
    const struct authorization *item = &all->items[all->at];
    const struct hg_challenge challenge = challenge_of_item(item);

    all->hook = acme_solvers_present_dns(all->solvers, &challenge, on_hook, all);
    if (!all->hook)
        fail_text(all, item, "", "out of memory");
}

/* Nothing was refused: the order is taken up again. */
static void fail_late(struct acme_authorizations *all, const char *error)
{
    fail(all, &all->items[all->at], &(struct acme_answer){.error = error, .type = "", .of_names = true});
}

static void present(struct acme_authorizations *all, struct authorization *item)
{
    const struct hg_challenge challenge = challenge_of_item(item);

    if (item->type == ACME_DNS01 && acme_cleanup_goes_on(all->solvers->cleanups, challenge.token)) {
        if (!acme_pace_wait(&all->pace, all->ca->worker, 1, all->deadline)) /* then it is looked at anew */
            fail_late(all, "the record of the attempt before is not removed yet");
        return;
    }
    if (item->type != ACME_DNS01 && acme_solvers_present(all->solvers, item->type, &challenge)) {
        fail_text(all, item, "", "out of memory");
        return;
    }
    item->presented = true;
    all->writing =
        acme_vault_put_json(all->vault, ACME_CHALLENGES, item->token,
                            json_pack("{s:s, s:s, s:s}", "type", acme_challenge_names[item->type], "identifier",
                                      item->name, "key_authorization", item->key_authorization),
                            shared, all);
    if (!all->writing)
        fail_text(all, item, "", "the challenge cannot be stored: out of memory");
}

static const json_t *challenge_of(const json_t *challenges, enum acme_challenge_type type)
{
    for (size_t i = 0; i < json_array_size(challenges); i++) {
        const json_t *challenge = json_array_get(challenges, i);

        if (acme_challenge_type_of(json_object_get(challenge, "type")) == type)
            return challenge;
    }
    return NULL;
}

/* A token is base64url and goes into a path, so nothing else is taken (RFC 8555 section 8.3). */
static bool is_token(const char *token)
{
    return token && *token && strlen(token) <= HG_STORE_SEGMENT_MAX &&
           !token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")];
}

static void drop_challenge(struct authorization *item)
{
    free(item->challenge_url);
    free(item->token);
    free(item->key_authorization);
    item->challenge_url = item->token = item->key_authorization = NULL;
}

static bool take_challenge(struct acme_authorizations *all, struct authorization *item, const json_t *challenge,
                           enum acme_challenge_type type)
{
    const char *token = json_string_value(json_object_get(challenge, "token"));
    const char *url = json_string_value(json_object_get(challenge, "url"));
    const char *status = json_string_value(json_object_get(challenge, "status"));

    drop_challenge(item);
    if (!url || !is_token(token))
        return false;
    item->type = type;
    item->told = status && strcmp(status, "pending") != 0;
    item->challenge_url = strdup(url);
    item->token = strdup(token);
    if (asprintf(&item->key_authorization, "%s.%s", token, all->ca->account->thumbprint) < 0)
        item->key_authorization = NULL;
    return item->challenge_url && item->token && item->key_authorization;
}

/* Of the types that both sides can, the preferred one; first that which has worked for these names before. */
static bool choose(struct acme_authorizations *all, struct authorization *item, const json_t *challenges)
{
    const unsigned possible = acme_solvers_possible(all->solvers, item->name, item->wildcard);
    enum acme_challenge_type types[ACME_CHALLENGE_TYPES];
    unsigned count = 0;

    for (int i = -1; i < ACME_CHALLENGE_TYPES; i++) {
        const enum acme_challenge_type type = i < 0 ? all->worked : (enum acme_challenge_type)i;

        if ((i < 0) == (type == all->worked) && possible >> type & 1 && challenge_of(challenges, type))
            types[count++] = type;
    }
    return count && take_challenge(all, item, challenge_of(challenges, types[all->preference % count]),
                                   types[all->preference % count]);
}

static void begin_challenge(struct acme_authorizations *all, struct authorization *item, const json_t *json)
{
    item->pending = true;
    if (choose(all, item, json_object_get(json, "challenges")))
        present(all, item);
    else
        fail_text(all, item, "",
                  item->wildcard ? "the authority offers no dns-01, which a wildcard needs"
                                 : "the authority offers no type of challenge that can be answered here");
}

/* ---- Looking ---- */

static bool take_identifier(struct authorization *item, const json_t *json)
{
    const char *value = json_string_value(json_object_get(json_object_get(json, "identifier"), "value"));
    char canonical[ACME_NAME_MAX + 1];

    if (item->name)
        return true;
    if (!value || !acme_name_canonical(hg_text(value), canonical))
        return false;
    item->wildcard = json_is_true(json_object_get(json, "wildcard"));
    item->name = strdup(canonical);
    return item->name;
}

/* The error of the challenge that was tried, or of any. */
static void fail_invalid(struct acme_authorizations *all, struct authorization *item, const json_t *json,
                         const char *status)
{
    const json_t *challenges = json_object_get(json, "challenges");
    char text[768];

    item->pending = false;
    snprintf(text, sizeof text, "the authorization is %s", status);
    for (size_t i = 0; i < json_array_size(challenges); i++) {
        const json_t *error = json_object_get(json_array_get(challenges, i), "error");

        if (!json_is_object(error))
            continue;
        acme_problem_print(error, text, sizeof text);
        item->type = acme_challenge_type_of(json_object_get(json_array_get(challenges, i), "type"));
        fail_text(all, item, acme_problem_type(error), text);
        return;
    }
    fail_text(all, item, "", text);
}

static void on_pause(void *arg)
{
    struct acme_authorizations *all = arg;

    if (all->phase == PHASE_TELL)
        tell_next(all);
    else
        look(all);
}

static void on_authorization(void *arg, const struct acme_answer *answer)
{
    struct acme_authorizations *all = arg;
    struct authorization *item = &all->items[all->at];
    const char *status = json_string_value(json_object_get(answer->json, "status"));

    all->request = NULL;
    if (answer->error) {
        fail(all, item, answer);
    } else if (!status || !take_identifier(item, answer->json)) {
        fail_text(all, item, "", "not an authorization");
    } else if (!strcmp(status, "valid")) {
        item->valid = true;
        item->pending = false;
        next(all);
    } else if (strcmp(status, "pending") != 0) {
        fail_invalid(all, item, answer->json, status);
    } else if (all->phase == PHASE_PRESENT) {
        begin_challenge(all, item, answer->json);
    } else if (!acme_pace_wait(&all->pace, all->ca->worker, answer->retry_after, all->deadline)) {
        fail_late(all, "the authority has not looked at the challenge in time");
    }
}

/* At the next one; after the last of them at all again that are not valid yet. */
static void look(struct acme_authorizations *all)
{
    while (all->at < all->count && all->items[all->at].valid)
        all->at++;
    if (all->at == all->count && all->phase == PHASE_PRESENT) {
        tell_all(all);
        return;
    }
    if (all->at == all->count) {
        end(all);
        return;
    }
    all->request = acme_ca_ask(all->ca, &(struct acme_query){.url = all->items[all->at].url}, on_authorization, all);
    if (!all->request)
        fail_text(all, NULL, "", "out of memory");
}

/* ---- Life ---- */

struct acme_authorizations *acme_authorize(struct acme_ca *ca, struct acme_vault *vault,
                                           const struct acme_solvers *solvers, const json_t *urls, unsigned preference,
                                           enum acme_challenge_type worked, hg_time deadline,
                                           acme_authorized authorized, void *arg)
{
    const size_t count = json_array_size(urls);
    struct acme_authorizations *all = calloc(1, sizeof *all + count * sizeof *all->items);
    bool good = all;

    if (!all)
        return NULL;
    all->ca = ca;
    all->vault = vault;
    all->solvers = solvers;
    all->preference = preference;
    all->worked = worked;
    all->deadline = deadline;
    all->authorized = authorized;
    all->arg = arg;
    all->count = count;
    for (size_t i = 0; i < count; i++) {
        const char *url = json_string_value(json_array_get(urls, i));

        all->items[i].type = ACME_CHALLENGE_TYPES;
        all->items[i].url = url ? strdup(url) : NULL;
        good = good && all->items[i].url;
    }
    if (!good || !acme_pace_init(&all->pace, ca->worker, on_pause, all)) {
        acme_authorizations_free(all);
        return NULL;
    }
    acme_pace_soon(&all->pace, ca->worker);
    return all;
}

enum acme_challenge_type acme_authorizations_worked(const struct acme_authorizations *all)
{
    enum acme_challenge_type worked = ACME_CHALLENGE_TYPES;

    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].valid && all->items[i].told)
            worked = all->items[i].type;
    return worked;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* a challenge that stays in the store is removed at the next start */
}

static void withdraw(struct acme_authorizations *all, const struct authorization *item)
{
    const struct hg_challenge challenge = challenge_of_item(item);

    if (item->type == ACME_DNS01) {
        acme_cleanup_begin(all->solvers->cleanups, &challenge);
        return;
    }
    acme_solvers_withdraw(all->solvers, item->type, challenge.token);
    acme_vault_remove(all->vault, ACME_CHALLENGES, item->token, ignore, NULL);
}

void acme_authorizations_free(struct acme_authorizations *all)
{
    if (!all)
        return;
    acme_request_cancel(all->request);
    acme_vault_cancel(all->vault, all->writing);
    if (all->hook)
        hook_cancel(all->hook);
    acme_pace_end(&all->pace, all->ca->worker);
    for (size_t i = 0; i < all->count; i++) {
        struct authorization *item = &all->items[i];

        if (item->presented)
            withdraw(all, item);
        free(item->url);
        free(item->name);
        drop_challenge(item);
    }
    free(all);
}
