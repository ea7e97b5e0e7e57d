/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of the auth_token plugin, through its descriptor and the command it adds.
 */
#include "plugins/auth_token/auth_token.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Two tokens, and their SHA-256 as calculated by sha256sum. */
#define ALPHA_TOKEN "alpha-alpha-alpha-alpha"
#define BETA_TOKEN  "beta-beta-beta-beta-beta"
#define ALPHA       "109ce4afb097dbfd400eb7d737d6443fa17067c84a4da1aa990cec3647473062"
#define BETA        "a6b5d911682fc53f8163370e8bde2268682a33f6ce6a3a67a27cabd016f31fef"

/* While this is not 0, the wall clock is stopped at that time. */
static struct timespec stopped;

/* Replaces libc's in the whole program. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (clock != CLOCK_REALTIME || !stopped.tv_sec)
        return (int)syscall(SYS_clock_gettime, clock, time);
    *time = stopped;
    return 0;
}

static void stop_clock(void)
{
    struct timespec now;

    stopped.tv_sec = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    stopped = now;
}

struct fixture {
    struct fake_host fake;
    const struct hg_plugin *plugin;
    const struct hg_identity_ops *ops;
    struct config config;
    char path[64];
    unsigned changes; /* calls of changed() */
};

static void write_tokens(struct fixture *fixture, const char *text)
{
    FILE *file = fopen(fixture->path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void fixture_begin(struct fixture *fixture, const char *tokens)
{
    memset(fixture, 0, sizeof *fixture);
    stopped.tv_sec = 0;
    fixture->plugin = hopgate_plugin();
    fixture->ops = fixture->plugin->offers[0].ops;
    if (tokens) {
        strcpy(fixture->path, "/tmp/hopgate-tokens-XXXXXX");
        close(mkstemp(fixture->path));
        write_tokens(fixture, tokens);
        fixture->config.file = fixture->path;
    }
    fake_host_init(&fixture->fake, fixture->plugin, &fixture->config);
}

static void fixture_end(struct fixture *fixture)
{
    fake_host_stop(&fixture->fake, fixture->plugin);
    if (fixture->config.file)
        unlink(fixture->path);
}

static int verify(struct fixture *fixture, const char *id, const char *token, struct hg_identity *identity)
{
    json_t *credentials = json_pack("{s:s, s:s, s:i}", "id", id, "token", token, "later", 1);
    struct hg_verification verification = {0};
    int result = fixture->ops->verify(&fixture->fake.worker, credentials, HG_TEXT("192.0.2.1:5"), &verification);

    json_decref(credentials);
    *identity = verification.identity;
    if (result)
        ck_assert_str_eq(verification.reason, "no such id and token");
    return result;
}

static bool accepts(struct fixture *fixture, const char *id, const char *token)
{
    struct hg_identity identity;

    if (verify(fixture, id, token, &identity))
        return false;
    ck_assert_str_eq(identity.id, id);
    hg_buffer_unref(identity.owner);
    return true;
}

START_TEST(test_verify)
{
    struct hg_identity identity;
    struct fixture fixture;

    fixture_begin(&fixture, "# who may open a session\n\n"
                            "client-1:" ALPHA "\r\n"
                            "  client-1 : " BETA " : web , api \n" /* a second token for the same id */
                            "client-2:" BETA ":web");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert_int_eq(verify(&fixture, "client-1", ALPHA_TOKEN, &identity), 0);
    ck_assert_str_eq(identity.id, "client-1");
    ck_assert_ptr_null(identity.services);
    hg_buffer_unref(identity.owner);
    ck_assert_int_eq(verify(&fixture, "client-1", BETA_TOKEN, &identity), 0);
    ck_assert_str_eq(identity.services[0], "web");
    ck_assert_str_eq(identity.services[1], "api");
    ck_assert_ptr_null(identity.services[2]);
    hg_buffer_unref(identity.owner);
    ck_assert(accepts(&fixture, "client-2", BETA_TOKEN));
    ck_assert(!accepts(&fixture, "client-2", ALPHA_TOKEN));
    ck_assert(!accepts(&fixture, "client-3", ALPHA_TOKEN));
    ck_assert(!accepts(&fixture, "client-1", ""));
    ck_assert(!accepts(&fixture, "client-1", "alpha-alpha-alpha-alph"));
    ck_assert(!accepts(&fixture, "client-1", ALPHA)); /* reading the gateway's file does not give access */
    ck_assert(!accepts(&fixture, "", ALPHA_TOKEN));
    ck_assert(!accepts(&fixture, "client-1\n2026 error: forged line", ALPHA_TOKEN));
    ck_assert_ptr_null(strstr(fixture.fake.log, "forged"));
    ck_assert_ptr_null(strstr(fixture.fake.log, "alph"));
    fixture_end(&fixture);
}
END_TEST

/* Whatever the file contains, as a hash does not show how long its token is. */
START_TEST(test_short_tokens)
{
    struct fixture fixture;

    fixture_begin(&fixture, "client-1:8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8\n");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert(!accepts(&fixture, "client-1", "alpha"));
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "its token has fewer than 22 characters"));
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_odd_credentials)
{
    static const char *const odd[] = {"null",
                                      "[]",
                                      "{}",
                                      "7",
                                      "\"x\"",
                                      "{\"id\":\"client-1\"}",
                                      "{\"id\":\"client-1\",\"token\":null}",
                                      "{\"id\":1,\"token\":\"alpha-alpha-alpha-alpha\"}",
                                      "{\"id\":\"client-1\\u0000\",\"token\":\"alpha-alpha-alpha-alpha\"}",
                                      "{\"id\":\"client-1\",\"token\":\"alpha-alpha-alpha-alpha\\u0000\"}"};
    struct hg_verification verification = {0};
    struct fixture fixture;

    fixture_begin(&fixture, "client-1:" ALPHA "\n");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        json_t *credentials = json_loads(odd[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        ck_assert_ptr_nonnull(credentials);
        ck_assert_int_eq(fixture.ops->verify(&fixture.fake.worker, credentials, HG_TEXT("p"), &verification), -1);
        json_decref(credentials);
    }
    ck_assert_int_eq(fixture.ops->verify(&fixture.fake.worker, NULL, HG_TEXT("p"), &verification), -1);
    fixture_end(&fixture);
}
END_TEST

/* Every bad line is reported with its number, and without any part that may be a secret. */
START_TEST(test_bad_lines)
{
    static const char *const expected[] = {":1: no token",
                                           ":2: the token of \"client-1\" is not 64",
                                           ":3: \"a/b\" is not a client id",
                                           ":4: \"\" is not a service name",
                                           ":6: the token of \"d\"",
                                           ":7: \"\" is not a client id"};
    struct fixture fixture;
    char wanted[256];

    fixture_begin(&fixture, "client-1\nclient-1:secret-token\na/b:" ALPHA "\nc:" ALPHA ":web,\n#\nd:" ALPHA "0\n:\n");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        snprintf(wanted, sizeof wanted, "file: %s%s", fixture.path, expected[i]);
        ck_assert_msg(strstr(fixture.fake.errors, wanted), "no \"%s\" in:\n%s", wanted, fixture.fake.errors);
    }
    ck_assert_ptr_null(strstr(fixture.fake.errors, "secret-token"));
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_bad_files)
{
    struct fixture fixture;

    fixture_begin(&fixture, "a:" ALPHA "\nb:" ALPHA "\na:" ALPHA ":web\n");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    ck_assert_ptr_nonnull(strstr(fixture.fake.errors, ":3: duplicate token of \"a\", first given on line 1"));
    fixture_end(&fixture);

    fixture_begin(&fixture, "");
    unlink(fixture.path);
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    ck_assert_ptr_nonnull(strstr(fixture.fake.errors, ": No such file or directory"));
    fixture_end(&fixture);

    fixture_begin(&fixture, "");
    fixture.config.file = "/tmp";
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    ck_assert_ptr_nonnull(strstr(fixture.fake.errors, "/tmp: not a regular file"));
    fixture_end(&fixture);
}
END_TEST

