/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The origin plugin in a real worker, between a public user made here and a scripted service.
 */
#include "core/log.h"
#include "plugins/origin/origin.h"
#include "plugins/origin/test_service.h"
#include "tests/unit/rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- The system calls of the plugin, counted and now and then cut short ---- */

static struct {
    unsigned seed;  /* not 0: each call moves a random, mostly small number of bytes */
    bool one_byte;  /* each call moves one byte */
    int fail_sends; /* so many sends fail with EPIPE */
    unsigned sends, receives;
    unsigned watches; /* libev's epoll_ctl() */
    uint64_t received;
} calls;

static size_t cut(size_t size)
{
    if (calls.one_byte)
        return size ? 1 : 0;
    if (!calls.seed || !size)
        return size;
    if (rand_r(&calls.seed) % 4 == 0)
        return 1 + (size_t)rand_r(&calls.seed) % size;
    return 1 + (size_t)rand_r(&calls.seed) % (size < 20 ? size : 20);
}

/* The service uses read() and send(), so these are the plugin's alone. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec parts[OUTPUT_SLOTS];
    struct msghdr less = {.msg_iov = parts};
    size_t size = 0, left;

    calls.sends++;
    if (calls.fail_sends > 0) {
        calls.fail_sends--;
        errno = EPIPE;
        return -1;
    }
    for (size_t i = 0; i < message->msg_iovlen; i++)
        size += message->msg_iov[i].iov_len;
    left = cut(size);
    for (size_t i = 0; left; i++) {
        parts[i] = message->msg_iov[i];
        if (parts[i].iov_len > left)
            parts[i].iov_len = left;
        left -= parts[i].iov_len;
        less.msg_iovlen = i + 1;
    }
    return syscall(SYS_sendmsg, fd, &less, flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    calls.watches++;
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    ssize_t got = syscall(SYS_recvfrom, fd, buffer, cut(size), flags, NULL, NULL);

    calls.receives++;
    calls.received += got > 0 ? (uint64_t)got : 0;
    return got;
}

/* ---- The public user: an edge ---- */

/* One exchange: what is asked for, then what came of it. */
struct user {
    const char *method, *path, *authority;
    const char *fields[8]; /* "name: value" */
    int64_t length;        /* of the request's body: as in struct hg_head */
    size_t body_size;      /* bytes of the pattern that are sent */
    size_t piece;          /* bytes of a slice; 0: 16384 */
    const char *trailer;
    bool keeps_body; /* nothing of the body is sent before this is taken back and user_push() called */
    bool is_stalled; /* does not read */
    unsigned seed;   /* reads in random pieces, resuming later */
    const char *url;

    struct hg_self *self;
    size_t sent;
    bool request_ended;
    char heads[65536]; /* "status reason|name: value|…\n" of each head */
    int64_t response_length;
    unsigned head_count;
    char body[65536]; /* its beginning, as text */
    uint64_t received;
    bool is_pattern;      /* compare the body with the pattern */
    struct hg_slice kept; /* the first of the response, if keeps_slice */
    bool keeps_slice;
    char trailers[1024];
    unsigned ends, resets, detaches;
    struct hg_reason reason;
    char detail[256];
};

static void push_body(struct user *user)
{
    size_t credit = hg_credit(user->self, HG_DOWN);

    while (credit && user->sent < user->body_size) {
        size_t size = user->piece ? user->piece : 16384;
        struct hg_buffer *buffer;

        if (size > user->body_size - user->sent)
            size = user->body_size - user->sent;
        if (size > credit)
            size = credit;
        buffer = hg_buffer_new(user->self->host, size);
        for (size_t i = 0; i < size; i++)
            buffer->data[i] = service_pattern(user->sent + i);
        credit = hg_emit(user->self, HG_DOWN, &(struct hg_slice){buffer, buffer->data, size});
        hg_buffer_unref(buffer);
        user->sent += size;
    }
}

static void user_push(struct user *user)
{
    struct hg_fields *trailers = NULL;

    if (user->request_ended || user->keeps_body)
        return;
    push_body(user);
    if (user->sent < user->body_size)
        return;
    if (user->trailer) {
        trailers = hg_fields_new(user->self->host);
        hg_field_add(user->self->host, trailers, HG_TEXT("x-trailer"), hg_text(user->trailer));
    }
    user->request_ended = true;
    hg_emit_end(user->self, HG_DOWN, trailers);
}

static enum hg_verdict user_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct user *user = self->state;
    size_t used = strlen(user->heads);

    ck_assert_int_eq(direction, HG_UP);
    user->head_count++;
    user->response_length = head->length;
    used += (size_t)snprintf(user->heads + used, sizeof user->heads - used, "%d %.*s", head->status,
                             HG_PRINT(head->reason));
    for (size_t i = 0; i < head->fields.count; i++)
        used += (size_t)snprintf(user->heads + used, sizeof user->heads - used, "|%.*s: %.*s",
                                 HG_PRINT(head->fields.items[i].name), HG_PRINT(head->fields.items[i].value));
    ck_assert_uint_lt(used + 2, sizeof user->heads);
    strcat(user->heads, "\n");
    return HG_NEXT;
}

static void resume_later(void *arg)
{
    struct user *user = arg;

    if (!user->detaches)
        hg_resume(user->self, HG_UP);
}

static size_t user_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct user *user = self->state;
    size_t size = slice->size;

    (void)direction;
    if (user->is_stalled)
        return 0;
    if (user->seed && rand_r(&user->seed) % 3 == 0) {
        size = (size_t)rand_r(&user->seed) % (size + 1);
        if (size < slice->size)
            hg_post(self->worker, resume_later, user);
    }
    if (user->keeps_slice && !user->kept.size) {
        user->kept = *slice;
        hg_buffer_ref(user->kept.buffer);
    }
    for (size_t i = 0; i < size; i++) {
        if (user->is_pattern && slice->data[i] != service_pattern(user->received + i))
            ck_abort_msg("byte %llu of the response is wrong", (unsigned long long)(user->received + i));
        if (user->received + i + 1 < sizeof user->body)
            user->body[user->received + i] = (char)slice->data[i];
    }
    user->received += size;
    return size;
}

static enum hg_verdict user_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct user *user = self->state;

    (void)direction;
    user->ends++;
    for (size_t i = 0; trailers && i < trailers->count; i++)
        snprintf(user->trailers + strlen(user->trailers), sizeof user->trailers - strlen(user->trailers),
                 "%.*s: %.*s\n", HG_PRINT(trailers->items[i].name), HG_PRINT(trailers->items[i].value));
    return HG_NEXT;
}

