/* Objects that live as long as the process: CPython then never writes to them for the sake of a reference count. */
#ifndef IMMORTAL_H
#define IMMORTAL_H

#include <Python.h>
#include <stdbool.h>

/* Makes the objects of the list *roots* immortal, and all that they refer to; false after an exception was set. */
bool immortalize(PyObject *roots);

#endif
