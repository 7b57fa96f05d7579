// The system's png library, for CImageCodecs.
#pragma once
#include <png.h>
