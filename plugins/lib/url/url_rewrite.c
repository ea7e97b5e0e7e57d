/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/url/url_rewrite.h"

#include <hopgate/match.h>
#include <stdlib.h>
#include <strings.h>

/* ---- Text ---- */

/* The new value of a field. Its capacity is that of the largest possible result. */
struct output {
    char *data;
    size_t size;
};

static void put(struct output *output, struct hg_text text)
{
    if (text.size)
        memcpy(output->data + output->size, text.data, text.size);
    output->size += text.size;
}

static struct hg_text from(struct hg_text text, size_t at)
{
    return (struct hg_text){text.data + at, text.size - at};
}

static struct hg_text until(struct hg_text text, size_t at)
{
    return (struct hg_text){text.data, at};
}

/* The position of the first of `characters`, or the text's size. */
static size_t find(struct hg_text text, const char *characters)
{
    size_t at = 0;

    while (at < text.size && !strchr(characters, text.data[at]))
        at++;
    return at;
}

static struct hg_text trim(struct hg_text text)
{
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = from(text, 1);
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static bool starts_with(struct hg_text text, struct hg_text start)
{
    return text.size >= start.size && hg_text_equal_nocase(until(text, start.size), start);
}

/* ---- Places ---- */

static uint16_t default_port(struct hg_text scheme)
{
    return hg_text_equal_nocase(scheme, HG_TEXT("https")) ? 443 : 80;
}

static bool split_authority(struct hg_text authority, struct hg_text *host, uint16_t *port)
{
    size_t colon = authority.size;
    unsigned long number = 0;

    if (find(authority, "@") < authority.size)
        return false;
    while (colon > 0 && authority.data[colon - 1] >= '0' && authority.data[colon - 1] <= '9')
        colon--;
    *port = 0;
    *host = authority;
    if (colon == 0 || authority.data[colon - 1] != ':')
        return authority.size > 0;
    for (size_t i = colon; i < authority.size && number <= UINT16_MAX; i++)
        number = 10 * number + (unsigned long)(authority.data[i] - '0');
    *host = until(authority, colon - 1);
    *port = (uint16_t)number;
    return host->size && number <= UINT16_MAX;
}

struct url_place url_place_of(struct hg_text scheme, struct hg_text authority)
{
    struct url_place place = {.scheme = scheme};

