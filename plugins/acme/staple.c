/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/staple.h"

#include "plugins/acme/clock.h"

#include <stdlib.h>

#define ANSWER_MAX ((size_t)1 << 16)
#define TIMEOUT    (30 * HG_SECOND)
/* After a question that failed; doubled each time. */
#define MIN_RETRY 60
#define MAX_RETRY 3600

/* A certificate that shares chain and key with a pair. */
struct stapled {
    struct hg_certificate certificate; /* first, so that one is the other */
    struct acme_pair *pair;
    gnutls_ocsp_data_st answer;
};

struct acme_staple {
    struct hg_worker *worker;
    struct https *https;
    struct acme_vault *vault;
    const char *id;
    struct hg_store_request *reading; /* of an answer of the process before */
    hg_callback revoked;
    void *arg;
    struct acme_pair *pair; /* NULL: none that could be asked for */
    char *url;
    struct stapled *stapled;       /* NULL: no answer yet … */
    struct hg_certificate *before; /* … so this one is shown, NULL: none … */
    time_t before_ends;            /* … until then */
    struct https_call *call;
    struct hg_timer *timer;
    time_t retry; /* the last pause; 0: the last question was answered */
};

/* ---- What is served ---- */

static void release(struct hg_certificate *certificate)
{
    struct stapled *stapled = (struct stapled *)certificate;

    acme_pair_unref(stapled->pair);
    free(stapled->answer.response.data);
    free(stapled);
}

static struct stapled *make(struct acme_pair *pair, struct hg_text answer, time_t ends)
{
    struct stapled *stapled = calloc(1, sizeof *stapled);
    unsigned char *copy = malloc(answer.size);

    if (!stapled || !copy) {
        free(stapled);
        free(copy);
        return NULL;
    }
    memcpy(copy, answer.data, answer.size);
    stapled->pair = acme_pair_ref(pair);
    stapled->answer = (gnutls_ocsp_data_st){.response = {copy, (unsigned)answer.size}, .exptime = ends};
    atomic_init(&stapled->certificate.refs, 1);
    stapled->certificate.release = release;
    stapled->certificate.chain = pair->certificate.chain;
    stapled->certificate.chain_size = pair->certificate.chain_size;
    stapled->certificate.key = pair->certificate.key;
    stapled->certificate.ocsp = &stapled->answer;
    stapled->certificate.ocsp_size = 1;
    return stapled;
}

static void drop(struct acme_staple *staple)
{
    if (staple->stapled)
        hg_certificate_unref(&staple->stapled->certificate);
    staple->stapled = NULL;
}

/* ---- Asking ---- */

static void ask_in(struct acme_staple *staple, time_t seconds)
{
    hg_timer_set(staple->worker->host, staple->timer, (hg_time)seconds * HG_SECOND);
}

static void drop_before(struct acme_staple *staple)
{
    hg_certificate_unref(staple->before);
    staple->before = NULL;
}

static bool is_valid(const struct acme_staple *staple)
{
    return staple->stapled && staple->stapled->answer.exptime > acme_clock();
}

static struct hg_certificate *stand_in(struct acme_staple *staple)
{
    if (staple->before && staple->before_ends > acme_clock())
        return hg_certificate_ref(staple->before);
    drop_before(staple);
    return NULL;
}

/* An answer expires before the next question only when the clock is set or the machine slept: timers know of neither.
 */
struct hg_certificate *acme_staple_certificate(struct acme_staple *staple)
{
    if (!staple)
        return NULL;
    if (is_valid(staple))
        return hg_certificate_ref(&staple->stapled->certificate);
    if (!staple->stapled)
        return stand_in(staple);
    drop(staple);
    if (!staple->call && !staple->retry)
        ask_in(staple, 0);
    return NULL;
}

static void failed(struct acme_staple *staple, const char *why)
{
    staple->retry = staple->retry ? 2 * staple->retry : MIN_RETRY;
    if (staple->retry > MAX_RETRY)
        staple->retry = MAX_RETRY;
    hg_log(staple->worker->instance, HG_LOG_WARNING, "%s: %s: no OCSP answer: %s; asked again in %lld s",
           staple->pair->names[0], staple->url, why, (long long)staple->retry);
    ask_in(staple, staple->retry);
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* then the next process has to ask */
}

static void take(struct acme_staple *staple, struct hg_text answer, const struct acme_ocsp *ocsp, time_t now)
{
    staple->retry = 0;
    ask_in(staple, acme_ocsp_pause(ocsp, now));
    drop(staple);
    drop_before(staple);
    if (!ocsp->revoked)
        staple->stapled = make(staple->pair, answer, ocsp->ends);
}

