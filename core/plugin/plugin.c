/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/plugin/plugin.h"

#include "core/base/fatal.h"
#include "core/base/suggest.h"
#include "core/plugin/descriptor_check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

enum {
    NAME_MAX_SIZE = 64, /* longest name of a plugin */
};

/* A growing list of strings that it owns. */
struct texts {
    char **items;
    size_t count;
};

struct plugins {
    struct texts first;  /* --plugin-dir, then HOPGATE_PLUGIN_PATH */
    struct texts config; /* from the config file */
    char *build_folder;  /* where a program that was not installed has its plugins; otherwise NULL */
    bool built_used;     /* a plugin was loaded from there */
    struct plugin **loaded;
    size_t loaded_count;
};

static int texts_add(struct texts *texts, const char *text, size_t size)
{
    char **more = realloc(texts->items, (texts->count + 1) * sizeof *more);

    if (!more)
        return -1;
    texts->items = more;
    more[texts->count] = strndup(text, size);
    return more[texts->count] ? (int)(texts->count++, 0) : -1;
}

static void texts_clear(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct texts){0};
}

/* ---- The search path ---- */

/* HOPGATE_PLUGIN_PATH: folders separated by colons. */
static int add_environment(struct plugins *plugins)
{
    const char *at = secure_getenv("HOPGATE_PLUGIN_PATH");

    while (at && *at) {
        size_t size = strcspn(at, ":");

        if (size > 0 && texts_add(&plugins->first, at, size) != 0)
            return -1;
        at += size + (at[size] == ':');
    }
    return 0;
}

/* The folder where make puts the plugins of a program that was built but not installed, "BUILD/.libs"; otherwise NULL.
 * It is recognized by the config.status that configure writes, which no installation has. */
static char *find_build_folder(void)
{
    char *program = getauxval(AT_SECURE) ? NULL : realpath("/proc/self/exe", NULL);
    char *slash = program ? strrchr(program, '/') : NULL;
    char *status = NULL, *folder = NULL;

    if (slash && asprintf(&status, "%.*s/config.status", (int)(slash - program), program) < 0)
        status = NULL;
    if (status && access(status, F_OK) == 0 && asprintf(&folder, "%.*s/.libs", (int)(slash - program), program) < 0)
        folder = NULL;
    free(status);
    free(program);
    return folder;
}

struct plugins *plugins_new(const char *const *folders)
{
    struct plugins *plugins = calloc(1, sizeof *plugins);
    bool good = plugins != NULL;

    for (; good && folders && *folders; folders++)
        good = texts_add(&plugins->first, *folders, strlen(*folders)) == 0;
    if (good && add_environment(plugins) == 0) {
        plugins->build_folder = find_build_folder();
        return plugins;
    }
    plugins_free(plugins);
    return NULL;
}

int plugins_set_config_folders(struct plugins *plugins, const char *const *folders, size_t count)
{
    texts_clear(&plugins->config);
    for (size_t i = 0; i < count; i++)
        if (texts_add(&plugins->config, folders[i], strlen(folders[i])) != 0)
            return -1;
    return 0;
}

static void plugin_free(struct plugin *plugin)
{
    free(plugin->path);
    free(plugin);
}

void plugins_free(struct plugins *plugins)
{
    if (!plugins)
        return;
    for (size_t i = 0; i < plugins->loaded_count; i++)
        plugin_free(plugins->loaded[i]);
    free(plugins->loaded);
    texts_clear(&plugins->first);
    texts_clear(&plugins->config);
    free(plugins->build_folder);
    free(plugins);
}

/* The folders in search order; NULL after the last. */
static const char *folder_at(const struct plugins *plugins, size_t index)
{
    if (index < plugins->first.count)
        return plugins->first.items[index];
    index -= plugins->first.count;
    if (index < plugins->config.count)
        return plugins->config.items[index];
    if (index > plugins->config.count)
        return NULL;
    return plugins->build_folder ? plugins->build_folder : PLUGINDIR;
}

const char *plugins_build_folder(const struct plugins *plugins)
{
    return plugins->built_used ? plugins->build_folder : NULL;
}

char *plugins_search_path(const struct plugins *plugins)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; folder_at(plugins, i); i++)
        fprintf(out, "%s%s", i ? ", " : "", folder_at(plugins, i));
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- Loading ---- */

static bool name_is_good(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return size > 0 && size <= NAME_MAX_SIZE && name[size] == '\0' && name[0] >= 'a';
}

/* The path of the first NAME.so, or NULL. */
static char *find_file(struct plugins *plugins, const char *name)
{
    const char *folder;

    for (size_t i = 0; (folder = folder_at(plugins, i)); i++) {
        char *path = NULL;

        if (asprintf(&path, "%s/%s.so", folder, name) < 0)
            return NULL;
        if (access(path, F_OK) == 0) {
            plugins->built_used |= folder == plugins->build_folder;
            return path;
        }
        free(path);
    }
    return NULL;
}

static void report_not_found(const struct plugins *plugins, const char *name, char *why, size_t why_size)
{
    struct suggestion suggestion = suggestion_for(name);
    size_t count = 0;
    struct plugin_file *files = plugins_files(plugins, &count);
    char *path = plugins_search_path(plugins);

    for (size_t i = 0; i < count; i++)
        suggestion_offer(&suggestion, files[i].name);
    snprintf(why, why_size, "no plugin '%.*s'%s%s%s (searched %s)", NAME_MAX_SIZE, name,
             SUGGESTION(suggestion_best(&suggestion)), path ? path : "?");
    plugins_files_free(files, count);
    free(path);
}