static void user_reset(struct hg_self *self, const struct hg_reason *reason)
{
    struct user *user = self->state;

    user->resets++;
    user->reason = *reason;
    snprintf(user->detail, sizeof user->detail, "%s", reason->detail ? reason->detail : "");
}

static void user_writable(struct hg_self *self, enum hg_direction direction)
{
    if (direction == HG_DOWN)
        user_push(self->state);
}

static void user_detach(struct hg_self *self)
{
    ((struct user *)self->state)->detaches++;
}

static const struct hg_plugin *edge_plugin(void)
{
    static const struct hg_stage_ops exchange = {
        .size = sizeof exchange,
        .events = HG_EVENTS_MESSAGES,
        .head = user_head,
        .data = user_data,
        .end = user_end,
        .reset = user_reset,
        .writable = user_writable,
        .detach = user_detach,
    };
    static const struct hg_edge_ops ops = {.size = sizeof ops, .exchange = &exchange};
    static const struct hg_plugin plugin = {HG_PLUGIN_HEADER, .role = HG_ROLE_EDGE, .name = "edge", .ops = &ops};

    return &plugin;
}

static void ask(struct rig *rig, struct user *user)
{
    struct hg_worker *edge = rig_worker(rig, 0);
    struct hg_head *head = hg_head_new(edge->host, HG_REQUEST);

    hg_head_set(edge->host, head, &head->method, hg_text(user->method ? user->method : "GET"));
    hg_head_set(edge->host, head, &head->path, hg_text(user->path ? user->path : "/"));
    hg_head_set(edge->host, head, &head->authority, hg_text(user->authority ? user->authority : "app.test"));
    for (size_t i = 0; i < 8 && user->fields[i]; i++) {
        const char *colon = strchr(user->fields[i], ':');

        hg_field_add(edge->host, &head->fields, (struct hg_text){user->fields[i], (size_t)(colon - user->fields[i])},
                     hg_text(colon + 2));
    }
    head->length = user->body_size && !user->length ? (int64_t)user->body_size
                   : user->length                   ? user->length
                                                    : HG_LENGTH_NONE;
    user->self = hg_exchange_open(edge, head, user);
    ck_assert_ptr_nonnull(user->self);
    if (user->url)
        hg_set_target(user->self, &(struct hg_target){.url = hg_text(user->url)});
    user_push(user);
}

static bool is_over(void *arg)
{
    return ((struct user *)arg)->detaches > 0;
}

/* Makes a request and waits for its end. */
static void fetch(struct rig *rig, struct user *user)
{
    ask(rig, user);
    ck_assert_msg(rig_run(rig, is_over, user, 10000), "%s never ends", user->path ? user->path : "/");
    ck_assert_uint_eq(user->detaches, 1);
    ck_assert_msg(user->ends + user->resets == 1, "%u ends, %u resets", user->ends, user->resets);
}

/* ---- A worker with the plugin ---- */

static struct origin_config default_config(void)
{
    return (struct origin_config){.connect_timeout = 2 * HG_SECOND,
                                  .response_timeout = 5 * HG_SECOND,
                                  .idle_timeout = 5 * HG_SECOND,
                                  .keep_alive = 60 * HG_SECOND,
                                  .queue_timeout = 5 * HG_SECOND,
                                  .max_connections = 100,
                                  .max_idle = 64,
                                  .max_queue = 1000,
                                  .host = "public"};
}

static struct rig *start(struct origin_config *config)
{
    const struct rig_part parts[] = {{edge_plugin(), NULL}, {hopgate_plugin(), config}};
    struct rig *rig;

    memset(&calls, 0, sizeof calls);
    log_configure(LOG_TEXT, HG_LOG_ERROR);
    rig = rig_new(PIPELINE_CLIENT, parts, 2);
    rig_start(rig);
    return rig;
}

static const struct origin *origin_of(struct rig *rig)
{
    return rig_worker(rig, 1)->state;
}

static uint64_t counter(struct rig *rig, const char *name)
{
    return *hg_counter(rig_worker(rig, 1), name, "");
}

static bool nothing(void *arg)
{
    (void)arg;
    return false;
}

static void wait_for(struct rig *rig, unsigned milliseconds)
{
    rig_run(rig, nothing, NULL, milliseconds);
}

static void check_failed(const struct user *user, int status, const char *error)
{
    ck_assert_msg(user->resets == 1 && !user->ends, "not reset: %s", user->heads);
    ck_assert_msg(user->reason.status == status && strcmp(user->reason.error, error) == 0,
                  "%d %s (%s) instead of %d %s", user->reason.status, user->reason.error, user->detail, status, error);
    ck_assert_str_ne(user->detail, "");
}

static void check_answer(const struct user *user, const char *heads, const char *body)
{
    ck_assert_msg(user->ends == 1, "no end, but %d %s (%s)", user->reason.status,
                  user->reason.error ? user->reason.error : "", user->detail);
    ck_assert_str_eq(user->heads, heads);
    ck_assert_str_eq(user->body, body);
}

/* ---- Plain requests ---- */

static void serve_hello(struct service *service, int fd, unsigned number)
{
    (void)number;
    while (service_read_head(service, fd, NULL))
        if (!service_say(fd, "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"))
            return;
}

START_TEST(requests_share_a_connection)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct rig *rig = start(&config);
    unsigned watches = 0;

    for (int i = 0; i < 5; i++) {
        struct user user = {.path = "/a?b", .fields = {"Accept: */*", "x-odd:  two"}, .url = service->url};

        fetch(rig, &user);
        check_answer(&user, "200 OK|X-A: b\n", "hello");
        ck_assert_int_eq(user.response_length, 5);
        if (i == 0)
            watches = calls.watches;
    }
    ck_assert_uint_eq(service->accepted, 1);
    ck_assert_uint_eq(calls.sends, 5); /* one system call each, no other */
    ck_assert_uint_eq(calls.receives, 5);
    ck_assert_uint_gt(watches, 0);
    ck_assert_uint_eq(calls.watches, watches); /* what is watched for does not change on a kept connection */
    ck_assert_uint_eq(counter(rig, "connections_opened"), 1);
    ck_assert_uint_eq(counter(rig, "connections_reused"), 4);
    service->heads[strlen(service->heads) / 5] = '\0';
    ck_assert_str_eq(service->heads, "GET /a?b HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\nx-odd:  two\r\n\r\n");
    rig_free(rig);
    service_stop(service);
}
END_TEST

