/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/testbed.h"

#include "core/session/session_table.h"
#include "tests/unit/clock.h"

#include <check.h>
#include <hopgate/identity.h>
#include <hopgate/routes.h>
#include <stdio.h>
#include <stdlib.h>

const struct hg_plugin *codec_binary_plugin(void);

#define PIECE 8192

/* The time that a turn of all loops takes, plus the time for each packet in it, as on a good network: about 1 Gbit/s.
 * While nothing happens, the steps become longer. */
#define TURN_TIME   (20 * HG_MICROSECOND)
#define PACKET_TIME (10 * HG_MICROSECOND)
#define IDLE_MOST   (5120 * HG_MICROSECOND)

uint8_t testbed_pattern(uint64_t at)
{
    return (uint8_t)(at * 2654435761u >> 9);
}

/* At most `most` bytes of the pattern, with a reference that the caller owns. */
static struct hg_slice make_piece(const struct hg_host *host, uint64_t at, size_t most)
{
    size_t size = most < PIECE ? most : PIECE;
    struct hg_buffer *buffer = hg_buffer_new(host, size);

    for (size_t i = 0; i < size; i++)
        buffer->data[i] = testbed_pattern(at + i);
    return (struct hg_slice){buffer, buffer->data, size};
}

/* Emits the pattern as far as the credit allows; returns how many bytes. */
static size_t emit_pattern(struct hg_self *self, enum hg_direction direction, uint64_t at, size_t size)
{
    size_t credit = hg_credit(self, direction), done = 0;

    while (done < size && credit) {
        struct hg_slice piece = make_piece(self->host, at + done, size - done < credit ? size - done : credit);

        credit = hg_emit(self, direction, &piece);
        done += piece.size;
        hg_buffer_unref(piece.buffer);
    }
    return done;
}

static bool is_pattern(const struct hg_slice *slice, uint64_t at)
{
    for (size_t i = 0; i < slice->size; i++)
        if (slice->data[i] != testbed_pattern(at + i))
            return false;
    return true;
}

/* ---- The public user ---- */

/* An exchange's data about its user. It belongs to the testbed: when a test has failed, its own `struct user` no longer
 * exists, but the exchange has yet to end (with CK_FORK=no, in the same process). */
struct asked {
    struct user *user;
    struct user nobody;
    struct asked *next;
};

static struct user *user_of(const struct hg_self *self)
{
    return ((struct asked *)self->state)->user;
}

/* Detaches all exchanges from the users of a test, which may end before them. */
static void forget_users(struct testbed *testbed)
{
    for (struct asked *asked = testbed->asked; asked; asked = asked->next) {
        asked->nobody = (struct user){.testbed = testbed, .never_ends = true};
        asked->user = &asked->nobody;
    }
}

static void free_users(struct testbed *testbed)
{
    while (testbed->asked) {
        struct asked *asked = testbed->asked;

        testbed->asked = asked->next;
        free(asked);
    }
}

static void user_send(struct user *user)
{
    size_t sent = emit_pattern(user->self, HG_DOWN, user->sent, user->upload);

    user->sent += sent;
    user->upload -= sent;
    if (!user->upload && !user->never_ends) {
        user->never_ends = true;
        hg_emit_end(user->self, HG_DOWN, NULL);
    }
}

static enum hg_verdict user_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct user *user = user_of(self);

    (void)direction;
    if (hg_head_is_interim(head))
        user->interims++;
    else
        user->status = head->status;
    return HG_NEXT;
}

static size_t user_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct user *user = user_of(self);

    (void)direction;
    user->is_held = user->stalls;
    if (user->stalls)
        return 0;
    user->is_wrong |= !is_pattern(slice, user->got);
    user->got += slice->size;
    return slice->size;
}

static enum hg_verdict user_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct user *user = user_of(self);

    (void)direction;
    user->ended = true;
    user->trailers = trailers ? trailers->count : 0;
    return HG_NEXT;
}

static void user_reset(struct hg_self *self, const struct hg_reason *reason)
{
    struct user *user = user_of(self);

    user->was_reset = true;
    user->reason = *reason;
    snprintf(user->detail, sizeof user->detail, "%s", reason->detail ? reason->detail : "");
}

