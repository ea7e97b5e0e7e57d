/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/manager.h"
#include "plugins/acme/order.h"
#include "plugins/acme/problem.h"

#include <stdio.h>
#include <stdlib.h>

struct authorization {
    struct acme_order *order;
    const char *url;
    char *name;
    bool wildcard, valid, pending;
    enum acme_challenge_type type;
    char *challenge_url, *token, *key_authorization; /* of the challenge that was chosen */
    bool presented, responded;
};

static const struct acme_solvers *solvers_of(const struct authorization *item)
{
    return &item->order->certificate->manager->solvers;
}

static struct hg_challenge challenge_of(const struct authorization *item)
{
    return (struct hg_challenge){.identifier = hg_text(item->name),
                                 .token = hg_text(item->token),
                                 .key_authorization = hg_text(item->key_authorization)};
}

/* ---- Failures ---- */

/* Prepends the name and the challenge that was tried. */
static bool name_failure(struct authorization *item)
{
    struct acme_client *client = item->order->client;

    if (item->type < ACME_CHALLENGE_TYPES)
        acme_client_prefix(client, acme_challenge_names[item->type]);
    return acme_client_prefix(client, item->name ? item->name : item->url);
}

static bool fail(struct authorization *item, int status, const char *type, const char *error)
{
    acme_client_fail(item->order->client, status, type, "%s", error);
    item->order->client->failure.in_validation = true;
    return name_failure(item);
}

/* The order can no longer succeed. */
static bool fail_name(struct authorization *item, const char *error)
{
    return fail(item, 400, "", error);
}

/* ---- Polling ---- */

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
static bool fail_invalid(struct authorization *item, const json_t *json, const char *status)
{
    const json_t *challenges = json_object_get(json, "challenges"), *error = NULL;
    char text[768];

    item->pending = false;
    for (size_t i = 0; i < json_array_size(challenges) && !json_is_object(error); i++) {
        error = json_object_get(json_array_get(challenges, i), "error");
        if (json_is_object(error))
            item->type = acme_challenge_type_of(json_object_get(json_array_get(challenges, i), "type"));
    }
    snprintf(text, sizeof text, "the authorization is %s", status);
    if (json_is_object(error))
        acme_problem_print(error, text, sizeof text);
    return fail(item, 400, acme_problem_type(error), text);
}

/* False: neither valid nor pending. */
static bool look(struct authorization *item)
{
    struct acme_client *client = item->order->client;
    const json_t *json;
    const char *status;

    if (!acme_client_ask(client, &(struct acme_query){.url = item->url}))
        return name_failure(item);
    json = client->answer.json;
    status = json_string_value(json_object_get(json, "status"));
    if (!status || !take_identifier(item, json))
        return fail_name(item, "not an authorization");
    item->valid = !strcmp(status, "valid");
    item->pending = !strcmp(status, "pending");
    return item->valid || item->pending || fail_invalid(item, json, status);
}

/* ---- Choosing a challenge ---- */

static const json_t *offer_of(const json_t *challenges, enum acme_challenge_type type)
{
    for (size_t i = 0; i < json_array_size(challenges); i++) {
        const json_t *challenge = json_array_get(challenges, i);

        if (acme_challenge_type_of(json_object_get(challenge, "type")) == type)
            return challenge;
    }
    return NULL;
}

