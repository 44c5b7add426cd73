/* supervisor.system.sigaction in C, because a static program has no ctypes. It takes the place of the module in Python. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <signal.h>

static PyObject *ignore_stopped_children(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) != 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    action.sa_flags |= SA_NOCLDSTOP;
    if (sigaction(SIGCHLD, &action, NULL) != 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"ignore_stopped_children", ignore_stopped_children, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "supervisor.system.sigaction",
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_sigaction(void) { return PyModule_Create(&definition); }