static void user_writable(struct hg_self *self, enum hg_direction direction)
{
    (void)direction;
    user_send(user_of(self));
}

static void user_detach(struct hg_self *self)
{
    struct user *user = user_of(self);

    user->detached = true;
    user->self = NULL;
}

static struct asked *new_asked(struct testbed *testbed, struct user *user)
{
    struct asked *asked = calloc(1, sizeof *asked);

    asked->user = user;
    asked->next = testbed->asked;
    testbed->asked = asked;
    return asked;
}

void user_ask_at(struct fixture *gateway, struct user *user, struct testbed *testbed, const char *client,
                 const char *service, const char *path, size_t upload)
{
    struct hg_worker *edge = fixture_worker(gateway, 0);
    struct hg_head *head = hg_head_new(edge->host, HG_REQUEST);
    struct hg_target target = {.client = hg_text(client), .service = hg_text(service)};

    user->testbed = testbed;
    user->upload = upload;
    head->length = upload ? (int64_t)upload : HG_LENGTH_NONE;
    head->traffic = user->traffic;
    hg_head_set(edge->host, head, &head->method, user->traffic ? HG_TEXT("CONNECT") : HG_TEXT("GET"));
    hg_head_set(edge->host, head, &head->scheme, user->traffic ? HG_TEXT("") : HG_TEXT("https"));
    hg_head_set(edge->host, head, &head->authority, user->traffic ? hg_text(path) : HG_TEXT("app.test"));
    hg_head_set(edge->host, head, &head->path, user->traffic ? HG_TEXT("") : hg_text(path));
    user->self = hg_exchange_open(edge, head, new_asked(testbed, user));
    ck_assert_ptr_nonnull(user->self);
    hg_set_target(user->self, &target);
    user_send(user);
}

void user_ask(struct user *user, struct testbed *testbed, const char *client, const char *service, const char *path,
              size_t upload)
{
    user_ask_at(testbed->gateway, user, testbed, client, service, path, upload);
}

void user_read_on(struct user *user)
{
    user->stalls = false;
    if (user->is_held && user->self)
        hg_resume(user->self, HG_UP);
    user->is_held = false;
}

bool user_is_done(void *arg)
{
    return ((struct user *)arg)->detached;
}

void user_get(struct user *user, struct testbed *testbed, const char *path, size_t upload)
{
    user_ask(user, testbed, "client-1", "web", path, upload);
    ck_assert_msg(testbed_run(testbed, user_is_done, user, 10000), "%s: no end, %llu bytes sent, %llu got", path,
                  (unsigned long long)user->sent, (unsigned long long)user->got);
}

static const struct hg_stage_ops user_ops = {
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_STREAM,
    .head = user_head,
    .data = user_data,
    .end = user_end,
    .reset = user_reset,
    .writable = user_writable,
    .detach = user_detach,
};
static const struct hg_edge_ops edge_ops = {.exchange = &user_ops};
static const struct hg_plugin edge_plugin = {.abi = HG_ABI, .role = HG_ROLE_EDGE, .name = "user", .ops = &edge_ops};

/* ---- A stage that gathers data, like compression ---- */

#define GATHERED_MAX 4096

struct gatherer {
    uint8_t kept[GATHERED_MAX];
    size_t size;
};

static struct testbed *testbed_of(const struct hg_self *self)
{
    return (struct testbed *)(uintptr_t)self->cfg;
}

/* Passes on what it has gathered. There is credit for it, as it is little. */
static void let_go(struct hg_self *self)
{
    struct gatherer *gatherer = self->state;
    struct hg_buffer *buffer = hg_buffer_new(self->host, GATHERED_MAX);

    memcpy(buffer->data, gatherer->kept, gatherer->size);
    hg_emit(self, HG_UP, &(struct hg_slice){buffer, buffer->data, gatherer->size});
    hg_buffer_unref(buffer);
    gatherer->size = 0;
}