/* A client is added and another removed without a restart; existing sessions keep their identity. */
START_TEST(test_changed_file)
{
    struct hg_identity before;
    struct fixture fixture;

    fixture_begin(&fixture, "client-1:" ALPHA ":web,api\n");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert_int_eq(verify(&fixture, "client-1", ALPHA_TOKEN, &before), 0);
    write_tokens(&fixture, "client-2:" BETA "\n# longer\n");
    ck_assert(accepts(&fixture, "client-2", BETA_TOKEN));
    ck_assert(!accepts(&fixture, "client-1", ALPHA_TOKEN));
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, ": 1 token\n"));
    ck_assert_ptr_nonnull(before.owner);
    ck_assert_str_eq(before.services[1], "api");
    hg_buffer_unref(before.owner);
    fixture_end(&fixture);
}
END_TEST

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        found++;
    return found;
}

/* A mistake while editing, or a file that is missing for a moment, locks nobody out, and is logged once. */
START_TEST(test_spoilt_file)
{
    struct fixture fixture;

    fixture_begin(&fixture, "client-1:" ALPHA "\n");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    write_tokens(&fixture, "client-1:" ALPHA "\nclient-2\n");
    for (int i = 0; i < 3; i++)
        ck_assert(accepts(&fixture, "client-1", ALPHA_TOKEN));
    ck_assert_uint_eq(count(fixture.fake.log, ":2: no token"), 1);
    ck_assert_uint_eq(count(fixture.fake.log, "the previous tokens stay valid"), 1);
    unlink(fixture.path);
    for (int i = 0; i < 3; i++)
        ck_assert(accepts(&fixture, "client-1", ALPHA_TOKEN));
    ck_assert_uint_eq(count(fixture.fake.log, "No such file"), 1);
    write_tokens(&fixture, "client-2:" BETA "\n");
    ck_assert(accepts(&fixture, "client-2", BETA_TOKEN));
    fixture_end(&fixture);
}
END_TEST

