// Layouts only: this target is its header.
#include "init_plan.h"