static size_t gatherer_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct gatherer *gatherer = self->state;

    if (direction == HG_DOWN) {
        hg_emit(self, HG_DOWN, slice);
        return slice->size;
    }
    ck_assert_uint_le(slice->size, GATHERED_MAX);
    if (gatherer->size + slice->size > GATHERED_MAX)
        let_go(self);
    memcpy(gatherer->kept + gatherer->size, slice->data, slice->size);
    gatherer->size += slice->size;
    testbed_of(self)->gathered += slice->size;
    return slice->size;
}

static void gatherer_flush(struct hg_self *self, enum hg_direction direction)
{
    if (direction == HG_UP && !testbed_of(self)->ignores_flush)
        let_go(self);
    hg_flush(self, direction);
}

static enum hg_verdict gatherer_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    (void)trailers;
    if (direction == HG_UP)
        let_go(self);
    return HG_NEXT;
}

static const struct hg_stage_ops gatherer_ops = {
    .events = HG_EVENTS_MESSAGES,
    .self_size = sizeof(struct gatherer),
    .data = gatherer_data,
    .flush = gatherer_flush,
    .end = gatherer_end,
};
static const struct hg_plugin gatherer_plugin = {
    .abi = HG_ABI, .role = HG_ROLE_STAGE, .name = "gatherer", .ops = &gatherer_ops};

/* ---- The origin ---- */

struct answer {
    size_t left;
    uint64_t sent;
    bool echoes, is_deaf, breaks;
    bool is_held; /* has not taken everything offered */
};

static void respond(struct hg_self *self, int status)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);

    head->status = status;
    head->length = HG_LENGTH_UNKNOWN;
    hg_emit_head(self, HG_UP, head);
}

static void origin_send(struct hg_self *self)
{
    static const struct hg_reason broken = {502, "http_response_incomplete", "the origin hung up", 0};
    struct answer *answer = self->state;
    size_t sent = emit_pattern(self, HG_UP, answer->sent, answer->left);

    answer->sent += sent;
    answer->left -= sent;
    testbed_of(self)->given += sent;
    if (answer->left)
        return;
    if (answer->breaks)
        hg_reset(self, &broken);
    else
        hg_emit_end(self, HG_UP, NULL);
}

static bool starts(const struct hg_head *head, const char *text)
{
    struct hg_text target = head->traffic ? head->authority : head->path;

    return target.size >= strlen(text) && !memcmp(target.data, text, strlen(text));
}

static enum hg_verdict origin_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    static const struct hg_reason refused = {502, "connection_refused", "nobody listens at 127.0.0.1:3000", 0};
    struct answer *answer = self->state;

    (void)direction;
    ck_assert(hg_text_equal(head->service, HG_TEXT("web")));
    testbed_of(self)->attached++;
    answer->is_deaf = starts(head, "/deaf");
    answer->echoes = starts(head, "/echo");
    answer->breaks = starts(head, "/half/");
    if (starts(head, "/hang"))
        testbed_of(self)->held = self;
    if (starts(head, "/refuse")) {
        hg_reset(self, &refused);
        return HG_ERROR;
    }
    if (starts(head, "/interim"))
        respond(self, 103);
    if (!starts(head, "/hang") && !answer->is_deaf)
        respond(self, 200);
    if (starts(head, "/down/") || answer->breaks)
        answer->left = strtoul((head->traffic ? head->authority.data : head->path.data) + 6, NULL, 10);
    if (answer->left || starts(head, "/early") || starts(head, "/interim") || starts(head, "/down/"))
        origin_send(self);
    return HG_NEXT;
}

static size_t origin_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct answer *answer = self->state;
    struct hg_slice piece = *slice;

    (void)direction;
    if (answer->is_deaf)
        return 0;
    if (answer->echoes) {
        piece = hg_slice_first(*slice, hg_credit(self, HG_UP));
        if (piece.size)
            hg_emit(self, HG_UP, &piece);
    }
    testbed_of(self)->taken += piece.size;
    answer->is_held = piece.size < slice->size;
    return piece.size;
}

static enum hg_verdict origin_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct answer *answer = self->state;

    (void)direction;
    (void)trailers;
    if (answer->echoes) {
        struct hg_fields *fields = hg_fields_new(self->host);

        hg_field_add(self->host, fields, HG_TEXT("x-end"), HG_TEXT("1"));
        hg_emit_end(self, HG_UP, fields);
    }
    return HG_NEXT;
}

