/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/http/tests/answer.h"

#include <check.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- The origin ---- */

struct answer {
    char kind[32];
    uint64_t size, sent;
    int surplus; /* bytes beyond those announced */
    bool chunks, streaming, truncate, deaf;
    bool answered; /* the final head was sent */
    bool waits_for_credit;
};

uint8_t answer_pattern(uint64_t at)
{
    return (uint8_t)(at * 2654435761U >> 9);
}

static struct seen *seen_of(const struct hg_self *self)
{
    const struct answer_config *config = self->cfg;

    return config->seen;
}

static void note_head(struct seen *seen, const struct hg_head *head)
{
    size_t size = 0;

    size += (size_t)snprintf(
        seen->head, sizeof seen->head, "%.*s %.*s\nscheme: %.*s\nauthority: %.*s\nlength: %lld\nid: %.*s\npeer: %.*s\n",
        HG_PRINT(head->method), HG_PRINT(head->path), HG_PRINT(head->scheme), HG_PRINT(head->authority),
        (long long)head->length, HG_PRINT(head->id), HG_PRINT(head->peer));
    for (size_t i = 0; i < head->fields.count && size < sizeof seen->head; i++)
        size += (size_t)snprintf(seen->head + size, sizeof seen->head - size, "%.*s: %.*s\n",
                                 HG_PRINT(head->fields.items[i].name), HG_PRINT(head->fields.items[i].value));
}

static void respond(struct hg_self *self, int status, int64_t length)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);
    struct answer *answer = self->state;

    answer->answered = true;
    head->status = status;
    head->length = length;
    hg_head_set(self->host, head, &head->reason, HG_TEXT("Made Up"));
    hg_field_add(self->host, &head->fields, HG_TEXT("X-Answer"), HG_TEXT("yes"));
    if (strcmp(answer->kind, "undated") != 0)
        hg_field_add(self->host, &head->fields, HG_TEXT("Date"), HG_TEXT("then"));
    else
        head->version = 0x0200;
    hg_emit_head(self, HG_UP, head);
}

static void respond_text(struct hg_self *self, struct hg_text text)
{
    struct hg_slice slice = {NULL, (const uint8_t *)text.data, text.size};

    respond(self, 200, (int64_t)text.size);
    hg_emit(self, HG_UP, &slice);
    hg_emit_end(self, HG_UP, NULL);
}

/* Sends as much of the pattern as there is credit for. */
static void send_pattern(struct hg_self *self)
{
    static const struct hg_reason broken = {502, "http_response_incomplete", "broken on purpose", 0};
    struct answer *answer = self->state;
    uint64_t until = answer->truncate ? answer->size / 2 : answer->size + answer->surplus;
    size_t credit = hg_credit(self, HG_UP);

    while (credit && answer->sent < until) {
        size_t size = credit < 16384 ? credit : 16384;
        struct hg_buffer *buffer;
        struct hg_slice slice;

        if (size > until - answer->sent)
            size = (size_t)(until - answer->sent);
        buffer = hg_buffer_new(self->host, size);
        for (size_t i = 0; i < size; i++)
            buffer->data[i] = answer_pattern(answer->sent + i);
        slice = (struct hg_slice){buffer, buffer->data, size};
        credit = hg_emit(self, HG_UP, &slice);
        hg_buffer_unref(buffer);
        answer->sent += size;
    }
    if (answer->sent < until)
        return;
    answer->streaming = false;
    if (answer->truncate && !strncmp(answer->kind, "break", 5))
        hg_break_off(self, &broken);
    else if (answer->truncate)
        hg_reset(self, &broken);
    else
        hg_emit_end(self, HG_UP, NULL);
}

static void interim(struct hg_self *self, int status)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);

    head->status = status;
    hg_field_add(self->host, &head->fields, HG_TEXT("X-Interim"), HG_TEXT("yes"));
    hg_emit_head(self, HG_UP, head);
}