START_TEST(host_and_base)
{
    static const struct {
        const char *host, *base, *authority, *path, *expected;
    } cases[] = {
        {"public", "", "app.test:8443", "/x", "GET /x HTTP/1.1\r\nHost: app.test:8443\r\n\r\n"},
        {"public", "", "", "/x", "GET /x HTTP/1.1\r\nHost: %s\r\n\r\n"},
        {"origin", "/base/", "app.test", "/x?y=/z", "GET /base/x?y=/z HTTP/1.1\r\nHost: %s\r\n\r\n"},
        {"other:81", "/a/b", "app.test", "/", "GET /a/b/ HTTP/1.1\r\nHost: other:81\r\n\r\n"},
        {"public", "/a", "app.test", "*", "GET * HTTP/1.1\r\nHost: app.test\r\n\r\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_hello);
        struct user user = {.path = cases[i].path, .authority = cases[i].authority};
        struct rig *rig;
        char url[128], expected[256];

        config.host = cases[i].host;
        rig = start(&config);
        snprintf(url, sizeof url, "%s%s", service->url, cases[i].base);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(expected, sizeof expected, cases[i].expected, service->url + 7);
#pragma GCC diagnostic pop
        user.url = url;
        fetch(rig, &user);
        ck_assert_uint_eq(user.ends, 1);
        ck_assert_str_eq(service->heads, expected);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

START_TEST(upgrade_is_not_asked_for)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct rig *rig = start(&config);
    struct hg_worker *edge = rig_worker(rig, 0);
    struct hg_head *head = hg_head_new(edge->host, HG_REQUEST);
    struct user user = {0};

    head->method = HG_TEXT("GET");
    head->path = HG_TEXT("/");
    head->authority = HG_TEXT("t");
    head->upgrade = HG_TEXT("websocket");
    hg_field_add(edge->host, &head->fields, HG_TEXT("TE"), HG_TEXT("trailers"));
    user.self = hg_exchange_open(edge, head, &user);
    hg_set_target(user.self, &(struct hg_target){.url = hg_text(service->url)});
    user_push(&user);
    ck_assert(rig_run(rig, is_over, &user, 5000));
    ck_assert_str_eq(service->heads, "GET / HTTP/1.1\r\nHost: t\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    rig_free(rig);
    service_stop(service);
}
END_TEST

START_TEST(no_route_no_answer)
{
    struct origin_config config = default_config();
    struct rig *rig = start(&config);
    struct user user = {0};

    fetch(rig, &user);
    check_failed(&user, 500, "proxy_configuration_error");
    rig_free(rig);
}
END_TEST

/* ---- Bodies up and down ---- */

static void serve_echo_length(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        const char *field = strstr(head, "Content-Length: ");
        size_t size = field ? strtoul(field + 16, NULL, 10) : 0;
        char answer[128];

        if (!service_read(service, fd, size, 0, true))
            return;
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
        if (!service_say(fd, answer) || !service_write_pattern(fd, size, 0))
            return;
    }
}

START_TEST(small_body_goes_with_its_head)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct rig *rig = start(&config);

    for (int i = 0; i < 3; i++) { /* on a new connection and on a kept one */
        struct user user = {.method = "POST", .body_size = 1000, .is_pattern = true, .url = service->url};

        fetch(rig, &user);
        ck_assert_uint_eq(user.received, 1000);
    }
    ck_assert_uint_eq(calls.sends, 3);
    ck_assert_uint_eq(service->accepted, 1);
    rig_free(rig);
    service_stop(service);
}
END_TEST

START_TEST(many_small_slices_share_a_call)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct rig *rig = start(&config);
    struct user user = {.method = "PUT", .body_size = 20000, .piece = 1000, .is_pattern = true, .url = service->url};

    fetch(rig, &user);
    ck_assert_uint_eq(user.received, 20000);
    ck_assert_uint_le(calls.sends, 2);
    rig_free(rig);
    service_stop(service);
}
END_TEST

static const size_t sizes[] = {0, 1, 15000, 16384, 65536, 100001, 3000000};

/* By all sizes, in pieces of any size, with every system call cut short in most rounds. */
START_TEST(bodies_by_length)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct rig *rig = start(&config);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (unsigned seed = 0; seed < 3; seed++) {
            struct user user = {.method = "POST",
                                .body_size = sizes[i],
                                .piece = seed ? 1 + 977 * seed : 0,
                                .is_pattern = true,
                                .seed = seed,
                                .url = service->url};

            if (seed && sizes[i] > 200000)
                continue;
            calls.seed = seed;
            fetch(rig, &user);
            ck_assert_uint_eq(user.ends, 1);
            ck_assert_uint_eq(user.received, sizes[i]);
            ck_assert_int_eq(user.response_length, (int64_t)sizes[i]);
        }
    }
    ck_assert_uint_eq(service->accepted, 1);
    rig_free(rig);
    service_stop(service);
}
END_TEST

/* Reads a chunked body strictly as it must have been written; the trailer section is appended to the heads. */
static bool read_chunks(struct service *service, int fd, uint64_t *total)
{
    char line[300];

    for (*total = 0;;) {
        size_t size;

        if (!service_read_until(fd, "\r\n", line, sizeof line))
            return false;
        size = strtoul(line, NULL, 16);
        if (!size)
            break;
        if (!service_read(service, fd, size, *total, true) || !service_read_until(fd, "\r\n", line, sizeof line) ||
            strcmp(line, "\r\n") != 0)
            return false;
        *total += size;
    }
    do {
        if (!service_read_until(fd, "\r\n", line, sizeof line))
            return false;
        service_note(service, line);
    } while (strcmp(line, "\r\n") != 0);
    return true;
}

static void serve_chunks(struct service *service, int fd, unsigned number)
{
    uint64_t total;

    (void)number;
    while (service_read_head(service, fd, NULL) && read_chunks(service, fd, &total)) {
        service_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n");
        for (uint64_t at = 0, size = 1; at < total; at += size, size = size * 3 % 20011 + 1) {
            char header[32];

            if (size > total - at)
                size = total - at;
            snprintf(header, sizeof header, "%llx;ext=\"1\"\r\n", (unsigned long long)size);
            if (!service_say(fd, header) || !service_write_pattern(fd, size, at) || !service_say(fd, "\r\n"))
                return;
        }
        service_say(fd, "0\r\nX-End: yes\r\nx-other: \r\n\r\n");
    }
}

START_TEST(bodies_in_chunks)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_chunks);
    struct rig *rig = start(&config);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (unsigned seed = 0; seed < 3; seed++) {
            struct user user = {.method = "POST",
                                .length = HG_LENGTH_UNKNOWN,
                                .body_size = sizes[i],
                                .piece = seed ? 1 + 977 * seed : 0,
                                .trailer = i % 2 ? "t" : NULL,
                                .is_pattern = true,
                                .seed = seed,
                                .url = service->url};

            if (seed && sizes[i] > 200000)
                continue;
            service->heads[0] = '\0';
            calls.seed = seed;
            fetch(rig, &user);
            ck_assert_uint_eq(user.ends, 1);
            ck_assert_str_eq(user.heads, "200 OK|Trailer: X-End\n");
            ck_assert_uint_eq(user.received, sizes[i]);
            ck_assert_int_eq(user.response_length, HG_LENGTH_UNKNOWN);
            ck_assert_str_eq(user.trailers, "X-End: yes\nx-other: \n");
            ck_assert_str_eq(service->heads,
                             i % 2 ? "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "x-trailer: t\r\n\r\n"
                                   : "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n\r\n");
        }
    }
    ck_assert_uint_eq(service->accepted, 1);
    rig_free(rig);
    service_stop(service);
}
END_TEST

