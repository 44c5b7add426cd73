/* Follows the references from object to object, as the garbage collector does, and further: into strings and code, which
 * that does not count.
 *
 * An object that is not found stays as it was: that costs a write now and then, and is no mistake.
 */
#define PY_SSIZE_T_CLEAN
#include "immortal.h"

/* Objects that are immortal already, and whose references were not followed yet. */
struct waiting {
    PyObject **objects;
    size_t count, room;
};

static int visit(PyObject *object, void *argument) {
    struct waiting *waiting = argument;
    if (object == NULL || Py_REFCNT(object) == _Py_IMMORTAL_REFCNT) {
        return 0;
    }
    if (waiting->count == waiting->room) {
        const size_t room = waiting->room ? waiting->room * 2 : 1024;
        PyObject **larger = PyMem_Realloc(waiting->objects, room * sizeof *larger);
        if (larger == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        waiting->objects = larger;
        waiting->room = room;
    }
    Py_SET_REFCNT(object, _Py_IMMORTAL_REFCNT);
    waiting->objects[waiting->count++] = object;
    return 0;
}

static int visit_code(PyCodeObject *code, struct waiting *waiting) {
    PyObject *const parts[] = {
        code->co_consts,   code->co_names,    code->co_localsplusnames, code->co_localspluskinds, code->co_filename,
        code->co_name,     code->co_qualname, code->co_linetable,       code->co_exceptiontable,
    };
    int failed = 0;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts) && !failed; i++) {
        failed = visit(parts[i], waiting);
    }
    return failed;
}

static int visit_keys(PyObject *dict, struct waiting *waiting) {
    PyObject *key;
    Py_ssize_t position = 0;
    int failed = 0;
    while (!failed && PyDict_Next(dict, &position, &key, NULL)) {
        failed = visit(key, waiting);
    }
    return failed;
}

static int visit_names(PyHeapTypeObject *type, struct waiting *waiting) {
    return visit(type->ht_name, waiting) || visit(type->ht_qualname, waiting);
}

static int visit_references(PyObject *object, struct waiting *waiting) {
    int failed = 0;
    if (PyUnicode_Check(object)) {
        /* Which a string remembers. */
        failed = PyObject_Hash(object) == -1;
    } else if (PyCode_Check(object)) {
        failed = visit_code((PyCodeObject *)object, waiting);
    } else if (PyDict_Check(object)) {
        failed = visit_keys(object, waiting);
    } else if (PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_TYPE_SUBCLASS) &&
               PyType_HasFeature((PyTypeObject *)object, Py_TPFLAGS_HEAPTYPE)) {
        failed = visit_names((PyHeapTypeObject *)object, waiting);
    }
    if (!failed && PyObject_IS_GC(object)) {
        failed = Py_TYPE(object)->tp_traverse(object, visit, waiting);
    }
    return failed;
}

bool immortalize(PyObject *roots) {
    struct waiting waiting = {0};
    int failed = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(roots) && !failed; i++) {
        failed = visit(PyList_GET_ITEM(roots, i), &waiting);
    }
    while (waiting.count > 0 && !failed) {
        failed = visit_references(waiting.objects[--waiting.count], &waiting);
    }
    PyMem_Free(waiting.objects);
    return !failed;
}
