/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * hopgate acme status|renew|revoke. To renew, it leaves a request in the store for the running gateway.
 */
#include "plugins/acme/command.h"
#include "plugins/acme/clock.h"
#include "plugins/acme/name.h"
#include "plugins/acme/options.h"
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/revocation.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The exit code of hopgate. */
#define EXIT_USAGE 2
#define HOUR       3600
#define DAY        86400

struct command;

struct verb {
    const char *word;
    int least, most; /* arguments after it */
    bool (*run)(struct command *command, const char *id, json_t *state);
};

struct command {
    struct hg_worker *worker;
    struct task *task;
    struct store store;
    struct https *https;
    const struct verb *verb;
    char name[ACME_NAME_MAX + 1]; /* "": all */
    const char *serial;           /* to revoke; NULL: the current certificate */
    bool found;                   /* a certificate with this name */
    int exit_code;
};

__attribute__((format(printf, 2, 3))) static void fail(struct command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "hopgate acme %s: ", command->verb->word);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    command->exit_code = EXIT_FAILURE;
}

/* ---- Status ---- */

static json_int_t number(const json_t *state, const char *name)
{
    return json_integer_value(json_object_get(state, name));
}

static bool is_selected(const struct command *command, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name && (!*command->name || acme_name_matches(name, hg_text(command->name))))
            return true;
    }
    return false;
}

/* Whether a certificate in the store is still in the config. */
static bool is_kept(const struct command *command, const char *id, const json_t *state)
{
    const struct acme_config *config = command->worker->cfg;
    const struct acme_group *groups = config->domains.items;
    char canonical[ACME_NAME_MAX + 1];

    if (json_is_true(json_object_get(state, "on_demand")))
        return config->on_demand;
    for (size_t i = 0; i < config->domains.count; i++)
        if (acme_name_canonical(hg_text(*(const char *const *)groups[i].names.items), canonical) &&
            !strcmp(canonical, id))
            return true;
    return false;
}

static void print_names(const json_t *state, bool kept)
{
    const json_t *names = json_object_get(state, "names");

    for (size_t i = 0; i < json_array_size(names); i++)
        printf("%s%s", i ? " " : "", json_string_value(json_array_get(names, i)));
    printf("%s%s: ", json_is_true(json_object_get(state, "on_demand")) ? " (on demand)" : "",
           kept ? "" : " (removed from the config)");
}

static void print_left(time_t seconds)
{
    if (seconds <= 0)
        printf("expired");
    else if (seconds < 2 * DAY)
        printf("%ld hours left", (long)(seconds / HOUR));
    else
        printf("%ld days left", (long)(seconds / DAY));
}

static void print_state(const json_t *state, bool kept)
{
    const char *serial = json_string_value(json_object_get(state, "serial"));
    const char *error = json_string_value(json_object_get(state, "last_error"));
    const time_t expires = (time_t)number(state, "expires");

    print_names(state, kept);
    if (serial) {
        printf("expires %s (", acme_moment(expires).text);
        print_left(expires - acme_clock());
        printf("), renewal %s, serial %s\n", acme_moment((time_t)number(state, "renew_at")).text, serial);
    } else {
        printf("no certificate yet\n");
    }
    if (number(state, "failures"))
        printf("    failures in a row: %lld, next try %s%s%s\n", (long long)number(state, "failures"),
               acme_moment((time_t)number(state, "due")).text, error ? ": " : "", error ? error : "");
    else if (error)
        printf("    %s\n", error);
}

static bool look(void *arg, const char *id, json_t *state)
{
    struct command *command = arg;

    if (!is_selected(command, json_object_get(state, "names")))
        return true;
    command->found = true;
    return command->verb->run(command, id, state);
}

static bool show(struct command *command, const char *id, json_t *state)
{
    print_state(state, is_kept(command, id, state));
    return true;
}

/* ---- Requests ---- */

/* The request stays until the certificate with this serial number has been replaced. */
static bool request_renewal(struct command *command, const char *id, const char *serial, bool revoked)
{
    char request[HG_STORE_SEGMENT_MAX + 1];
    const struct hg_store_answer *put;

    if (snprintf(request, sizeof request, ACME_RENEW "@%s", id) >= (int)sizeof request) {
        fail(command, "%s: the name is too long", id);
        return false;
    }
    put = task_store_put_json(
        command->task, &command->store, ACME_REQUESTS, request,
        json_pack("{s:s*, s:b, s:I}", "serial", serial, "revoked", revoked, "at", (json_int_t)acme_clock()),
        HG_STORE_ANY);
    if (put->status != HG_STORE_OK)
        fail(command, "cannot write to the store: %s", put->error);
    return put->status == HG_STORE_OK;
}