static void origin_writable(struct hg_self *self, enum hg_direction direction)
{
    struct answer *answer = self->state;

    (void)direction;
    if (answer->echoes && answer->is_held) {
        answer->is_held = false;
        hg_resume(self, HG_DOWN);
    } else if (answer->left) {
        origin_send(self);
    }
}

static void origin_reset(struct hg_self *self, const struct hg_reason *reason)
{
    testbed_of(self)->resets++;
    testbed_of(self)->reset_status = reason->status;
}

static void origin_detach(struct hg_self *self)
{
    testbed_of(self)->detached++;
    if (testbed_of(self)->held == self)
        testbed_of(self)->held = NULL;
}

static const struct hg_stage_ops origin_ops = {
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_STREAM,
    .self_size = sizeof(struct answer),
    .head = origin_head,
    .data = origin_data,
    .end = origin_end,
    .writable = origin_writable,
    .reset = origin_reset,
    .detach = origin_detach,
};
static const struct hg_plugin origin_plugin = {
    .abi = HG_ABI, .role = HG_ROLE_ORIGIN, .name = "origin", .ops = &origin_ops};

/* ---- Identity ---- */

static json_t *present(struct hg_worker *provider)
{
    (void)provider;
    return json_pack("{s:s}", "id", "client-1");
}

/* Whether this is another gateway, and it refuses. */
static bool is_refusing(const struct testbed *testbed, const struct hg_worker *provider)
{
    for (size_t i = 0; i < testbed->more_count; i++)
        if (testbed->more[i].refuses && fixture_worker(testbed->more[i].gateway, 1) == provider)
            return true;
    return false;
}

static void answer_late(void *arg)
{
    struct testbed *testbed = arg;
    struct hg_verification *verification = testbed->verification;

    testbed->verification = NULL;
    hg_timer_free(fixture_worker(testbed->gateway, 1)->host, testbed->verify_timer);
    testbed->verified_late++;
    verification->answered(verification, testbed->refuses ? HG_VERIFY_REFUSED : HG_VERIFY_GRANTED);
}

static enum hg_verify verify(struct hg_worker *provider, const json_t *credentials, struct hg_text peer,
                             struct hg_verification *verification)
{
    struct testbed *testbed = (struct testbed *)(uintptr_t)provider->cfg;

    (void)peer;
    verification->reason = "credentials refused";
    if (!json_is_string(json_object_get(credentials, "id")))
        return HG_VERIFY_REFUSED;
    snprintf(verification->identity.id, sizeof verification->identity.id, "%s",
             testbed->granted_id ? testbed->granted_id : json_string_value(json_object_get(credentials, "id")));
    verification->identity.services = testbed->services;
    if (testbed->answers_within)
        verification->answered(verification, HG_VERIFY_GRANTED);
    if (testbed->wrong_verdict)
        return (enum hg_verify)testbed->wrong_verdict;
    if (testbed->verifies_after) {
        ck_assert_ptr_null(testbed->verification);
        testbed->verification = verification;
        testbed->verify_timer = hg_timer_new(provider, answer_late, testbed);
        hg_timer_set(provider->host, testbed->verify_timer, testbed->verifies_after);
        return HG_VERIFY_LATER;
    }
    return testbed->refuses || is_refusing(testbed, provider) ? HG_VERIFY_REFUSED : HG_VERIFY_GRANTED;
}

static void cancel_verify(struct hg_worker *provider, struct hg_verification *verification)
{
    struct testbed *testbed = (struct testbed *)(uintptr_t)provider->cfg;

    ck_assert_ptr_eq(testbed->verification, verification);
    testbed->verification = NULL;
    hg_timer_free(provider->host, testbed->verify_timer);
    testbed->cancelled++;
}

static void watch(struct hg_worker *provider, void (*changed)(void *arg), void *arg)
{
    struct testbed *testbed = (struct testbed *)(uintptr_t)provider->cfg;

    if (provider != fixture_worker(testbed->gateway, 1))
        return;
    testbed->changed = changed;
    testbed->changed_arg = arg;
}

