/* supervisor.api.json_text in C: it looks at every byte once and makes no values. It takes the place of the module in
 * Python, which says what the answer means.
 *
 * Every function gets where its part of the text begins, and gives where that ends, or NULL where it is not JSON. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

typedef const unsigned char *place;

/* Python's own parser goes deeper; whoever is deeper than this asks that one. */
enum { DEEPEST = 200 };

#define EACH(byte) (0x0101010101010101u * (uint64_t)(byte))

/* Whether one of eight bytes is zero. */
static int has_zero(uint64_t bytes) { return ((bytes - EACH(1)) & ~bytes & EACH(0x80)) != 0; }

/* Whether all of eight bytes stand for themselves in a string: ASCII, no control character, no quote, no backslash. */
static int are_plain(uint64_t bytes) {
    return ((bytes | (bytes - EACH(0x20))) & EACH(0x80)) == 0 && !has_zero(bytes ^ EACH('"')) &&
           !has_zero(bytes ^ EACH('\\'));
}

static int is_continuation(place at, place end) { return at < end && (*at & 0xc0) == 0x80; }

/* One character of two to four bytes, in its shortest form and no surrogate (RFC 3629). */
static place wide_character(place at, place end) {
    unsigned char first = *at++, lowest = 0x80, highest = 0xbf;
    int others = first >= 0xc2 && first <= 0xdf ? 1 : (first & 0xf0) == 0xe0 ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
    if (first == 0xe0) lowest = 0xa0;
    if (first == 0xed) highest = 0x9f;
    if (first == 0xf0) lowest = 0x90;
    if (first == 0xf4) highest = 0x8f;
    if (others == 0 || at >= end || *at < lowest || *at > highest) {
        return NULL;
    }
    for (; others > 0; others--, at++) {
        if (!is_continuation(at, end)) {
            return NULL;
        }
    }
    return at;
}

static place escape(place at, place end) {
    if (at >= end) {
        return NULL;
    }
    if (*at != 'u') {
        return *at != 0 && strchr("\"\\/bfnrt", *at) ? at + 1 : NULL;
    }
    if (end - at < 5) {
        return NULL;
    }
    for (int digit = 1; digit <= 4; digit++) {
        if (!Py_ISXDIGIT(at[digit])) {
            return NULL;
        }
    }
    return at + 5;
}

/* Behind the opening quote. */
static place string(place at, place end) {
    while (at) {
        uint64_t bytes;
        while (end - at >= 8 && (memcpy(&bytes, at, 8), are_plain(bytes))) {
            at += 8;
        }
        if (at >= end || *at < 0x20) {
            return NULL;
        }
        if (*at == '"') {
            return at + 1;
        }
        at = *at == '\\' ? escape(at + 1, end) : *at < 0x80 ? at + 1 : wide_character(at, end);
    }
    return NULL;
}

static place digits(place at, place end) {
    place begin = at;
    while (at < end && Py_ISDIGIT(*at)) {
        at++;
    }
    return at > begin ? at : NULL;
}

static place number(place at, place end) {
    at += at < end && *at == '-';
    at = at < end && *at == '0' ? at + 1 : digits(at, end);
    if (at && at < end && *at == '.') {
        at = digits(at + 1, end);
    }
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        at = digits(at, end);
    }
    return at;
}

static place word(place at, place end, const char *expected) {
    size_t length = strlen(expected);
    return (size_t)(end - at) >= length && memcmp(at, expected, length) == 0 ? at + length : NULL;
}

static place blanks(place at, place end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

static place value(place at, place end, int depth);

/* A name and its value, or an element. */
static place item(place at, place end, int depth, int named) {
    if (named) {
        at = at < end && *at == '"' ? string(at + 1, end) : NULL;
        at = at ? blanks(at, end) : NULL;
        at = at && at < end && *at == ':' ? blanks(at + 1, end) : NULL;
    }
    at = at ? value(at, end, depth) : NULL;
    return at ? blanks(at, end) : NULL;
}

/* Behind the opening bracket. */
static place items(place at, place end, int depth, int named) {
    unsigned char closing = named ? '}' : ']';
    at = blanks(at, end);
    if (at < end && *at == closing) {
        return at + 1;
    }
    at = depth < DEEPEST ? item(at, end, depth + 1, named) : NULL;
    while (at && at < end && *at == ',') {
        at = item(blanks(at + 1, end), end, depth + 1, named);
    }
    return at && at < end && *at == closing ? at + 1 : NULL;
}

static place value(place at, place end, int depth) {
    if (at >= end) {
        return NULL;
    }
    switch (*at) {
    case '"':
        return string(at + 1, end);
    case '{':
        return items(at + 1, end, depth, 1);
    case '[':
        return items(at + 1, end, depth, 0);
    case 't':
        return word(at, end, "true");
    case 'f':
        return word(at, end, "false");
    case 'n':
        return word(at, end, "null");
    default:
        return number(at, end);
    }
}

static PyObject *is_json(PyObject *module, PyObject *text) {
    (void)module;
    Py_buffer buffer;
    if (PyObject_GetBuffer(text, &buffer, PyBUF_SIMPLE) != 0) {
        return NULL;
    }
    place begin = buffer.buf, end = begin + buffer.len;
    place at = value(blanks(begin, end), end, 0);
    int whole = at && blanks(at, end) == end;
    PyBuffer_Release(&buffer);
    return PyBool_FromLong(whole);
}

static PyMethodDef methods[] = {
    {"is_json", is_json, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "supervisor.api.json_text",
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_json_text(void) { return PyModule_Create(&definition); }
