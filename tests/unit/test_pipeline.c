/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Loading of good and bad plugins, and which pipelines of them are valid.
 */
#include "core/base/log.h"
#include "core/pipeline/pipeline.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- A folder of plugins ---- */

/* Names under which tests/unit/plugins/many.c is installed. */
static const char *const many[] = {
    "edge",        "edge_both",      "stage",         "stage_both",     "origin",
    "origin_both", "codec",          "codec_same",    "codec_other",    "transport",
    "ident",       "ident_again",    "ident_new",     "cupboard",       "needy",
    "needy_new",   "fussy",          "curious",       "silent",         "deaf",
    "opless",      "stateful_edge",  "bare_edge",     "nameless_codec", "shrinking_codec",
    "half_codec",  "half_transport", "busy_provider", "idle_provider",  "empty_offer",
    "bad_command", "bad_options",    "huge",          "roleless",       "new_role",
    "newer",       "abiless",        "unsummed",      "unversioned",    "misnamed",
    "round_one",   "round_two",      "needs_round",   "nobody",
};

static char folder[] = "/tmp/hopgate-test-XXXXXX";

/* Check's own assertions only work inside tests. */
static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(EXIT_FAILURE);
}

static void copy_file(const char *from, const char *name)
{
    char path[256], bytes[65536];
    FILE *in = fopen(from, "rb"), *out;
    size_t size;

    snprintf(path, sizeof path, "%s/%s.so", folder, name);
    out = fopen(path, "wb");
    must(in && out, from);
    while ((size = fread(bytes, 1, sizeof bytes, in)) > 0)
        fwrite(bytes, 1, size, out);
    fclose(in);
    must(fclose(out) == 0, path);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *out;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    out = fopen(path, "w");
    must(out, path);
    fputs(text, out);
    fclose(out);
}