START_TEST(one_byte_at_a_time)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_chunks);
    struct rig *rig = start(&config);
    struct user user = {.method = "POST",
                        .length = HG_LENGTH_UNKNOWN,
                        .body_size = 3000,
                        .piece = 1,
                        .trailer = "t",
                        .is_pattern = true,
                        .seed = 7,
                        .url = service->url};

    calls.one_byte = true;
    fetch(rig, &user);
    ck_assert_uint_eq(user.ends, 1);
    ck_assert_uint_eq(user.received, 3000);
    ck_assert_str_eq(user.trailers, "X-End: yes\nx-other: \n");
    rig_free(rig);
    service_stop(service);
}
END_TEST

/* ---- Responses of all kinds ---- */

/* Says service->text to each request. */
static void serve_text(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        const char *field = strstr(head, "Content-Length: ");

        if (field && !service_read(service, fd, strtoul(field + 16, NULL, 10), 0, false))
            return;
        service_say(fd, service->text);
        if (service->size) /* close behind it */
            return;
    }
}

struct kind {
    const char *method, *text;
    bool close;
    const char *heads, *body;
    bool reused;
};

static const struct kind kinds[] = {
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", false, "200 OK\n", "", true},
    {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, "200 OK\n", "", true},
    {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", false, "200 OK\n", "", true},
    {"GET", "HTTP/1.1 204 No Content\r\n\r\n", false, "204 No Content\n", "", true},
    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n", false,
     "304 Not Modified|ETag: \"x\"\n", "", true},
    {"GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, "200 \n", "", true},
    {"GET", "HTTP/1.1 200 OK\r\n\r\nuntil close", true, "200 OK\n", "until close", false},
    {"GET", "HTTP/1.0 200 OK\r\n\r\nold", true, "200 OK\n", "old", false},
    {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", false, "200 OK\n", "old", false},
    {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nold", false, "200 OK\n", "old",
     true},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", false, "200 OK\n", "x", false},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\r\nx",
     false, "200 OK\n", "x", true},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n", false, "200 OK\n", "x", false},
    {"GET",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
     "2\r\n\r\nok",
     false, "100 Continue\n103 Early Hints|Link: <a>\n200 OK\n", "ok", true},
    {"GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\nX-\xe9: \xe9\r\n\r\n", false,
     NULL, "", false},
    {"GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\nX-E: \xe9\r\n\r\n", false,
     "200 OK|Set-Cookie: a=1|set-cookie: b=2|X-E: \xe9\n", "", true},
};

START_TEST(kinds_of_responses)
{
    const struct kind *kind = &kinds[_i];

    for (int manner = 0; manner < 2; manner++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_text);
        struct rig *rig = start(&config);

        service->text = kind->text;
        service->size = kind->close;
        for (int i = 0; i < 2; i++) {
            struct user user = {.method = kind->method, .url = service->url};

            calls.one_byte = manner;
            fetch(rig, &user);
            wait_for(rig, 20); /* for what an idle connection must not have */
            if (kind->heads)
                check_answer(&user, kind->heads, kind->body);
            else
                check_failed(&user, 502, "http_protocol_error");
        }
        ck_assert_uint_eq(service->accepted, kind->reused ? 1 : 2);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

static const struct {
    const char *text, *error;
} faulty[] = {
    {"garbage\r\n\r\n", "http_protocol_error"},
    {"SSH-2.0-OpenSSH\r\n", "http_protocol_error"},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "http_upgrade_failed"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n", "http_protocol_error"},
    {"HTTP/1.1 200 O", "http_response_incomplete"},
    {"HTTP/1.1 100 Continue\r\n\r\n", "http_response_incomplete"},
    {"", "connection_terminated"},
};

/* Sends the text and goes away. */
static void serve_faulty(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, service->text);
    if (service->size)
        service_sleep(20); /* so that the text is not lost with the reset */
    if (service->size)
        service_reset_on_close(fd);
}

START_TEST(faulty_responses)
{
    for (size_t with_reset = 0; with_reset < 2; with_reset++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_faulty);
        struct rig *rig = start(&config);
        struct user user = {.url = service->url};

        service->text = faulty[_i].text;
        service->size = with_reset;
        fetch(rig, &user);
        if (strcmp(faulty[_i].text, "HTTP/1.1 100 Continue\r\n\r\n") == 0)
            ck_assert_uint_eq(user.resets, 1);
        else
            check_failed(&user, 502, faulty[_i].error);
        ck_assert_uint_eq(service->accepted, 1); /* never tried again */
        ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

static void serve_huge_head(struct service *service, int fd, unsigned number)
{
    char line[1100];

    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    memset(line, 'x', 1000);
    strcpy(line, "X: ");
    line[3] = 'x';
    strcpy(line + 1000, "\r\n");
    service_say(fd, "HTTP/1.1 200 OK\r\n");
    for (size_t i = 0; i < service->size; i++)
        service_say(fd, line);
    service_say(fd, "Content-Length: 0\r\n\r\n");
    service_wait_close(service, fd);
}

START_TEST(heads_have_a_bound)
{
    static const struct {
        size_t lines;
        int status;
    } cases[] = {{30, 0}, {40, 502}, {1000, 502}};

    for (size_t i = 0; i < 3; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_huge_head);
        struct rig *rig = start(&config);
        struct user user = {.url = service->url};

        service->size = cases[i].lines;
        fetch(rig, &user);
        if (cases[i].status)
            check_failed(&user, cases[i].status, "http_response_header_section_size");
        else
            ck_assert_uint_eq(user.ends, 1);
        ck_assert_uint_le(calls.received, 65536);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

/* Every response of the corpus, whole and split at every byte: what is to be rejected is 502, and its connection is
 * closed. */
START_TEST(corpus)
{
    FILE *file = fopen(CORPUS, "r");
    char line[20000];
    unsigned tried = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        json_error_t error;
        json_t *entry = json_loads(line, JSON_ALLOW_NUL, &error);
        bool reject = strcmp(json_string_value(json_object_get(entry, "expect")), "reject") == 0;
        bool firm = json_is_true(json_object_get(entry, "firm"));
        const char *text = json_string_value(json_object_get(entry, "bytes"));

        ck_assert_ptr_nonnull(entry);
        if (strcmp(json_string_value(json_object_get(entry, "kind")), "response") == 0 && (reject || firm)) {
            for (int manner = 0; manner < 2; manner++) {
                struct origin_config config = default_config();
                struct service *service = service_start(serve_text);
                struct rig *rig = start(&config);
                struct user user = {.url = service->url};

                service->text = text;
                service->size = reject ? 0 : 1;
                calls.one_byte = manner;
                if (reject)
                    config.response_timeout = config.idle_timeout = 2 * HG_SECOND;
                fetch(rig, &user);
                if (reject)
                    ck_assert_msg(user.resets == 1 && user.reason.status == 502, "%s: %s%d",
                                  json_string_value(json_object_get(entry, "name")), user.heads, user.reason.status);
                else
                    ck_assert_msg(user.ends == 1, "%s: %s", json_string_value(json_object_get(entry, "name")),
                                  user.detail);
                if (reject)
                    ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
                rig_free(rig);
                service_stop(service);
                tried++;
            }
        }
        json_decref(entry);
    }
    fclose(file);
    ck_assert_uint_ge(tried, 2 * 12);
}
END_TEST

/* ---- Interim, early and slow ---- */

static void serve_continue(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    if (!service_read_head(service, fd, head) || !strstr(head, "Expect: 100-continue\r\n"))
        return;
    service_say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    if (service_read(service, fd, 50000, 0, true))
        service_say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    service_wait_close(service, fd);
}

static bool has_head(void *arg)
{
    return ((struct user *)arg)->head_count > 0;
}

START_TEST(body_waits_for_100)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_continue);
    struct rig *rig = start(&config);
    struct user user = {.method = "POST",
                        .fields = {"Expect: 100-continue"},
                        .body_size = 50000,
                        .keeps_body = true,
                        .url = service->url};

    ask(rig, &user);
    ck_assert(rig_run(rig, has_head, &user, 3000));
    ck_assert_str_eq(user.heads, "100 Continue\n");
    user.keeps_body = false;
    user_push(&user);
    ck_assert(rig_run(rig, is_over, &user, 3000));
    check_answer(&user, "100 Continue\n201 Created\n", "");
    rig_free(rig);
    service_stop(service);
}
END_TEST