static bool renew(struct command *command, const char *id, json_t *state)
{
    if (!is_kept(command, id, state))
        fail(command, "%s: no longer in the configuration; the gateway will not renew it", id);
    else if (request_renewal(command, id, json_string_value(json_object_get(state, "serial")), false))
        printf("%s: the running gateway is ordering a new certificate; see its log for the result\n", id);
    return false;
}

/* ---- Revoking ---- */

static struct acme_key_pair *read_pair(struct command *command, const char *kind, const char *id)
{
    struct acme_key_pair *pair = acme_store_get_pair(command->task, &command->store, kind, id);

    if (!pair || !command->serial || !strcasecmp(pair->serial, command->serial))
        return pair;
    acme_key_pair_unref(pair);
    return NULL;
}

static const char *directory_of(const struct command *command, const json_t *state)
{
    const struct acme_config *config = command->worker->cfg;
    const char *directory = json_string_value(json_object_get(json_object_get(state, "options"), "directory"));

    return directory ? directory : acme_options_directory(*(const char *const *)config->directory.items);
}

static void revoked(struct command *command, const char *id, const json_t *state, const struct acme_key_pair *pair,
                    bool current)
{
    printf("%s: certificate %s has been revoked\n", id, pair->serial);
    if (!current)
        task_store_remove(command->task, &command->store, ACME_PREVIOUS, id);
    else if (is_kept(command, id, state) && request_renewal(command, id, pair->serial, true))
        printf("%s: the running gateway is ordering a new one\n", id);
}

static bool revoke(struct command *command, const char *id, json_t *state)
{
    struct acme_key_pair *current = read_pair(command, ACME_CERTIFICATES, id);
    struct acme_key_pair *pair = current || !command->serial ? current : read_pair(command, ACME_PREVIOUS, id);
    char error[1400];

    if (!pair)
        fail(command, "%s: no %s in the store", id, command->serial ? "such certificate" : "certificate");
    else if (acme_revoke(command->task, &command->store, command->https, directory_of(command, state), pair, error,
                         sizeof error))
        revoked(command, id, state, pair, current);
    else
        fail(command, "%s: certificate %s was not revoked: %s", id, pair->serial, error);
    acme_key_pair_unref(pair);
    return false;
}

/* ---- The command line ---- */

static int usage(const char *what, const char *word)
{
    fprintf(stderr, "hopgate acme: ");
    fprintf(stderr, what, word);
    fprintf(stderr, "\nusage: hopgate acme " ACME_USAGE "\n");
    return EXIT_USAGE;
}

static const struct verb verbs[] = {
    {"status", 0, 1, show},
    {ACME_RENEW, 1, 1, renew},
    {"revoke", 1, 2, revoke},
};

/* 0, or the exit code. */
static int parse(struct command *command, int argc, char **argv)
{
    const struct verb *verb = verbs, *const end = verbs + sizeof verbs / sizeof *verbs;

    if (argc < 2)
        return usage("missing %s", "subcommand");
    while (verb < end && strcmp(argv[1], verb->word) != 0)
        verb++;
    if (verb == end)
        return usage("unknown subcommand \"%s\"", argv[1]);
    command->verb = verb;
    if (argc - 2 > verb->most)
        return usage("unexpected argument \"%s\"", argv[argc - 1]);
    if (argc - 2 < verb->least)
        return usage("%s requires the NAME of a certificate", argv[1]);
    if (argc > 2 && !acme_name_canonical(hg_text(argv[2]), command->name))
        return usage("\"%s\" is neither a host name nor an IP address", argv[2]);
    command->serial = argc > 3 ? argv[3] : NULL;
    return 0;
}

static void run(struct task *task, void *arg)
{
    struct command *command = arg;
    const char *error;

    command->task = task;
    error = task_store_each(task, &command->store, ACME_STATES, look, command);
    if (error)
        fail(command, "cannot read the store: %s", error);
    else if (!command->found)
        fail(command,
             *command->name ? "%s: no certificate for this name in the store" : "%sno certificate in the store yet",
             command->name);
    task_sleep(task, 0); /* lets the last callback return before its owner is freed */
}

static void ended(void *arg)
{
    struct command *command = arg;
    struct hg_worker *worker = command->worker;
    const int exit_code = command->exit_code;

    https_free(command->https);
    free(command);
    hg_finish(worker, exit_code);
}

void acme_command(struct hg_worker *worker, int argc, char **argv)
{
    const struct acme_config *config = worker->cfg;
    struct command *command = calloc(1, sizeof *command);

    if (!command) {
        hg_finish(worker, EXIT_FAILURE);
        return;
    }
    command->worker = worker;
    command->exit_code = parse(command, argc, argv);
    if (command->exit_code) {
        ended(command);
        return;
    }
    command->https = https_new(worker, config->ca);
    if (command->https && store_open(&command->store, worker, "acme") && task_begin(worker, run, ended, command))
        return;
    fail(command, "out of memory");
    ended(command);
}