static int review(struct hg_worker *provider, struct hg_identity *identity, const char **reason)
{
    const struct testbed *testbed = provider->cfg;

    *reason = "its token was removed";
    identity->services = testbed->services;
    return testbed->refuses ? -1 : 0;
}

static const struct hg_identity_ops identity_ops = {
    .present = present, .verify = verify, .cancel = cancel_verify, .watch = watch, .review = review};

static bool services(struct hg_worker *provider, void (*report)(void *arg, struct hg_text service), void *arg)
{
    const struct testbed *testbed = provider->cfg;

    for (const char *const *service = testbed->serves; service && *service; service++)
        report(arg, hg_text(*service));
    return testbed->serves != NULL;
}

static const struct hg_routes_ops routes_ops = {.services = services};
static const struct hg_offer offers[] = {
    {HG_IDENTITY, HG_IDENTITY_VERSION, &identity_ops}, {HG_ROUTES, HG_ROUTES_VERSION, &routes_ops}, {0}};
static const struct hg_plugin identity_plugin = {
    .abi = HG_ABI, .role = HG_ROLE_PROVIDER, .name = "identity", .offers = offers};

/* ---- Both ends ---- */

static struct fixture *new_client(struct testbed *testbed)
{
    const struct fixture_part client[] = {{&wire_client_plugin, &testbed->wire},
                                          {codec_binary_plugin(), NULL},
                                          {&identity_plugin, testbed},
                                          {&origin_plugin, testbed}};
    const struct fixture_part both[] = {
        client[0], {&wire_client_bytes_plugin, &testbed->bytes}, client[1], client[2], client[3]};

    struct fixture *fixture =
        testbed->has_bytes ? fixture_new(PIPELINE_CLIENT, both, 5) : fixture_new(PIPELINE_CLIENT, client, 4);

    if (testbed->links)
        fixture->pipeline->settings.links = testbed->links;
    return fixture;
}

static struct fixture *new_gateway(struct testbed *testbed, struct wire *wire, struct wire *bytes)
{
    struct fixture_part parts[6] = {{&edge_plugin, testbed}};
    size_t count = 1;

    if (testbed->gathers)
        parts[count++] = (struct fixture_part){&gatherer_plugin, testbed};
    parts[count++] = (struct fixture_part){&identity_plugin, testbed};
    parts[count++] = (struct fixture_part){codec_binary_plugin(), NULL};
    parts[count++] = (struct fixture_part){&wire_gateway_plugin, wire};
    if (bytes)
        parts[count++] = (struct fixture_part){&wire_gateway_bytes_plugin, bytes};
    return fixture_new(PIPELINE_GATEWAY, parts, count);
}

static struct fixture *new_first_gateway(struct testbed *testbed)
{
    return new_gateway(testbed, &testbed->wire, testbed->has_bytes ? &testbed->bytes : NULL);
}

/* The wires to the other gateways, and the names by which the client distinguishes all of them. */
static void lay_wires(struct testbed *testbed)
{
    static const char *const hosts[WIRE_GATEWAYS] = {"a.test", "b.test", "c.test"};

    if (!testbed->more_count)
        return;
    testbed->wire.address_count = testbed->more_count + 1;
    for (size_t i = 0; i <= testbed->more_count; i++)
        testbed->wire.addresses[i] = (struct hg_address){.host = hosts[i], .port = 443};
    for (size_t i = 0; i < testbed->more_count; i++) {
        testbed->wire.others[i] = &testbed->more[i].wire;
        testbed->more[i].wire.seed = 1;
    }
    testbed->bytes.address_count = testbed->has_bytes;
    testbed->bytes.addresses[0] = testbed->wire.addresses[0];
}

void testbed_new(struct testbed *testbed)
{
    lay_wires(testbed);
    testbed->gateway = new_first_gateway(testbed);
    for (size_t i = 0; i < testbed->more_count; i++)
        testbed->more[i].gateway = new_gateway(testbed, &testbed->more[i].wire, NULL);
    testbed->client = new_client(testbed);
}

