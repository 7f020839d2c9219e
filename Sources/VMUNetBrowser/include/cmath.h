// The C library's functions of one number.
#pragma once
#include <math.h>