static void serve_early(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, service->text);
    service_wait_close(service, fd); /* reads what still comes */
}

START_TEST(early_response_while_the_upload_runs)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_early);
    struct rig *rig = start(&config);
    struct user user = {
        .method = "POST", .length = HG_LENGTH_UNKNOWN, .keeps_body = true, .body_size = 500000, .url = service->url};

    service->text = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
    ask(rig, &user);
    ck_assert(rig_run(rig, has_head, &user, 3000)); /* at once, with nothing of the body sent */
    wait_for(rig, 50);
    check_answer(&user, "413 Too Large\n", "big");
    ck_assert_uint_eq(user.detaches, 0);
    ck_assert_uint_eq(origin_of(rig)->pools->count, 0); /* not to be used again */
    user.keeps_body = false;
    user_push(&user);
    ck_assert(rig_run(rig, is_over, &user, 3000)); /* the rest is thrown away */
    ck_assert_uint_eq(user.resets, 0);
    ck_assert_uint_eq(user.sent, 500000);
    rig_free(rig);
    service_stop(service);
}
END_TEST

/* Answers, closes with unread bytes: the upload runs into a reset, the response was there before. */
static void serve_refusal(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    service_sleep(100);
}

START_TEST(early_response_survives_a_broken_upload)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_refusal);
    struct rig *rig = start(&config);
    struct user user = {.method = "PUT", .body_size = 30000000, .url = service->url};

    fetch(rig, &user);
    check_answer(&user, "403 Forbidden\n", "no");
    ck_assert_uint_eq(user.sent, 30000000);
    rig_free(rig);
    service_stop(service);
}
END_TEST

static void serve_flood_of_interims(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    while (service_say(fd, "HTTP/1.1 102 Processing\r\n\r\n"))
        ;
}

START_TEST(interims_have_a_bound)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_flood_of_interims);
    struct rig *rig = start(&config);
    struct user user = {.url = service->url};

    fetch(rig, &user);
    check_failed(&user, 502, "http_protocol_error");
    rig_free(rig);
    service_stop(service);
}
END_TEST

static void serve_silence(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (service_read_head(service, fd, NULL) && service->text)
        service_say(fd, service->text);
    service_wait_close(service, fd);
}

START_TEST(slow_services)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {NULL, "http_response_timeout"},
        {"HTTP/1.1 200", "http_response_timeout"},
        {"HTTP/1.1 102 Processing\r\n\r\n", "http_response_timeout"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", "connection_read_timeout"},
        {"HTTP/1.1 200 OK\r\n\r\n12345", "connection_read_timeout"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_silence);
        struct user user = {.url = service->url};
        struct rig *rig;

        config.response_timeout = config.idle_timeout = 100 * HG_MILLISECOND;
        rig = start(&config);
        service->text = cases[i].text;
        fetch(rig, &user);
        check_failed(&user, 504, cases[i].error);
        ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

static void serve_dribble(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    for (int i = 0; i < 2000; i++) {
        if (!service_say(fd, i ? "X: y\r\n" : "HTTP/1.1 200 OK\r\n"))
            return;
        service_sleep(10);
    }
}

START_TEST(dribbled_head_has_a_bound_in_time)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_dribble);
    struct user user = {.url = service->url};
    struct rig *rig;

    config.response_timeout = 200 * HG_MILLISECOND;
    rig = start(&config);
    fetch(rig, &user);
    check_failed(&user, 504, "http_response_timeout");
    rig_free(rig);
    service_stop(service);
}
END_TEST

static void serve_not_reading(struct service *service, int fd, unsigned number)
{
    (void)fd;
    (void)number;
    while (service->size == 0)
        service_sleep(5);
}

START_TEST(service_that_does_not_read)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_not_reading);
    struct user user = {.method = "POST", .body_size = 100000000, .url = service->url};
    struct rig *rig;

    config.idle_timeout = 200 * HG_MILLISECOND;
    rig = start(&config);
    fetch(rig, &user);
    check_failed(&user, 504, "connection_write_timeout");
    ck_assert_uint_lt(user.sent, 20000000); /* the sockets' buffers, and bounded amounts in between */
    service->size = 1;
    rig_free(rig);
    service_stop(service);
}
END_TEST

/* ---- Stalled readers and aborts ---- */

