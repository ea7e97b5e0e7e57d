/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Networks in options: "192.0.2.0/24", "2001:db8::1", "file:office", or a list of these. Files are reread when the core
 * is asked to.
 */
#include "core/config/networks.h"
#include "core/config/option_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PREFIX "file:"

enum {
    FAULTS_MAX = 10,             /* the most errors reported for one file */
    NETWORK_FILE_MAX = 64 << 20, /* bytes of a file */
};

/* What an option's member points to. */
struct hg_networks {
    struct network_set *set;      /* replaced by networks_reread(), read by all workers */
    struct network_set *previous; /* kept until the next replacement, as a worker may still be reading it */
    size_t count, networks;       /* of `texts`; of networks in `set` */
    const char *texts[];          /* as in the config, but files with absolute paths */
};

/* Where errors go: to the config's errors, or to the log. */
struct reporting {
    void (*report)(void *arg, size_t item, const char *text);
    void *arg;
    size_t item; /* the item of the option's value being read */
    size_t faults;
};

__attribute__((cold, format(printf, 2, 3))) static void fault(struct reporting *reporting, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    reporting->faults++;
    reporting->report(reporting->arg, reporting->item, text ? text : "out of memory");
    free(text);
}

/* ---- Building the set ---- */

static void add_network(struct network_set *set, const char *text, size_t *count, struct reporting *reporting,
                        const char *place)
{
    static const struct hg_option option = {0}; /* not a secret */
    struct network network;
    char hint[96], shown[80];
    const char *wrong = network_parse(text, &network, hint, sizeof hint);

    if (wrong)
        fault(reporting, "%s'%s': %s", place, option_show(&option, text, shown, sizeof shown), wrong);
    else if (network_set_add(set, &network))
        fault(reporting, "out of memory");
    else
        ++*count;
}

/* One network per line; '#' starts a comment. */
static void add_line(struct network_set *set, char *line, size_t *count, struct reporting *reporting, const char *place)
{
    char *end;

    line[strcspn(line, "#\r\n")] = '\0';
    line += strspn(line, " \t");
    end = line + strlen(line);
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    if (*line)
        add_network(set, line, count, reporting, place);
}

/* Opens a regular file: others may never end, or make the worker wait when it rereads them. NULL after an error. */
static FILE *open_file(const char *path, struct reporting *reporting)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat state;
    FILE *file = NULL;

    if (fd < 0 || fstat(fd, &state))
        fault(reporting, "cannot read %s: %s", path, strerror(errno));
    else if (!S_ISREG(state.st_mode) || state.st_size > NETWORK_FILE_MAX)
        fault(reporting, "%s: not a regular file of up to 64 MiB", path);
    else if (!(file = fdopen(fd, "r")))
        fault(reporting, "cannot read %s: %s", path, strerror(errno));
    if (!file && fd >= 0)
        close(fd);
    return file;
}

static void add_file(struct network_set *set, const char *path, size_t *count, struct reporting *reporting)
{
    FILE *file = open_file(path, reporting);
    size_t room = 0, number = 0, before = reporting->faults;
    char *line = NULL, *place = NULL;

    if (!file)
        return;
    errno = 0;
    while (getline(&line, &room, file) >= 0 && reporting->faults - before < FAULTS_MAX) {
        if (asprintf(&place, "%s:%zu: ", path, ++number) < 0)
            place = NULL;
        add_line(set, line, count, reporting, place ? place : "");
        free(place);
        errno = 0;
    }
    if (reporting->faults - before == FAULTS_MAX)
        fault(reporting, "%s: the rest was not read", path);
    else if (errno)
        fault(reporting, "cannot read %s: %s", path, strerror(errno));
    fclose(file);
    free(line);
}

/* NULL after an error. */
static struct network_set *make_set(const struct hg_networks *networks, size_t *count, struct reporting *reporting)
{
    struct network_set *set = network_set_new();

    *count = 0;
    if (!set)
        fault(reporting, "out of memory");
    for (size_t i = 0; set && i < networks->count; i++) {
        const char *text = networks->texts[i];

        reporting->item = i;
        if (strncmp(text, FILE_PREFIX, strlen(FILE_PREFIX)) == 0)
            add_file(set, text + strlen(FILE_PREFIX), count, reporting);
        else
            add_network(set, text, count, reporting, "");
    }
    if (reporting->faults) {
        network_set_free(set);
        return NULL;
    }
    network_set_finish(set);
    return set;
}

bool networks_match(const struct hg_networks *networks, const struct sockaddr *address)
{
    return network_set_has(__atomic_load_n(&networks->set, __ATOMIC_ACQUIRE), address);
}

/* ---- Keeping and rereading ---- */

