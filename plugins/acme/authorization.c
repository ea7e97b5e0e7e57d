/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/blocking.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/order.h"
#include "plugins/acme/problem.h"

#include <stdio.h>
#include <stdlib.h>

/* One name's. */
struct authorization {
    struct acme_order *order;
    const char *url;
    char *name;
    bool wildcard, valid, pending;
    enum acme_challenge_type type;
    char *challenge_url, *token, *key_authorization; /* of the challenge that was chosen */
    bool presented, told;
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

/* Of client->failure: names the challenge that was tried, or failed in the attempt before. */
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
    item->order->client->failure.of_names = true;
    return name_failure(item);
}

/* The order cannot succeed any more. */
static bool fail_name(struct authorization *item, const char *error)
{
    return fail(item, 400, "", error);
}

/* Nothing was refused: the order is continued by the next attempt. */
static bool fail_late(struct authorization *item, const char *error)
{
    return fail(item, ACME_LOCAL, "", error);
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

/* Valid or pending; false: neither. */
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

/* A token is base64url and goes into a path, so nothing else is taken (RFC 8555 section 8.3). */
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
    item->told = status && strcmp(status, "pending") != 0;
    item->challenge_url = strdup(url);
    item->token = strdup(token);
    if (asprintf(&item->key_authorization, "%s.%s", token, item->order->client->account.thumbprint) < 0)
        item->key_authorization = NULL;
    return item->challenge_url && item->token && item->key_authorization;
}

/* Of the types that both sides can, the preferred one; first that which has worked for these names before. */
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

struct presentation {
    const struct authorization *item;
    int result;
};

static void present_here(void *arg)
{
    struct presentation *presentation = arg;
    const struct hg_challenge challenge = challenge_of(presentation->item);

    presentation->result = acme_solvers_present(solvers_of(presentation->item), presentation->item->type, &challenge);
}

static bool present_dns(struct authorization *item)
{
    const struct acme_solvers *solvers = solvers_of(item);
    const struct hg_challenge challenge = challenge_of(item);
    const char *error = acme_solvers_present_dns(item->order->client->task, solvers, &challenge);
    char text[768];

    if (!error)
        return true;
    snprintf(text, sizeof text, "%s: %s", solvers->dns_hook, error);
    return fail_name(item, text);
}

/* Other gateways and workers present what is in the store, and whoever comes after this process removes a TXT record
 * that stands there. Where it cannot be written, this worker still answers. */
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
    struct presentation presentation = {.item = item};

    if (item->type != ACME_DNS01)
        task_do(item->order->client->task, present_here, &presentation);
    if (presentation.result)
        return fail_name(item, "out of memory");
    item->presented = true;
    share(item);
    return item->type != ACME_DNS01 || present_dns(item);
}

static void withdraw(struct authorization *item)
{
    const struct hg_challenge challenge = challenge_of(item);

    if (item->presented)
        acme_cleanup_challenge(item->order->client->task, item->order->store, solvers_of(item), item->type, &challenge,
                               true);
}

/* ---- All names of an order ---- */

struct delay {
    const struct store *store;
    hg_time delay;
};

static void ask_delay(void *arg)
{
    struct delay *delay = arg;

    delay->delay = hg_store_delay(delay->store->ops, delay->store->provider);
}

/* The authority may ask any gateway, so it is told when all of them know. Where the deadline comes first, this one
 * does. */
static void wait_for_others(struct acme_order *order, const struct authorization *items, size_t count)
{
    const hg_time now = hg_now(task_worker(order->client->task));
    struct delay delay = {.store = order->store};

    for (size_t i = 0; i < count; i++)
        if (!items[i].valid && !items[i].told && items[i].type != ACME_DNS01) {
            task_do(order->client->task, ask_delay, &delay);
            break;
        }
    if (delay.delay && now < order->deadline && delay.delay < order->deadline - now)
        task_sleep(order->client->task, delay.delay);
}

/* Tells the authority to look, unless it knows already: an order that is continued. */
static bool tell(struct authorization *item)
{
    if (item->valid || item->told)
        return true;
    item->told =
        acme_client_ask(item->order->client, &(struct acme_query){.url = item->challenge_url, .payload = "{}"});
    return item->told || name_failure(item);
}

static bool await(struct authorization *item)
{
    while (!item->valid) {
        if (!look(item))
            return false;
        if (!item->valid && !acme_order_wait(item->order, item->order->client->answer.retry_after))
            return fail_late(item, "the authority did not validate the challenge in time");
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
        if (!tell(&items[i]))
            return false;
    for (size_t i = 0; i < count; i++) {
        if (!await(&items[i]))
            return false;
        if (items[i].told)
            order->worked = items[i].type;
    }
    return true;
}

/* What is pending is deactivated, so that the authority does not count it (RFC 8555 section 7.5.2); it expires by
 * itself, too. */
static void give_up(struct acme_order *order, const struct authorization *items, size_t count)
{
    struct acme_client *client = order->client;
    const struct acme_failure failure = client->failure;

    if (failure.status < 400 || failure.status == 429 || failure.status >= 500)
        return; /* it is continued, or the authority has enough to do */
    for (size_t i = 0; i < count; i++)
        if (items[i].pending)
            acme_client_ask(client,
                            &(struct acme_query){.url = items[i].url, .payload = "{\"status\":\"deactivated\"}"});
    client->failure = failure;
}

static void end(struct authorization *item)
{
    withdraw(item);
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
