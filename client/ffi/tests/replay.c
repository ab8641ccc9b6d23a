/* Makes the calls that vectors.py wrote down, and compares every answer, byte for byte.
 *
 *     replay CALLS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peercoin_oracle.h"

#define ARGUMENTS 3

struct bytes {
    uint8_t *data;
    size_t len;
};

typedef OracleAnswer *(*one_fn)(const uint8_t *, size_t);
typedef OracleAnswer *(*two_fn)(const uint8_t *, size_t, const uint8_t *, size_t);
typedef OracleAnswer *(*three_fn)(const uint8_t *, size_t, const uint8_t *, size_t,
                                  const uint8_t *, size_t);

static const struct function {
    const char *name;
    one_fn one;
    two_fn two;
    three_fn three;
} functions[] = {
    {"oracle_verify_bundle", NULL, NULL, oracle_verify_bundle},
    {"oracle_verify_hour", NULL, NULL, oracle_verify_hour},
    {"oracle_verify_log_proof", NULL, NULL, oracle_verify_log_proof},
    {"oracle_read_announcement", oracle_read_announcement, NULL, NULL},
    {"oracle_read_attestation", NULL, oracle_read_attestation, NULL},
    {"oracle_verify_nonces", NULL, oracle_verify_nonces, NULL},
    {"oracle_points", oracle_points, NULL, NULL},
    {"oracle_range", oracle_range, NULL, NULL},
    {"oracle_payout", oracle_payout, NULL, NULL},
    {"oracle_locktimes", oracle_locktimes, NULL, NULL},
    {"oracle_adaptor_sign", oracle_adaptor_sign, NULL, NULL},
    {"oracle_adaptor_verify", oracle_adaptor_verify, NULL, NULL},
    {"oracle_adaptor_adapt", oracle_adaptor_adapt, NULL, NULL},
    {"oracle_adaptor_extract", oracle_adaptor_extract, NULL, NULL},
};

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(1);
}

/* The bytes of a hex text, exactly as many: a read beyond them is seen by valgrind. */
static struct bytes unhex(const char *text)
{
    struct bytes bytes = {NULL, 0};
    unsigned value;
    size_t i;

    if (strcmp(text, "-") == 0)
        return bytes;
    bytes.len = strlen(text) / 2;
    bytes.data = malloc(bytes.len);
    if (bytes.data == NULL)
        fail("no memory", "replay");
    for (i = 0; i < bytes.len; i++) {
        if (sscanf(text + 2 * i, "%2x", &value) != 1)
            fail("not hex", text);
        bytes.data[i] = (uint8_t)value;
    }
    return bytes;
}

static OracleAnswer *call(const char *name, const struct bytes *a)
{
    size_t i;

    for (i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const struct function *f = &functions[i];
        if (strcmp(f->name, name) != 0)
            continue;
        if (f->one)
            return f->one(a[0].data, a[0].len);
        if (f->two)
            return f->two(a[0].data, a[0].len, a[1].data, a[1].len);
        return f->three(a[0].data, a[0].len, a[1].data, a[1].len, a[2].data, a[2].len);
    }
    fail("no such function", name);
    return NULL;
}

static void replay(char *line)
{
    const char *name = strtok(line, " \n");
    const char *code = strtok(NULL, " \n");
    struct bytes expected = unhex(strtok(NULL, " \n"));
    struct bytes arguments[ARGUMENTS] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    OracleAnswer *answer;
    const char *text;
    size_t i;

    for (i = 0; (text = strtok(NULL, " \n")) != NULL; i++) {
        if (i == ARGUMENTS)
            fail("too many arguments", name);
        arguments[i] = unhex(text);
    }
    answer = call(name, arguments);
    if (answer == NULL)
        fail("null", name);
    /* The arguments are the caller's again. */
    for (i = 0; i < ARGUMENTS; i++)
        free(arguments[i].data);
    if (answer->code != atoi(code) || answer->len != expected.len ||
        memcmp(answer->data, expected.data, expected.len) != 0)
        fail((const char *)answer->data, name);
    free(expected.data);
    oracle_free(answer);
}

/* What no caller should do. */
static void misuse(void)
{
    const uint8_t byte = 0;
    OracleAnswer *answer = oracle_points(NULL, 1);

    if (answer->code != ORACLE_POINTER)
        fail("null with a length", "oracle_points");
    oracle_free(answer);
    answer = oracle_points(&byte, (size_t)-1);
    if (answer->code != ORACLE_TOO_LONG)
        fail("a length beyond all memory", "oracle_points");
    oracle_free(answer);
    answer = oracle_points(NULL, 0);
    if (answer->code != ORACLE_REQUEST)
        fail("no request", "oracle_points");
    oracle_free(answer);
    oracle_free(NULL);
}

int main(int argc, char **argv)
{
    FILE *file;
    char *line = NULL;
    size_t room = 0, lines = 0;

    if (argc != 2 || (file = fopen(argv[1], "r")) == NULL)
        fail("give the file of calls", "replay");
    if (oracle_abi() != ORACLE_ABI)
        fail("the library is of another header", oracle_version());
    while (getline(&line, &room, file) > 0) {
        replay(line);
        lines++;
    }
    free(line);
    fclose(file);
    misuse();
    printf("%zu calls\n", lines);
    return 0;
}
