/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/order.h"

#include "plugins/acme/authorize.h"
#include "plugins/acme/download.h"
#include "plugins/acme/installation.h"
#include "plugins/acme/key.h"
#include "plugins/acme/keymaker.h"
#include "plugins/acme/pace.h"

#include <stdio.h>
#include <stdlib.h>

struct acme_order {
    struct acme_ca *ca;
    struct acme_vault *vault;
    const struct acme_solvers *solvers;
    struct acme_wish wish;
    acme_order_ended ended;
    void *arg;
    hg_time deadline;
    bool with_replaces, with_profile;
    bool resumed; /* the order's URL is from an earlier attempt */

    /* What goes on, at most one of these. */
    struct acme_request *request;
    struct hg_store_request *writing;
    struct acme_account_waiter waiter;
    struct acme_keymaker *keymaker;
    struct acme_authorizations *authorizations;
    struct acme_download *download;
    struct acme_installation *installation;
    struct acme_pace pace;

    gnutls_x509_privkey_t key;
    char *key_pem, *url, *finalize_url, *certificate_url;
    char *pem; /* key and chain, in the end */
    struct acme_pair *pair;
    char error[1200];
};

/* ---- The end ---- */

static void end(struct acme_order *order, enum acme_outcome outcome, int64_t retry_after)
{
    struct acme_result result = {.outcome = outcome, .error = order->error, .retry_after = retry_after};

    /* What is not handed over, since it is of no use or somebody else's now, is freed with the order. */
    if (outcome == ACME_ISSUED) {
        result.pair = order->pair;
        result.pem = order->pem;
        order->pair = NULL;
        order->pem = NULL;
    }
    order->ended(order->arg, &result);
}

static void end_text(struct acme_order *order, enum acme_outcome outcome, const char *what, const char *error)
{
    snprintf(order->error, sizeof order->error, "%s%s%s", what, *what ? ": " : "", error);
    end(order, outcome, 0);
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* a record that stays is looked at by the next attempt */
}

/* What there was cannot lead to a certificate any more. */
static void forget_record(struct acme_order *order)
{
    acme_vault_remove(order->vault, ACME_ORDERS, order->wish.id, ignore, NULL);
}

static bool is_one_of(const char *type, const char *const *types)
{
    for (; *types; types++)
        if (!strcmp(type, *types))
            return true;
    return false;
}

/* It would be refused for ever, in contrast to what is too much or too early. */
static bool is_refusal(const struct acme_answer *answer)
{
    return answer->status / 100 == 4 && answer->status != 429;
}

/* What a failure means for the next attempt. */
static void fail(struct acme_order *order, const char *what, const struct acme_answer *answer)
{
    static const char *const rejections[] = {"rejectedIdentifier", "unsupportedIdentifier", "caa", NULL};

    snprintf(order->error, sizeof order->error, "%s%s%s", what, *what ? ": " : "", answer->error);
    if (acme_account_blame(order->ca->account, answer)) {
        forget_record(order); /* its order belonged to that account */
        end(order, ACME_AGAIN, 0);
    } else if (answer->status == 429 || answer->status == 503 || !strcmp(answer->type, "rateLimited")) {
        end(order, ACME_LIMITED, answer->retry_after);
    } else {
        end(order, is_one_of(answer->type, rejections) ? ACME_REJECTED : ACME_FAILED, 0);
    }
}

static void end_memory(struct acme_order *order)
{
    end_text(order, ACME_FAILED, "", "out of memory");
}

/* ---- In the store at the end ---- */

static void stored(void *arg, const struct hg_store_answer *answer)
{
    struct acme_order *order = arg;

    if (answer->status == HG_STORE_CONFLICT) {
        end_text(order, ACME_LOST, "", "another process has taken over");
        return;
    }
    if (answer->status == HG_STORE_OK) {
        acme_secret_free(order->pem);
        order->pem = NULL;
        forget_record(order);
    } else {
        snprintf(order->error, sizeof order->error, "the certificate cannot be stored: %s", answer->error);
    }
    end(order, ACME_ISSUED, 0);
}

/* A certificate that is not ours will not become so; one that is not valid yet is fetched again, not ordered again. */
static bool take_chain(struct acme_order *order, const char *chain)
{
    char why[512];
    bool early;

    if (asprintf(&order->pem, "%s%s", order->key_pem, chain) < 0) {
        order->pem = NULL;
        end_memory(order);
        return false;
    }
    order->pair = acme_download_check(hg_text(order->pem), order->wish.names, order->wish.name_count, acme_clock(),
                                      &early, why, sizeof why);
    if (order->pair)
        return true;
    if (!early)
        forget_record(order);
    end_text(order, ACME_FAILED, "the certificate that the authority gave", why);
    return false;
}

