// The system's tiff library, for CImageCodecs.
#pragma once
#include <tiffio.h>