static bool has_files(const struct hg_networks *networks)
{
    for (size_t i = 0; i < networks->count; i++)
        if (strncmp(networks->texts[i], FILE_PREFIX, strlen(FILE_PREFIX)) == 0)
            return true;
    return false;
}

static void networks_clear(void *kept)
{
    struct hg_networks *networks = kept;

    network_set_free(networks->set);
    network_set_free(networks->previous);
}

static void networks_reread(void *kept, option_report *report, void *arg);

static const struct option_kept kept_networks = {.clear = networks_clear, .reread = networks_reread};

struct logging {
    option_report *report;
    void *arg;
};

static void log_fault(void *arg, size_t item, const char *text)
{
    const struct logging *logging = arg;

    (void)item;
    logging->report(logging->arg, HG_LOG_ERROR, text);
}

/* A file with errors changes nothing, so that a typo locks nobody in or out. */
static void networks_reread(void *kept, option_report *report, void *arg)
{
    struct hg_networks *networks = kept;
    struct logging logging = {report, arg};
    struct reporting reporting = {.report = log_fault, .arg = &logging};
    struct network_set *set;
    char line[128];

    if (!has_files(networks))
        return;
    set = make_set(networks, &networks->networks, &reporting);
    if (!set) {
        report(arg, HG_LOG_ERROR, "cannot use the changed network files; the previous networks stay in use");
        return;
    }
    network_set_free(networks->previous);
    networks->previous = __atomic_exchange_n(&networks->set, set, __ATOMIC_ACQ_REL);
    snprintf(line, sizeof line, "reloaded the network files: %zu networks", networks->networks);
    report(arg, HG_LOG_INFO, line);
}

/* ---- The option ---- */

/* A value in the config file, for error messages. */
struct place {
    const struct option_reading *reading;
    const struct option_path *path;
    const struct config_node *node;
};

static void report_at(void *arg, size_t item, const char *text)
{
    const struct place *place = arg;
    bool alone = place->node->kind != CONFIG_SEQUENCE;
    const struct option_path path = {.up = place->path, .index = item};

    option_fault(place->reading, alone ? place->path : &path, alone ? place->node : place->node->items[item], "%s",
                 text);
}

/* One item of the value, as stored in hg_networks.texts. NULL after an error. */
static const char *item_text(const struct option_reading *reading, const struct option_path *path,
                             const struct config_node *node)
{
    struct config_node file = *node;
    char *absolute, *text;
    size_t size;

    if (node->kind != CONFIG_SCALAR || config_is_null(node) || strlen(node->text) != node->size) {
        if (!node->faulty)
            option_fault(reading, path, node, "expected an address, a network or file:PATH, not %s",
                         config_kind_name(node));
        return NULL;
    }
    if (strncmp(node->text, FILE_PREFIX, strlen(FILE_PREFIX)) != 0) {
        if (node->text[0] != '/')
            return option_copy(reading, path, node, node->text, node->size);
        option_fault(reading, path, node, "for a file of networks, write " FILE_PREFIX "%s", node->text);
        return NULL;
    }
    if (reading->no_files) {
        option_fault(reading, path, node, "a default cannot name a file");
        return NULL;
    }
    file.text += strlen(FILE_PREFIX);
    file.size -= strlen(FILE_PREFIX);
    absolute = option_absolute_path(reading, path, &file);
    size = absolute ? strlen(FILE_PREFIX) + strlen(absolute) + 1 : 0;
    text = absolute ? option_memory_take(reading->memory, size) : NULL;
    if (!text)
        return NULL;
    snprintf(text, size, FILE_PREFIX "%s", absolute);
    config_note_file(reading->config, node, absolute, true);
    return text;
}

bool option_store_networks(const struct option_reading *reading, const struct option_path *path,
                           const struct config_node *node, const struct hg_networks **target)
{
    bool alone = node->kind != CONFIG_SEQUENCE, good = true;
    size_t count = alone ? 1 : node->count;
    struct hg_networks *networks =
        option_memory_keep(reading->memory, sizeof *networks + count * sizeof *networks->texts, &kept_networks);
    struct place place = {reading, path, node};
    struct reporting reporting = {.report = report_at, .arg = &place};

    if (!networks)
        return option_fault(reading, path, node, "out of memory");
    for (size_t i = 0; i < count; i++) {
        struct option_path item = {.up = path, .index = i};
        const struct config_node *at = alone ? node : node->items[i];

        networks->texts[i] = item_text(reading, alone ? path : &item, at);
        good = good && networks->texts[i];
        networks->count = i + 1;
    }
    if (!good)
        return false;
    networks->set = make_set(networks, &networks->networks, &reporting);
    *target = networks;
    return networks->set != NULL;
}

void option_print_networks(FILE *out, const struct hg_networks *networks)
{
    fputc('[', out);
    for (size_t i = 0; networks && i < networks->count; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", networks->texts[i]);
    fputc(']', out);
}
