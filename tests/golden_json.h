/* golden_json.h - reading golden JSON files, and settings that stand in them. */
#ifndef SHOAL_TESTS_GOLDEN_JSON_H
#define SHOAL_TESTS_GOLDEN_JSON_H

#include <jansson.h>

#include "tests/core.h"

static inline json_t *golden_open(const char *path)
{
    char full[512];
    json_error_t why;
    snprintf(full, sizeof full, "%s/golden/%s", TESTS_DIR, path);
    json_t *file = json_load_file(full, 0, &why);
    ck_assert_msg(file != NULL, "%s: %s", path, why.text);
    return file;
}

static inline double golden_number(const json_t *value)
{
    ck_assert(json_is_number(value));
    return json_number_value(value);
}

/* The list of exactly n numbers under a key. */
static inline void golden_numbers(const json_t *from, const char *key, size_t n, real *out)
{
    const json_t *list = json_object_get(from, key);
    ck_assert_msg(json_array_size(list) == n, "%s: %zu numbers", key, json_array_size(list));
    for (size_t i = 0; i < n; i++) out[i] = (real)golden_number(json_array_get(list, i));
}

/* Sets members of optim as a sweep file would. */
static inline void golden_settings(json_t *settings, struct config *c)
{
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        struct err e;
        char name[64], text[64];
        snprintf(name, sizeof name, "optim.%s", key);
        if (json_is_string(value))
            snprintf(text, sizeof text, "%s", json_string_value(value));
        else if (json_is_boolean(value))
            snprintf(text, sizeof text, "%s", json_is_true(value) ? "true" : "false");
        else
            snprintf(text, sizeof text, "%.17g", golden_number(value));
        const struct field *field = field_find(&config_fields, name, NULL);
        ck_assert_msg(field != NULL, "no setting %s", name);
        ck_assert_msg(field_set(field, text, c, &e) == ERR_OK, "%s", e.text);
    }
}

#endif
