/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fuzzes the rewriting of URLs in fields: the first byte of the input selects the field and the mapping, the rest is
 * its value. The result must not contain anything that would be mapped again, and a path must never become an
 * authority.
 */
#include "core/base/message.h"
#include "plugins/lib/url/url_rewrite.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hg_host host = {.head_set = message_head_set, .field_add = message_field_add};

static const struct {
    const char *name;
    int (*map)(const struct hg_host *host, struct hg_head *head, const struct url_map *map);
} fields[] = {{"Location", url_map_response},   {"Refresh", url_map_response}, {"Set-Cookie", url_map_response},
              {"Destination", url_map_targets}, {"If", url_map_targets},       {"Origin", url_map_sender},
              {"Referer", url_map_sender}};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static struct url_map choose_map(unsigned number)
{
    const struct url_map maps[] = {
        {.places = {url_place_of(HG_TEXT(""), HG_TEXT("127.0.0.1:4000")),
                    url_place_of(HG_TEXT("http"), HG_TEXT("a.test"))},
         .place_count = 2,
         .scheme = HG_TEXT("https"),
         .authority = HG_TEXT("b.test")},
        {.places = {url_place_of(HG_TEXT("https"), HG_TEXT("a.test"))},
         .place_count = 1,
         .path = HG_TEXT("/app"),
         .keeps_known = true},
        {.places = {url_place_of(HG_TEXT(""), HG_TEXT("[::1]"))},
         .place_count = 1,
         .from_path = HG_TEXT("/app"),
         .scheme = HG_TEXT("http"),
         .authority = HG_TEXT("b.test:8080")},
        {.places = {url_place_of(HG_TEXT("https"), HG_TEXT("a.test:8443"))},
         .place_count = 1,
         .scheme = HG_TEXT("http"),
         .authority = HG_TEXT("127.0.0.1:4000"),
         .path = HG_TEXT("/app")},
    };

    return maps[number % (sizeof maps / sizeof *maps)];
}

static bool is_network_path(struct hg_text text)
{
    return text.size >= 2 && text.data[0] == '/' && (text.data[1] == '/' || text.data[1] == '\\');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned choice = size ? data[0] : 0, field = choice % 8 % 7, mapping = choice / 8 % 4;
    struct url_map map = choose_map(mapping);
    struct hg_text before, after;
    struct hg_head *head;

    if (!size)
        return 0;
    head = message_head_new(HG_RESPONSE);
    before = (struct hg_text){(const char *)data + 1, size - 1};
    if (message_field_add(&head->fields, hg_text(fields[field].name), before)) { /* not a valid field value */
        message_head_free(head);
        return 0;
    }
    must(!fields[field].map(&host, head, &map));
    after = head->fields.items[0].value;
    must(is_network_path(before) || field == 1 || field == 2 || field == 4 || !is_network_path(after));
    if (mapping < 2) { /* the others remove or add something each time */
        must(!fields[field].map(&host, head, &map));
        must(hg_text_equal(after, head->fields.items[0].value));
    }
    message_head_free(head);
    return 0;
}