static void downloaded(void *arg, const struct acme_answer *failure, const char *chain)
{
    struct acme_order *order = arg;

    if (failure) {
        fail(order, "download", failure);
        return;
    }
    if (!acme_download_is_chain(chain)) {
        end_text(order, ACME_FAILED, "download", "no certificates in PEM; the order is kept and looked at again");
        return;
    }
    if (!take_chain(order, chain))
        return;
    order->installation = acme_install(order->vault, order->wish.id, order->pem, order->wish.discard, stored, order);
    if (!order->installation)
        end(order, ACME_ISSUED, 0);
}

/* ---- As the authority says that the order stands ---- */

static void look(void *arg);
static void finalize(struct acme_order *order);

static void authorized(void *arg, const struct acme_answer *failure)
{
    struct acme_order *order = arg;

    if (!failure) {
        look(order);
        return;
    }
    if (is_refusal(failure))
        forget_record(order); /* the order has become invalid with its authorization */
    fail(order, "", failure);
}

static void authorize(struct acme_order *order, const json_t *json)
{
    acme_authorizations_free(order->authorizations);
    order->authorizations =
        acme_authorize(order->ca, order->vault, order->solvers, json_object_get(json, "authorizations"),
                       order->wish.preference, order->deadline, authorized, order);
    if (!order->authorizations)
        end_memory(order);
}

static bool take_url(char **url, const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    if (!text)
        return *url;
    free(*url);
    *url = strdup(text);
    return *url;
}

static void fail_invalid(struct acme_order *order, const json_t *json, const char *status)
{
    const json_t *error = json_object_get(json, "error");
    char text[1024];

    snprintf(text, sizeof text, "the order is %s", status);
    if (json_is_object(error))
        acme_problem_print(error, text, sizeof text);
    forget_record(order);
    if (order->resumed)
        end_text(order, ACME_AGAIN, "an order of an earlier attempt", text);
    else
        fail(order, "",
             &(struct acme_answer){.error = text, .type = acme_problem_type(error), .status = 403, .of_names = true});
}

static void await(struct acme_order *order, int64_t retry_after)
{
    if (!acme_pace_wait(&order->pace, order->ca->worker, retry_after, order->deadline))
        end_text(order, ACME_FAILED, "", "the authority has not issued in time; it is looked at again later");
}

static void proceed(struct acme_order *order, const json_t *json, int64_t retry_after)
{
    const char *status = json_string_value(json_object_get(json, "status"));

    if (!status || !take_url(&order->finalize_url, json, "finalize")) {
        end_text(order, ACME_FAILED, order->url, "not an order");
    } else if (!strcmp(status, "pending")) {
        if (order->authorizations)
            await(order, retry_after); /* all are valid, it will be ready in a moment */
        else
            authorize(order, json);
    } else if (!strcmp(status, "ready")) {
        finalize(order);
    } else if (!strcmp(status, "processing")) {
        await(order, retry_after);
    } else if (!strcmp(status, "valid") && take_url(&order->certificate_url, json, "certificate")) {
        order->download = acme_download(order->ca, order->certificate_url, downloaded, order);
        if (!order->download)
            end_memory(order);
    } else {
        fail_invalid(order, json, status);
    }
}

static void on_look(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;

    order->request = NULL;
    if (!answer->error) {
        proceed(order, answer->json, answer->retry_after);
        return;
    }
    if (is_refusal(answer) && order->resumed) {
        forget_record(order);
        end_text(order, ACME_AGAIN, "the order of an earlier attempt is gone", answer->error);
        return;
    }
    fail(order, "order", answer);
}

static void look(void *arg)
{
    struct acme_order *order = arg;

    order->request = acme_ca_ask(order->ca, &(struct acme_query){.url = order->url}, on_look, order);
    if (!order->request)
        end_memory(order);
}

static void finalized(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;

    order->request = NULL;
    if (!answer->error) {
        proceed(order, answer->json, answer->retry_after);
        return;
    }
    if (!strcmp(answer->type, "orderNotReady")) {
        await(order, answer->retry_after); /* it was finalized already, or is not ready yet after all */
        return;
    }
    if (is_refusal(answer))
        forget_record(order); /* it remains "ready" (RFC 8555 section 7.4), and would be refused again */
    fail(order, "finalize", answer);
}