/* ---- Open sessions ---- */

static void changed(void *arg)
{
    ++((struct fixture *)arg)->changes;
}

/* Admits `client-1` with ALPHA_TOKEN and watches its session. */
static void let_in(struct fixture *fixture, struct hg_identity *identity)
{
    ck_assert_int_eq(fake_host_start(&fixture->fake, fixture->plugin), 0);
    fixture->ops->watch(&fixture->fake.worker, changed, fixture);
    ck_assert_int_eq(verify(fixture, "client-1", ALPHA_TOKEN, identity), 0);
}

/* Lets the plugin notice what has happened: at once with descriptors, within a second with timers. */
static void notice(struct fixture *fixture)
{
    fake_host_run(&fixture->fake, HG_SECOND);
}

static int review(struct fixture *fixture, struct hg_identity *identity, const char **reason)
{
    *reason = NULL;
    return fixture->ops->review(&fixture->fake.worker, identity, reason);
}

/* Each way in which a file can get new content. */
static void replace(struct fixture *fixture, int way, const char *text)
{
    char path[sizeof fixture->path];

    memcpy(path, fixture->path, sizeof path);
    if (way == 1) { /* like most editors, which replace the file with a new one */
        strcat(fixture->path, ".new");
        write_tokens(fixture, text);
        ck_assert_int_eq(rename(fixture->path, path), 0);
        memcpy(fixture->path, path, sizeof path);
    } else { /* overwrite it */
        write_tokens(fixture, text);
    }
    if (way == 2)
        fixture->plugin->worker_reread(&fixture->fake.worker);
}