static void on_answer(void *arg, const struct https_response *response)
{
    struct acme_staple *staple = arg;
    const time_t now = acme_clock();
    struct acme_ocsp ocsp;
    const char *wrong = response->error;

    staple->call = NULL;
    if (!wrong && response->status != 200)
        wrong = "the responder has answered with an error";
    if (!wrong)
        wrong = acme_ocsp_read(staple->pair, response->body, now, &ocsp);
    if (wrong) {
        failed(staple, wrong);
        return;
    }
    take(staple, response->body, &ocsp, now);
    if (!ocsp.revoked) {
        if (staple->pair->must_staple)
            acme_vault_put(staple->vault, ACME_STAPLES, staple->id, response->body, ignore, NULL);
        return;
    }
    hg_log(staple->worker->instance, HG_LOG_ERROR, "%s: certificate %s was revoked, says %s", staple->pair->names[0],
           staple->pair->serial, staple->url);
    staple->revoked(staple->arg);
}

static void ask(void *arg)
{
    struct acme_staple *staple = arg;
    gnutls_datum_t question;

    if (acme_ocsp_question(staple->pair, &question)) {
        failed(staple, "the question cannot be made");
        return;
    }
    /* The answer is signed, and responders are asked by plain HTTP (RFC 6960 appendix A). */
    staple->call = https_send(staple->https,
                              &(struct https_request){.method = "POST",
                                                      .url = staple->url,
                                                      .plain = true,
                                                      .accept = "application/ocsp-response",
                                                      .content_type = "application/ocsp-request",
                                                      .body = {(const char *)question.data, question.size},
                                                      .max_size = ANSWER_MAX,
                                                      .timeout = TIMEOUT},
                              on_answer, staple);
    gnutls_free(question.data);
    if (!staple->call)
        failed(staple, "out of memory");
}

/* ---- Life ---- */

static void stop(struct acme_staple *staple)
{
    if (staple->call)
        https_cancel(staple->call);
    staple->call = NULL;
    acme_vault_cancel(staple->vault, staple->reading);
    staple->reading = NULL;
    hg_timer_stop(staple->worker->host, staple->timer);
    drop(staple);
    drop_before(staple);
    acme_pair_unref(staple->pair);
    staple->pair = NULL;
    free(staple->url);
    staple->url = NULL;
    staple->retry = 0;
}

/* The responder may be down when a process begins, and has been asked before. */
static void on_read(void *arg, const struct hg_store_answer *answer)
{
    struct acme_staple *staple = arg;
    const time_t now = acme_clock();
    struct acme_ocsp ocsp;

    staple->reading = NULL;
    if (answer->status == HG_STORE_OK && !acme_ocsp_read(staple->pair, answer->value, now, &ocsp) && !ocsp.revoked)
        take(staple, answer->value, &ocsp, now);
    else
        ask_in(staple, 0);
}

/* What is shown now, with until when it may be; a reference or NULL. */
static struct hg_certificate *shown(struct acme_staple *staple, struct acme_pair *pair, time_t *ends)
{
    *ends = pair->ends;
    if (is_valid(staple)) {
        *ends = staple->stapled->answer.exptime < *ends ? staple->stapled->answer.exptime : *ends;
        return hg_certificate_ref(&staple->stapled->certificate);
    }
    if (!pair->must_staple)
        return hg_certificate_ref(&pair->certificate);
    *ends = staple->before_ends;
    return stand_in(staple);
}

void acme_staple_begin(struct acme_staple *staple, struct acme_pair *pair, struct acme_pair *before)
{
    char *url = acme_ocsp_url(pair);
    time_t ends = 0;
    struct hg_certificate *certificate = url && pair->must_staple && before ? shown(staple, before, &ends) : NULL;

    stop(staple);
    staple->url = url;
    staple->before = certificate;
    staple->before_ends = ends;
    if (!url)
        return;
    staple->pair = acme_pair_ref(pair);
    if (pair->must_staple)
        staple->reading = acme_vault_get(staple->vault, ACME_STAPLES, staple->id, on_read, staple);
    if (!staple->reading)
        ask_in(staple, 0);
}

struct acme_staple *acme_staple_new(struct https *https, struct acme_vault *vault, const char *id, hg_callback revoked,
                                    void *arg)
{
    struct acme_staple *staple = calloc(1, sizeof *staple);

    if (!staple)
        return NULL;
    *staple = (struct acme_staple){
        .worker = vault->worker, .https = https, .vault = vault, .id = id, .revoked = revoked, .arg = arg};
    staple->timer = hg_timer_new(vault->worker, ask, staple);
    if (staple->timer)
        return staple;
    free(staple);
    return NULL;
}

void acme_staple_free(struct acme_staple *staple)
{
    if (!staple)
        return;
    stop(staple);
    hg_timer_free(staple->worker->host, staple->timer);
    free(staple);
}
