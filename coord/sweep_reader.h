/* sweep_reader.h - what the parts of the sweep reader share. Private to coord/sweep*.c. */
#ifndef SHOAL_COORD_SWEEP_READER_H
#define SHOAL_COORD_SWEEP_READER_H

#include "coord/sweep.h"

struct sweep_reader {
    struct sweep *sweep;
    struct stage *stage;        /* that is being read */
    struct yaml_file *file;     /* takes the problems */
    const struct table *fields; /* of the experiment */
};

/* Applies --set overrides to the tree of the file. Local.
 * errors   ERR_USAGE: not KEY=VALUE, or a value that is not YAML; ERR_NOMEM */
enum err_code sweep_set_apply(struct yaml_file *file, const char *const *set, int n_set,
                              struct err *e);
/* Overrides of what varies are problems. */
void sweep_set_check(struct sweep *s);

/* Settings, axes and needs of all stages; section_list: where settings stand ("data model
 * optim"). What is wrong becomes a problem of the file; only ERR_NOMEM is returned. Local. */
enum err_code sweep_stages_read(struct sweep_reader *r, const char *section_list,
                                struct err *e);
/* from: what each stage needs; makes the order of the stages. teacher[n_stages]: the stage that
 * a loss names, or NULL. As sweep_stages_read. */
enum err_code sweep_from_read(struct sweep_reader *r, const char *section_list,
                              const struct yaml_node *const *teacher, struct err *e);
/* After the block record: what is best must be seen. */
void sweep_from_check(struct sweep_reader *r);
/* Settings given although nothing looks at them are mistakes. */
void sweep_stages_check(struct sweep_reader *r);

/* The blocks of the file. node is NULL where the file has none. What is wrong becomes a problem
 * of the file; only ERR_NOMEM is returned. Local. */
enum err_code sweep_axes_read(struct sweep_reader *r, const struct yaml_node *node,
                              struct err *e);
void sweep_record_read(struct sweep_reader *r, const struct yaml_node *node);
void sweep_stop_read(struct sweep_reader *r, const struct yaml_node *node);
void sweep_analysis_read(struct sweep_reader *r, const struct yaml_node *node);
void sweep_report_read(struct sweep_reader *r, const struct yaml_node *node);
void sweep_figure_read(struct sweep_reader *r,
                       const struct yaml_node *map); /* one of report's */

/* What a name may be: flags. */
enum sweep_wanted {
    WANT_SETTING = 1,
    WANT_METRIC = 2,
    WANT_MEASURE = 4,
    WANT_PARAMS = 8, /* "params" */
    WANT_SIZE = WANT_SETTING | WANT_METRIC | WANT_PARAMS
};

/* The value at `at` (NULL: none) must name one of these things; else it is a problem. */
void sweep_check_name(struct sweep_reader *r, const struct yaml_node *at,
                      enum sweep_wanted wanted);
bool sweep_is_measure(const struct sweep *s, const char *name);

/* The conditions of a figure, table or comparison. */
void sweep_check_filter(struct sweep_reader *r, const struct yaml_node *map);

/* Complains about every key of map that is not in the space-separated list. */
void sweep_known_keys(struct sweep_reader *r, const struct yaml_node *map, const char *where,
                      const char *known);

/* Reads the scalars of a block by the rows of sweep_settings in that section. others names the
 * keys that somebody else reads: any further one is a problem; NULL: the caller looks at them.
 */
void sweep_scalars(struct sweep_reader *r, const struct yaml_node *map, const char *section,
                   const char *others);

/* The word of a space-separated list nearest to wanted, copied to out, or NULL. */
const char *sweep_nearest_of(const char *list, const char *wanted, char out[TASK_NAME]);

/* The setting that was meant by a wrong key: `width` is model.width. NULL if none is near. */
const char *sweep_nearest_setting(const struct table *fields, const char *key);

/* The child `key` of map if it is of that kind; NULL if there is none or, with a problem, if it
 * is of another. map may be NULL. */
const struct yaml_node *sweep_child(struct sweep_reader *r, const struct yaml_node *map,
                                    const char *where, const char *key, enum yaml_kind kind);

/* Reads the list of names at node into name[max][TASK_NAME]; doubles, non-names and more than
 * max are problems. Returns how many. */
int sweep_names(struct sweep_reader *r, const struct yaml_node *list, const char *where,
                char (*name)[TASK_NAME], int max);

/* Parses the condition that node holds, over the settings of the experiment and, where given,
 * the names in extra. NULL after a problem. */
struct expr *sweep_condition(struct sweep_reader *r, const struct yaml_node *node,
                             bool (*extra)(void *self, const char *key), void *self);

/* Calls read for the maps of a list (NULL: none), at most max. */
void sweep_each_map(struct sweep_reader *r, const struct yaml_node *list, const char *where,
                    int max, void (*read)(struct sweep_reader *r, const struct yaml_node *map));

#endif