static void finalize(struct acme_order *order)
{
    char *request =
        acme_key_request(order->key, order->wish.names, order->wish.name_count, order->ca->config->must_staple);
    char *payload = NULL;

    acme_authorizations_free(order->authorizations);
    order->authorizations = NULL;
    if (request && asprintf(&payload, "{\"csr\":\"%s\"}", request) < 0)
        payload = NULL;
    if (payload)
        order->request = acme_ca_ask(order->ca, &(struct acme_query){.url = order->finalize_url, .payload = payload},
                                     finalized, order);
    free(request);
    free(payload);
    if (!order->request)
        end_memory(order);
}

/* ---- A new order ---- */

static void place(struct acme_order *order);

static void save(struct acme_order *order, hg_store_done done)
{
    json_t *record = json_pack("{s:s, s:s, s:s*, s:o}", "directory", order->ca->url, "key", order->key_pem, "order",
                               order->url, "names", json_array());

    for (size_t i = 0; i < order->wish.name_count; i++)
        json_array_append_new(json_object_get(record, "names"), json_string(order->wish.names[i]));
    order->writing = acme_vault_put_json(order->vault, ACME_ORDERS, order->wish.id, record, done, order);
    if (!order->writing)
        end_memory(order);
}

static bool is_saved(struct acme_order *order, const struct hg_store_answer *answer)
{
    order->writing = NULL;
    if (answer->status == HG_STORE_OK)
        return true;
    end_text(order, answer->status == HG_STORE_CONFLICT ? ACME_LOST : ACME_NOT_STORED, "the store cannot be written",
             answer->error);
    return false;
}

static void order_saved(void *arg, const struct hg_store_answer *answer)
{
    struct acme_order *order = arg;

    if (is_saved(order, answer))
        look(order);
}

/* The words of a refusal that are about the order's members rather than its names: they are optional, so without them
 * it is tried again (RFC 9773 section 5). What was dropped, or NULL. */
static const char *drop_refused(struct acme_order *order, const struct acme_answer *answer)
{
    if (!is_refusal(answer))
        return NULL;
    if (order->with_profile && !strcmp(answer->type, "invalidProfile")) {
        order->with_profile = false;
        return "profile";
    }
    if (order->with_replaces && (answer->status == 409 || !strcmp(answer->type, "alreadyReplaced") ||
                                 !strcmp(answer->type, "malformed") || !strcmp(answer->type, "unauthorized"))) {
        order->with_replaces = false;
        return "replaces";
    }
    return NULL;
}

static void placed(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;
    const char *dropped = answer->error ? drop_refused(order, answer) : NULL;

    order->request = NULL;
    if (dropped) {
        hg_log(order->ca->worker->instance, HG_LOG_INFO, "%s: ordered anew without %s, which was refused: %s",
               order->wish.names[0], dropped, answer->error);
        place(order);
        return;
    }
    if (answer->error) {
        fail(order, "", answer);
        return;
    }
    order->url = acme_answer_location(answer);
    if (order->url)
        save(order, order_saved);
    else
        end_text(order, ACME_FAILED, "newOrder", "the authority does not tell the order's URL");
}

static bool offers_profile(const struct acme_order *order)
{
    const char *profile = order->ca->config->profile;
    const json_t *profiles = json_object_get(json_object_get(order->ca->directory, "meta"), "profiles");

    if (!profile || !order->with_profile)
        return false;
    if (json_object_get(profiles, profile))
        return true;
    hg_log(order->ca->worker->instance, HG_LOG_WARNING, "%s: the authority has no profile \"%s\": its default is used",
           order->wish.names[0], profile);
    return false;
}

static json_t *identifiers(const struct acme_order *order)
{
    json_t *list = json_array();

    for (size_t i = 0; i < order->wish.name_count; i++) {
        const char *name = order->wish.names[i];
        const bool address = acme_name_kind(hg_text(name)) == ACME_NAME_ADDRESS;

        json_array_append_new(list, json_pack("{s:s, s:s}", "type", address ? "ip" : "dns", "value", name));
    }
    return list;
}

static void place(struct acme_order *order)
{
    json_t *payload = json_pack("{s:o}", "identifiers", identifiers(order));
    char *text;

    if (offers_profile(order))
        json_object_set_new(payload, "profile", json_string(order->ca->config->profile));
    if (order->with_replaces && acme_ca_resource(order->ca, "renewalInfo"))
        json_object_set_new(payload, "replaces", json_string(order->wish.before->ari_id));
    text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    if (text)
        order->request =
            acme_ca_ask(order->ca, &(struct acme_query){.resource = "newOrder", .payload = text}, placed, order);
    json_decref(payload);
    free(text);
    if (!order->request)
        end_memory(order);
}