static void make_folder(void)
{
    unsetenv("HOPGATE_PLUGIN_PATH");
    must(mkdtemp(folder), folder);
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        copy_file(TEST_PLUGINS "/many.so", many[i]);
    copy_file(TEST_PLUGINS "/foreign.so", "foreign");
    write_file("garbage.so", "this is no shared object\n");
    write_file("void.so", "");
    write_file("notes.txt", "no plugin\n");
    write_file("Upper.so", "no plugin's name\n");
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static struct plugins *new_plugins(void)
{
    const char *const folders[] = {folder, NULL};
    struct plugins *plugins = plugins_new(folders);

    ck_assert_ptr_nonnull(plugins);
    return plugins;
}

/* ---- Plugins ---- */

/* Lists missing from a descriptor are empty, not NULL. */
START_TEST(test_minimal_plugin)
{
    struct plugins *plugins = new_plugins();
    char why[512];
    const struct plugin *least = plugins_load(plugins, "origin", why, sizeof why);

    ck_assert_msg(least, "%s", why);
    ck_assert_uint_eq(least->descriptor.role, HG_ROLE_ORIGIN);
    ck_assert_ptr_null(least->descriptor.offers[0].name);
    ck_assert_ptr_null(least->descriptor.needs[0].name);
    ck_assert_ptr_null(least->descriptor.commands[0].name);
    ck_assert(!least->descriptor.configure && !least->stage.head);
    ck_assert_ptr_eq(plugins_load(plugins, "origin", why, sizeof why), least);
    plugins_free(plugins);
}
END_TEST

static const struct {
    const char *name;
    const char *why; /* part of it */
} refused[] = {
    {"garbage", "garbage.so: file too short"},
    {"void", "void.so: file too short"},
    {"foreign", "foreign.so is not a hopgate plugin: it does not export hopgate_plugin()"},
    {"nobody", "nobody.so: hopgate_plugin() returned nothing"},
    {"misnamed", "misnamed.so: the plugin's name is 'edge', but it must be that of the file"},
    {"newer", "newer.so: it was built for ABI 2, but this hopgate has ABI 1"},
    {"abiless", "its ABI number is 0"},
    {"unsummed", "its summary is missing"},
    {"unversioned", "its version is missing"},
    {"deaf", "its events declare neither HG_EVENTS_MESSAGES"},
    {"opless", "its stage operations are missing"},
    {"stateful_edge", "the self_size of an edge must be 0"},
    {"bare_edge", "its stage operations are missing"},
    {"nameless_codec", "its wire name is missing"},
    {"shrinking_codec", "its data_growth is 0; 64 means that none is added"},
    {"half_codec", "one of its codec operations is missing"},
    {"half_transport", "one of its transport operations is missing"},
    {"busy_provider", "a provider has no operations; `ops` must be NULL"},
    {"idle_provider", "it is a provider but offers nothing"},
    {"empty_offer", "its list of offers is not terminated, or an entry has no operations or version"},
    {"bad_command", "its list of commands"},
    {"bad_options", "option 'Bad Name': the name must consist of lower-case letters"},
    {"huge", "its config struct takes"},
    {"roleless", "unknown role 0"},
    {"new_role", "unknown role 99"},
    {"stag", "no plugin 'stag'; did you mean 'stage'? (searched /tmp/hopgate-test-"},
    {"../edge", "no plugin '../edge'"},
    {"", "no plugin ''"},
    {"Upper", "no plugin 'Upper'"},
};

START_TEST(test_refused)
{
    struct plugins *plugins = new_plugins();
    char why[1024];

    ck_assert_ptr_null(plugins_load(plugins, refused[_i].name, why, sizeof why));
    ck_assert_msg(strstr(why, refused[_i].why), "expected \"%s\", reported was \"%s\"", refused[_i].why, why);
    plugins_free(plugins);
}
END_TEST

START_TEST(test_search_path)
{
    char other[64], path[256], why[512];
    const char *const folders[] = {other, NULL}, *const both[] = {folder, other};
    struct plugins *plugins;
    struct plugin_file *files;
    size_t count, hidden = 0, edges = 0;

    snprintf(other, sizeof other, "%s/other", folder);
    mkdir(other, 0755);
    snprintf(path, sizeof path, "other/edge");
    copy_file(TEST_PLUGINS "/many.so", path);

    /* --plugin-dir precedes HOPGATE_PLUGIN_PATH */
    snprintf(path, sizeof path, ":/nonexistent:%s:", folder);
    setenv("HOPGATE_PLUGIN_PATH", path, 1);
    plugins = plugins_new(folders);
    ck_assert(strstr(plugins_load(plugins, "edge", why, sizeof why)->path, "/other/edge.so"));
    ck_assert_ptr_nonnull(plugins_load(plugins, "stage", why, sizeof why));
    files = plugins_files(plugins, &count);
    for (size_t i = 0; i < count; i++) {
        hidden += files[i].hidden;
        edges += strcmp(files[i].name, "edge") == 0;
        ck_assert_str_ne(files[i].name, "notes");
        ck_assert_str_ne(files[i].name, "Upper");
    }
    ck_assert_uint_eq(hidden, 1);
    ck_assert_uint_eq(edges, 2);
    plugins_files_free(files, count);
    plugins_free(plugins);

    /* followed by those of the config file */
    unsetenv("HOPGATE_PLUGIN_PATH");
    plugins = plugins_new(NULL);
    ck_assert_ptr_null(plugins_load(plugins, "edge", why, sizeof why));
    ck_assert_int_eq(plugins_set_config_folders(plugins, both, 2), 0);
    ck_assert_ptr_null(strstr(plugins_load(plugins, "edge", why, sizeof why)->path, "/other/"));
    plugins_free(plugins);
}
END_TEST

/* ---- Pipelines ---- */

/* The part of the core's table that configure() may use. */
static void host_log(const struct hg_instance *instance, enum hg_level level, const char *format, va_list arguments)
{
    log_vline(level, instance->name, format, arguments);
}

static bool host_log_enabled(const struct hg_instance *instance, enum hg_level level)
{
    (void)instance;
    return log_enabled(level);
}

static const struct hg_host host = {.log = host_log,
                                    .log_enabled = host_log_enabled,
                                    .config_error = pipeline_config_error,
                                    .end = pipeline_end,
                                    .capability = pipeline_capability};

/* Loads a config file with that text. Messages are collected with "F" for the path of the file, each line terminated by
 * "\n". */
static struct pipeline *load(struct plugins *plugins, const char *text, char **reported)
{
    char path[256], *raw = NULL, *line;
    size_t size = 0, reported_size = 0, prefix;
    FILE *stream = open_memstream(&raw, &size), *out = open_memstream(reported, &reported_size);
    struct pipeline *pipeline;

    write_file("c.conf", text);
    snprintf(path, sizeof path, "%s/c.conf", folder);
    prefix = strlen(path);
    pipeline = pipeline_load(path, plugins, &host, stream);
    fflush(stream);
    for (line = strtok(raw, "\n"); line; line = strtok(NULL, "\n"))
        fprintf(out, "%s%s\n", strncmp(line, path, prefix) == 0 ? "F" : "",
                strncmp(line, path, prefix) == 0 ? line + prefix : line);
    fclose(out);
    if (pipeline)
        pipeline->config->errors = stderr;
    fclose(stream);
    free(raw);
    return pipeline;
}

#define GATEWAY_END "  - ident\n  - codec\n  - transport: { listen: '*:1' }\n"
#define CLIENT_HEAD "  - transport: { connect: 'a:1' }\n  - codec\n  - ident\n"

static const struct {
    const char *text;
    const char *reported; /* everything that must be reported or, if it ends with "…", how that begins */
} pipelines[] = {
    /* valid ones */
    {"pipeline:\n  - edge\n" GATEWAY_END, ""},
    {"pipeline:\n  - ident\n  - edge:\n  - stage\n  - codec\n  - codec_other\n  - transport: { listen: '*:1' }\n", ""},
    {"pipeline:\n" CLIENT_HEAD "  - stage\n  - origin\n", ""},
    {"pipeline:\n  - transport: {connect: 'a:1'}\n  - transport: {connect: 'a:2'}\n  - codec\n  - ident\n  - origin\n",
     ""},
    {"pipeline:\n  - edge_both\n  - stage_both\n" GATEWAY_END, ""},
    {"pipeline:\n  - edge\n  - stage_both\n" GATEWAY_END, ""},
    {"pipeline:\n" CLIENT_HEAD "  - stage_both\n  - origin_both\n", ""},
    {"pipeline:\n  - edge\n  - cupboard\n  - needy\n" GATEWAY_END, ""},
    {"pipeline:\n  - edge\n  - curious\n" GATEWAY_END, ""},
    {"pipeline:\n  - edge\n  - stage\n" GATEWAY_END, ""},
    {"pipeline:\n  - edge\n  - fussy: [{to: a/b}, {to: c/d}]\n" GATEWAY_END, ""},
    {"{\"pipeline\": [\"edge\", \"ident\", \"codec\", {\"transport\": {\"listen\": \"*:1\"}}]}", ""},

    /* start order */
    {"pipeline:\n  - edge\n  - needs_round\n  - round_one\n  - round_two\n" GATEWAY_END,
     "F:5:5: round_two: circular dependency: round_two needs 'one' of round_one, round_one needs 'two' of round_two; "
     "none of them can start first\n"},

    /* the file */
    {"", "F: the file is empty; 'pipeline:' is required\n"},
    {"- edge\n", "F:1:1: expected a mapping with 'pipeline:', not a list\n"},
    {"pipline: []\n", "F:1:1: unknown option 'pipline'; did you mean 'pipeline'?\n"
                      "F:1:1: 'pipeline:', the list of plugins, is missing\n"},
    {"pipeline:\n", "F:1:1: 'pipeline' must be a list of plugins, each beginning with '- '\n"},
    {"pipeline: []\n", "F:1:1: 'pipeline' must be a list of plugins, each beginning with '- '\n"},
    {"pipeline: { edge: }\n", "F:1:11: 'pipeline' must be a list of plugins, each beginning with '- '\n"},
    {"loglevel: info\npipeline:\n  - edge\n" GATEWAY_END,
     "F:1:1: unknown option 'loglevel'; did you mean 'log_level'?\n"},
    {"log_level: inf\ndead_after: 20s\npipeline:\n  - edge\n" GATEWAY_END,
     "F:1:12: log_level: 'inf' is not allowed here; expected one of: error, warning, info, debug; did you mean "
     "'info'?\n"
     "F:2:13: dead_after: 20s is out of range; expected 200ms to 19s\n"},

    /* blocks */
    {"pipeline:\n  - edge\n  - [stage]\n" GATEWAY_END,
     "F:3:5: expected the name of a plugin, alone or followed by ':' and its options\n"},
    {"pipeline:\n  - edge\n  -\n" GATEWAY_END,
     "F:3:4: expected the name of a plugin, alone or followed by ':' and its options\n"},
    {"pipeline:\n  - edge\n  - fussy:\n    routes: []\n" GATEWAY_END,
     "F:4:5: 'routes' is on the same level as 'fussy': indent it if it is an option, or put '- ' before it if it is a "
     "plugin\n"},
    {"pipeline:\n  - edge\n  - stge\n" GATEWAY_END, "F:3:5: no plugin 'stge'; did you mean 'stage'? (searched …"},
    {"pipeline:\n  - edge: { listen: x }\n" GATEWAY_END, "F:2:13: edge: unknown option 'listen'\n"},
    {"pipeline:\n  - edge: [a]\n" GATEWAY_END,
     "F:2:11: edge: expected a mapping of options, not a list (it has no options)\n"},
    {"pipeline:\n  - edge\n  - ident\n  - codec\n  - transport: { lisen: '*:1' }\n",
     "F:5:18: transport: unknown option 'lisen'; did you mean 'listen'?\n"},

    /* configure() */
    {"pipeline:\n  - edge\n  - fussy:\n      - { to: a/b }\n      - { to: c }\n      - {}\n" GATEWAY_END,
     "F:5:15: fussy: routes[1].to: 'c' has no slash\nF:6:9: fussy: routes[2].to: '' has no slash\n"},
    {"pipeline:\n  - edge\n  - fussy: { routes: { to: c } }\n" GATEWAY_END,
     "F:3:28: fussy: routes[0].to: 'c' has no slash\n"},
    {"pipeline:\n  - edge\n  - fussy\n" GATEWAY_END, "F:3:5: fussy: nothing to do\n"},
    {"pipeline:\n  - edge\n  - silent\n" GATEWAY_END, "F:3:5: silent: configuration failed without an error message\n"},

    /* shape */
    {"pipeline:\n  - stage\n  - ident\n  - codec\n  - transport: { listen: '*:1' }\n",
     "F:2:5: neither a gateway nor a client: a gateway begins with an edge, such as http, and a client ends with an "
     "origin\n"},
    {"pipeline:\n  - stage\n  - edge\n" GATEWAY_END,
     "F:3:5: edge: wrong order: on a gateway, the edge must come before 'stage' (stage); move it up\n"},
    {"pipeline:\n  - edge\n  - codec\n  - stage\n  - ident\n  - transport: { listen: '*:1' }\n",
     "F:4:5: stage: wrong order: on a gateway, the stage must come before 'codec' (codec); move it up\n"},
    {"pipeline:\n  - edge\n  - ident\n  - transport: { listen: '*:1' }\n  - codec\n",
     "F:5:5: codec: wrong order: on a gateway, the codec must come before 'transport' (transport); move it up\n"},
    {"pipeline:\n  - edge\n  - edge_both\n" GATEWAY_END,
     "F:3:5: edge_both: a pipeline can have only one edge, and it already has 'edge' on line 2\n"},
    {"pipeline:\n  - edge\n  - ident\n",
     "F:2:3: a gateway needs a codec between stages and transports, such as codec_binary\n"
     "F:2:3: a gateway needs a transport at its end, such as dtls\n"},
    {"pipeline:\n  - edge\n  - origin\n" GATEWAY_END,
     "F:3:5: origin: an origin cannot be in the pipeline of a gateway\n"},
    {"pipeline:\n" CLIENT_HEAD "  - stage\n", "F:2:3: a client needs an origin at its end\n"},
    {"pipeline:\n" CLIENT_HEAD "  - edge\n  - origin\n",
     "F:5:5: edge: an edge cannot be in the pipeline of a client\n"},
    {"pipeline:\n" CLIENT_HEAD "  - origin\n  - stage\n",
     "F:6:5: stage: wrong order: on a client, the stage must come before 'origin' (origin); move it up\n"},
    {"pipeline:\n  - codec\n  - transport: { connect: 'a:1' }\n  - ident\n  - origin\n",
     "F:3:5: transport: wrong order: on a client, the transport must come before 'codec' (codec); move it up\n"},
    {"pipeline:\n  - edge\n  - ident\n  - codec\n  - transport: { connect: 'a:1' }\n",
     "F:5:5: transport: it connects, but the transports of a gateway must listen\n"},
    {"pipeline:\n  - transport: { listen: 'a:1' }\n  - codec\n  - ident\n  - origin\n",
     "F:2:5: transport: it listens, but the transports of a client must connect\n"},
    {"pipeline:\n  - edge\n  - codec_same\n" GATEWAY_END,
     "F:5:5: codec: duplicate format 'one/1', already provided by 'codec_same' on line 3\n"},
    {"pipeline:\n  - edge_both\n  - stage\n" GATEWAY_END,
     "F:3:5: stage: does not support upgraded exchanges (WebSockets), which 'edge_both' passes on\n"},
    {"pipeline:\n" CLIENT_HEAD "  - stage\n  - origin_both\n",
     "F:5:5: stage: does not support upgraded exchanges (WebSockets), which 'origin_both' passes on\n"},

    /* capabilities */
    {"pipeline:\n  - edge\n  - codec\n  - transport: { listen: '*:1' }\n",
     "F:2:3: gateway: it requires 'identity', which no plugin in the pipeline offers; plugins that offer it: ident, "
     "ident_again, ident_new\n"},
    {"pipeline:\n  - edge\n  - ident_new\n  - codec\n  - transport: { listen: '*:1' }\n",
     "F:2:3: gateway: it requires 'identity' version 1, but 'ident_new' offers version 9\n"},
    {"pipeline:\n  - edge\n  - ident_again\n" GATEWAY_END,
     "F:4:5: ident: 'identity' is already offered by 'ident_again' on line 3\n"},
    {"pipeline:\n  - edge\n  - needy\n" GATEWAY_END,
     "F:3:5: needy: it requires 'store', which no plugin in the pipeline offers; plugins that offer it: cupboard\n"},
    {"pipeline:\n  - edge\n  - needy\n  - cupboard\n  - cupboard\n" GATEWAY_END,
     "F:5:5: cupboard: 'store' is already offered by 'cupboard' on line 4\n"},
    {"pipeline:\n  - edge\n  - cupboard\n  - cupboard\n" GATEWAY_END, ""}, /* not needed */
    {"pipeline:\n  - edge\n  - needy_new\n  - cupboard\n" GATEWAY_END,
     "F:3:5: needy_new: it requires 'store' version 3, but 'cupboard' offers version 1\n"},

    /* all at once */
    {"stop_timeout: never\npipeline:\n  - edge: { a: b }\n  - fussy: [{ to: x }]\n  - needy\n  - ident\n  - stage\n"
     "  - transport: { connect: 'a:0' }\n",
     "F:1:15: stop_timeout: 'never' is not a duration such as 250ms, 5s, 2m, 1h or 7d\n"
     "F:3:13: edge: unknown option 'a'\n"
     "F:8:27: transport: connect: port 0 is out of range; expected 1 to 65535\n"
     "F:3:3: a gateway needs a codec between stages and transports, such as codec_binary\n"
     "F:5:5: needy: it requires 'store', which no plugin in the pipeline offers; plugins that offer it: cupboard\n"
     "F:4:19: fussy: routes[0].to: 'x' has no slash\n"},
};

START_TEST(test_pipelines)
{
    struct plugins *plugins = new_plugins();
    const char *expected = pipelines[_i].reported, *dots = strstr(expected, "…");
    char *reported = NULL;
    struct pipeline *pipeline = load(plugins, pipelines[_i].text, &reported);

    if (dots)
        ck_assert_msg(strncmp(reported, expected, (size_t)(dots - expected)) == 0, "%s", reported);
    else
        ck_assert_str_eq(reported, expected);
    if (*expected == '\0') {
        ck_assert_ptr_nonnull(pipeline);
        ck_assert_uint_eq(pipeline->errors, 0);
    } else if (pipeline) {
        ck_assert_uint_gt(pipeline->errors, 0);
    }
    free(reported);
    pipeline_free(pipeline);
    plugins_free(plugins);
}
END_TEST

START_TEST(test_arranged)
{
    struct plugins *plugins = new_plugins();
    char *reported = NULL, *line = NULL;
    size_t size = 0;
    struct pipeline *pipeline = load(plugins,
                                     "user: root\nstop_timeout: 3s\nlog: json\nlog_level: debug\npipeline:\n"
                                     "  - edge\n  - stage\n  - ident\n  - stage_both\n  - codec_other\n  - codec\n"
                                     "  - transport: { listen: '*:1' }\n  - transport: { listen: '*:2' }\n",
                                     &reported);
    FILE *out = open_memstream(&line, &size);

    ck_assert_str_eq(reported, "");
    ck_assert_int_eq(pipeline->shape, PIPELINE_GATEWAY);
    ck_assert_uint_eq(pipeline->count, 8);
    ck_assert_uint_eq(pipeline->path_count, 3);
    ck_assert_str_eq(pipeline->path[2]->public.name, "stage_both");
    ck_assert_uint_eq(pipeline->codec_count, 2);
    ck_assert_str_eq(pipeline->codecs[0]->public.name, "codec_other");
    ck_assert_uint_eq(pipeline->transport_count, 2);
    ck_assert_uint_eq(pipeline->transports[1]->index, 7);
    ck_assert_str_eq(pipeline->settings.user, "root");
    ck_assert_int_eq(pipeline->settings.log, LOG_JSON);
    ck_assert_int_eq(pipeline->settings.log_level, HG_LOG_DEBUG);
    ck_assert_uint_eq(pipeline->settings.stop_timeout, 3 * HG_SECOND);
    ck_assert_uint_eq(pipeline->settings.exchange_buffer, 65536);
    ck_assert_uint_eq(pipeline->settings.keep_alive, 15 * HG_SECOND);
    ck_assert_uint_lt(pipeline->settings.dead_after, 20 * HG_SECOND);
    ck_assert_uint_eq(pipeline->settings.session_window, 32 << 20);
    pipeline_print(pipeline, out);
    fclose(out);
    ck_assert_str_eq(line,
                     "gateway: edge > stage > stage_both > codec_other, codec > transport, transport; identity by "
                     "ident\n");
    ck_assert_int_eq(pipeline_prepare(pipeline), 0);
    free(line);
    free(reported);
    pipeline_free(pipeline);
    plugins_free(plugins);
}
END_TEST

/* Each after those it needs, the others from the bottom up. */
START_TEST(test_start_order)
{
    struct plugins *plugins = new_plugins();
    static const char *const order[] = {"transport", "codec", "ident", "stage", "cupboard", "needy", "edge"};
    char *reported = NULL;
    struct pipeline *pipeline =
        load(plugins, "pipeline:\n  - edge\n  - cupboard\n  - needy\n  - stage\n" GATEWAY_END, &reported);

    ck_assert_str_eq(reported, "");
    ck_assert_uint_eq(pipeline->count, sizeof order / sizeof *order);
    for (size_t i = 0; i < pipeline->count; i++)
        ck_assert_str_eq(pipeline->start_order[i]->public.name, order[i]);
    free(reported);
    pipeline_free(pipeline);
    plugins_free(plugins);
}
END_TEST

/* Plugins from a folder named in the config file, relative to the file. */
START_TEST(test_plugin_dir)
{
    struct plugins *plugins = plugins_new(NULL);
    char *reported = NULL;
    struct pipeline *pipeline = load(plugins, "plugin_dir: .\npipeline:\n  - edge\n" GATEWAY_END, &reported);

    ck_assert_str_eq(reported, "");
    free(reported);
    pipeline_free(pipeline);
    plugins_free(plugins);
}
END_TEST

/* They are counted in a mask of 64 bits, including the tunnel. */
START_TEST(test_length)
{
    for (unsigned stages = 62; stages <= 63; stages++) {
        char text[2048] = "pipeline:\n  - edge\n", *reported = NULL;
        struct plugins *plugins = new_plugins();
        struct pipeline *pipeline;

        for (unsigned i = 0; i < stages; i++)
            strcat(text, "  - stage\n");
        strcat(text, GATEWAY_END);
        pipeline = load(plugins, text, &reported);
        ck_assert_str_eq(reported, stages == 62 ? "" : "F:65:5: stage: there are 64 stages; at most 63 are allowed\n");
        free(reported);
        pipeline_free(pipeline);
        plugins_free(plugins);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pipeline");
    TCase *loading = tcase_create("plugins"), *shapes = tcase_create("pipelines");
    int failed;

    tcase_add_test(loading, test_minimal_plugin);
    tcase_add_loop_test(loading, test_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(loading, test_search_path);
    tcase_add_loop_test(shapes, test_pipelines, 0, sizeof pipelines / sizeof *pipelines);
    tcase_add_test(shapes, test_arranged);
    tcase_add_test(shapes, test_length);
    tcase_add_test(shapes, test_start_order);
    tcase_add_test(shapes, test_plugin_dir);
    suite_add_tcase(suite, loading);
    suite_add_tcase(suite, shapes);
    make_folder();
    failed = run_suite(suite);
    remove_folder();
    return failed;
}