/* Without a slash, dlopen() would search elsewhere. */
static void *open_module(const char *path)
{
    char *with_slash = NULL;
    void *handle;

    if (strchr(path, '/'))
        return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (asprintf(&with_slash, "./%s", path) < 0)
        return NULL;
    handle = dlopen(with_slash, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    free(with_slash);
    return handle;
}

/* Returns the descriptor of a .so as the plugin provides it. */
static const struct hg_plugin *open_plugin(const char *name, const char *path, char *why, size_t why_size)
{
    const struct hg_plugin *(*describe)(void);
    const struct hg_plugin *descriptor;
    void *handle, *symbol;

    dlerror();
    CALL_PLUGIN(name, "loading", handle = open_module(path));
    if (!handle) {
        const char *error = dlerror();

        /* dlerror() names the file in most cases, but not in all. */
        snprintf(why, why_size, "cannot load %s: %s", path, error ? error : strerror(errno));
        return NULL;
    }
    symbol = dlsym(handle, "hopgate_plugin");
    if (!symbol) {
        snprintf(why, why_size, "%s is not a hopgate plugin: it does not export hopgate_plugin()", path);
        return NULL;
    }
    memcpy(&describe, &symbol, sizeof describe); /* ISO C has no cast from object pointers to function pointers */
    CALL_PLUGIN(name, "hopgate_plugin", descriptor = describe());
    if (!descriptor)
        snprintf(why, why_size, "%s: hopgate_plugin() returned nothing", path);
    return descriptor;
}

static struct plugin *load_file(const char *name, char *path, char *why, size_t why_size)
{
    const struct hg_plugin *descriptor = open_plugin(name, path, why, why_size);
    struct plugin *plugin;
    char fault[512];

    if (!descriptor)
        return NULL;
    plugin = calloc(1, sizeof *plugin);
    if (!plugin || plugin_complete(plugin, descriptor, name, fault, sizeof fault) != 0) {
        snprintf(why, why_size, "%s: %s", path, plugin ? fault : "out of memory");
        if (plugin)
            plugin_free(plugin);
        return NULL;
    }
    plugin->path = path;
    return plugin;
}

static const struct plugin *remember(struct plugins *plugins, struct plugin *plugin)
{
    struct plugin **more = realloc(plugins->loaded, (plugins->loaded_count + 1) * sizeof(struct plugin *));

    if (!more) {
        plugin_free(plugin);
        return NULL;
    }
    plugins->loaded = more;
    plugins->loaded[plugins->loaded_count++] = plugin;
    return plugin;
}

const struct plugin *plugins_load(struct plugins *plugins, const char *name, char *why, size_t why_size)
{
    const struct plugin *result;
    struct plugin *plugin;
    char *path;

    snprintf(why, why_size, "out of memory");
    for (size_t i = 0; i < plugins->loaded_count; i++)
        if (strcmp(plugins->loaded[i]->descriptor.name, name) == 0)
            return plugins->loaded[i];
    path = name_is_good(name) ? find_file(plugins, name) : NULL;
    if (!path) {
        report_not_found(plugins, name, why, why_size);
        return NULL;
    }
    plugin = load_file(name, path, why, why_size);
    if (!plugin) {
        free(path);
        return NULL;
    }
    result = remember(plugins, plugin);
    return result;
}

/* ---- Listing ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct plugin_file *)a)->name, ((const struct plugin_file *)b)->name);
}

/* Adds an entry of a folder if it is a .so. 0, or -1 when out of memory. */
static int add_file(struct plugin_file **files, size_t *count, const char *folder, const char *entry)
{
    size_t size = strlen(entry);
    struct plugin_file file = {0}, *more;

    if (size <= 3 || strcmp(entry + size - 3, ".so") != 0)
        return 0;
    more = realloc(*files, (*count + 1) * sizeof *more);
    if (!more)
        return -1;
    *files = more;
    file.name = strndup(entry, size - 3);
    if (!file.name || asprintf(&file.path, "%s/%s", folder, entry) < 0) {
        free(file.name);
        return -1;
    }
    if (!name_is_good(file.name)) {
        free(file.name);
        free(file.path);
        return 0;
    }
    for (size_t i = 0; i < *count; i++)
        file.hidden = file.hidden || strcmp(more[i].name, file.name) == 0;
    more[(*count)++] = file;
    return 0;
}

static int add_folder(struct plugin_file **files, size_t *count, const char *folder)
{
    DIR *listing = opendir(folder);
    const struct dirent *entry;
    size_t first = *count;
    int result = 0;

    if (!listing)
        return 0;
    while (result == 0 && (entry = readdir(listing)))
        result = add_file(files, count, folder, entry->d_name);
    closedir(listing);
    if (*count > first)
        qsort(*files + first, *count - first, sizeof **files, by_name);
    return result;
}

struct plugin_file *plugins_files(const struct plugins *plugins, size_t *count)
{
    struct plugin_file *files = NULL;
    const char *folder;

    *count = 0;
    for (size_t i = 0; (folder = folder_at(plugins, i)); i++) {
        if (add_folder(&files, count, folder) == 0)
            continue;
        plugins_files_free(files, *count);
        *count = 0;
        return NULL;
    }
    return files;
}

void plugins_files_free(struct plugin_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(files[i].name);
        free(files[i].path);
    }
    free(files);
}