/* Responses that start before the request has ended. */
static void begin(struct hg_self *self, const struct hg_head *head)
{
    static const struct hg_reason refused = {503, "connection_refused", "nobody \"home\"", 7};
    struct answer *answer = self->state;

    if (!strcmp(answer->kind, "echo"))
        respond(self, 200, head->length == HG_LENGTH_NONE ? 0 : head->length);
    else if (!strcmp(answer->kind, "early") || !strcmp(answer->kind, "deaf"))
        respond_text(self, HG_TEXT("early"));
    else if (!strcmp(answer->kind, "continue"))
        interim(self, 100);
    else if (!strcmp(answer->kind, "hint"))
        interim(self, 103);
    else if (!strcmp(answer->kind, "refuse"))
        hg_reset(self, answer->size ? &(struct hg_reason){.status = (int)answer->size} : &refused);
    else if (!strcmp(answer->kind, "hold"))
        seen_of(self)->held = self;
    if (!answer->streaming)
        return;
    respond(self, 200, answer->chunks ? HG_LENGTH_UNKNOWN : (int64_t)answer->size);
    if (hg_text_equal(head->method, HG_TEXT("HEAD")))
        answer->size = 0;
    send_pattern(self);
}

static enum hg_verdict on_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct answer *answer = self->state;
    char path[256];

    (void)direction;
    seen_of(self)->heads++;
    note_head(seen_of(self), head);
    snprintf(path, sizeof path, "%.*s", HG_PRINT(head->path));
    sscanf(path, "/%31[^/?]/%llu", answer->kind, (unsigned long long *)&answer->size);
    answer->truncate = strstr(answer->kind, "truncate") || strstr(answer->kind, "break");
    answer->surplus = !strcmp(answer->kind, "long") ? 10 : !strcmp(answer->kind, "short") ? -10 : 0;
    answer->chunks = strstr(answer->kind, "chunks");
    answer->streaming = answer->truncate || answer->chunks || !strcmp(answer->kind, "bytes") || answer->surplus;
    answer->deaf = !strcmp(answer->kind, "deaf") || !strcmp(answer->kind, "hold");
    begin(self, head);
    return HG_NEXT;
}

static size_t on_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct answer *answer = self->state;
    struct hg_slice part = *slice;

    (void)direction;
    if (answer->deaf)
        return 0;
    if (!strcmp(answer->kind, "echo")) {
        part = hg_slice_first(part, hg_credit(self, HG_UP));
        if (part.size)
            hg_emit(self, HG_UP, &part);
        answer->waits_for_credit = part.size < slice->size;
    }
    seen_of(self)->bytes += part.size;
    return part.size;
}

static struct hg_fields *copy_fields(struct hg_self *self, const struct hg_fields *fields)
{
    struct hg_fields *copy = fields ? hg_fields_new(self->host) : NULL;

    for (size_t i = 0; fields && i < fields->count; i++)
        hg_field_add(self->host, copy, fields->items[i].name, fields->items[i].value);
    return copy;
}

static enum hg_verdict on_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct answer *answer = self->state;

    (void)direction;
    seen_of(self)->ends++;
    seen_of(self)->trailers = trailers ? (unsigned)trailers->count : 0;
    if (!strcmp(answer->kind, "echo"))
        hg_emit_end(self, HG_UP, copy_fields(self, trailers));
    else if (!strcmp(answer->kind, "status")) {
        respond(self, (int)answer->size, answer->size == 304 ? 5 : HG_LENGTH_NONE);
        hg_emit_end(self, HG_UP, NULL);
    } else if (!answer->answered && strcmp(answer->kind, "never") != 0)
        respond_text(self, HG_TEXT("ok"));
    return HG_NEXT;
}

static void on_reset(struct hg_self *self, const struct hg_reason *reason)
{
    seen_of(self)->resets++;
    snprintf(seen_of(self)->reason, sizeof seen_of(self)->reason, "%d %s", reason->status,
             reason->detail ? reason->detail : "");
}