static void on_directory(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;

    order->request = NULL;
    if (answer->error)
        fail(order, "", answer);
    else
        place(order);
}

/* What can be ordered stands in the directory. */
static void key_saved(void *arg, const struct hg_store_answer *answer)
{
    struct acme_order *order = arg;

    if (!is_saved(order, answer))
        return;
    order->request = acme_ca_read_directory(order->ca, on_directory, order);
    if (!order->request)
        end_memory(order);
}

static void key_made(void *arg, gnutls_x509_privkey_t key)
{
    struct acme_order *order = arg;

    order->keymaker = NULL;
    order->key = key;
    order->key_pem = key ? acme_key_pem(key) : NULL;
    if (order->key_pem)
        save(order, key_saved);
    else
        end_text(order, ACME_FAILED, "", "no key can be made");
}

static void account_ready(void *arg, const struct acme_answer *failure)
{
    struct acme_order *order = arg;

    if (failure) {
        fail(order, "account", failure);
    } else if (order->url) {
        look(order);
    } else if (order->key) {
        save(order, key_saved);
    } else {
        order->keymaker =
            acme_keymaker_begin(order->ca->worker, (enum acme_key_type)order->ca->config->key_type, key_made, order);
        if (!order->keymaker)
            end_memory(order);
    }
}

/* ---- Life ---- */

static bool is_about(const json_t *record, const struct acme_order *order)
{
    const char *directory = json_string_value(json_object_get(record, "directory"));
    const json_t *names = json_object_get(record, "names");

    if (!directory || strcmp(directory, order->ca->url) != 0 || json_array_size(names) != order->wish.name_count)
        return false;
    for (size_t i = 0; i < order->wish.name_count; i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (!name || strcmp(name, order->wish.names[i]) != 0)
            return false;
    }
    return true;
}

/* Not an order that has led to what is renewed: the record was to be removed when the process was killed. */
static void take_up(struct acme_order *order, const json_t *record)
{
    const char *pem = json_string_value(json_object_get(record, "key"));
    const char *url = json_string_value(json_object_get(record, "order"));
    gnutls_x509_privkey_t key = pem && is_about(record, order) ? acme_key_read(hg_text(pem)) : NULL;

    if (!key)
        return;
    if (order->wish.before && acme_pair_has_key(order->wish.before, key)) {
        acme_key_free(key);
        return;
    }
    order->key = key;
    order->key_pem = strdup(pem);
    if (!order->key_pem || !url)
        return;
    order->url = strdup(url);
    order->resumed = true;
    hg_log(order->ca->worker->instance, HG_LOG_INFO, "%s: the order %s is taken up again", order->wish.names[0], url);
}

static void begin(void *arg)
{
    struct acme_order *order = arg;

    if (!order->waiter.ready)
        acme_account_await(order->ca->account, &order->waiter, account_ready, order);
    else
        look(order);
}

struct acme_order *acme_order_begin(struct acme_ca *ca, struct acme_vault *vault, const struct acme_solvers *solvers,
                                    const struct acme_wish *wish, const json_t *record, acme_order_ended ended,
                                    void *arg)
{
    struct acme_order *order = calloc(1, sizeof *order);

    if (!order)
        return NULL;
    order->ca = ca;
    order->vault = vault;
    order->solvers = solvers;
    order->wish = *wish;
    order->with_replaces = wish->before && wish->before->ari_id;
    order->with_profile = true;
    order->ended = ended;
    order->arg = arg;
    order->deadline = hg_now(ca->worker) + ca->config->attempt_timeout;
    if (!acme_pace_init(&order->pace, ca->worker, begin, order)) {
        free(order);
        return NULL;
    }
    if (record)
        take_up(order, record);
    acme_pace_soon(&order->pace, ca->worker);
    return order;
}

void acme_order_free(struct acme_order *order)
{
    if (!order)
        return;
    acme_request_cancel(order->request);
    acme_vault_cancel(order->vault, order->writing);
    acme_account_forsake(&order->waiter);
    acme_keymaker_cancel(order->keymaker);
    acme_authorizations_free(order->authorizations);
    acme_download_free(order->download);
    acme_installation_free(order->installation);
    acme_pace_end(&order->pace, order->ca->worker);
    acme_key_free(order->key);
    acme_secret_free(order->key_pem);
    acme_secret_free(order->pem);
    acme_pair_unref(order->pair);
    free(order->url);
    free(order->finalize_url);
    free(order->certificate_url);
    free(order);
}
