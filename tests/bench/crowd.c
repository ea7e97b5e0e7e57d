/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * crowd: many clients of one gateway in one process, each with its own socket, DTLS link and session, and no services.
 *
 *   crowd --connect ADDRESS:PORT --name SERVER-NAME --ca FILE --id CLIENT --token FILE
 *         [--sessions N] [--parallel N] [--every MS] [--resume 0|1]
 *
 * Opens the sessions, --parallel of them at a time, with full handshakes (--resume 1: with tickets, from the second
 * on). Prints "opened" {JSON} when all are open, keeps them alive until SIGTERM, and prints "ended" {JSON} with the
 * number of lost ones. With --every, a session is opened at this interval in milliseconds, whatever the earlier ones
 * do, and closed when it is accepted; the figures are printed at the end.
 */
#include "core/session/control_message.h"
#include "tests/bench/tunnel_driver.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct crowd {
    struct driver driver; /* first, so that pointers to both can be cast */
    const char *ca, *name, *id, *token_file;
    char address[128], token[600];
    unsigned port, sessions, parallel, every;
    bool resume;
    unsigned begun, under_way, accepted, failed, lost;
    unsigned opens; /* sessions to open */
    double started;
    double *times; /* for each that was accepted: from connect() to `accept`, in milliseconds */
    char why[300]; /* the first failure */
};

/* driver_link->user */
struct client {
    struct tn_session *session;
    bool is_accepted;
};

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- One client ---- */

/* An id may have 64 sessions: the first fifty are CLIENT's, the next CLIENT-1's, and so on up to CLIENT-255's. */
static void print_id(struct crowd *crowd, char *id, size_t size)
{
    unsigned number = crowd->opens++ / 50 % 256;

    if (number)
        snprintf(id, size, "%s-%u", crowd->id, number);
    else
        snprintf(id, size, "%s", crowd->id);
}

static void on_up(struct driver_link *link)
{
    struct crowd *crowd = (struct crowd *)link->driver;
    struct client *client = calloc(1, sizeof *client);
    const char *const codecs[] = {"binary/1"};
    struct control_offer offer = {.codecs = codecs, .codec_count = 1};
    char *line, id[128];

    if (!client)
        abort();
    link->user = client;
    client->session = tn_session_new(&crowd->driver.params);
    print_id(crowd, id, sizeof id);
    offer.credentials = json_pack("{s:s, s:s}", "id", id, "token", crowd->token);
    tn_session_local_params(client->session, &offer.parameters.limits);
    offer.parameters.max_ack_delay = (unsigned)(crowd->driver.params.max_ack_delay / TN_MILLISECOND);
    line = control_encode_open(&offer);
    if (!line || !tn_control_write(link->tn, line, strlen(line)))
        abort();
    free(line);
    json_decref(offer.credentials);
}

static void accepted(struct driver_link *link, const struct control_message *message)
{
    struct crowd *crowd = (struct crowd *)link->driver;
    struct client *client = link->user;

    client->is_accepted = true;
    crowd->under_way--;
    crowd->times[crowd->accepted++] = (double)(test_clock() - link->link->begun) / 1e6;
    tn_session_set_peer_params(client->session, &message->parameters.limits);
    tn_link_attach(link->tn, client->session, hg_now(link->link->transport));
}

static void failed(struct crowd *crowd, const char *why)
{
    crowd->under_way--;
    if (crowd->failed++ == 0)
        snprintf(crowd->why, sizeof crowd->why, "%s", why);
}

static void on_control(struct driver_link *link)
{
    struct crowd *crowd = (struct crowd *)link->driver;
    const char *data, *newline, *error;
    struct control_message message;
    size_t size = tn_control_peek(link->tn, &data);
    enum control_type type;

    newline = memchr(data, '\n', size);
    if (!newline || control_decode(&message, data, (size_t)(newline - data), &error))
        return;
    tn_control_consume(link->tn, (size_t)(newline - data) + 1);
    type = message.type;
    if (type == CONTROL_ACCEPT)
        accepted(link, &message);
    control_message_free(&message);
    if (type == CONTROL_REFUSE || (type == CONTROL_ACCEPT && crowd->every))
        driver_close(link);
}

static void on_event(struct driver_link *link, const struct tn_event *event)
{
    (void)link;
    (void)event;
}

static void on_down(struct driver *driver, struct driver_link *link, const char *reason)
{
    struct crowd *crowd = (struct crowd *)driver;
    struct client *client = link ? link->user : NULL;

    if (!client || !client->is_accepted)
        failed(crowd, reason);
    else if (!stopped && !crowd->every)
        crowd->lost++;
    if (!client)
        return;
    if (tn_link_session(link->tn))
        tn_link_detach(link->tn);
    tn_session_free(client->session);
    free(client);
}

static const struct driver_user user = {.up = on_up, .control = on_control, .event = on_event, .down = on_down};

/* ---- The crowd ---- */