static void on_writable(struct hg_self *self, enum hg_direction direction)
{
    struct answer *answer = self->state;

    if (direction != HG_UP)
        return;
    if (answer->streaming)
        send_pattern(self);
    if (answer->waits_for_credit)
        hg_resume(self, HG_DOWN);
}

static void on_detach(struct hg_self *self)
{
    seen_of(self)->detaches++;
}

const struct hg_plugin *answer_plugin(void)
{
    static const struct hg_stage_ops ops = {
        .events = HG_EVENTS_MESSAGES,
        .self_size = sizeof(struct answer),
        .head = on_head,
        .data = on_data,
        .end = on_end,
        .reset = on_reset,
        .writable = on_writable,
        .detach = on_detach,
    };
    static const struct hg_plugin plugin = {.abi = HG_ABI, .role = HG_ROLE_ORIGIN, .name = "answer", .ops = &ops};

    return &plugin;
}

/* ---- The certificate ---- */

struct hg_certificate_lookup {
    struct certificate_config *config;
    hg_certificate_done done;
    void *arg;
    struct hg_call answer;
};

static void answer_later(void *arg)
{
    struct hg_certificate_lookup lookup = *(struct hg_certificate_lookup *)arg;

    free(arg);
    lookup.done(lookup.arg, lookup.config->certificate ? hg_certificate_ref(lookup.config->certificate) : NULL);
}

static struct hg_certificate *find(struct hg_worker *provider, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later)
{
    struct certificate_config *config = (struct certificate_config *)(uintptr_t)provider->cfg;

    config->lookups++;
    snprintf(config->name, sizeof config->name, "%.*s", HG_PRINT(query->server_name));
    if (query->alpn_count)
        snprintf(config->alpn, sizeof config->alpn, "%.*s", HG_PRINT(query->alpn[0]));
    if (!config->later)
        return config->certificate ? hg_certificate_ref(config->certificate) : NULL;
    *later = malloc(sizeof **later);
    **later = (struct hg_certificate_lookup){
        .config = config, .done = done, .arg = arg, .answer = {.callback = answer_later, .arg = *later}};
    hg_post(provider, &(*later)->answer);
    return NULL;
}

static const char *const *protocols(const struct hg_instance *instance)
{
    static const char *const own[] = {"acme-tls/1", NULL};

    return ((const struct certificate_config *)instance->cfg)->validates ? own : NULL;
}

const struct hg_plugin *certificate_plugin(void)
{
    static const struct hg_certificates_ops ops = {.find = find, .protocols = protocols};
    static const struct hg_offer offers[] = {{HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &ops}, {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI, .role = HG_ROLE_PROVIDER, .name = "certificate", .offers = offers};

    return &plugin;
}

static void certificate_release(struct hg_certificate *certificate)
{
    gnutls_pcert_deinit(certificate->chain);
    gnutls_privkey_deinit(certificate->key);
    free(certificate->chain);
    free(certificate);
}

struct hg_certificate *certificate_new(void)
{
    struct hg_certificate *certificate = calloc(1, sizeof *certificate);
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;

    gnutls_x509_privkey_init(&key);
    gnutls_x509_crt_init(&crt);
    ck_assert_int_eq(
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, "\1", 1);
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, "localhost", 9);
    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    atomic_init(&certificate->refs, 1);
    certificate->release = certificate_release;
    certificate->chain = calloc(1, sizeof *certificate->chain);
    certificate->chain_size = 1;
    ck_assert_int_eq(gnutls_pcert_import_x509(certificate->chain, crt, 0), 0);
    gnutls_privkey_init(&certificate->key);
    ck_assert_int_eq(gnutls_privkey_import_x509(certificate->key, key, GNUTLS_PRIVKEY_IMPORT_COPY), 0);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return certificate;
}
