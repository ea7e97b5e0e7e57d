/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What an authority does with a request: accounts, orders, authorizations.
 */
#include "plugins/acme/tests/fake_ca.h"
#include "plugins/lib/jose/base64url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const types[] = {"tls-alpn-01", "http-01"};

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* ---- Replies ---- */

void fake_reply_problem(struct fake_reply *reply, int status, const char *type, const char *detail)
{
    reply->status = status;
    json_decref(reply->document);
    reply->document = json_pack("{s:s+, s:s, s:i}", "type", "urn:ietf:params:acme:error:", type, "detail",
                                detail ? detail : "no details", "status", status);
    fake_reply_field(reply, "Content-Type", "application/problem+json");
}

void fake_reply_field(struct fake_reply *reply, const char *name, const char *format, ...)
{
    const size_t used = strlen(reply->fields);
    char value[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    snprintf(reply->fields + used, sizeof reply->fields - used, "%s: %s\r\n", name, value);
}

static json_t *url_of(const struct fake_ca *ca, const char *kind, unsigned number)
{
    return json_sprintf("https://%s/%s/%u", ca->host, kind, number);
}

void fake_ca_directory(struct fake_ca *ca, struct fake_reply *reply)
{
    static const char *const resources[][2] = {{"newNonce", "new-nonce"},       {"newAccount", "new-account"},
                                               {"newOrder", "new-order"},       {"revokeCert", "revoke"},
                                               {"renewalInfo", "renewal-info"}, {"keyChange", "key-change"}};

    reply->document = json_object();
    for (size_t i = 0; i < sizeof resources / sizeof *resources - ca->no_key_change; i++)
        json_object_set_new(reply->document, resources[i][0], json_sprintf("https://%s/%s", ca->host, resources[i][1]));
    if (ca->meta)
        json_object_set(reply->document, "meta", ca->meta);
}

/* ---- Accounts ---- */

static int account_of_key(const struct fake_ca *ca, const json_t *jwk)
{
    for (unsigned i = 0; i < ca->account_count; i++)
        if (!ca->accounts[i].forgotten && json_equal(ca->accounts[i].jwk, jwk))
            return (int)i;
    return -1;
}

static void report_account(const struct fake_ca *ca, unsigned number, int status, struct fake_reply *reply)
{
    reply->status = status;
    reply->document = json_pack("{s:s}", "status", ca->accounts[number].deactivated ? "deactivated" : "valid");
    fake_reply_field(reply, "Location", "https://%s/account/%u", ca->host, number);
}

static bool is_bound(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    if (!ca->eab_required)
        return true;
    if (!json_object_get(request->payload, "externalAccountBinding"))
        fake_reply_problem(reply, 401, "externalAccountRequired", "an external account binding is required");
    else if (ca->eab_used_up)
        fake_reply_problem(reply, 401, "unauthorized", ca->eab_words);
    else
        return true;
    return false;
}

/* RFC 8555 section 7.3.6. */
static void change_account(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    const char *status = json_string_value(json_object_get(request->payload, "status"));

    if (status && !strcmp(status, "deactivated"))
        ca->accounts[request->number].deactivated = true;
    report_account(ca, request->number, 200, reply);
}

static void new_account(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    const int known = account_of_key(ca, request->jwk);

    if (known >= 0 && ca->accounts[known].deactivated) {
        fake_reply_problem(reply, 403, "unauthorized", "the account is deactivated");
    } else if (known >= 0) {
        report_account(ca, (unsigned)known, 200, reply);
    } else if (json_is_true(json_object_get(request->payload, "onlyReturnExisting"))) {
        fake_reply_problem(reply, 400, "accountDoesNotExist", "there is no account with that key");
    } else if (is_bound(ca, request, reply)) {
        ca->eab_used_up = ca->eab_required;
        ca->accounts[ca->account_count].jwk = json_deep_copy(request->jwk);
        report_account(ca, ca->account_count++, 201, reply);
    }
}

/* RFC 8555 section 7.3.5. */
static void change_key(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    json_t *header, *inner = fake_jose_open(request->payload, NULL, &header);
    const json_t *jwk = json_object_get(header, "jwk");
    struct fake_ca_account *account = &ca->accounts[request->account];

    if (!inner || strcmp(member(header, "url"), request->url) != 0 || json_object_get(header, "nonce") ||
        !json_equal(json_object_get(inner, "oldKey"), account->jwk)) {
        fake_reply_problem(reply, 400, "malformed", "no change of a key");
    } else if (account_of_key(ca, jwk) >= 0) {
        fake_reply_problem(reply, 409, "malformed", "the new key is an account's already");
    } else {
        json_decref(account->jwk);
        account->jwk = json_deep_copy(jwk);
        report_account(ca, (unsigned)request->account, 200, reply);
    }
    json_decref(header);
    json_decref(inner);
}

/* ---- Orders ---- */

static void report_order(const struct fake_ca *ca, unsigned number, struct fake_reply *reply)
{
    const struct fake_ca_order *order = &ca->orders[number];
    json_t *identifiers = json_array(), *authorizations = json_array();

    for (unsigned i = 0; i < order->name_count; i++) {
        json_array_append_new(identifiers, json_pack("{s:s, s:s}", "type", "dns", "value", order->names[i]));
        json_array_append_new(authorizations, url_of(ca, "authorization", number * FAKE_NAMES_MAX + i));
    }
    reply->document = json_pack("{s:s, s:o, s:o, s:o}", "status", order->status, "identifiers", identifiers,
                                "authorizations", authorizations, "finalize", url_of(ca, "finalize", number));
    if (order->leaf)
        json_object_set_new(reply->document, "certificate", url_of(ca, "certificate", number));
    fake_reply_field(reply, "Location", "https://%s/order/%u", ca->host, number);
}

static void update(struct fake_ca_order *order)
{
    size_t valid = 0;

    if (strcmp(order->status, "pending") != 0)
        return;
    for (size_t i = 0; i < order->name_count; i++) {
        const char *status = order->authorizations[i].status;

        valid += !strcmp(status, "valid");
        if (strcmp(status, "valid") != 0 && strcmp(status, "pending") != 0)
            order->status = "invalid";
    }
    if (valid == order->name_count)
        order->status = "ready";
}

static void new_order(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    struct fake_ca_order *order = &ca->orders[ca->order_count];
    const json_t *identifiers = json_object_get(request->payload, "identifiers");
    const json_t *profiles = json_object_get(ca->meta, "profiles");
    const char *profile = member(request->payload, "profile");

    if (ca->replaces_status && json_object_get(request->payload, "replaces")) {
        reply->status = ca->replaces_status;
        return;
    }
    if (*profile && !json_object_get(profiles, profile)) {
        fake_reply_problem(reply, 400, "invalidProfile", "there is no such profile");
        return;
    }
    *order = (struct fake_ca_order){.account = (unsigned)request->account, .status = "pending"};
    snprintf(order->profile, sizeof order->profile, "%s", profile);
    snprintf(order->replaces, sizeof order->replaces, "%s", member(request->payload, "replaces"));
    for (size_t i = 0; i < json_array_size(identifiers); i++) {
        const char *name = member(json_array_get(identifiers, i), "value");

        if (ca->forbidden && !strcmp(name, ca->forbidden)) {
            fake_reply_problem(reply, 400, "rejectedIdentifier", "that name is on a list");
            return;
        }
        snprintf(order->names[order->name_count], sizeof *order->names, "%s", name);
        order->authorizations[order->name_count++].status = ca->already_valid ? "valid" : "pending";
    }
    update(order);
    report_order(ca, ca->order_count++, reply);
    reply->status = 201;
}

static void finalize(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    struct fake_ca_order *order = &ca->orders[request->number];

    if (strcmp(order->status, "ready") != 0) {
        fake_reply_problem(reply, 403, "orderNotReady", "the order is not ready");
    } else if (!fake_issuer_issue(ca, order, member(request->payload, "csr"))) {
        fake_reply_problem(reply, 400, "badCSR", "no such request");
    } else {
        order->status = "valid";
        report_order(ca, request->number, reply);
    }
}

static void certificate(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    const struct fake_ca_order *order = &ca->orders[request->number];
    const bool alternate = !strcmp(request->kind, "alternate");

    if (!order->leaf) {
        fake_reply_problem(reply, 404, "malformed", "there is no certificate");
        return;
    }
    reply->body = fake_issuer_chain(ca, order, alternate);
    if (!alternate && ca->alternate)
        fake_reply_field(reply, "Link", "<https://%s/alternate/%u>;rel=\"alternate\"", ca->host, request->number);
}

/* ---- Authorizations ---- */

static struct fake_authorization *authorization_of(struct fake_ca *ca, unsigned number)
{
    return &ca->orders[number / FAKE_NAMES_MAX].authorizations[number % FAKE_NAMES_MAX];
}

static json_t *challenge(const struct fake_ca *ca, const struct fake_authorization *authorization, unsigned number,
                         unsigned type)
{
    const char *name = ca->orders[number / FAKE_NAMES_MAX].names[number % FAKE_NAMES_MAX];
    const bool failed = authorization->failed && !strcmp(authorization->failed, types[type]);
    json_t *json =
        json_pack("{s:s, s:o, s:o, s:s}", "type", types[type], "url", url_of(ca, "challenge", number * 2 + type),
                  "token", json_sprintf("token-%s-%u-%u", ca->host[2] == '1' ? "one" : "two", number, type), "status",
                  failed ? "invalid" : "pending");

    if (failed)
        json_object_set_new(
            json, "error",
            json_pack("{s:s+, s:o}", "type", "urn:ietf:params:acme:error:", ca->quoted ? "unauthorized" : "connection",
                      "detail", ca->quoted ? json_string(ca->quoted) : json_sprintf("no answer from %s", name)));
    return json;
}

static void report_authorization(struct fake_ca *ca, unsigned number, struct fake_reply *reply)
{
    const struct fake_authorization *authorization = authorization_of(ca, number);
    const char *name = ca->orders[number / FAKE_NAMES_MAX].names[number % FAKE_NAMES_MAX];

    reply->document = json_pack("{s:s, s:{s:s, s:s}, s:[o, o]}", "status", authorization->status, "identifier", "type",
                                "dns", "value", name, "challenges", challenge(ca, authorization, number, 0),
                                challenge(ca, authorization, number, 1));
}

static void authorization(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    struct fake_authorization *item = authorization_of(ca, request->number);

    if (!strcmp(member(request->payload, "status"), "deactivated")) {
        ca->deactivations++;
        item->status = "deactivated";
        update(&ca->orders[request->number / FAKE_NAMES_MAX]);
    }
    report_authorization(ca, request->number, reply);
}

static void look_at_challenge(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    const unsigned number = request->number / 2, type = request->number % 2;
    struct fake_ca_order *order = &ca->orders[number / FAKE_NAMES_MAX];
    struct fake_authorization *item = authorization_of(ca, number);
    json_t *json = challenge(ca, item, number, type);
    const char *token = member(json, "token");
    char *expected = fake_jose_key_authorization(token, ca->accounts[request->account].jwk);
    const bool good = !ca->quoted && (!ca->unreachable || strcmp(ca->unreachable, types[type]) != 0) &&
                      fake_world->is_presented(types[type], order->names[number % FAKE_NAMES_MAX], token, expected);

    item->tried = types[type];
    if (!ca->lazy)
        item->status = good ? "valid" : "invalid";
    item->failed = good || ca->lazy ? NULL : types[type];
    update(order);
    reply->document = json;
    free(expected);
}

/* ---- Revoking ---- */

static bool is_key_of(const json_t *jwk, const struct fake_ca_order *order)
{
    size_t size = 0;
    const bool rsa = !strcmp(member(jwk, "kty"), "RSA");
    uint8_t *wanted = jose_base64url_read(hg_text(member(jwk, rsa ? "n" : "x")), &size);
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x = {0}, y = {0};
    gnutls_x509_crt_t leaf;
    bool equal;

    gnutls_x509_crt_init(&leaf);
    gnutls_x509_crt_import(leaf, &order->der, GNUTLS_X509_FMT_DER);
    if (rsa)
        gnutls_x509_crt_get_pk_rsa_raw(leaf, &x, &y);
    else
        gnutls_x509_crt_get_pk_ecc_raw(leaf, &curve, &x, &y);
    while (x.size > size && size) /* a leading zero */
        memmove(x.data, x.data + 1, --x.size);
    equal = size && x.size <= size && !memcmp(wanted + size - x.size, x.data, x.size);
    gnutls_x509_crt_deinit(leaf);
    gnutls_free(x.data);
    gnutls_free(y.data);
    free(wanted);
    return equal;
}

/* RFC 8555 section 7.6: by the account that ordered it, or with its own key. */
static void revoke(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    for (unsigned i = 0; i < ca->order_count; i++) {
        struct fake_ca_order *order = &ca->orders[i];
        char *der = order->leaf ? jose_base64url(order->der.data, order->der.size) : NULL;
        const bool meant = der && !strcmp(der, member(request->payload, "certificate"));

        free(der);
        if (!meant)
            continue;
        if (request->account < 0 ? !is_key_of(request->jwk, order) : (unsigned)request->account != order->account) {
            fake_reply_problem(reply, 403, "unauthorized", "not yours");
        } else if (order->revoked) {
            fake_reply_problem(reply, 400, "alreadyRevoked", "it is revoked");
        } else {
            order->revoked = true;
            order->revoked_by_own_key = request->account < 0;
            reply->body = strdup("");
        }
        return;
    }
    fake_reply_problem(reply, 404, "malformed", "there is no such certificate");
}

/* ---- Requests ---- */

void fake_ca_serve(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply)
{
    static const struct {
        const char *kind;
        void (*serve)(struct fake_ca *ca, const struct fake_request *request, struct fake_reply *reply);
    } resources[] = {{"revoke", revoke},         {"new-account", new_account},     {"key-change", change_key},
                     {"new-order", new_order},   {"finalize", finalize},           {"certificate", certificate},
                     {"alternate", certificate}, {"authorization", authorization}, {"challenge", look_at_challenge}};

    reply->status = 200;
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
        if (!strcmp(resources[i].kind, request->kind)) {
            resources[i].serve(ca, request, reply);
            return;
        }
    if (!strcmp(request->kind, "order"))
        report_order(ca, request->number, reply);
    else if (!strcmp(request->kind, "account"))
        change_account(ca, request, reply);
    else
        fake_reply_problem(reply, 404, "malformed", "there is no such resource");
}
