/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * hopgate acme status|renew|revoke: looks into the store, or puts into it what the
 * running gateway does then.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/request.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* The exit codes of hopgate. */
#define EXIT_USAGE 2
#define DAY        86400

/* What a command is about. */
struct command {
    struct hg_worker *worker;
    struct acme_vault vault;
    const char *verb;
    char name[ACME_NAME_MAX + 1]; /* "": all */
    char **ids;                   /* of the certificates that the store knows of */
    size_t id_count, at;
    bool found, removed; /* what is meant; from the config, though the store still has it */
};

static void finish(struct command *command, int exit_code)
{
    struct hg_worker *worker = command->worker;

    for (size_t i = 0; i < command->id_count; i++)
        free(command->ids[i]);
    free(command->ids);
    free(command);
    hg_finish(worker, exit_code);
}

static void fail(struct command *command, const char *what, const char *why)
{
    fprintf(stderr, "hopgate acme %s: %s: %s\n", command->verb, what, why);
    finish(command, EXIT_FAILURE);
}

/* ---- What there is ---- */

static json_int_t number(const json_t *state, const char *name)
{
    return json_integer_value(json_object_get(state, name));
}

static bool is_meant(const struct command *command, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name && (!*command->name || acme_name_matches(name, hg_text(command->name))))
            return true;
    }
    return false;
}

/* Whether the config still wants the certificate that the store has under this name. */
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

/* A line for each certificate, and one more where something went wrong. */
static void print_state(const json_t *state, bool kept)
{
    const char *serial = json_string_value(json_object_get(state, "serial"));
    const char *error = json_string_value(json_object_get(state, "last_error"));
    const time_t expires = (time_t)number(state, "expires");

    print_names(state, kept);
    if (serial)
        printf("expires %s (%.1f days left), renewed %s, serial %s\n", acme_moment(expires).text,
               (double)(expires - acme_clock()) / DAY, acme_moment((time_t)number(state, "renew_at")).text, serial);
    else
        printf("no certificate yet\n");
    if (number(state, "failures"))
        printf("    failures in a row: %lld, next try %s%s%s\n", (long long)number(state, "failures"),
               acme_moment((time_t)number(state, "due")).text, error ? ": " : "", error ? error : "");
    else if (error)
        printf("    %s\n", error);
}

static void look_at_next(struct command *command);

static void on_put(void *arg, const struct hg_store_answer *answer)
{
    struct command *command = arg;

    if (answer->status != HG_STORE_OK) {
        fail(command, "the store cannot be written", answer->error);
        return;
    }
    printf("The gateway that runs with this store does it; its log tells how it ends.\n");
    finish(command, EXIT_SUCCESS);
}

/* `serial`: of the certificate that is meant, which may be replaced before the gateway comes to it; NULL: whichever. */
static void put_request(struct command *command, const char *name, const char *serial)
{
    char request[HG_STORE_SEGMENT_MAX + 1];

    if (snprintf(request, sizeof request, "%s@%s", command->verb, name) >= (int)sizeof request)
        fail(command, name, "the name is too long");
    else if (!acme_vault_put_json(&command->vault, ACME_REQUESTS, request, json_pack("{s:s*}", "serial", serial),
                                  on_put, command))
        fail(command, "the store", "out of memory");
}

static void on_state(void *arg, const struct hg_store_answer *answer)
{
    struct command *command = arg;
    json_t *state = acme_vault_json(answer);
    const bool meant = state && is_meant(command, json_object_get(state, "names"));
    const bool kept = meant && is_kept(command, command->ids[command->at], state);
    const bool status = !strcmp(command->verb, "status");

    command->found |= meant && (kept || status);
    command->removed |= meant && !kept;
    if (meant && status)
        print_state(state, kept);
    if (kept && !status)
        put_request(command, command->ids[command->at], json_string_value(json_object_get(state, "serial")));
    else if (++command->at)
        look_at_next(command);
    json_decref(state);
}

static void look_at_next(struct command *command)
{
    if (command->at < command->id_count) {
        if (!acme_vault_get(&command->vault, ACME_STATES, command->ids[command->at], on_state, command))
            fail(command, "the store", "out of memory");
        return;
    }
    if (!command->found && command->removed)
        fail(command, command->name,
             "the config does not name it any more, so the gateway leaves it alone; put it back, then try again");
    else if (!command->found && *command->name)
        fail(command, command->name, "the store knows of no certificate for that name");
    else if (!command->found)
        fail(command, "the store", "it knows of no certificate yet");
    else
        finish(command, EXIT_SUCCESS);
}

static void on_list(void *arg, const struct hg_store_answer *answer)
{
    struct command *command = arg;

    if (answer->status != HG_STORE_OK) {
        fail(command, "the store cannot be read", answer->error);
        return;
    }
    command->ids = calloc(answer->count + 1, sizeof *command->ids);
    for (size_t i = 0; command->ids && i < answer->count; i++) {
        const struct hg_text name = acme_vault_name(answer->entries[i].key);

        command->ids[i] = strndup(name.data, name.size);
        if (!command->ids[i])
            break;
        command->id_count++;
    }
    look_at_next(command);
}

/* ---- The command line ---- */

static int usage(const char *what, const char *word)
{
    fprintf(stderr, "hopgate acme: ");
    fprintf(stderr, what, word);
    fprintf(stderr, "\nusage: hopgate acme " ACME_USAGE "\n");
    return EXIT_USAGE;
}

static const struct verb {
    const char *word;
    int least, most; /* names after it */
} verbs[] = {
    {"status", 0, 1},
    {ACME_RENEW, 1, 1},
    {ACME_REVOKE, 1, 1},
};

/* 0, or an exit code after the fault was told. */
static int parse(struct command *command, int argc, char **argv)
{
    const struct verb *verb = verbs, *const end = verbs + sizeof verbs / sizeof *verbs;

    if (argc < 2)
        return usage("what? %s", "status tells how things stand");
    while (verb < end && strcmp(argv[1], verb->word) != 0)
        verb++;
    if (verb == end)
        return usage("unknown word \"%s\"", argv[1]);
    command->verb = verb->word;
    if (argc - 2 > verb->most)
        return usage("\"%s\" is one word too many", argv[argc - 1]);
    if (argc - 2 < verb->least)
        return usage("%s needs the NAME of a certificate", argv[1]);
    if (argc > 2 && !acme_name_canonical(hg_text(argv[2]), command->name))
        return usage("\"%s\" is neither a host name nor an IP address", argv[2]);
    return 0;
}

void acme_command(struct hg_worker *worker, int argc, char **argv)
{
    struct command *command = calloc(1, sizeof *command);
    int result;

    if (!command || !acme_vault_open(&command->vault, worker)) {
        free(command);
        hg_finish(worker, EXIT_FAILURE);
        return;
    }
    command->worker = worker;
    result = parse(command, argc, argv);
    if (result)
        finish(command, result);
    else if (!acme_vault_list(&command->vault, ACME_STATES, on_list, command))
        fail(command, "the store", "out of memory");
}