static void start(struct fixture *fixture)
{
    fixture_start(fixture);
    ck_assert_int_eq(worker_start_sessions(fixture->worker), 0);
}

void testbed_start(struct testbed *testbed)
{
    start(testbed->gateway);
    for (size_t i = 0; i < testbed->more_count; i++)
        start(testbed->more[i].gateway);
    start(testbed->client);
}

void testbed_replace_gateway(struct testbed *testbed)
{
    testbed->wire.dark = true;
    if (testbed->gateway)
        fixture_free(testbed->gateway);
    testbed->wire.dark = false;
    testbed->gateway = new_first_gateway(testbed);
    start(testbed->gateway);
}

void testbed_add_client(struct testbed *testbed)
{
    testbed->other = new_client(testbed);
    start(testbed->other);
}

void testbed_free(struct testbed *testbed)
{
    forget_users(testbed);
    if (testbed->other)
        fixture_free(testbed->other);
    if (testbed->client)
        fixture_free(testbed->client);
    for (size_t i = 0; i < testbed->more_count; i++) {
        fixture_free(testbed->more[i].gateway);
        wire_free(&testbed->more[i].wire);
    }
    if (testbed->gateway)
        fixture_free(testbed->gateway);
    wire_free(&testbed->wire);
    wire_free(&testbed->bytes);
    free_users(testbed);
    ck_assert_uint_eq(testbed->attached, testbed->detached);
}

void testbed_inject_open(struct wire_end *gateway, const char *id, const char *name)
{
    uint8_t packet[1400] = {0x06, 0x40, 0};
    int size = snprintf((char *)packet + 5, sizeof packet - 5,
                        "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"binary/1\"],\"parameters\":{},"
                        "\"credentials\":{\"id\":\"%s\"},\"session\":\"%s\"}\n",
                        id, name);

    packet[3] = (uint8_t)(0x40 | size >> 8);
    packet[4] = (uint8_t)size;
    wire_inject(gateway, packet, (size_t)size + 5);
}

static unsigned packets_so_far(const struct testbed *testbed)
{
    unsigned packets = testbed->wire.packets + testbed->bytes.packets;

    for (size_t i = 0; i < testbed->more_count; i++)
        packets += testbed->more[i].wire.packets;
    return packets;
}

static void turn(struct testbed *testbed)
{
    if (testbed->client)
        fixture_run(testbed->client, NULL, NULL, 0);
    if (testbed->other)
        fixture_run(testbed->other, NULL, NULL, 0);
    if (testbed->gateway)
        fixture_run(testbed->gateway, NULL, NULL, 0);
    for (size_t i = 0; i < testbed->more_count; i++)
        fixture_run(testbed->more[i].gateway, NULL, NULL, 0);
}

bool testbed_run(struct testbed *testbed, bool (*done)(void *arg), void *arg, unsigned milliseconds)
{
    hg_time end = clock_now() + milliseconds * HG_MILLISECOND, idle = TURN_TIME;

    while (!(done && done(arg)) && clock_now() < end) {
        unsigned packets = packets_so_far(testbed);

        turn(testbed);
        packets = packets_so_far(testbed) - packets;
        idle = packets ? TURN_TIME : idle < IDLE_MOST ? 2 * idle : IDLE_MOST;
        clock_pass(packets ? TURN_TIME + packets * PACKET_TIME : idle);
    }
    return done && done(arg);
}

void testbed_wait(struct testbed *testbed, unsigned milliseconds)
{
    testbed_run(testbed, NULL, NULL, milliseconds);
}

size_t testbed_session_count(const struct testbed *testbed)
{
    size_t count = 0;

    for (const struct session *session = testbed->gateway->worker->sessions->sessions; session; session = session->next)
        count++;
    return count;
}

static bool is_connected(void *arg)
{
    const struct testbed *testbed = arg;
    const struct session *session = testbed->client->worker->sessions->sessions;

    return testbed_session_count(testbed) && session && session->open;
}

void testbed_connect(struct testbed *testbed)
{
    ck_assert(testbed_run(testbed, is_connected, testbed, 5000));
}