static void serve_much(struct service *service, int fd, unsigned number)
{
    (void)number;
    while (service_read_head(service, fd, NULL)) {
        if (!service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n") ||
            !service_write_pattern(fd, 20000000, 0))
            break;
    }
    service_wait_close(service, fd);
}

START_TEST(stalled_reader)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_much);
    struct user stalled = {.is_stalled = true, .is_pattern = true, .url = service->url};
    struct user other = {.is_pattern = true, .url = service->url};
    struct rig *rig;

    config.idle_timeout = 300 * HG_MILLISECOND; /* which a stalled reader is not held to */
    rig = start(&config);
    ask(rig, &stalled);
    wait_for(rig, 600);
    ck_assert_uint_eq(stalled.head_count, 1);
    ck_assert_uint_le(calls.received, 2 * 65536);
    fetch(rig, &other);
    ck_assert_uint_eq(other.received, 20000000);
    ck_assert_uint_eq(stalled.received, 0);
    ck_assert_uint_eq(stalled.resets, 0);
    stalled.is_stalled = false;
    hg_resume(stalled.self, HG_UP);
    ck_assert(rig_run(rig, is_over, &stalled, 10000));
    ck_assert_uint_eq(stalled.ends, 1);
    ck_assert_uint_eq(stalled.received, 20000000);
    rig_free(rig);
    service_stop(service);
}
END_TEST

static bool close_was_seen(void *arg)
{
    struct service *service = arg;
    uint64_t seen;

    pthread_mutex_lock(&service->lock);
    seen = service->closed_by_peer;
    pthread_mutex_unlock(&service->lock);
    return seen > 0;
}

/* Whatever moment the public user goes away in, the service's connection is closed at once. */
START_TEST(abort_closes_at_once)
{
    static const service_script scripts[] = {serve_silence, serve_much, serve_early, serve_silence};
    static const struct hg_reason gone = {499, NULL, "the public user is gone", 0};

    for (size_t i = 0; i < 4; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(scripts[i]);
        struct rig *rig = start(&config);
        struct user user = {.method = i == 3 ? "POST" : "GET",
                            .length = i == 3 ? HG_LENGTH_UNKNOWN : 0,
                            .keeps_body = i == 3,
                            .is_stalled = true,
                            .url = service->url};

        service->text = i == 2 ? "HTTP/1.1 200 OK\r\n\r\nbegin" : NULL;
        ask(rig, &user);
        wait_for(rig, 50);
        hg_reset(user.self, &gone);
        ck_assert(rig_run(rig, is_over, &user, 1000));
        ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
        for (int turn = 0; turn < 100 && !close_was_seen(service); turn++)
            wait_for(rig, 10);
        ck_assert(close_was_seen(service));
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

/* ---- Connections that cannot be made ---- */

static uint16_t closed_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

START_TEST(refused)
{
    struct origin_config config = default_config();
    struct rig *rig = start(&config);
    char url[64];

    log_configure(LOG_TEXT, HG_LOG_ERROR);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", closed_port());
    for (int i = 0; i < 3; i++) {
        struct user user = {.method = "POST", .body_size = 100000, .url = url};

        fetch(rig, &user);
        check_failed(&user, 502, "connection_refused");
    }
    ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
    ck_assert_uint_eq(counter(rig, "requests_failed"), 3);
    rig_free(rig);
}
END_TEST

/* A listening socket whose queue is full lets further attempts go unanswered. */
START_TEST(unanswered)
{
    struct origin_config config = default_config();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    struct user user = {0}, aborted = {0};
    struct rig *rig;
    char url[64];

    config.connect_timeout = 300 * HG_MILLISECOND;
    rig = start(&config);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    service_sleep(50);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    user.url = aborted.url = url;
    ask(rig, &aborted);
    wait_for(rig, 20);
    hg_reset(aborted.self, &(struct hg_reason){499, NULL, "gone", 0});
    fetch(rig, &user);
    check_failed(&user, 504, "connection_timeout");
    ck_assert_uint_eq(aborted.detaches, 1);
    ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
    rig_free(rig);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}
END_TEST

START_TEST(names)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct rig *rig = start(&config);
    struct user good = {0}, bad = {.url = "http://a..b:1"}, aborted = {0};
    char url[64];

    snprintf(url, sizeof url, "http://localhost:%u", service->port); /* ::1 refuses where it comes first */
    aborted.url = good.url = url;
    ask(rig, &aborted);
    rig_run(rig, NULL, NULL, 0);
    hg_reset(aborted.self, &(struct hg_reason){499, NULL, "gone", 0});
    fetch(rig, &good);
    check_answer(&good, "200 OK|X-A: b\n", "hello");
    fetch(rig, &bad);
    check_failed(&bad, 502, "dns_error");
    rig_free(rig);
    service_stop(service);
}
END_TEST

/* ---- Kept connections that die ---- */

/* Serves one request on each connection, then goes away on the second without an answer. */
static void serve_once(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    if (!service_read_head(service, fd, head))
        return;
    if (number == 0 || !service->size)
        service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    if (number == 0)
        service_read_head(service, fd, NULL);
    else if (!service->size)
        service_wait_close(service, fd);
}

START_TEST(dead_kept_connection_is_replaced)
{
    static const struct {
        const char *method;
        int64_t length;
        size_t body_size;
        bool always_dies, answered;
    } cases[] = {
        {"GET", 0, 0, false, true},   {"DELETE", 0, 0, false, true},
        {"POST", 0, 0, false, false}, /* may have been seen, and is not idempotent */
        {"PUT", 0, 10, false, false}, /* its body is gone */
        {"GET", 0, 0, true, false},   /* once only */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_once);
        struct rig *rig = start(&config);
        struct user first = {.url = service->url};
        struct user second = {
            .method = cases[i].method, .length = cases[i].length, .body_size = cases[i].body_size, .url = service->url};

        service->size = cases[i].always_dies;
        fetch(rig, &first);
        check_answer(&first, "200 OK\n", "one");
        fetch(rig, &second);
        if (cases[i].answered)
            check_answer(&second, "200 OK\n", "one");
        else
            check_failed(&second, 502, "connection_terminated");
        ck_assert_uint_eq(service->accepted, cases[i].answered || cases[i].always_dies ? 2 : 1);
        ck_assert_uint_eq(counter(rig, "requests_retried"), cases[i].answered || cases[i].always_dies ? 1 : 0);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

START_TEST(unsent_requests_are_always_replayed)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct rig *rig = start(&config);
    struct user first = {.url = service->url};
    struct user second = {.method = "POST", .body_size = 5000, .is_pattern = true, .url = service->url};

    fetch(rig, &first);
    calls.fail_sends = 1; /* as when the service's reset has come just before */
    fetch(rig, &second);
    ck_assert_uint_eq(second.received, 5000);
    ck_assert_uint_eq(counter(rig, "requests_retried"), 1);
    ck_assert_uint_eq(service->accepted, 2);
    rig_free(rig);
    service_stop(service);
}
END_TEST

static bool pool_is_empty(void *arg)
{
    return origin_of(arg)->pools->count == 0;
}

static void serve_hello_and_more(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    service_sleep(50);
    if (service->text)
        service_say(fd, service->text);
    if (!service->size)
        service_wait_close(service, fd);
}

/* Closed by the service, spoken to unasked, or too old. */
START_TEST(idle_connections_go)
{
    for (int i = 0; i < 3; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_hello_and_more);
        struct user user = {.url = service->url};
        struct rig *rig;

        if (i == 2)
            config.keep_alive = 100 * HG_MILLISECOND;
        service->size = i == 0;
        service->text = i == 1 ? "HTTP/1.1 408 Request Timeout\r\n\r\n" : NULL;
        rig = start(&config);
        fetch(rig, &user);
        ck_assert_uint_eq(origin_of(rig)->pools->idle_count, 1);
        ck_assert(rig_run(rig, pool_is_empty, rig, 2000));
        ck_assert_uint_eq(origin_of(rig)->pools->idle_count, 0);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

START_TEST(drain_closes_idle_connections)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct rig *rig = start(&config);
    struct user first = {.url = service->url}, second = {.url = service->url};

    fetch(rig, &first);
    ck_assert_uint_eq(origin_of(rig)->pools->idle_count, 1);
    ask(rig, &second);
    rig_run(rig, NULL, NULL, 0);
    hopgate_plugin()->worker_drain(rig_worker(rig, 1));
    ck_assert_uint_eq(origin_of(rig)->pools->idle_count, 0);
    ck_assert(rig_run(rig, is_over, &second, 2000)); /* what runs ends well */
    ck_assert_uint_eq(second.ends, 1);
    ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
    rig_free(rig);
    service_stop(service);
}
END_TEST

/* ---- A limited pool ---- */

static bool all_are_over(void *arg)
{
    struct user *users = arg;

    for (size_t i = 0; i < 200; i++)
        if (!users[i].detaches)
            return false;
    return true;
}

static void serve_slow_hello(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        if (strstr(head, "chunked\r\n") && !service_read_until(fd, "0\r\n\r\n", head, sizeof head))
            return;
        service_sleep(1);
        if (!service_say(fd, service->size ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
                                           : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
            return;
        if (service->size)
            return;
    }
}

START_TEST(exchanges_share_a_limited_pool)
{
    for (size_t closing = 0; closing < 2; closing++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_slow_hello);
        struct user *users = calloc(200, sizeof *users);
        struct rig *rig;

        config.max_connections = 8;
        rig = start(&config);
        service->size = closing;
        for (size_t i = 0; i < 200; i++) {
            users[i].url = service->url;
            users[i].method = i % 3 ? "GET" : "POST";
            users[i].length = i % 3 ? 0 : HG_LENGTH_UNKNOWN; /* its end waits too */
            ask(rig, &users[i]);
        }
        rig_run(rig, NULL, NULL, 0);
        ck_assert_uint_eq(origin_of(rig)->pools->waiting_count, 192);
        for (size_t i = 50; i < 60; i++) /* some go away while they wait */
            hg_reset(users[i].self, &(struct hg_reason){499, NULL, "gone", 0});
        ck_assert(rig_run(rig, all_are_over, users, 20000));
        for (size_t i = 0; i < 200; i++)
            if (i < 50 || i >= 60)
                ck_assert_msg(users[i].ends == 1 && users[i].received == 5, "%zu: %s", i, users[i].detail);
        if (!closing) {
            ck_assert_uint_le(service->most_open, 8);
            ck_assert_uint_eq(service->accepted, 8);
        }
        ck_assert_uint_eq(origin_of(rig)->pools->waiting_count, 0);
        rig_free(rig);
        service_stop(service);
        free(users);
    }
}
END_TEST

START_TEST(waiting_has_bounds)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_silence);
    struct user users[3] = {{.url = service->url}, {.url = service->url}, {.url = service->url}};
    struct rig *rig;

    config.max_connections = 1;
    config.max_queue = 1;
    config.queue_timeout = 100 * HG_MILLISECOND;
    rig = start(&config);
    ask(rig, &users[0]);
    rig_run(rig, NULL, NULL, 0);
    ask(rig, &users[1]);
    rig_run(rig, NULL, NULL, 0);
    ask(rig, &users[2]);
    rig_run(rig, NULL, NULL, 0);
    check_failed(&users[2], 503, "connection_limit_reached"); /* at once */
    ck_assert_uint_eq(users[1].resets, 0);
    ck_assert(rig_run(rig, is_over, &users[1], 1000));
    check_failed(&users[1], 503, "connection_limit_reached");
    ck_assert_uint_eq(users[1].reason.retry_after, 1);
    ck_assert_uint_eq(users[0].resets, 0);
    rig_free(rig);
    service_stop(service);
}
END_TEST

