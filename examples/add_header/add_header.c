/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * add_header: a filter stage that adds fields to requests and responses. An example: it includes only installed
 * headers, and is built with `make` in its own folder.
 *
 *     - add_header:
 *         request: [ { name: X-From, value: the gateway } ]
 *         response: [ { name: X-Served-By, value: hopgate } ]
 */
#include <hopgate/host.h>
#include <hopgate/plugin.h>
#include <hopgate/stage.h>
#include <string.h>

/* A block of the config file, filled by the core from `options`. */
struct field {
    const char *name;
    const char *value;
};

struct config {
    struct hg_list request;  /* of struct field */
    struct hg_list response; /* of struct field */
};

static const struct hg_option field_options[] = {
    {.name = "name",
     .type = HG_OPTION_STRING,
     .flags = HG_OPTION_REQUIRED,
     .offset = offsetof(struct field, name),
     .doc = "The field's name."},
    {.name = "value",
     .type = HG_OPTION_STRING,
     .flags = HG_OPTION_REQUIRED,
     .offset = offsetof(struct field, value),
     .doc = "The field's value."},
    {0},
};

static const struct hg_option options[] = {
    {.name = "request",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     .fields = field_options,
     .item_size = sizeof(struct field),
     .offset = offsetof(struct config, request),
     .doc = "Fields to add to every request."},
    {.name = "response",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     .fields = field_options,
     .item_size = sizeof(struct field),
     .offset = offsetof(struct config, response),
     .doc = "Fields to add to every final response."},
    {0},
};

/* The core has checked types and presence with the table; this checks the rest. All errors are reported. */
static int check_fields(struct hg_instance *instance, const char *option, const struct hg_list *fields)
{
    const struct field *items = fields->items;
    int result = 0;

    for (size_t i = 0; i < fields->count; i++) {
        if (!hg_text_is_token(hg_text(items[i].name))) {
            hg_config_error(instance, option, "\"%s\" is not the name of a field", items[i].name);
            result = -1;
        }
        if (strpbrk(items[i].value, "\r\n")) {
            hg_config_error(instance, option, "the value of %s must be one line", items[i].name);
            result = -1;
        }
    }
    return result;
}

static int add_header_configure(struct hg_instance *instance)
{
    const struct config *config = instance->cfg;
    int request = check_fields(instance, "request", &config->request);
    int response = check_fields(instance, "response", &config->response);

    return request || response ? -1 : 0;
}

/* A head passes: down it is the request's, up the response's. It may be modified during the call. Data and end are not
 * needed; their callbacks are NULL, so they pass at no cost. */
static enum hg_verdict add_header_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    const struct config *config = self->cfg;
    const struct hg_list *fields = direction == HG_DOWN ? &config->request : &config->response;
    const struct field *items = fields->items;

    if (hg_head_is_interim(head))
        return HG_NEXT;
    for (size_t i = 0; i < fields->count; i++)
        if (hg_field_add(self->host, &head->fields, hg_text(items[i].name), hg_text(items[i].value)) != 0)
            return HG_ERROR; /* out of memory: the exchange ends with status 500 */
    return HG_NEXT;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_stage_ops ops = {
        .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
        .head = add_header_head,
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_STAGE,
        .name = "add_header",
        .version = "1.0",
        .summary = "adds fields to requests and responses",
        .options = options,
        .cfg_size = sizeof(struct config),
        .ops = &ops,
        .configure = add_header_configure,
    };

    return &plugin;
}
