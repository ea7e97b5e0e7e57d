/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/describe.h"

#include "core/config/option_values.h"

#include <stdlib.h>

enum {
    COLUMNS = 80,
};

static enum hg_option_type value_type(const struct hg_option *option)
{
    return option->type == HG_OPTION_LIST ? option->item : option->type;
}

static void write_choices(FILE *out, const struct hg_option *option, const char *between)
{
    for (size_t i = 0; option->choices && option->choices[i]; i++)
        fprintf(out, "%s%s", i ? between : "", option->choices[i]);
}

static void write_range(FILE *out, const struct hg_option *option)
{
    char range[80];

    option_range(option, range, sizeof range);
    if (*range)
        fprintf(out, "; %s%s%s", value_type(option) == HG_OPTION_ADDRESS ? "port " : "", range,
                option_counts_items(option) ? " items" : "");
}

/* "address, or a list of them; required; may be followed by: tls". The caller frees it; NULL when out of memory. */
static char *head_line(const struct hg_option *option)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (value_type(option) == HG_OPTION_ENUM)
        write_choices(out, option, " | ");
    else
        fputs(option_type_name(value_type(option)), out);
    if (option->type == HG_OPTION_LIST)
        fputs(", or a list of them", out);
    if (option->flags & HG_OPTION_REQUIRED)
        fputs("; required", out);
    if (option->value)
        fprintf(out, "; default %s", option->value);
    write_range(out, option);
    if (value_type(option) == HG_OPTION_ADDRESS && option->choices && option->choices[0]) {
        fputs("; may be followed by: ", out);
        write_choices(out, option, " ");
    }
    if (option->flags & HG_OPTION_SECRET)
        fputs("; secret", out);
    if (option->flags & HG_OPTION_BODY)
        fputs("; may be given without its name", out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- As text ---- */

/* Lines after the first are indented by `hang` more columns. */
static void write_wrapped(FILE *out, const char *text, int indent, int hang)
{
    int column = 0;

    while (*text) {
        int size = (int)strcspn(text, " \n");

        if (column > 0 && column + 1 + size > COLUMNS) {
            fputc('\n', out);
            column = 0;
            indent += hang;
            hang = 0;
        }
        fprintf(out, "%*s%.*s", column ? 1 : indent, "", size, text);
        column += (column ? 1 : indent) + size;
        text += size;
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

static void write_text_option(FILE *out, const struct hg_option *option, int indent)
{
    char *head = head_line(option), *line = NULL;

    if (head && asprintf(&line, "%s: %s", option->name, head) >= 0)
        write_wrapped(out, line, indent, 2);
    write_wrapped(out, option->doc ? option->doc : "", indent + 4, 0);
    if (value_type(option) == HG_OPTION_MAP) {
        fputc('\n', out);
        describe_text(out, option->fields, indent + 4);
    }
    free(head);
    free(line);
}

void describe_text(FILE *out, const struct hg_option *table, int indent)
{
    if (!table || !table->name)
        fprintf(out, "%*sNone.\n", indent, "");
    for (const struct hg_option *option = table; option && option->name; option++) {
        if (option->flags & HG_OPTION_REMOVED)
            continue;
        if (option != table)
            fputc('\n', out);
        write_text_option(out, option, indent);
    }
}

/* ---- As a manual page ---- */

/* One line of text: none of it is taken for a request or an escape of roff, and hyphens can be copied as such. */
static void write_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text == '\n' ? ' ' : *text, out);
    }
}

void describe_manual(FILE *out, const struct hg_option *table)
{
    if (!table || !table->name)
        fputs("None.\n", out);
    for (const struct hg_option *option = table; option && option->name; option++) {
        char *head;

        if (option->flags & HG_OPTION_REMOVED)
            continue;
        head = head_line(option);
        fprintf(out, ".TP\n\\fB%s\\fR: ", option->name);
        write_roff(out, head ? head : "");
        fputc('\n', out);
        write_roff(out, option->doc ? option->doc : "");
        fputc('\n', out);
        free(head);
        if (value_type(option) != HG_OPTION_MAP)
            continue;
        fputs(".RS\n", out);
        describe_manual(out, option->fields);
        fputs(".RE\n", out);
    }
}