    if (!split_authority(authority, &place.host, &place.port))
        return (struct url_place){0};
    if (place.port == default_port(scheme))
        place.port = 0;
    return place;
}

static bool is_loopback(struct hg_text host)
{
    return hg_text_equal_nocase(host, HG_TEXT("localhost")) || hg_text_equal(host, HG_TEXT("127.0.0.1")) ||
           hg_text_equal(host, HG_TEXT("[::1]"));
}

static bool names(const struct url_place *place, struct hg_text host)
{
    return hg_text_equal_nocase(place->host, host) ||
           (!place->scheme.size && is_loopback(place->host) && is_loopback(host));
}

static bool is_place(const struct url_place *place, struct hg_text scheme, struct hg_text authority)
{
    struct hg_text host;
    uint16_t port;

    if (!place->host.size || !split_authority(authority, &host, &port) || !names(place, host))
        return false;
    if (place->scheme.size && scheme.size && !hg_text_equal_nocase(place->scheme, scheme))
        return false;
    if (!scheme.size) /* "//host/": uses the scheme of the page */
        scheme = place->scheme.size ? place->scheme : HG_TEXT("http");
    return (port ? port : default_port(scheme)) == (place->port ? place->port : default_port(scheme));
}

static const struct url_place *find_place(const struct url_map *map, struct hg_text scheme, struct hg_text authority)
{
    for (size_t i = 0; i < map->place_count; i++)
        if (is_place(&map->places[i], scheme, authority))
            return &map->places[i];
    return NULL;
}

/* ---- Paths and URLs ---- */

/* Removes the start that the map replaces; `*prefix` is its replacement. False: the path is not mapped. */
static bool map_path(const struct url_map *map, struct hg_text *path, struct hg_text *prefix)
{
    *prefix = map->path;
    if (!hg_path_is_below(*path, map->from_path))
        return false;
    *path = from(*path, map->from_path.size);
    if (map->keeps_known && map->path.size && hg_path_is_below(*path, map->path))
        *prefix = HG_TEXT("");
    return true;
}

/* A path alone. The rest must not be mistaken for an authority: browsers treat "/\" as "//". */
static bool map_path_alone(const struct url_map *map, struct hg_text path, struct output *output)
{
    struct hg_text rest = path, prefix;

    if ((!map->from_path.size && !map->path.size) || !map_path(map, &rest, &prefix))
        return false;
    if (!prefix.size && rest.size >= 2 && rest.data[0] == '/' && (rest.data[1] == '/' || rest.data[1] == '\\')) {
        if (!map->authority.size)
            return false;
        put(output, map->scheme);
        put(output, HG_TEXT("://"));
        put(output, map->authority);
    }
    put(output, prefix);
    if (!prefix.size && (!rest.size || rest.data[0] != '/'))
        put(output, HG_TEXT("/"));
    put(output, rest);
    return true;
}

/* Writes the mapped URL. False: it is not mapped, and nothing was written. */
static bool map_url(const struct url_map *map, struct hg_text url, bool has_path, struct output *output)
{
    size_t scheme_size = starts_with(url, HG_TEXT("http://")) ? 4 : starts_with(url, HG_TEXT("https://")) ? 5 : 0;
    size_t start = scheme_size ? scheme_size + 3 : 2, end;
    struct hg_text rest, prefix, scheme = map->scheme;
    const struct url_place *place;

    if (!scheme_size && (!url.size || url.data[0] != '/'))
        return false;
    if (!scheme_size && (url.size < 2 || url.data[1] != '/'))
        return map_path_alone(map, url, output);
    end = start + find(from(url, start), "/?#\\");
    place = find_place(map, until(url, scheme_size), (struct hg_text){url.data + start, end - start});
    if (!place)
        return false;
    if (!place->scheme.size && scheme_size == 5) /* a service that asks for https must not get a redirect loop */
        scheme = HG_TEXT("https");
    rest = from(url, end);
    prefix = HG_TEXT("");
    if (has_path && !map_path(map, &rest, &prefix))
        return false;
    if (map->authority.size) {
        put(output, scheme);
        put(output, HG_TEXT("://"));
        put(output, map->authority);
    } else {
        put(output, until(url, end));
    }
    put(output, prefix);
    put(output, rest);
    return true;
}

/* ---- Fields ---- */

/* How URLs appear in a field's value. */
enum form {
    ALONE,   /* a URL or a path, as in Location */
    ORIGIN,  /* scheme and authority, as in Origin (RFC 6454 section 7) */
    REFRESH, /* 5; url=URL */
    TAGGED,  /* in angle brackets, outside of lists, as in If (RFC 4918 section 10.4) */
    COOKIE,  /* the attributes Domain and Path of Set-Cookie (RFC 6265 section 4.1.2) */
};

struct field {
    struct hg_text name;
    enum form form;
};

/* "5; url=http://host/", with or without quotes. */
static bool map_refresh(const struct url_map *map, struct hg_text value, struct output *output)
{
    size_t at = find(value, ";,");
    struct hg_text url;

    while (at < value.size && strchr(";, \t", value.data[at]))
        at++;
    if (!starts_with(from(value, at), HG_TEXT("url")))
        return false;
    at += find(from(value, at), "=");
    while (at < value.size && strchr("= \t'\"", value.data[at]))
        at++;
    url = from(value, at);
    url = until(url, find(url, "'\""));
    put(output, until(value, at));
    if (!map_url(map, url, true, output))
        return false;
    put(output, from(value, at + url.size));
    return true;
}

static bool map_tagged(const struct url_map *map, struct hg_text value, struct output *output)
{
    bool is_changed = false;

    while (value.size) {
        size_t end = value.data[0] == '(' ? find(value, ")") : find(from(value, 1), "<(>") + 1;
        struct hg_text part = until(value, end);

        value = from(value, end);
        if (part.data[0] != '<') {
            put(output, part);
            continue;
        }
        put(output, HG_TEXT("<"));
        if (map_url(map, from(part, 1), true, output))
            is_changed = true;
        else
            put(output, from(part, 1));
    }
    return is_changed;
}

/* A domain that browsers would refuse, as it is that of the service and not the public one (RFC 6265 section 5.3). */
static bool is_foreign_domain(const struct url_map *map, struct hg_text domain)
{
    struct hg_text public = url_place_of(map->scheme, map->authority).host;
    size_t below;

    if (domain.size && domain.data[0] == '.')
        domain = from(domain, 1);
    below = public.size - domain.size;
    if (public.size >= domain.size && hg_text_equal_nocase(from(public, below), domain) &&
        (!below || public.data[below - 1] == '.'))
        return false;
    for (size_t i = 0; i < map->place_count; i++)
        if (names(&map->places[i], domain))
            return true;
    return false;
}

static bool map_cookie(const struct url_map *map, struct hg_text value, struct output *output)
{
    size_t end = find(value, ";");
    bool is_changed = false;

    put(output, until(value, end));
    for (value = from(value, end); value.size; value = from(value, end)) {
        size_t equals;
        struct hg_text attribute, text;

        end = 1 + find(from(value, 1), ";");
        attribute = until(value, end);
        equals = find(attribute, "=");
        text = equals < attribute.size ? trim(from(attribute, equals + 1)) : HG_TEXT("");
        if (hg_text_equal_nocase(trim((struct hg_text){attribute.data + 1, equals - 1}), HG_TEXT("domain")) &&
            map->authority.size && is_foreign_domain(map, text)) {
            is_changed = true;
            continue;
        }
        /* "/" matches every path anyway, and other services on the same host may need the cookie. */
        if (hg_text_equal_nocase(trim((struct hg_text){attribute.data + 1, equals - 1}), HG_TEXT("path")) &&
            text.size > 1 && text.data[0] == '/') {
            struct output before = *output;

            put(output, HG_TEXT("; Path="));
            if (map_path_alone(map, text, output)) {
                is_changed = true;
                continue;
            }
            *output = before;
        }
        put(output, attribute);
    }
    return is_changed;
}

static bool map_value(const struct url_map *map, enum form form, struct hg_text value, struct output *output)
{
    switch (form) {
    case ALONE:
        return map_url(map, value, true, output);
    case ORIGIN:
        return starts_with(value, HG_TEXT("http")) && map_url(map, value, false, output);
    case REFRESH:
        return map_refresh(map, value, output);
    case TAGGED:
        return map_tagged(map, value, output);
    case COOKIE:
        return map_cookie(map, value, output);
    }
    return false;
}

/* The maximum size of the result: each URL in the value gets everything that may be prepended. */
static size_t output_capacity(const struct url_map *map, struct hg_text value)
{
    size_t urls = 1, longest = map->scheme.size + 3 + map->authority.size + map->path.size + 1;

    for (size_t i = 0; i < value.size; i++)
        urls += value.data[i] == '<' || value.data[i] == ';';
    return value.size + urls * (longest + sizeof "; Path=");
}

static int map_field(const struct hg_host *host, struct hg_head *head, struct hg_field *field, enum form form,
                     const struct url_map *map)
{
    struct output output = {.data = malloc(output_capacity(map, field->value))};
    int result = 0;

    if (!output.data)
        return -1;
    if (map_value(map, form, field->value, &output))
        result = hg_head_set(host, head, &field->value, (struct hg_text){output.data, output.size});
    free(output.data);
    return result;
}

bool url_map_concerns(const struct hg_head *head)
{
    static const char *const names[] = {
        [2] = "If",          [6] = "Origin",       [7] = "Referer",          [8] = "Location",
        [10] = "Set-Cookie", [11] = "Destination", [16] = "Content-Location"};

    for (size_t i = 0; i < head->fields.count; i++) {
        struct hg_text name = head->fields.items[i].name;
        const char *wanted = name.size < sizeof names / sizeof *names ? names[name.size] : NULL;

        if (wanted && (strncasecmp(name.data, wanted, name.size) == 0 ||
                       (name.size == 7 && strncasecmp(name.data, "Refresh", 7) == 0)))
            return true;
    }
    return false;
}

static int map_fields(const struct hg_host *host, struct hg_head *head, const struct field *fields, size_t count,
                      const struct url_map *map)
{
    for (size_t i = 0; i < head->fields.count; i++)
        for (size_t j = 0; j < count; j++)
            if (hg_text_equal_nocase(head->fields.items[i].name, fields[j].name) &&
                map_field(host, head, &head->fields.items[i], fields[j].form, map))
                return -1;
    return 0;
}

int url_map_response(const struct hg_host *host, struct hg_head *head, const struct url_map *map)
{
    static const struct field fields[] = {{{"Location", 8}, ALONE},
                                          {{"Content-Location", 16}, ALONE},
                                          {{"Refresh", 7}, REFRESH},
                                          {{"Set-Cookie", 10}, COOKIE}};

    return map_fields(host, head, fields, sizeof fields / sizeof *fields, map);
}

int url_map_targets(const struct hg_host *host, struct hg_head *head, const struct url_map *map)
{
    static const struct field fields[] = {{{"Destination", 11}, ALONE}, {{"If", 2}, TAGGED}};

    return map_fields(host, head, fields, sizeof fields / sizeof *fields, map);
}

int url_map_sender(const struct hg_host *host, struct hg_head *head, const struct url_map *map)
{
    static const struct field fields[] = {{{"Origin", 6}, ORIGIN}, {{"Referer", 7}, ALONE}};

    return map_fields(host, head, fields, sizeof fields / sizeof *fields, map);
}