/* ---- Anything, in any order ---- */

static void serve_numbers(struct service *service, int fd, unsigned number)
{
    char answer[128], digits[32];

    for (unsigned request = 0; service_read_head(service, fd, NULL); request++) {
        snprintf(digits, sizeof digits, "number %u of %u", request, number);
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(digits), digits);
        if (!service_say(fd, answer))
            return;
    }
}

/* What went up once is never written to again, though the connection goes on with its buffer. */
START_TEST(slices_stay_as_they_are)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_numbers);
    struct rig *rig = start(&config);
    struct user *users = calloc(20, sizeof *users);

    for (unsigned i = 0; i < 20; i++) {
        users[i].url = service->url;
        users[i].keeps_slice = i % 3 > 0;
        fetch(rig, &users[i]);
    }
    for (unsigned i = 0; i < 20; i++) {
        char expected[32];

        snprintf(expected, sizeof expected, "number %u of 0", i);
        ck_assert_str_eq(users[i].body, expected);
        if (!users[i].keeps_slice)
            continue;
        ck_assert(
            hg_text_equal((struct hg_text){(const char *)users[i].kept.data, users[i].kept.size}, hg_text(expected)));
        hg_buffer_unref(users[i].kept.buffer);
    }
    rig_free(rig);
    service_stop(service);
    free(users);
}
END_TEST

