/* supervisor.system.prctl in C, because a static program has no ctypes. It takes the place of the module in Python. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sys/prctl.h>

static PyObject *switch_on(int option) {
    if (prctl(option, 1, 0, 0, 0) != 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

static PyObject *set_child_subreaper(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return switch_on(PR_SET_CHILD_SUBREAPER);
}

static PyObject *set_no_new_privileges(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return switch_on(PR_SET_NO_NEW_PRIVS);
}

static PyMethodDef methods[] = {
    {"set_child_subreaper", set_child_subreaper, METH_NOARGS, NULL},
    {"set_no_new_privileges", set_no_new_privileges, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "supervisor.system.prctl",
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_prctl(void) { return PyModule_Create(&definition); }