START_TEST(test_who_is_in_is_looked_at_again)
{
    struct hg_identity identity;
    struct fixture fixture;
    const char *reason;

    fixture_begin(&fixture, "client-1:" ALPHA ":web,api\nclient-2:" BETA "\n");
    let_in(&fixture, &identity);
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 0);
    ck_assert_int_eq(review(&fixture, &identity, &reason), 0);
    ck_assert_str_eq(identity.services[1], "api");

    replace(&fixture, _i, "client-1:" ALPHA ":web\nclient-2:" BETA "\n");
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 1);
    ck_assert_int_eq(review(&fixture, &identity, &reason), 0);
    ck_assert_str_eq(identity.id, "client-1");
    ck_assert_str_eq(identity.services[0], "web");
    ck_assert_ptr_null(identity.services[1]);

    /* Another token for the same id does not keep the session alive. */
    replace(&fixture, _i, "client-1:" BETA "\n");
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 2);
    ck_assert_int_eq(review(&fixture, &identity, &reason), -1);
    ck_assert_str_eq(reason, "its token was removed");

    replace(&fixture, _i, "");
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 3);
    fixture.ops->watch(&fixture.fake.worker, NULL, NULL);
    replace(&fixture, _i, "client-1:" ALPHA "\n");
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 3);
    ck_assert_int_eq(review(&fixture, &identity, &reason), 0);
    ck_assert_ptr_null(identity.services);
    hg_buffer_unref(identity.owner);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_a_spoilt_file_throws_nobody_out)
{
    static const char *const spoilt[] = {"client-2:" BETA "\nclient-1:8ed3f6ad685b\n", NULL};
    struct hg_identity identity;
    struct fixture fixture;
    const char *reason;

    fixture_begin(&fixture, "client-1:" ALPHA "\n");
    let_in(&fixture, &identity);
    if (spoilt[_i])
        write_tokens(&fixture, spoilt[_i]);
    else
        unlink(fixture.path);
    if (!spoilt[_i])
        fixture.plugin->worker_reread(&fixture.fake.worker);
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 0);
    ck_assert_int_eq(review(&fixture, &identity, &reason), 0);
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, spoilt[_i] ? ":2: the token of \"client-1\"" : "No such file"));
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "the previous tokens stay valid"));
    write_tokens(&fixture, "client-2:" BETA "\n");
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 1);
    ck_assert_int_eq(review(&fixture, &identity, &reason), -1);
    hg_buffer_unref(identity.owner);
    fixture_end(&fixture);
}
END_TEST

/* While someone is writing to the file, it is not read, whoever connects in the meantime and whatever else happens in
 * the folder. */
START_TEST(test_half_a_file_is_not_read)
{
    struct hg_identity identity;
    struct fixture fixture;
    char other[80];
    FILE *file;

    fixture_begin(&fixture, "client-1:" ALPHA "\nclient-2:" BETA "\n");
    let_in(&fixture, &identity);
    snprintf(other, sizeof other, "%s.other", fixture.path);
    file = fopen(fixture.path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("client-2:" BETA "\n", file);
    fflush(file);
    stop_clock();
    fclose(fopen(other, "w"));
    unlink(other);
    ck_assert(accepts(&fixture, "client-1", ALPHA_TOKEN));
    fake_host_run(&fixture.fake, 0);
    ck_assert_uint_eq(fixture.changes, 0);
    fputs("client-1:" ALPHA "\nclient-3:" BETA "\n", file);
    fclose(file);
    ck_assert(accepts(&fixture, "client-3", BETA_TOKEN));
    ck_assert(accepts(&fixture, "client-1", ALPHA_TOKEN));
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 1);
    hg_buffer_unref(identity.owner);
    fixture_end(&fixture);
}
END_TEST

/* A new file may become readable for the gateway only later: changes by chmod, chgrp and setfacl count, too. */
START_TEST(test_a_file_that_becomes_readable)
{
    struct hg_identity identity;
    struct fixture fixture;

    fixture_begin(&fixture, "client-1:" ALPHA "\n");
    let_in(&fixture, &identity);
    replace(&fixture, 1, "client-2:" BETA "\n");
    ck_assert_int_eq(chmod(fixture.path, 0), 0);
    notice(&fixture);
    fixture.fake.log[0] = '\0';
    ck_assert_int_eq(chmod(fixture.path, 0600), 0);
    stop_clock();
    stopped.tv_sec += 1;
    notice(&fixture);
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "reloaded "));
    ck_assert(accepts(&fixture, "client-2", BETA_TOKEN));
    ck_assert(!accepts(&fixture, "client-1", ALPHA_TOKEN));
    hg_buffer_unref(identity.owner);
    fixture_end(&fixture);
}
END_TEST

