// What Swift sees of this target. C++ includes the other headers, which no module may own for it.
#pragma once
#include "CKernelsHash.h"