/* Serves as chance has it; the size is told in a field, for the user to compare. */
static void serve_at_random(struct service *service, int fd, unsigned number)
{
    unsigned seed = number * 7919 + 1;
    char head[65536], text[256];

    while (service_read_head(service, fd, head)) {
        unsigned chance = (unsigned)rand_r(&seed) % 12;
        size_t size = (size_t)rand_r(&seed) % 40000, told = chance == 0 ? size + 1 + (size_t)rand_r(&seed) % 10 : size;
        const char *field = strstr(head, "Content-Length: ");
        uint64_t total;

        if (chance == 1)
            return;
        if (chance == 2) {
            service_reset_on_close(fd);
            return;
        }
        if (chance > 3 && field && !service_read(service, fd, strtoul(field + 16, NULL, 10), 0, true))
            return;
        if (chance > 3 && strstr(head, "chunked\r\n") && !read_chunks(service, fd, &total))
            return;
        if (chance == 4)
            service_sleep(30);
        if (chance < 8) {
            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX-Size: %zu\r\nContent-Length: %zu\r\n\r\n", told, told);
            if (!service_say(fd, text) || !service_write_pattern(fd, size, 0) || size != told)
                return;
        } else if (chance < 10) {
            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX-Size: %zu\r\n\r\n", size);
            if (service_say(fd, text))
                service_write_pattern(fd, size, 0);
            return;
        } else {
            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX-Size: %zu\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
                     size + 1, size + 1);
            if (!service_say(fd, text) || !service_write_pattern(fd, size + 1, 0) || !service_say(fd, "\r\n0\r\n\r\n"))
                return;
        }
        if (chance == 3) /* the body was not read */
            return;
    }
}

START_TEST(anything_in_any_order)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_at_random);
    struct user *users = calloc(200, sizeof *users);
    unsigned seed = 11 + (unsigned)_i, good = 0;
    struct rig *rig;

    config.max_connections = 6;
    config.response_timeout = 2 * HG_SECOND;
    config.queue_timeout = 20 * HG_SECOND;
    rig = start(&config);
    calls.seed = _i % 2 ? seed : 0;
    for (size_t i = 0; i < 200; i++) {
        unsigned chance = (unsigned)rand_r(&seed) % 4;

        users[i] = (struct user){.url = service->url,
                                 .is_pattern = true,
                                 .method = chance < 2 ? "GET" : "POST",
                                 .seed = (unsigned)rand_r(&seed),
                                 .piece = 1 + (size_t)rand_r(&seed) % 3000,
                                 .body_size = chance < 2 ? 0 : (size_t)rand_r(&seed) % 50000,
                                 .length = chance == 3 ? HG_LENGTH_UNKNOWN : 0};
        ask(rig, &users[i]);
        for (size_t j = 0; j <= i && rand_r(&seed) % 2; j++)
            rig_run(rig, NULL, NULL, 0);
        if (rand_r(&seed) % 5 == 0) {
            struct user *gone = &users[(size_t)rand_r(&seed) % (i + 1)];

            if (!gone->detaches)
                hg_reset(gone->self, &(struct hg_reason){499, NULL, "gone", 0});
        }
    }
    ck_assert(rig_run(rig, all_are_over, users, 30000));
    for (size_t i = 0; i < 200; i++) {
        const char *told = strstr(users[i].heads, "X-Size: ");

        ck_assert_uint_eq(users[i].detaches, 1);
        ck_assert_uint_le(users[i].ends + users[i].resets, 1);
        if (!users[i].ends)
            continue;
        ck_assert_ptr_nonnull(told);
        ck_assert_uint_eq(users[i].received, strtoul(told + 8, NULL, 10)); /* never short and yet ended */
        good++;
    }
    ck_assert_uint_gt(good, 50);
    ck_assert_uint_eq(origin_of(rig)->pools->count, origin_of(rig)->pools->idle_count);
    rig_free(rig);
    service_stop(service);
    free(users);
}
END_TEST

/* ---- Requests that are none ---- */

START_TEST(bodies_that_do_not_fit_their_length)
{
    static const struct {
        int64_t length;
        size_t size;
    } cases[] = {{10, 11}, {10, 9}, {HG_LENGTH_NONE, 1}, {100000, 99999}};

    for (size_t i = 0; i < 4; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_silence);
        struct rig *rig = start(&config);
        struct user user = {
            .method = "POST", .length = cases[i].length, .body_size = cases[i].size, .url = service->url};

        fetch(rig, &user);
        check_failed(&user, 400, "http_request_error");
        ck_assert_uint_eq(origin_of(rig)->pools->count, 0);
        rig_free(rig);
        service_stop(service);
    }
}
END_TEST

/* ---- All of it ---- */

static unsigned open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static unsigned descriptors_before;

static void before(void)
{
    descriptors_before = open_descriptors();
}

static void after(void)
{
    ck_assert_uint_eq(open_descriptors(), descriptors_before);
}

int main(void)
{
    Suite *suite = suite_create("origin");
    TCase *tests = tcase_create("origin");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, before, after);
    tcase_add_test(tests, requests_share_a_connection);
    tcase_add_test(tests, host_and_base);
    tcase_add_test(tests, upgrade_is_not_asked_for);
    tcase_add_test(tests, no_route_no_answer);
    tcase_add_test(tests, small_body_goes_with_its_head);
    tcase_add_test(tests, many_small_slices_share_a_call);
    tcase_add_test(tests, bodies_by_length);
    tcase_add_test(tests, bodies_in_chunks);
    tcase_add_test(tests, one_byte_at_a_time);
    tcase_add_loop_test(tests, kinds_of_responses, 0, (int)(sizeof kinds / sizeof *kinds));
    tcase_add_loop_test(tests, faulty_responses, 0, (int)(sizeof faulty / sizeof *faulty));
    tcase_add_test(tests, heads_have_a_bound);
    tcase_add_test(tests, corpus);
    tcase_add_test(tests, body_waits_for_100);
    tcase_add_test(tests, early_response_while_the_upload_runs);
    tcase_add_test(tests, early_response_survives_a_broken_upload);
    tcase_add_test(tests, interims_have_a_bound);
    tcase_add_test(tests, slow_services);
    tcase_add_test(tests, dribbled_head_has_a_bound_in_time);
    tcase_add_test(tests, service_that_does_not_read);
    tcase_add_test(tests, stalled_reader);
    tcase_add_test(tests, abort_closes_at_once);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, unanswered);
    tcase_add_test(tests, names);
    tcase_add_test(tests, dead_kept_connection_is_replaced);
    tcase_add_test(tests, unsent_requests_are_always_replayed);
    tcase_add_test(tests, idle_connections_go);
    tcase_add_test(tests, drain_closes_idle_connections);
    tcase_add_test(tests, exchanges_share_a_limited_pool);
    tcase_add_test(tests, waiting_has_bounds);
    tcase_add_test(tests, bodies_that_do_not_fit_their_length);
    tcase_add_test(tests, slices_stay_as_they_are);
    tcase_add_loop_test(tests, anything_in_any_order, 0, 10);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