/* As with files that are mounted into containers: a link to the folder with the file is replaced. */
START_TEST(test_a_link_that_is_replaced)
{
    char root[] = "/tmp/hopgate-links-XXXXXX", cwd[4096], path[64];
    struct hg_identity identity;
    struct fixture fixture;
    const char *reason;

    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_ptr_nonnull(getcwd(cwd, sizeof cwd));
    fixture_begin(&fixture, NULL);
    ck_assert_int_eq(chdir(root), 0);
    ck_assert_int_eq(mkdir("one", 0700) | mkdir("two", 0700) | symlink("one", "data") | symlink("data/t", "tokens"), 0);
    strcpy(fixture.path, "two/t");
    write_tokens(&fixture, "client-2:" BETA "\n");
    strcpy(fixture.path, "one/t");
    write_tokens(&fixture, "client-1:" ALPHA "\n");
    snprintf(path, sizeof path, "%s/tokens", root);
    fixture.config.file = path;
    let_in(&fixture, &identity);
    ck_assert_int_eq(symlink("two", "next") | rename("next", "data"), 0);
    stop_clock();
    notice(&fixture);
    /* As far as anyone can tell, the other file may still be incomplete. */
    ck_assert_uint_eq(fixture.changes, 0);
    stopped.tv_sec += 1;
    notice(&fixture);
    ck_assert_uint_eq(fixture.changes, 1);
    ck_assert_int_eq(review(&fixture, &identity, &reason), -1);
    hg_buffer_unref(identity.owner);
    ck_assert_int_eq(unlink("one/t") | unlink("two/t") | unlink("data") | unlink("tokens"), 0);
    ck_assert_int_eq(rmdir("one") | rmdir("two") | chdir(cwd) | rmdir(root), 0);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_present)
{
    struct fixture fixture;
    json_t *credentials;

    fixture_begin(&fixture, NULL);
    fixture.config = (struct config){.id = "client-1", .token = ALPHA_TOKEN};
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    credentials = fixture.ops->present(&fixture.fake.worker);
    ck_assert_str_eq(json_string_value(json_object_get(credentials, "id")), "client-1");
    ck_assert_str_eq(json_string_value(json_object_get(credentials, "token")), ALPHA_TOKEN);
    json_decref(credentials);
    ck_assert(!accepts(&fixture, "client-1", ALPHA_TOKEN));
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_config_faults)
{
    static const struct {
        struct config config;
        const char *error;
    } cases[] = {
        {{0}, "-: give `file`"},
        {{.file = "/f", .id = "a"}, "-: give either `file`"},
        {{.id = "client-1"}, "id: requires `token_file`, too; `hopgate token client-1`"},
        {{.token = "t"}, "token_file: requires `id`"},
        {{.id = "a b", .token = ALPHA_TOKEN}, "id: \"a b\" is not a client id"},
        {{.id = "a", .token = ""}, "token_file: the token has fewer than 22 characters"},
        {{.id = "a", .token = "t"}, "token_file: the token has fewer than 22 characters"},
        {{.id = "a", .token = "123456789012345678901"}, "`hopgate token a` creates a good one"},
        {{.id = "a", .token = "secret: t"}, "token_file: the file must contain only the token"},
        {{.id = "a", .token = "a:" ALPHA}, "token_file: the file contains the line for the gateway's `file`"},
        {{.id = "a", .token = "a:" ALPHA ":web"}, "token_file: the file contains the line for the gateway's `file`"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture;

        fixture_begin(&fixture, NULL);
        fixture.config = cases[i].config;
        ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
        ck_assert_msg(strstr(fixture.fake.errors, cases[i].error), "no \"%s\" in:\n%s", cases[i].error,
                      fixture.fake.errors);
        fixture.config.file = NULL; /* we created nothing that has to be removed */
        fixture_end(&fixture);
    }
}
END_TEST

/* The options of one end, used on the other. */
START_TEST(test_options_of_the_other_end)
{
    static const struct {
        enum hg_end end;
        struct config config;
        const char *error;
    } cases[] = {
        {HG_END_GATEWAY, {.id = "a", .token = ALPHA_TOKEN}, "id: this is for a client; a gateway needs `file`"},
        {HG_END_GATEWAY, {.token = ALPHA_TOKEN}, "token_file: this is for a client"},
        {HG_END_CLIENT, {.file = "/f"}, "file: this is for a gateway; a client needs `id` and `token_file`"},
    };
    struct fixture fixture;

    fixture_begin(&fixture, NULL);
    fixture.config = cases[_i].config;
    fixture.fake.end = cases[_i].end;
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    ck_assert_msg(strstr(fixture.fake.errors, cases[_i].error), "no \"%s\" in:\n%s", cases[_i].error,
                  fixture.fake.errors);
    fixture.config.file = NULL; /* we created nothing that has to be removed */
    fixture_end(&fixture);
}
END_TEST

/* ---- The command ---- */

/* Runs it with its output redirected to a file, which is then read into `output`. */
static int run_command(char **argv, char *output, size_t capacity)
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO), argc = 0, result;

    while (argv[argc])
        argc++;
    fflush(stdout);
    ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
    result = auth_token_command(argc, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    output[fread(output, 1, capacity - 1, file)] = 0;
    fclose(file);
    return result;
}