/* A token becomes part of a path, so it must be base64url (RFC 8555 section 8.3). */
static bool is_token(const char *token)
{
    return token && *token && strlen(token) <= HG_STORE_SEGMENT_MAX &&
           !token[strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")];
}

static bool take_challenge(struct authorization *item, const json_t *challenge, enum acme_challenge_type type)
{
    const char *token = json_string_value(json_object_get(challenge, "token"));
    const char *url = json_string_value(json_object_get(challenge, "url"));
    const char *status = json_string_value(json_object_get(challenge, "status"));

    if (!url || !is_token(token))
        return false;
    item->type = type;
    item->responded = status && strcmp(status, "pending") != 0;
    item->challenge_url = strdup(url);
    item->token = strdup(token);
    if (asprintf(&item->key_authorization, "%s.%s", token, item->order->client->account.thumbprint) < 0)
        item->key_authorization = NULL;
    return item->challenge_url && item->token && item->key_authorization;
}

/* The type that worked last is preferred, then the order of the types. */
static bool choose(struct authorization *item)
{
    const struct acme_certificate *certificate = item->order->certificate;
    const json_t *challenges = json_object_get(item->order->client->answer.json, "challenges");
    const unsigned possible = acme_solvers_possible(solvers_of(item), item->name, item->wildcard);
    enum acme_challenge_type types[ACME_CHALLENGE_TYPES], type;
    unsigned count = 0;

    for (int i = -1; i < ACME_CHALLENGE_TYPES; i++) {
        type = i < 0 ? certificate->worked : (enum acme_challenge_type)i;
        if ((i < 0) == (type == certificate->worked) && possible >> type & 1 && offer_of(challenges, type))
            types[count++] = type;
    }
    type = count ? types[certificate->preference % count] : ACME_CHALLENGE_TYPES;
    return (count && take_challenge(item, offer_of(challenges, type), type)) ||
           fail_name(item, item->wildcard ? "the authority does not offer dns-01, which wildcards require"
                                          : "the authority offers no challenge that can be answered here");
}

/* ---- Presenting it ---- */

static void present_here(void *arg)
{
    struct authorization *item = arg;
    const struct hg_challenge challenge = challenge_of(item);

    item->presented = !acme_solvers_present(solvers_of(item), item->type, &challenge);
}

static bool present_dns(struct authorization *item)
{
    const struct acme_solvers *solvers = solvers_of(item);
    const struct hg_challenge challenge = challenge_of(item);
    const char *error = acme_solvers_run_dns_hook(item->order->client->task, solvers, "present", &challenge);
    char text[768];

    if (!error)
        return true;
    snprintf(text, sizeof text, "%s: %s", solvers->dns_hook, error);
    return fail_name(item, text);
}

/* So that other gateways and workers present it, too, and a TXT record is removed even if this process dies. If this
 * fails, this worker still answers. */
static void share(const struct authorization *item)
{
    struct acme_order *order = item->order;
    const struct hg_store_answer *put =
        task_store_put_json(order->client->task, order->store, ACME_CHALLENGES, item->token,
                            json_pack("{s:s, s:s, s:s, s:s}", "certificate", order->certificate->id, "type",
                                      acme_challenge_names[item->type], "identifier", item->name, "key_authorization",
                                      item->key_authorization),
                            HG_STORE_ANY);

    if (put->status != HG_STORE_OK)
        hg_log(order->client->instance, HG_LOG_WARNING, "%s: cannot store the challenge: %s", item->name, put->error);
}

static bool present(struct authorization *item)
{
    item->presented = item->type == ACME_DNS01;
    if (!item->presented)
        task_do(item->order->client->task, present_here, item);
    if (!item->presented)
        return fail_name(item, "out of memory");
    share(item);
    return item->type != ACME_DNS01 || present_dns(item);
}

/* ---- All names of an order ---- */

static void read_delay(void *arg)
{
    struct acme_order *order = arg;

    order->delay = hg_store_delay(order->store->ops, order->store->provider);
}

/* The authority may query any gateway, so waits until all present the challenges, unless that exceeds the deadline. */
static void wait_for_others(struct acme_order *order, const struct authorization *items, size_t count)
{
    const hg_time now = hg_now(task_worker(order->client->task));
    bool needed = false;

    for (size_t i = 0; i < count; i++)
        needed |= !items[i].valid && !items[i].responded && items[i].type != ACME_DNS01;
    if (needed)
        task_do(order->client->task, read_delay, order);
    if (order->delay && now < order->deadline && order->delay < order->deadline - now)
        task_sleep(order->client->task, order->delay);
}

/* RFC 8555 section 7.5.1, unless an earlier attempt has done so. */
static bool respond(struct authorization *item)
{
    if (item->valid || item->responded)
        return true;
    item->responded =
        acme_client_ask(item->order->client, &(struct acme_query){.url = item->challenge_url, .payload = "{}"});
    return item->responded || name_failure(item);
}

static bool await(struct authorization *item)
{
    while (!item->valid) {
        if (!look(item))
            return false;
        if (!item->valid && !acme_order_wait(item->order, item->order->client->answer.retry_after))
            return fail(item, ACME_LOCAL, "", "the authority did not validate the challenge in time");
    }
    return true;
}

static bool prove(struct acme_order *order, struct authorization *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!look(&items[i]) || (!items[i].valid && (!choose(&items[i]) || !present(&items[i]))))
            return false;
    wait_for_others(order, items, count);
    for (size_t i = 0; i < count; i++)
        if (!respond(&items[i]))
            return false;
    for (size_t i = 0; i < count; i++) {
        if (!await(&items[i]))
            return false;
        if (items[i].responded)
            order->worked = items[i].type;
    }
    return true;
}

/* Deactivates pending authorizations, so that they do not count against limits (RFC 8555 section 7.5.2). If this fails,
 * they expire. */
static void give_up(struct acme_order *order, const struct authorization *items, size_t count)
{
    struct acme_client *client = order->client;
    const struct acme_failure failure = client->failure;

    if (failure.status < 400 || failure.status == 429 || failure.status >= 500)
        return; /* the order will be continued, or the authority is busy */
    for (size_t i = 0; i < count; i++)
        if (items[i].pending)
            acme_client_ask(client,
                            &(struct acme_query){.url = items[i].url, .payload = "{\"status\":\"deactivated\"}"});
    client->failure = failure;
}

static void end(struct authorization *item)
{
    const struct hg_challenge challenge = challenge_of(item);

    if (item->presented)
        acme_cleanup_challenge(item->order->client->task, item->order->store, solvers_of(item), item->type, &challenge,
                               true);
    free(item->name);
    free(item->challenge_url);
    free(item->token);
    free(item->key_authorization);
}

bool acme_authorize(struct acme_order *order, const json_t *urls)
{
    const size_t count = json_array_size(urls);
    struct authorization *items = calloc(count + 1, sizeof *items);
    bool proved;

    if (!items)
        return acme_client_fail(order->client, ACME_LOCAL, "", "out of memory");
    for (size_t i = 0; i < count; i++) {
        const char *url = json_string_value(json_array_get(urls, i));

        items[i] = (struct authorization){.order = order, .url = url ? url : "", .type = ACME_CHALLENGE_TYPES};
    }
    proved = prove(order, items, count);
    if (!proved)
        give_up(order, items, count);
    for (size_t i = 0; i < count; i++)
        end(&items[i]);
    free(items);
    return proved;
}