static void connect_one(struct crowd *crowd)
{
    crowd->begun++;
    crowd->under_way++;
    test_connect(&crowd->driver.pair);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const struct crowd *crowd, const char *word)
{
    unsigned count = crowd->accepted;
    double *sorted = malloc((count + 1) * sizeof *sorted);

    if (!sorted)
        abort();
    memcpy(sorted, crowd->times, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    sorted[count] = 0;
    printf("%s {\"accepted\": %u, \"failed\": %u, \"under_way\": %u, \"lost\": %u, \"why\": \"%s\", \"seconds\": %.3f, "
           "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n",
           word, count, crowd->failed, crowd->under_way, crowd->lost, crowd->why,
           (double)test_clock() / 1e9 - crowd->started, sorted[count / 2], sorted[(size_t)(count * 0.99)],
           sorted[count ? count - 1 : 0]);
    fflush(stdout);
    free(sorted);
}

static bool may_open(void *arg)
{
    const struct crowd *crowd = arg;

    return stopped || (crowd->begun < crowd->sessions ? crowd->under_way < crowd->parallel : crowd->under_way == 0);
}

static bool is_stopped(void *arg)
{
    (void)arg;
    return stopped;
}

static void open_all(struct crowd *crowd)
{
    while (!stopped && (crowd->begun < crowd->sessions || crowd->under_way > 0)) {
        while (crowd->begun < crowd->sessions && crowd->under_way < crowd->parallel)
            connect_one(crowd);
        fixture_run(crowd->driver.pair.fixture, may_open, crowd, 1000);
    }
    report(crowd, "opened");
}

/* Closes all links, no faster than the gateway's socket can take it. */
static void close_all(struct crowd *crowd)
{
    unsigned closed = 0;

    for (struct hg_link *link = crowd->driver.pair.links; link; link = link->next) {
        if (!link->user)
            continue;
        driver_close(link->user);
        if (++closed % 100 == 0)
            test_run(&crowd->driver.pair, 5);
    }
}

static void open_at_pace(struct crowd *crowd)
{
    hg_time due = test_clock();

    for (; crowd->begun < crowd->sessions && !stopped; due += crowd->every * HG_MILLISECOND) {
        hg_time now = test_clock();

        if (due > now)
            fixture_run(crowd->driver.pair.fixture, is_stopped, NULL, (unsigned)((due - now) / HG_MILLISECOND) + 1);
        connect_one(crowd);
    }
}

/* ---- Options ---- */

static void die(const char *what, const char *detail)
{
    fprintf(stderr, "crowd: %s: %s\n", what, detail);
    exit(2);
}

static void read_token(struct crowd *crowd)
{
    FILE *file = fopen(crowd->token_file, "re");

    if (!file || !fgets(crowd->token, sizeof crowd->token, file))
        die("no token in", crowd->token_file);
    fclose(file);
    crowd->token[strcspn(crowd->token, "\n")] = '\0';
}

static void parse(struct crowd *crowd, int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *option = argv[i], *value = argv[i + 1];

        if (strcmp(option, "--connect") == 0)
            sscanf(value, "%127[^:]:%u", crowd->address, &crowd->port);
        else if (strcmp(option, "--name") == 0)
            crowd->name = value;
        else if (strcmp(option, "--ca") == 0)
            crowd->ca = value;
        else if (strcmp(option, "--id") == 0)
            crowd->id = value;
        else if (strcmp(option, "--token") == 0)
            crowd->token_file = value;
        else if (strcmp(option, "--sessions") == 0)
            crowd->sessions = (unsigned)atoi(value);
        else if (strcmp(option, "--parallel") == 0)
            crowd->parallel = (unsigned)atoi(value);
        else if (strcmp(option, "--every") == 0)
            crowd->every = (unsigned)atoi(value);
        else if (strcmp(option, "--resume") == 0)
            crowd->resume = atoi(value);
        else
            die("unknown option", option);
    }
    if (argc % 2 == 0 || !crowd->port || !crowd->name || !crowd->ca || !crowd->id || !crowd->token_file)
        die("usage", "crowd --connect ADDRESS:PORT --name NAME --ca FILE --id CLIENT --token FILE [OPTION VALUE]...");
}

static void start(struct crowd *crowd, const struct test_certificate *unused)
{
    struct dtls_config *config = &crowd->driver.pair.client_config;

    driver_init(&crowd->driver, &user, unused, NULL);
    crowd->driver.params.is_client = true; /* for the sessions, which are created here */
    config->client.ca = crowd->ca;
    config->client.server_name = crowd->name;
    crowd->driver.pair.connect.host = crowd->address;
    config->socket_buffer = 256 << 10;
    config->handshake_timeout = 10 * HG_SECOND;
    if (!crowd->resume)
        config->priority = "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-MAC-ALL:+AEAD:"
                           "-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:%NO_TICKETS";
    test_pair_start(&crowd->driver.pair, false, true, (uint16_t)crowd->port);
}

static struct crowd crowd = {.sessions = 1, .parallel = 64};

/* The fixture is for tests and makes them fail on errors, so this is one. */
START_TEST(run)
{
    struct test_certificate unused = test_certificate_new("unused", NULL, -3600, 3600);

    start(&crowd, &unused);
    crowd.started = (double)test_clock() / 1e9;
    if (crowd.every) {
        open_at_pace(&crowd);
        fixture_run(crowd.driver.pair.fixture, may_open, &crowd, 12000);
    } else {
        open_all(&crowd);
        while (!fixture_run(crowd.driver.pair.fixture, is_stopped, NULL, 1000))
            ;
    }
    report(&crowd, "ended");
    close_all(&crowd);
    test_pair_free(&crowd.driver.pair);
    test_certificate_free(&unused);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("crowd");
    TCase *tests = tcase_create("crowd");
    struct rlimit limit;
    int bad;

    parse(&crowd, argc, argv);
    read_token(&crowd);
    crowd.times = calloc(crowd.sessions, sizeof *crowd.times);
    if (!crowd.times)
        die("start", "out of memory");
    signal(SIGTERM, on_stop);
    signal(SIGINT, on_stop);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    tcase_add_test(tests, run);
    suite_add_tcase(suite, tests);
    bad = run_suite_as(suite, CK_NOFORK, CK_SILENT);
    free(crowd.times);
    return bad;
}