START_TEST(test_command)
{
    char *argv[] = {(char *)"token", (char *)"client-1",      (char *)"--service",
                    (char *)"web",   (char *)"--service=api", NULL};
    char output[512], again[512], secret[65], line[256];
    struct hg_identity identity;
    struct fixture fixture;

    ck_assert_int_eq(run_command(argv, output, sizeof output), 0);
    ck_assert_int_eq(sscanf(output, "secret: %64s\nline: %255s\n", secret, line), 2);
    ck_assert_uint_eq(strlen(secret), 64);
    ck_assert_int_eq(run_command(argv, again, sizeof again), 0);
    ck_assert_str_ne(output, again);
    fixture_begin(&fixture, line);
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert_int_eq(verify(&fixture, "client-1", secret, &identity), 0);
    ck_assert_str_eq(identity.services[0], "web");
    ck_assert_str_eq(identity.services[1], "api");
    hg_buffer_unref(identity.owner);
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_command_faults)
{
    static const char *const cases[][4] = {{"token"},
                                           {"token", "a/b"},
                                           {"token", "a", "b"},
                                           {"token", "a", "--service"},
                                           {"token", "a", "--service=x,y"},
                                           {"token", "a", "--servce"}};
    char *argv[5] = {0}, output[512];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(argv, cases[i], sizeof cases[i]);
        ck_assert_int_eq(run_command(argv, output, sizeof output), 2);
        ck_assert_str_eq(output, "");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth_token");
    TCase *tests = tcase_create("auth_token");

    tcase_add_test(tests, test_verify);
    tcase_add_test(tests, test_short_tokens);
    tcase_add_test(tests, test_odd_credentials);
    tcase_add_test(tests, test_bad_lines);
    tcase_add_test(tests, test_bad_files);
    tcase_add_test(tests, test_changed_file);
    tcase_add_test(tests, test_spoilt_file);
    tcase_add_loop_test(tests, test_who_is_in_is_looked_at_again, 0, 3);
    tcase_add_loop_test(tests, test_a_spoilt_file_throws_nobody_out, 0, 2);
    tcase_add_test(tests, test_half_a_file_is_not_read);
    tcase_add_test(tests, test_a_file_that_becomes_readable);
    tcase_add_test(tests, test_a_link_that_is_replaced);
    tcase_add_test(tests, test_present);
    tcase_add_test(tests, test_config_faults);
    tcase_add_loop_test(tests, test_options_of_the_other_end, 0, 3);
    tcase_add_test(tests, test_command);
    tcase_add_test(tests, test_command_faults);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
